"""Problems of a configuration, each with its place and its way out, and the error that carries all."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from typing_extensions import override

from splynx_stripe.kit.sentence import sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one place, and how to mend it.

    `line` is 0 when the problem is the file itself; `key` is "" when it is not about one key.
    Neither `message` nor `fix` may repeat a value that could be a secret. What the settings page
    can show is a `Sentence`, so that it can be said in the administrator's language.
    """

    file: str
    line: int
    key: str
    message: str
    fix: str

    @override
    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        return f"{place}: {key}{self.message} {self.fix}".rstrip()


class ConfigError(Exception):
    """The configuration cannot be used. Show all `problems`, change nothing, exit with code 2.

    A daemon that is already running keeps the settings it has.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Gives "Did you mean …?" or "" when nothing known is near; upper and lower case do not matter."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.65)
    return sentence("Did you mean %(word)s?", word=repr(by_folded[near[0]])) if near else ""
