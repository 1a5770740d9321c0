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
    """A deliberate bug and the promise that it breaks; the oracle may see another one first.

    With `fault` (a number of `reference/faults.md`) each history of its hunt has this fault, as in
    `make simulate FAULT=n`: the bug is about what the product does under it. 0 leaves it to the dice.
    """

    name: str
    promise: str
    patches: tuple[Patch, ...]
    is_quick: bool = False
    fault: int = 0


def bug(
    name: str,
    promise: str,
    *patches: tuple[str, str, str],
    quick: bool = False,
    fault: int = 0,
) -> Bug:
    """Makes a bug of (file, old text, new text)."""
    return Bug(name, promise, tuple(Patch(*patch) for patch in patches), quick, fault)
