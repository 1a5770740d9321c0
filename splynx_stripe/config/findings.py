"""Collects what is wrong or doubtful while a configuration is checked, each with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from splynx_stripe.config.problems import Problem
from splynx_stripe.config.yaml_files import KeyPath, Place


@dataclass(frozen=True, slots=True)
class Findings:
    """`places` says where each key stands; `main_file` is named for keys that stand nowhere."""

    main_file: str
    places: Mapping[KeyPath, Place]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def problem(self, path: KeyPath, message: str, fix: str) -> None:
        """Adds something that must be mended before the daemon can work."""
        self.problems.append(self._at(path, message, fix))

    def warning(self, path: KeyPath, message: str, fix: str) -> None:
        """Adds something that works but should be looked at."""
        self.warnings.append(self._at(path, message, fix))

    def is_written(self, path: KeyPath) -> bool:
        """Says whether somebody wrote this key, be its value right or wrong."""
        return path in self.places

    def in_reading_order(self) -> list[Problem]:
        """Gives the problems as somebody reads the files: config.yaml, then config.d by name."""
        return sorted(
            self.problems, key=lambda found: (found.file != self.main_file, found.file, found.line)
        )

    def _at(self, path: KeyPath, message: str, fix: str) -> Problem:
        place = next(
            (
                self.places[path[:end]]
                for end in range(len(path), 0, -1)
                if path[:end] in self.places
            ),
            Place(self.main_file, self.main_file, 0),
        )
        return Problem(place.file, place.line, ".".join(path), message, fix)
