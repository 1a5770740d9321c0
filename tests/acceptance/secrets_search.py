"""Looks for secrets where none may be: in what the daemon prints and in what it stores (I12)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_SHAPES = (
    re.compile(rb"_secret_[A-Za-z0-9]{8,}"),
    re.compile(rb"\b[sr]k_(?:test|live)_\w{4,}"),
    re.compile(rb"\bwhsec_\w{4,}"),
    re.compile(rb"\b4[0-9]{15}\b"),
    re.compile(rb"access_token=[A-Za-z0-9]{8,}"),
)
"""Client secrets, Stripe keys, webhook secrets, card numbers, Splynx tokens."""


@dataclass(slots=True)
class SecretsSearch:
    """Knows the secrets of a whole test run, and searches files for them."""

    known: set[str] = field(default_factory=set)

    def found_in(self, files: Iterable[Path]) -> list[str]:
        """Names each file with a secret in it and what kind of secret, never the secret."""
        return [f"{file.name}: {kind}" for file in files for kind in self._kinds(file)]

    def _kinds(self, file: Path) -> list[str]:
        content = file.read_bytes()
        shapes = [shape.pattern.decode() for shape in _SHAPES if shape.search(content)]
        known = {value[:3] for value in self.known if value.encode() in content}
        return shapes + [f"a known secret that begins with {start}" for start in sorted(known)]
