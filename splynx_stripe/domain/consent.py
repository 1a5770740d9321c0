"""What somebody agreed to when a card or bank account was saved: the evidence for disputes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

WORDING_VERSION = "2026-11"
"""Names the texts of `web/customer/consent_wording.py`. Whoever changes one of them changes this too, so
that a dispute of years later can be answered with the words that were shown."""


class ConsentWay(StrEnum):
    """How the permission was given. IMPORTED: to the add-on that was in use before."""

    ONLINE = "online"
    OFFLINE = "offline"
    WITH_PAYMENT = "with_payment"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Consent:
    """One permission to charge.

    `actor` is who gave or recorded it; `address` and `browser` are those of the request, "" where
    there was none. `wording` is the text as it was shown, in the language of the page.
    """

    given_at: datetime
    way: ConsentWay
    actor: str
    address: str = ""
    browser: str = ""
    wording_version: str = WORDING_VERSION
    wording: str = ""
