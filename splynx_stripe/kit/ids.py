"""The only place that makes identifiers and tokens."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import Protocol


class IdSource(Protocol):
    """Makes new identifiers. Tests and the simulation bring a seeded one."""

    def new(self, prefix: str, now: datetime) -> str:
        """Makes a unique id that sorts by time, such as `att_0196f3c1b2…`."""
        ...

    def token(self) -> str:
        """Makes an unguessable value of 128 bits, as 32 hexadecimal digits."""
        ...


class RandomIds:
    """Ids from the operating system's randomness."""

    def new(self, prefix: str, now: datetime) -> str:
        milliseconds = int(now.timestamp() * 1000)
        return f"{prefix}_{milliseconds:012x}{uuid.uuid4().hex[:12]}"

    def token(self) -> str:
        return secrets.token_hex(16)
