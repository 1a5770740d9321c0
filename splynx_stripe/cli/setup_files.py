"""The files that `setup` writes: first into a copy to try them, then in their place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from splynx_stripe.cli.setup_answers import QUESTIONS, Answers
from splynx_stripe.cli.webhooks import write_privately
from splynx_stripe.config.merging import DROP_IN_FOLDER

CREDENTIALS = "credentials"
FILE = "50-setup.yaml"
SECRET_FILES = {"api_secret": "splynx.secret", "secret_key": "stripe.secret"}

_HEAD = """\
# Written by `splynx-stripe setup`; run it again to change it. What you write into a file with a
# later name, such as 90-local.yaml, wins.
"""


def copy_of_settings(config_path: Path, folder: Path) -> Path:
    """Copies the settings, and the secrets beside them, for a trial; gives the copy's main file."""
    shutil.copytree(config_path.parent, folder, dirs_exist_ok=True)
    return folder / config_path.name


def write_settings(config_path: Path, answers: Answers, webhook_secret: str = "") -> None:
    """Writes the secrets and `config.d/50-setup.yaml` beside a main file, whole or not at all."""
    folder = config_path.parent
    for name, secret in answers.secrets.items():
        write_privately(folder / CREDENTIALS / SECRET_FILES[name], secret.reveal())
    text = _HEAD + yaml.safe_dump(
        _as_yaml(answers, webhook_secret), sort_keys=False, allow_unicode=True
    )
    drop_ins = folder / DROP_IN_FOLDER
    drop_ins.mkdir(mode=0o755, exist_ok=True)
    unfinished = drop_ins / f".{FILE}.unfinished"
    unfinished.write_text(text)
    unfinished.chmod(0o644)
    unfinished.replace(drop_ins / FILE)


def give_back(database: Path) -> None:
    """Lets the daemon keep its files when root has been the first to make them."""
    if os.geteuid() != 0 or not database.parent.is_dir():
        return
    owner = database.parent.stat()
    for file in database.parent.glob(f"{database.name}*"):
        os.chown(file, owner.st_uid, owner.st_gid)


def _as_yaml(answers: Answers, webhook_secret: str) -> Mapping[str, object]:
    document: dict[str, object] = {}
    for name, question in QUESTIONS.items():
        if name in answers.values:
            _put(document, question.path, answers.values[name])
    stripe_files: dict[tuple[str, ...], str] = {
        ("partners", "default", "secret_key_file"): SECRET_FILES["secret_key"],
        ("partners", "default", "webhook_secret_file"): webhook_secret,
    }
    splynx_files: dict[tuple[str, ...], str] = {
        ("splynx", "api_secret_file"): SECRET_FILES["api_secret"]
    }
    files = splynx_files if answers.connects else splynx_files | stripe_files
    for path, file in files.items():
        if file:
            _put(document, path, f"{CREDENTIALS}/{file}")
    _put(document, ("splynx", "timezone"), answers.timezone)
    return document


def _put(document: dict[str, object], path: tuple[str, ...], value: object) -> None:
    here = document
    for key in path[:-1]:
        inner = here.setdefault(key, {})
        assert isinstance(inner, dict), f"{'.'.join(path)} crosses a value"  # noqa: S101 - our own table
        here = inner
    here[path[-1]] = value
