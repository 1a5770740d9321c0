"""Reminds customers of saved cards that expire, once per card and month, where it is wanted."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.notice import NoticeKind
from splynx_stripe.domain.retry_policy import within_hours
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.notices import Fact, Notices
from splynx_stripe.flows.ports import Store, Unit
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource

EVERY = timedelta(hours=1)
"""How often it looks: a day begins at other hours for other partners. What is written is written once."""

_PAGE = 200
_LONGEST_DAYS = 999
_LAST_MONTH = 12


class CardReminders:
    """Looks through the cards that expire soon."""

    def __init__(self, store: Store, rules: FailureRules, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock
        self._notices = Notices(rules, ids)

    async def tick(self) -> None:
        """Writes a reminder for each card whose time has come."""
        now, after = self._clock.now(), ""
        last = now.astimezone(UTC).date() + timedelta(days=_LONGEST_DAYS)
        first_month, last_month = _month_before(now.date()), (last.year, last.month)
        while True:
            cards: Sequence[Credential] = await self._store.read(
                lambda unit, after=after: unit.cards_expiring(  # type: ignore[misc]  # a default binds the loop's value
                    first_month, last_month, after=after, limit=_PAGE
                )
            )
            due = [card for card in cards if self._is_due(card, now)]
            if due:
                await self._store.run(
                    lambda unit, due=due: self._write(unit, due, now)  # type: ignore[misc]  # as above
                )
            if len(cards) < _PAGE:
                return
            after = cards[-1].id

    def _is_due(self, card: Credential, now: datetime) -> bool:
        partner_id = card.owner.partner_id
        days = self._rules.notice_rules(partner_id).card_expiry_days
        last_day = _last_day(card)
        if not days or last_day is None:
            return False
        today = now.astimezone(self._rules.timezone_of(partner_id)).date()
        return last_day - timedelta(days=days) <= today <= last_day

    def _write(self, unit: Unit, cards: Sequence[Credential], now: datetime) -> None:
        for card in cards:
            last_day, partner_id = _last_day(card), card.owner.partner_id
            if last_day is None or card.card is None:
                continue
            fact = Fact(
                key=f"expires:{card.id}:{last_day:%Y-%m}",
                kind=NoticeKind.CARD_EXPIRES,
                partner_id=partner_id,
                customer_id=card.owner.splynx_customer_id,
                facts={
                    "credential": card.id,
                    "brand": card.card.brand,
                    "day": last_day.isoformat(),
                    "ending": card.card.last4,
                },
            )
            due_at = within_hours(self._rules.retry_policy(partner_id), now)
            self._notices.write(unit, fact, now=now, due_at=due_at)


def _last_day(card: Credential) -> date | None:
    """Gives the last day on which a card can be used; None where Stripe has not told it."""
    face = card.card
    if face is None or not 1 <= face.expires_month <= _LAST_MONTH or face.expires_year < 1:
        return None
    days = monthrange(face.expires_year, face.expires_month)[1]
    return date(face.expires_year, face.expires_month, days)


def _month_before(day: date) -> tuple[int, int]:
    """Gives the month before: somewhere on earth it may still be yesterday."""
    before = day.replace(day=1) - timedelta(days=1)
    return before.year, before.month
