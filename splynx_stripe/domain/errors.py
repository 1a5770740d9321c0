"""The four families of errors, and how to choose one.

Whoever talks to the outside decides once, at the border, what an answer means; everybody else
asks only which family an error belongs to:

- Did they understand us and say no?           -> `RejectedError`: final; tell a person, do not repeat.
- Did surely nothing happen?                   -> `RetryableError`: repeat later, not before `retry_after_s`.
- May it have happened (timeout, 5xx, half a body)? -> `OutcomeUnknownError`: never repeat blindly; ask first.
- Is it our own mistake, or an impossible answer?   -> `BrokenInvariantError`: stop this payment, page a person.

Business outcomes such as a declined card are values, not errors. Bad input from a person or a
file has its own classes below (`MoneyError`, `TemplateError`).
"""

from __future__ import annotations


class RejectedError(Exception):
    """The other side understood and said no. Nothing happened and repeating will not help.

    `code` is their own word for the reason ("resource_missing", "NOT_FOUND", …), or "".
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NotFoundError(RejectedError):
    """The other side says that the thing asked for does not exist."""


class NotPermittedError(RejectedError):
    """The key is wrong or lacks a permission. An administrator has to mend it; nothing happened."""


class RetryableError(Exception):
    """Surely nothing happened (connection refused, rate limit). Repeat after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class OutcomeUnknownError(Exception):
    """It may or may not have happened. Ask about the same thing before doing anything again."""


class BrokenInvariantError(Exception):
    """A promise of ours does not hold. Stop touching this payment and let a person look."""


class MoneyError(ValueError):
    """An amount or currency that cannot be charged exactly. Nothing was charged."""


class TemplateError(ValueError):
    """A message template with an unknown or malformed placeholder; the message names it.

    `wrong` is that place of the template: `{{ name }}` for an unknown placeholder, else stray braces.
    """

    def __init__(self, message: str, *, wrong: str = "") -> None:
        super().__init__(message)
        self.wrong = wrong


class LeaseHeldError(Exception):
    """Another collection of the same payable is live. Join that one instead of starting a second."""


class StaleWriteError(Exception):
    """The row changed since it was read. Read it again and decide anew; nothing was written."""
