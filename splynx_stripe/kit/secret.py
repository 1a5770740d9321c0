"""A value that never shows itself in a log, an error or a dump."""

from __future__ import annotations

from typing import final

from typing_extensions import override


@final
class Secret:
    """Holds a secret; `reveal()` is the only way to its value, everything else prints `***`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Gives the value. Call it where the secret is used, never where it is passed on."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    @override
    def __repr__(self) -> str:
        return "***"

    @override
    def __str__(self) -> str:
        return "***"

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    @override
    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, ("***",))
