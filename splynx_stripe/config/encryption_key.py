"""The file with the keys that seal columns of the database, read again whenever it changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from splynx_stripe.config.document import ConfigDocument
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.secret_files import SecretFileError, SecretFiles
from splynx_stripe.kit.sealing import Sealer, SealingKeyError
from splynx_stripe.kit.secret import Secret

_PATH = ("database", "encryption_key_file")


@dataclass(frozen=True, slots=True)
class EncryptionKeyFile:
    """Where the keys are: lines `id:64 hex digits`, the newest first."""

    files: SecretFiles
    name: str

    @property
    def path(self) -> Path:
        """Gives the file, whether or not it is there."""
        return self.files.find(self.name)

    def sealer(self) -> Sealer:
        """Makes a sealer that takes up changes of the file by itself."""
        return Sealer.following(_Watched(self))


class _Watched:
    """Gives the text of the file when it is another one than the last time, else None."""

    def __init__(self, file: EncryptionKeyFile) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None

    def __call__(self) -> Secret | None:
        try:
            found = os.stat(self._file.path)  # noqa: PTH116 - a Path's own stat costs twice as much
        except OSError:
            return None
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen == self._seen:
            return None
        try:
            text = self._file.files.read_lines(self._file.name)
        except SecretFileError:
            return None
        self._seen = seen
        return text


def checked_key_file(
    document: ConfigDocument, files: SecretFiles, findings: Findings
) -> EncryptionKeyFile:
    """Gives the key file; what is wrong with it goes to `findings`.

    None at the usual place is no mistake: the daemon works, and refuses what needs sealing.
    """
    name = document.database.encryption_key_file
    key_file = EncryptionKeyFile(files, name)
    if not files.exists(name) and not findings.is_written(_PATH):
        return key_file
    if files.is_open_to_others(name):
        findings.warning(
            _PATH,
            f"other users can read or change {key_file.path}.",
            f"Run `chmod o-rwx,g-wx {key_file.path}`.",
        )
    try:
        Sealer(files.read_lines(name))
    except SecretFileError as error:
        findings.problem(_PATH, str(error), "Put the key back, or run `splynx-stripe setup`.")
    except SealingKeyError as error:
        findings.problem(_PATH, str(error), f"Restore {key_file.path} from a backup.")
    return key_file
