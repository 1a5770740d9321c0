"""Writes what is to be told, in the commit of the fact that it is about (I11).

Everything here is for use inside a unit of work. `flows/send_notices.py` sends it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.notice import Channel, Notice, NoticeKind
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.ids import IdSource

_ANNOUNCED = frozenset({PaymentKind.BECS, PaymentKind.PAD})
"""The schemes whose rules, or whose usual terms, ask for a notice before each debit."""

_OFFICE_TEXT_AT_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that somebody is told about; `key` names it, and it is told once."""

    key: str
    kind: NoticeKind
    partner_id: int
    customer_id: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)
    payable_key: str = ""
    collection_id: str = ""


class Notices:
    """Writes notices by the settings of each partner."""

    def __init__(self, rules: FailureRules, ids: IdSource) -> None:
        self._rules = rules
        self._ids = ids

    def write(self, unit: Unit, fact: Fact, *, now: datetime, due_at: datetime) -> bool:
        """Writes a notice for each way in which the partner tells people; False when it was written before.

        One about a failed payment is not written where the partner does not want any.
        """
        rules = self._rules.notice_rules(fact.partner_id)
        if fact.kind.is_about_failure and not rules.tells_failures:
            return False
        channels = (Channel.MAIL,) if fact.kind.is_for_office else rules.channels
        written = [
            unit.add_notice(
                Notice(
                    id=self._ids.new("ntc", now),
                    key=fact.key,
                    kind=fact.kind,
                    channel=channel,
                    partner_id=fact.partner_id,
                    customer_id=fact.customer_id,
                    made_at=now,
                    due_at=due_at,
                    facts=fact.facts,
                    payable_key=fact.payable_key,
                    collection_id=fact.collection_id,
                )
            )
            for channel in channels
        ]
        return any(written)

    def announce_debit(
        self,
        unit: Unit,
        payable: Payable,
        amount: Money,
        kind: PaymentKind,
        *,
        on: date,
        now: datetime,
    ) -> bool:
        """Tells a customer of a debit that is planned for a day; for BECS and PAD, where it is wanted.

        False where nobody is told: another kind, not wanted, or told before.
        """
        wanted = self._rules.notice_rules(payable.partner_id).debit_days
        if kind not in _ANNOUNCED or not wanted:
            return False
        facts = debt_facts(payable, amount) | {"method": kind.value, "day": on.isoformat()}
        fact = _of_debt(f"debit:{payable.key}:{on}", NoticeKind.DEBIT_AHEAD, payable, facts)
        return self.write(unit, fact, now=now, due_at=now)

    def days_ahead(self, partner_id: int, kind: PaymentKind) -> int:
        """Gives how many days before a debit of this kind `announce_debit` wants to be called; 0: not."""
        return self._rules.notice_rules(partner_id).debit_days if kind in _ANNOUNCED else 0

    def send_link(self, unit: Unit, payable: Payable, amount: Money, *, now: datetime) -> bool:
        """Sends a customer without a saved method a link to pay a document, once per document.

        False when that was done before.
        """
        facts = debt_facts(payable, amount)
        fact = _of_debt(f"link:{payable.key}", NoticeKind.PAY_BY_LINK, payable, facts)
        return self.write(unit, fact, now=now, due_at=now)

    def tell_office(
        self,
        unit: Unit,
        key: str,
        *,
        partner_id: int,
        subject: str,
        lines: Sequence[str],
        now: datetime,
    ) -> bool:
        """Sends the office of a partner an e-mail: one line per sentence; once per key."""
        text = "\n".join(lines)[:_OFFICE_TEXT_AT_MOST]
        fact = Fact(
            f"office:{key}", NoticeKind.OFFICE, partner_id, facts={"subject": subject, "text": text}
        )
        return self.write(unit, fact, now=now, due_at=now)


def debt_facts(payable: Payable, amount: Money) -> dict[str, str]:
    """Gives what a text says of a debt."""
    facts = {
        "debt": payable.kind.value,
        "number": payable.document_number,
        "document": str(payable.document_id or ""),
        "amount": str(amount.minor_units),
        "currency": amount.currency,
    }
    return {name: value for name, value in facts.items() if value}


def amount_of(notice: Notice) -> Money | None:
    """Gives the amount that a notice is about; None where it is about none."""
    minor, currency = notice.facts.get("amount", ""), notice.facts.get("currency", "")
    return Money(int(minor), currency) if minor and currency else None


def _of_debt(key: str, kind: NoticeKind, payable: Payable, facts: Mapping[str, str]) -> Fact:
    return Fact(
        key=key,
        kind=kind,
        partner_id=payable.partner_id,
        customer_id=payable.customer_id,
        facts=facts,
        payable_key=payable.key,
    )
