"""Logs are events with fields: to the journal where there is one, as plain lines elsewhere.

A record's message is the event's name (`effect.retry`), its `extra` are the fields. In the
journal they can be searched (`journalctl -u splynx-stripe ATTEMPT=att_…`).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping

from typing_extensions import override

from splynx_stripe.kit.systemd import priority_of, send_to_journal, stderr_is_journal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FIELD_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,62}")
_TAKEN_NAMES = {"event": "stripe_event", "message": "text"}
"""Fields that the journal entry has already; ours get another name."""

_SECRETS = re.compile(
    r"\b(?:sk|rk)_(?:live|test)_\w+|\bwhsec_\w+|\b(pi|seti)_(\w+?)_secret_\w+"
    r"|(?<=access_token=)\w+|(?<=signature=)\w+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def redact(text: str) -> str:
    """Hides what looks like a key, a token or a client secret. The last net, not the first."""
    if "_" not in text and "=" not in text:  # each of them has one, most values have none
        return text
    return _SECRETS.sub(lambda match: f"{match[1]}_{match[2]}_***" if match[1] else "***", text)


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """Gives the fields of a record, redacted, on one line each."""
    return {
        name: _on_one_line(redact(str(value)))
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub(" ", text)


class PlainLines(logging.Formatter):
    """`2026-11-03T10:21:44 warning effect.retry effect=book:att_1 tries=2`."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        when = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        fields = [f"{name}={_quoted(value)}" for name, value in fields_of(record).items()]
        line = " ".join([when, record.levelname.lower(), redact(record.getMessage()), *fields])
        if record.exc_info:
            return f"{line}\n{redact(self.formatException(record.exc_info))}"
        return line


class JournalHandler(logging.Handler):
    """Writes records to the journal with their fields."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = fields_of(record)
            send_to_journal(self._message(record, fields), self._fields(record, fields))
        except Exception:  # noqa: BLE001 - logging must never stop the work; `handleError` reports it
            self.handleError(record)

    def _message(self, record: logging.LogRecord, own: Mapping[str, str]) -> str:
        event = redact(record.getMessage())
        return " ".join([event, *(f"{name}={_quoted(value)}" for name, value in own.items())])

    def _fields(self, record: logging.LogRecord, own: Mapping[str, str]) -> dict[str, str]:
        fields = {_TAKEN_NAMES.get(name, name).upper(): value for name, value in own.items()}
        fields = {name: value for name, value in fields.items() if _FIELD_NAME.fullmatch(name)}
        fields |= {
            "PRIORITY": str(priority_of(record.levelno)),
            "EVENT": redact(str(record.msg)),
            "LOGGER": record.name,
        }
        if record.exc_info:
            formatter = logging.Formatter()
            fields["TRACEBACK"] = redact(formatter.formatException(record.exc_info))
        return fields


def set_up_logging(level: str) -> None:
    """Sends all logs to the journal or to stderr, from this level on."""
    handler: logging.Handler
    if stderr_is_journal():
        handler = JournalHandler()
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(PlainLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("apscheduler", "aiohttp", "asyncio", "stripe", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("aiohttp.access").setLevel(root.level)


def _quoted(value: str) -> str:
    return value if value and " " not in value and '"' not in value else f'"{value}"'
