"""Checks exchanges with Splynx, real or sandbox, against `splynx_contract.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from jsonschema import Draft202012Validator

CONTRACT_FILE = Path(__file__).parent / "splynx_contract.json"
API_PREFIX = "api/2.0/"

Observer = Callable[[str, str, Any, int, Any], None]


class SplynxContract:
    """Says what is wrong with a request or an answer; an empty list means nothing is.

    Paths are those below `/api/2.0/`, with or without it, such as `admin/finance/payments/3`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, Draft202012Validator] = {}
        self._patterns = {str(key): _pattern(key) for key in document["operations"]}

    @classmethod
    def load(cls) -> Self:
        """Reads the contract file."""
        return cls(_document())

    def check_request(self, method: str, path: str, body: Any) -> list[str]:
        """Checks the query of a GET, HEAD, OPTIONS or DELETE, or the JSON body of a POST or PUT."""
        key = self._operation(method, path)
        if key is None:
            return [f"{method} {path}: the contract has no such operation"]
        schema = self._document["operations"][key]["request"]
        sent = None if body is None else dict(body)
        return self._problems(f"{key} request", schema, sent)

    def check_response(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Checks an answer; an empty body is None."""
        key = self._operation(method, path)
        if key is None:
            return [f"{method} {path}: the contract has no such operation"]
        responses = self._document["operations"][key]["responses"]
        schema = responses.get(str(status), self._document["errors"].get(str(status)))
        if schema is None:
            return [f"{key}: the contract has no answer of status {status}"]
        return self._problems(f"{key} {status}", schema, body)

    def observer(self, problems: list[str], *, requests: bool = True) -> Observer:
        """Gives an observer for the sandbox that adds what is wrong to `problems`.

        A request that was refused is not checked: refusing it is what the test is about.
        """

        def observe(method: str, path: str, sent: Any, status: int, body: Any) -> None:
            if status < 400 and requests:
                problems.extend(self.check_request(method, path, sent))
            if self._operation(method, path) or status < 400:
                problems.extend(self.check_response(method, path, status, body))

        return observe

    def _operation(self, method: str, path: str) -> str | None:
        wanted = f"{method} {path.strip('/').removeprefix(API_PREFIX)}"
        for key, pattern in self._patterns.items():
            if pattern.fullmatch(wanted):
                return key
        return None

    def _problems(self, name: str, schema: Mapping[str, Any], value: Any) -> list[str]:
        if name not in self._validators:
            whole = {"$defs": self._document["$defs"], **schema}
            self._validators[name] = Draft202012Validator(whole)
        return [
            f"{name}: {error.json_path}: {error.message}"
            for error in self._validators[name].iter_errors(value)
        ]


def _pattern(key: str) -> re.Pattern[str]:
    """An id is a number, two joined by `--`, or a name such as a module's or a token."""
    return re.compile(re.escape(key).replace(r"\{id\}", r"(?:\d+--\d+|\w+)"))


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    return document
