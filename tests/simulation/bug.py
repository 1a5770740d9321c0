"""What a deliberate bug is: one or more small textual changes of the product."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one file below `splynx_stripe/`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Bug:
    """A deliberate bug and the promise that it breaks; the oracle may see another one first."""

    name: str
    promise: str
    patches: tuple[Patch, ...]
    is_quick: bool = False


def bug(name: str, promise: str, *patches: tuple[str, str, str], quick: bool = False) -> Bug:
    """Makes a bug of (file, old text, new text)."""
    return Bug(name, promise, tuple(Patch(*patch) for patch in patches), quick)
