"""Encrypts values for the database, so that a copy of it shows no bank account and no secret.

A sealed text is `v1:<key id>:<base64>`: AES-256-GCM with a random nonce, bound to the place where
it is stored, so that a value moved to another row does not open. Several keys are known at once: the
newest seals, all of them open, so that a key can be replaced while the daemon runs: a sealer that
follows the key file takes up new keys by itself.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.sentence import sentence

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = "v1"
_KEY_LINE = re.compile(r"(?P<id>[A-Za-z0-9-]{1,32}):(?P<key>[0-9a-f]{64})")


NO_KEY = sentence(
    "There is no encryption key, so nothing secret can be stored. Nothing was changed. Make one with"
    " `splynx-stripe encryption init`, as root; it is used at once."
)


class SealingKeyError(ValueError):
    """There is no key, or the file with the keys is not one of ours; put the right one in its place."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class SealedValueError(Exception):
    """A value does not open: its key is missing from the key file, or the value was changed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@final
class Sealer:
    """Seals and opens values. Made from the text of the key file, newest key first.

    Raises:
        SealingKeyError: the text holds no key, a malformed line, or two keys of one id.
    """

    def __init__(
        self, key_file: Secret, *, newer: Callable[[], Secret | None] = lambda: None
    ) -> None:
        self._keys = _read_keys(key_file.reveal())
        self._newer = newer

    @classmethod
    def following(cls, newer: Callable[[], Secret | None]) -> Sealer:
        """Makes a sealer that asks `newer` before each use for the text of a changed key file.

        It may begin without any key: `seal` and `open` raise `SealingKeyError` until there is one.
        """
        sealer = cls.__new__(cls)
        sealer._keys = MappingProxyType({})  # noqa: SLF001 - our own
        sealer._newer = newer  # noqa: SLF001 - our own
        return sealer

    @property
    def has_key(self) -> bool:
        """Says whether anything can be sealed now."""
        return bool(self._known())

    @property
    def newest_key(self) -> str:
        """Names the key that seals. Raises `SealingKeyError` when there is none."""
        return next(iter(self._usable()))

    @property
    def keys(self) -> tuple[str, ...]:
        """Names the keys that open, the newest first."""
        return tuple(self._known())

    def seal(self, value: str, place: str) -> str:
        """Encrypts `value` for `place`, such as `credentials/cred_1`. Two seals never look alike.

        Raises:
            SealingKeyError: there is no key; its sentence says so to people.
        """
        key_id, key = next(iter(self._usable().items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        hidden = key.encrypt(nonce, value.encode(), place.encode())
        return f"{_VERSION}:{key_id}:{base64.b64encode(nonce + hidden).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """Decrypts what was sealed for `place`.

        Raises:
            SealedValueError: it does not open. Nothing of the value or the key is in the message.
        """
        version, key_id, text = _parts(sealed)
        key = self._usable().get(key_id)
        if version != _VERSION or key is None:
            raise SealedValueError(
                sentence(
                    "A value in the database is sealed with the key %(key)s, which is not in the"
                    " key file. Put the key back; nothing is lost.",
                    key=repr(key_id),
                )
            )
        try:
            data = base64.b64decode(text, validate=True)
            return key.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise SealedValueError(
                sentence(
                    "A value in the database does not open with the key %(key)s: it was changed or"
                    " moved. Restore it from a backup.",
                    key=repr(key_id),
                )
            ) from error

    def is_of_newest(self, sealed: str) -> bool:
        """Says whether a value is sealed with the newest key; others wait for `rotate`."""
        return _parts(sealed)[1] == self.newest_key

    def _known(self) -> Mapping[str, AESGCM]:
        text = self._newer()
        if text is not None:
            try:
                self._keys = _read_keys(text.reveal())
            except SealingKeyError:
                # A file that is being edited: what we know goes on working.
                if not self._keys:
                    raise
        return self._keys

    def _usable(self) -> Mapping[str, AESGCM]:
        keys = self._known()
        if not keys:
            raise SealingKeyError(NO_KEY)
        return keys


def key_of(sealed: str) -> str:
    """Names the key that a value is sealed with."""
    return _parts(sealed)[1]


def new_key_line(key_id: str) -> str:
    """Makes a line of the key file: a new random key under that id."""
    return f"{key_id}:{secrets.token_hex(KEY_BYTES)}"


def _read_keys(text: str) -> Mapping[str, AESGCM]:
    keys: dict[str, AESGCM] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        form = _KEY_LINE.fullmatch(line.strip())
        if form is None:
            raise SealingKeyError(f"Line {number} of the key file is not `id:64 hex digits`.")
        if form["id"] in keys:
            raise SealingKeyError(f"Line {number} of the key file repeats the id {form['id']!r}.")
        keys[form["id"]] = AESGCM(bytes.fromhex(form["key"]))
    if not keys:
        raise SealingKeyError("The key file holds no key.")
    return MappingProxyType(keys)


def _parts(sealed: str) -> tuple[str, str, str]:
    version, _, rest = sealed.partition(":")
    key_id, _, text = rest.partition(":")
    return version, key_id, text
