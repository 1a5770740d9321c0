"""The fourteen promises by number, and the finding that one of them does not hold."""

from __future__ import annotations

from collections.abc import Mapping

PROMISES: Mapping[str, str] = {
    "I1": "single collection",
    "I2": "no loss",
    "I3": "no invention",
    "I4": "conservation",
    "I5": "intent first",
    "I6": "monotone",
    "I7": "ack means stored",
    "I8": "isolation of partner, account and mode",
    "I9": "exact money",
    "I10": "bounded doubt",
    "I11": "say once",
    "I12": "secrets",
    "I13": "determinism",
    "I14": "safe stop",
}


class Violation(Exception):  # noqa: N818 - it is the finding, not an error of the program
    """A promise that does not hold, and how that was seen."""

    def __init__(self, promise: str, sight: str) -> None:
        super().__init__(f"{promise} ({PROMISES[promise]}): {sight}")
        self.promise = promise
