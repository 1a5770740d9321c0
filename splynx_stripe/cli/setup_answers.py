"""What `setup` wants to know, and from where: options, the present settings, or the person."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from splynx_stripe.config.yaml_files import Value
from splynx_stripe.kit.secret import Secret


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know. `path` is its place in the YAML."""

    option: str
    text: str
    path: tuple[str, ...]
    pattern: str
    wrong: str


QUESTIONS = {
    "splynx_url": Question(
        "--splynx-url",
        "Address of Splynx, such as https://isp.example.net/",
        ("splynx", "url"),
        r"https?://[^\s/]+.*",
        "an address begins with https://",
    ),
    "api_key": Question(
        "--api-key",
        "Key of the API key in Splynx (Administration → API keys)",
        ("splynx", "api_key"),
        r"\S+",
        "a key has no spaces",
    ),
    "publishable_key": Question(
        "--publishable-key",
        "Publishable key of Stripe (Developers → API keys)",
        ("partners", "default", "publishable_key"),
        r"pk_(test|live)_\w+",
        "it begins with pk_test_ or pk_live_",
    ),
    "currency": Question(
        "--currency",
        "Currency, such as EUR",
        ("partners", "default", "currency"),
        r"[A-Z]{3}",
        "a currency has three capital letters",
    ),
    "country": Question(
        "--country",
        "Country of your Stripe account, such as CZ",
        ("partners", "default", "country"),
        r"[A-Z]{2}",
        "a country has two capital letters",
    ),
    "public_url": Question(
        "--public-url",
        "Address of our pages, as customers and Stripe reach them",
        ("public_url",),
        r"https?://[^\s/]+.*",
        "an address begins with https://",
    ),
}

SECRETS = {
    "api_secret": ("--api-secret-file", "Secret of that API key"),
    "secret_key": ("--secret-key-file", "Secret key of Stripe (sk_… or rk_…)"),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that `setup` writes. Secrets are missing where the present ones stay.

    With `connects` there are no keys of Stripe: an administrator will press Connect.
    """

    values: Mapping[str, str]
    timezone: str
    secrets: Mapping[str, Secret]
    connects: bool = False


class Asking:
    """Asks a person, or does without one (`--yes`)."""

    def __init__(self, present: Mapping[str, Value], *, unattended: bool) -> None:
        self._present = present
        self._unattended = unattended
        self._lacking: list[str] = []

    def value(self, name: str, given: str | None, *, proposal: str = "") -> str:
        """Gives the option's value, or what is set already, or what the person says."""
        question = QUESTIONS[name]
        known = given or self.present(question.path) or proposal
        if given or self._unattended:
            if not known:
                self._lacking.append(question.option)
            elif not re.fullmatch(question.pattern, known):
                raise click.BadParameter(question.wrong, param_hint=question.option)
            return known
        return str(
            click.prompt(question.text, default=known or None, value_proc=_matching(question))
        )

    def secret(self, name: str, file: Path | None, *, is_known: bool) -> Secret | None:
        """Gives a secret; None to keep the one that is there. A secret is never shown or echoed."""
        option, text = SECRETS[name]
        if file is not None:
            return Secret(_read(file, option))
        if self._unattended:
            if not is_known:
                self._lacking.append(option)
            return None
        if is_known:
            typed = click.prompt(
                f"{text} (Enter keeps it)", hide_input=True, default="", show_default=False
            )
            return Secret(typed.strip()) if typed.strip() else None
        return Secret(str(click.prompt(text, hide_input=True)).strip())

    def finish(self) -> None:
        """Complains about everything that nobody said, at once."""
        if self._lacking:
            raise click.UsageError(f"--yes needs also: {', '.join(self._lacking)}.")

    def present(self, path: tuple[str, ...]) -> str:
        """Gives what the settings say at that place; "" when nothing."""
        here: Value = dict(self._present)
        for key in path:
            here = here.get(key) if isinstance(here, dict) else None
        return "" if here is None else str(here)


def _matching(question: Question) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(question.pattern, text.strip()):
            raise click.BadParameter(question.wrong)
        return text.strip()

    return check


def _read(file: Path, option: str) -> str:
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{file} cannot be read.", param_hint=option) from error
    if not text:
        raise click.BadParameter(f"{file} is empty.", param_hint=option)
    return text
