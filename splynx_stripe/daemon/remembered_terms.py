"""The terms of each partner, resolved once: settings do not change while a house stands."""

from __future__ import annotations

from functools import lru_cache

from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.ports import TermsSource

_PARTNERS = 1_000
"""More partners than any Splynx has; who asks for others only pays for resolving them anew."""


class RememberedTerms:
    """Implements `flows.ports.TermsSource` around settings that are in force."""

    def __init__(self, settings: TermsSource) -> None:
        self._of_partner = lru_cache(_PARTNERS)(settings.terms)

    def terms(self, partner_id: int) -> Terms | None:
        return self._of_partner(partner_id)
