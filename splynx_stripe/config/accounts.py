"""Makes the Stripe accounts of the partner sections: reads their keys and checks that they fit.

The keys of an account belong together. A section with a `secret_key_file` has its own account, named
after the section; all others share the account of `partners.default`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from splynx_stripe.config.business import PartnerSection
from splynx_stripe.config.document import DEFAULT_PARTNER, ConfigDocument
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.secret_files import SecretFileError, SecretFiles
from splynx_stripe.config.yaml_files import KeyPath
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.secret import Secret

SECRET_KEY_FORM = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]+")
MODE_OF_PUBLISHABLE = re.compile(r"pk_(test|live)_")
WEBHOOK_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The keys of one Stripe account in one mode. Without webhook secrets only polling works."""

    secret_key: Secret
    publishable_key: str
    webhook_secrets: tuple[Secret, ...]
    stripe_account: str = ""
    """Stripe's id of an account connected by OAuth, for which `secret_key` is our platform's."""


@dataclass(frozen=True, slots=True)
class SectionAccount:
    """The account that a partner section brings along.

    `origin` says where it comes from when that is no file, such as "settings page".
    """

    account: StripeAccount
    keys: AccountKeys
    origin: str = ""


def read_secret(files: SecretFiles, name: str, path: KeyPath, findings: Findings) -> Secret | None:
    """Reads a secret file; None after telling what is wrong with it."""
    if files.is_open_to_others(name):
        file = files.find(name)
        findings.warning(
            path, f"other users can read or change {file}.", f"Run `chmod o-rwx,g-wx {file}`."
        )
    try:
        return files.read(name)
    except SecretFileError as error:
        findings.problem(path, str(error), error.fix)
        return None


def section_accounts(
    document: ConfigDocument, files: SecretFiles, findings: Findings
) -> dict[str, SectionAccount]:
    """Gives the accounts by section name; what is wrong with any of them goes to `findings`."""
    accounts: dict[str, SectionAccount] = {}
    # The Default partner first: when keys are written twice, the other one is told.
    for name, section in sorted(document.partners.items(), key=lambda it: it[0] != DEFAULT_PARTNER):
        if section.secret_key_file:
            account = _account(name, section, files, findings)
            if account is not None:
                _check_unshared(name, account, accounts, findings)
                accounts[name] = account
            _check_complete(name, findings)
        elif not findings.is_written(("partners", name, "secret_key_file")):
            _check_no_stray_keys(name, section, findings)
    return accounts


def _account(
    name: str, section: PartnerSection, files: SecretFiles, findings: Findings
) -> SectionAccount | None:
    path = ("partners", name)
    secret_key = read_secret(files, section.secret_key_file, (*path, "secret_key_file"), findings)
    webhook_secrets = _webhook_secrets(path, section, files, findings)
    if secret_key is None:
        return None
    form = SECRET_KEY_FORM.fullmatch(secret_key.reveal())
    if form is None:
        findings.problem(
            (*path, "secret_key_file"),
            f"{files.find(section.secret_key_file)} does not hold a secret key of Stripe.",
            "It begins with sk_test_, sk_live_, rk_test_ or rk_live_; copy it from Stripe:"
            " Developers, API keys.",
        )
        return None
    mode = form.group(1)
    _check_same_mode(path, section, mode, findings)
    keys = AccountKeys(secret_key, section.publishable_key, webhook_secrets)
    return SectionAccount(StripeAccount(name=name, livemode=mode == "live"), keys)


def _webhook_secrets(
    path: KeyPath, section: PartnerSection, files: SecretFiles, findings: Findings
) -> tuple[Secret, ...]:
    key = (*path, "webhook_secret_file")
    secrets = []
    for name in section.webhook_secret_file:
        secret = read_secret(files, name, key, findings)
        if secret is not None and not secret.reveal().startswith(WEBHOOK_PREFIX):
            findings.problem(
                key,
                f"{files.find(name)} does not hold the signing secret of a webhook.",
                "It begins with whsec_; copy it from Stripe: Developers, Webhooks, the endpoint.",
            )
        elif secret is not None:
            secrets.append(secret)
    return tuple(secrets)


def _check_same_mode(path: KeyPath, section: PartnerSection, mode: str, findings: Findings) -> None:
    publishable = MODE_OF_PUBLISHABLE.match(section.publishable_key)
    if publishable and publishable.group(1) != mode:
        findings.problem(
            (*path, "publishable_key"),
            f"this is a {publishable.group(1)} key, but the secret key is a {mode} key.",
            "Take both from the same mode of the same Stripe account.",
        )


def _check_complete(name: str, findings: Findings) -> None:
    path = ("partners", name)
    if not findings.is_written((*path, "publishable_key")):
        findings.problem(
            (*path, "secret_key_file"),
            "there is no publishable_key beside it; payment pages need it.",
            "Add the publishable_key of the same Stripe account.",
        )
    if not any(
        findings.is_written(("partners", section, "currency"))
        for section in (name, DEFAULT_PARTNER)
    ):
        findings.problem(
            (*path, "secret_key_file"),
            "there is no currency, so nobody can be charged.",
            f"Add {'.'.join(path)}.currency, such as EUR.",
        )


def _check_no_stray_keys(name: str, section: PartnerSection, findings: Findings) -> None:
    for key in ("publishable_key", "webhook_secret_file"):
        if key in section.model_fields_set:
            findings.problem(
                ("partners", name, key),
                "there is no secret_key_file beside it; the keys of an account belong together.",
                "Add the secret_key_file of the same Stripe account, or remove this key.",
            )


def _check_unshared(
    name: str, account: SectionAccount, known: dict[str, SectionAccount], findings: Findings
) -> None:
    # Two names for one account would look after each payment twice (invariant I8).
    for other, other_account in known.items():
        if other_account.keys.secret_key == account.keys.secret_key:
            findings.problem(
                ("partners", name, "secret_key_file"),
                f"this is the same Stripe account as the one of partners.{other}.",
                "Keep the keys in one place: what stands under partners.default is shared by all"
                " partners that have no keys.",
            )
