"""Messages that Splynx is asked to send to a customer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail. `html` is its text; nothing of it may stand in logs, it can hold a link."""

    customer_id: int
    recipient: str = field(repr=False)
    subject: str
    html: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextMessage:
    """One text message (SMS)."""

    customer_id: int
    recipient: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PortalMessage:
    """One message in a customer's portal. `html` is its text."""

    customer_id: int
    subject: str
    html: str = field(repr=False)


def first_phone(numbers: str) -> str:
    """Gives the first of the telephone numbers that Splynx keeps in one field; or ""."""
    found = numbers.replace(";", ",").partition(",")[0].strip()
    digits = sum(letter.isdigit() for letter in found)
    return found if digits >= _SHORTEST_NUMBER and found.isprintable() else ""


_SHORTEST_NUMBER = 6


def first_address(addresses: str) -> str:
    """Gives the first of the addresses that Splynx keeps in one field, separated by commas; or ""."""
    found = addresses.replace(";", ",").partition(",")[0].strip()
    return found if "@" in found and found.isprintable() else ""
