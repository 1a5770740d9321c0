"""Finds and reads the files that secrets are kept in; no error of it repeats what is inside."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from splynx_stripe.kit.secret import Secret

_MAX_SECRET_BYTES = 4096
"""Stripe's keys have about 110 characters; a longer file is not one."""

_OTHERS = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP
"""Bits that a secret file must not have. Its group may read: root:splynx-stripe 0640 is usual."""


_HANDED_OVER = "credentials"
"""The folder of which systemd hands every file to the daemon."""


class SecretFileError(Exception):
    """A secret cannot be had. `fix` says what to do; nothing of the content is in either text."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Where secrets are looked for: systemd's credentials, then the folder of config.yaml."""

    folder: Path
    credentials_dir: Path | None

    def find(self, name: str) -> Path:
        """Gives the path of a secret, whether or not there is a file.

        `LoadCredential=credentials:/etc/splynx-stripe/credentials` shows the files of that folder
        as `credentials_<name>`, so `credentials/stripe.secret` is found in both places: by root
        in /etc, by the daemon among its credentials.
        """
        if self.credentials_dir is not None and not name.startswith("/"):
            credential = self.credentials_dir / name.replace("/", "_")
            if os.path.lexists(credential):  # false, not an error, when we may not look
                return credential
        return self.folder / name

    def read(self, name: str) -> Secret:
        """Reads a secret without the line end that editors add.

        Raises:
            SecretFileError: missing, unreadable, empty, too long or more than one line.
        """
        path = self.find(name)
        return Secret(_one_line(path, self._text(name, path)))

    def read_lines(self, name: str) -> Secret:
        """Reads a file of several secret lines as it is.

        Raises:
            SecretFileError: missing, unreadable, empty, too long or no plain text.
        """
        path = self.find(name)
        return Secret(self._text(name, path))

    def exists(self, name: str) -> bool:
        """Says whether there is such a file; also true where we may not look."""
        try:
            return self.find(name).exists()
        except OSError:
            return True

    def _text(self, name: str, path: Path) -> str:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_SECRET_BYTES + 1)
        except FileNotFoundError as error:
            raise SecretFileError(self._missing(name, path), _how_to_make(path)) from error
        except OSError as error:
            raise SecretFileError(
                f"the secret file {path} cannot be read: {error.strerror}.",
                _how_to_open(path),
            ) from error
        return _plain_text(path, content)

    def is_open_to_others(self, name: str) -> bool:
        """Says whether users other than the owner and the group could read or change it."""
        try:
            return bool(self.find(name).stat().st_mode & _OTHERS)
        except OSError:
            return False

    def _missing(self, name: str, path: Path) -> str:
        if self.credentials_dir is not None and "/" not in name:
            return f"systemd passes no credential {name!r}, and there is no file {path}."
        return f"there is no file {path}."


def _plain_text(path: Path, content: bytes) -> str:
    if len(content) > _MAX_SECRET_BYTES:
        raise SecretFileError(f"the secret file {path} is too long.", _how_to_make(path))
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise SecretFileError(
            f"the secret file {path} is not plain text.", _how_to_make(path)
        ) from error
    if not text:
        raise SecretFileError(f"the secret file {path} is empty.", _how_to_make(path))
    return text


def _one_line(path: Path, text: str) -> str:
    if any(letter.isspace() for letter in text):
        raise SecretFileError(f"the secret file {path} has spaces or lines.", _how_to_make(path))
    return text


def _how_to_open(path: Path) -> str:
    if path.parent.name == _HANDED_OVER:
        return (
            "systemd hands the secrets of that folder over when it starts the daemon:"
            " `systemctl restart splynx-stripe`. Commands read them as root."
        )
    return (
        "Let the user that the daemon runs as (splynx-stripe) read it:"
        f" `chown root:splynx-stripe {path}; chmod 0640 {path}`."
    )


def _how_to_make(path: Path) -> str:
    return f"Put the secret and nothing else into it: `install -m 0640 -g splynx-stripe SECRET {path}`."
