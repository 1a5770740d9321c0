"""The page about log events knows every event, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.collection import CollectionState

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "log-events.md"
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def _alternatives(value: ast.expr) -> list[ast.expr]:
    """Gives a value, or both of `a if … else b`."""
    return [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def events_of(path: Path) -> Iterator[str]:
    """Event names given to a logger, or to an audit entry."""
    for call in calls(path):
        is_log = isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS
        is_said = isinstance(call.func, ast.Name) and call.func.id in {
            "AuditEntry",
            "_Said",
            "_record",
            "record_credential",
            "record_recovery",
        }
        if not is_log and not is_said:
            continue
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        for value in (node for each in given for node in _alternatives(each)):
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and EVENT.fullmatch(value.value)
            ):
                yield value.value


def events_of_the_product() -> set[str]:
    modules = [
        path
        for path in (ROOT / "splynx_stripe").rglob("*.py")
        if "sandbox" not in path.relative_to(ROOT).parts
    ]
    written = {event for path in modules for event in events_of(path)}
    states = {f"attempt.{state}" for state in AttemptState}
    states |= {f"collection.{state}" for state in CollectionState}
    return written | states


def events_on_the_page() -> set[str]:
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row) if EVENT.fullmatch(name)}


def test_every_event_that_the_product_logs_is_explained_and_no_other() -> None:
    written, explained = events_of_the_product(), events_on_the_page()

    assert sorted(written - explained) == []
    assert sorted(explained - written) == []


def test_the_finder_of_events_finds_them(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('log.warning("a.b", extra={"x": "c.d"})\nAuditEntry(now, "e.f", actor)\n')

    assert set(events_of(module)) == {"a.b", "e.f"}
