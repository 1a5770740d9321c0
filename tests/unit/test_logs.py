"""Logs are events with fields, on one line each, and without secrets."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from splynx_stripe.kit import logs
from splynx_stripe.kit.logs import JournalHandler, PlainLines, fields_of, redact, set_up_logging


def record(message: str = "effect.retry", **fields: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelno": 30, "levelname": "WARNING"})
    made.__dict__.update(fields)
    return made


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk_live_abc123 used", "key *** used"),
        ("rk_test_abc", "***"),
        ("whsec_abc=", "***="),
        ("pi_3abc_secret_xyz", "pi_3abc_***"),
        ("seti_1abc_secret_xyz", "seti_1abc_***"),
        ("?access_token=abc&x=1", "?access_token=***&x=1"),
        ("signature=ABCDEF", "signature=***"),
        ("pi_3abc ch_1 pk_test_public", "pi_3abc ch_1 pk_test_public"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_ids_stay(text: str, shown: str) -> None:
    """I12: the last net."""
    assert redact(text) == shown


def test_a_plain_line_holds_time_level_event_and_fields() -> None:
    line = PlainLines().format(record(effect="book:att_1", tries=2, error="not now", empty=""))

    time, rest = line.split(" ", 1)
    assert len(time) == len("2026-11-03T10:21:44")
    assert rest == 'warning effect.retry effect=book:att_1 tries=2 error="not now" empty=""'


def test_a_field_cannot_forge_a_line_or_show_a_secret() -> None:
    """Log injection through a customer's name."""
    fields = fields_of(record(customer="Eve\n2026 error forged\x1b[31m", key="sk_test_1"))

    assert fields == {"customer": "Eve 2026 error forged [31m", "key": "***"}
    assert "\n" not in PlainLines().format(record(customer="Eve\nforged"))


def test_a_traceback_is_redacted() -> None:
    error = ValueError("sk_live_abc is wrong")

    text = PlainLines().format(record(exc_info=(ValueError, error, None)))

    assert text.endswith("\nValueError: *** is wrong")


def test_the_journal_gets_upper_case_fields_with_priority_and_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr(logs, "send_to_journal", lambda text, fields: sent.append((text, fields)))

    JournalHandler().emit(record(attempt="att_1", __internal="x"))

    [(message, fields)] = sent
    assert message.startswith("effect.retry attempt=att_1")
    assert fields["ATTEMPT"] == "att_1"
    assert (fields["PRIORITY"], fields["EVENT"]) == ("4", "effect.retry")
    assert not any(name.startswith("_") for name in fields)


def test_a_journal_that_fails_does_not_stop_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_text: str, _fields: dict[str, str]) -> None:
        raise OSError("no journal")

    monkeypatch.setattr(logs, "send_to_journal", refuse)

    JournalHandler().emit(record())

    assert "no journal" in capsys.readouterr().err


def test_logging_goes_to_stderr_where_there_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    try:
        set_up_logging("info")
        logging.getLogger("splynx_stripe.test").info("daemon.ready", extra={"listen": "x"})
        logging.getLogger("stripe").info("chatter")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert stderr.getvalue().endswith("info daemon.ready listen=x\n")
    assert "chatter" not in stderr.getvalue()
