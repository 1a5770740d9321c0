"""Which debts a charge run takes: the filters of Splynx's own charge window.

A selection is a value: two that ask for the same have the same `fingerprint`, and only one run of a
fingerprint is live (pain P28). Splynx is asked to filter, and `takes_…` filters once more, because a
server may ignore a filter that it does not know (fault 52).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from splynx_stripe.domain.splynx import Document, DocumentStatus
from splynx_stripe.domain.splynx_billing import ListedCustomer


class ChargeKind(StrEnum):
    """What a run collects. The words are those of the three tabs of the charge page."""

    INVOICES = "invoices"
    BALANCES = "balances"
    PREPAID = "prepaid"


class TotalCondition(StrEnum):
    """How a total is compared; `=` is exact."""

    LESS = "<"
    EQUAL = "="
    MORE = ">"

    def holds(self, total: Decimal, limit: Decimal) -> bool:
        """Says whether `total` is less than, equal to, or more than `limit`."""
        match self:
            case TotalCondition.LESS:
                return total < limit
            case TotalCondition.EQUAL:
                return total == limit
            case _:
                return total > limit


class PeriodOf(StrEnum):
    """Which day of an invoice the period is about."""

    ISSUE = "issue"
    DUE = "due"


CHARGEABLE_STATUSES = (DocumentStatus.NOT_PAID, DocumentStatus.PENDING)
"""What "Status" can ask for. A pending invoice is listed and skipped: its debit is on the way."""

LISTED_AT_MOST = 2_000
"""Customer ids, or document numbers, in one selection."""


class SelectionError(ValueError):
    """A selection that cannot be meant; the sentence says what to change. Nothing was charged."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters of one run. An empty tuple, None or "" does not filter.

    Days are days of Splynx's calendar, both included. `total` is in major units of the partner's
    currency: an invoice's total, a balance's debt, or the amount of a prepaid charge.
    `payment_method_ids` are Splynx's payment methods of the customer ("customer payment type").
    `uses_balance` is "Use available balance" of prepaid charges. `period_of`, `statuses` and
    `document_numbers` matter for invoices only.

    Raises:
        SelectionError: the filters contradict each other.
    """

    kind: ChargeKind
    first_day: date | None = None
    last_day: date | None = None
    period_of: PeriodOf = PeriodOf.ISSUE
    partner_ids: tuple[int, ...] = ()
    location_ids: tuple[int, ...] = ()
    payment_method_ids: tuple[int, ...] = ()
    statuses: tuple[DocumentStatus, ...] = (DocumentStatus.NOT_PAID,)
    customer_statuses: tuple[str, ...] = ()
    total_condition: TotalCondition | None = None
    total: Decimal | None = None
    customer_ids: tuple[int, ...] = ()
    document_numbers: tuple[str, ...] = ()
    uses_balance: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):  # the same wish in another order is the same selection
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                object.__setattr__(self, field.name, tuple(sorted(set(value))))
        if self.first_day is None and self.last_day is None:
            object.__setattr__(self, "period_of", PeriodOf.ISSUE)
        problem = _problem(self)
        if problem:
            raise SelectionError(problem)

    @property
    def fingerprint(self) -> str:
        """Gives what is the same for two selections that ask for the same: 64 hexadecimal digits."""
        return hashlib.sha256(selection_text(self).encode()).hexdigest()

    @property
    def family(self) -> str:
        """Gives what selections that differ only in their days have in common.

        Runs of one family are compared with each other.
        """
        text = selection_text(self, without=frozenset({"first_day", "last_day"}))
        return hashlib.sha256(text.encode()).hexdigest()

    def takes_document(self, document: Document) -> bool:
        """Says whether an invoice fits, as far as the invoice itself tells."""
        day = document.date_created if self.period_of is PeriodOf.ISSUE else document.date_till
        return (
            document.status in self.statuses
            and self._takes_day(day)
            and _is_among(document.customer_id, self.customer_ids)
            and _is_among(document.number, self.document_numbers)
            and self.takes_total(document.total)
        )

    def takes_customer(self, customer: ListedCustomer) -> bool:
        """Says whether a customer fits, as far as the customer's own row tells."""
        return (
            _is_among(customer.partner_id, self.partner_ids)
            and _is_among(customer.location_id, self.location_ids)
            and _is_among(customer.status, self.customer_statuses)
            and _is_among(customer.id, self.customer_ids)
        )

    def takes_payment_method(self, payment_method_id: int) -> bool:
        """Says whether the customer's payment method in Splynx fits."""
        return _is_among(payment_method_id, self.payment_method_ids)

    def takes_total(self, total: Decimal) -> bool:
        """Says whether an amount in major units fits."""
        if self.total_condition is None or self.total is None:
            return True
        return self.total_condition.holds(total, self.total)

    def _takes_day(self, day: date | None) -> bool:
        if self.first_day is None and self.last_day is None:
            return True
        if day is None:
            return False
        return (self.first_day or day) <= day <= (self.last_day or day)


def _is_among(value: object, wanted: tuple[object, ...]) -> bool:
    return not wanted or value in wanted


def _problem(selection: Selection) -> str:
    """Says what cannot be meant, "" when all is well."""
    first, last = selection.first_day, selection.last_day
    if first and last and last < first:
        return f"The period ends on {last}, before it begins on {first}. Swap the days."
    if (selection.total_condition is None) != (selection.total is None):
        return "A total needs both: how to compare it (=, < or >), and an amount."
    if max(len(selection.customer_ids), len(selection.document_numbers)) > LISTED_AT_MOST:
        return f"At most {LISTED_AT_MOST} ids or numbers can be listed. Use the other filters."
    if selection.kind is ChargeKind.INVOICES:
        return _problem_of_invoices(selection)
    return _problem_of_accounts(selection)


def _problem_of_invoices(selection: Selection) -> str:
    if not selection.statuses or not set(selection.statuses) <= set(CHARGEABLE_STATUSES):
        return "Only unpaid and pending invoices can be chosen."
    return "Only prepaid charges use the available balance." if selection.uses_balance else ""


def _problem_of_accounts(selection: Selection) -> str:
    if selection.document_numbers:
        return "Only invoices have numbers. Choose customers by their ids."
    if selection.first_day or selection.last_day:
        return "A balance is what it is today: it has no period. Leave the days out."
    if selection.uses_balance and selection.kind is not ChargeKind.PREPAID:
        return "Only prepaid charges use the available balance."
    return ""


def selection_text(selection: Selection, *, without: frozenset[str] = frozenset()) -> str:
    """Writes a selection as JSON, always in the same way; what filters nothing is left out."""
    names = [field.name for field in fields(selection) if field.name not in without]
    values = {name: getattr(selection, name) for name in names}
    written = {name: _written(value) for name, value in values.items() if _filters(value)}
    return json.dumps(written, sort_keys=True, separators=(",", ":"))


def _filters(value: object) -> bool:
    return value is not None and value is not False and value != ()


def _written(value: object) -> object:
    match value:
        case tuple():
            return [_written(each) for each in value]
        case date():
            return value.isoformat()
        case Decimal():
            return format(value.normalize(), "f")
        case StrEnum():
            return value.value
        case _:
            return value


def selection_of_text(text: str) -> Selection:
    """Reads what `selection_text` wrote.

    Raises:
        SelectionError: it is not such a text.
    """
    try:
        source = json.loads(text)
        known = {field.name for field in fields(Selection)}
        if not isinstance(source, dict) or not source.keys() <= known:
            raise SelectionError("there are filters that this version does not know.")
        return Selection(
            kind=ChargeKind(source["kind"]),
            first_day=_day(source.get("first_day")),
            last_day=_day(source.get("last_day")),
            period_of=PeriodOf(source.get("period_of", PeriodOf.ISSUE)),
            partner_ids=tuple(int(each) for each in source.get("partner_ids", ())),
            location_ids=tuple(int(each) for each in source.get("location_ids", ())),
            payment_method_ids=tuple(int(each) for each in source.get("payment_method_ids", ())),
            statuses=tuple(DocumentStatus(each) for each in source.get("statuses", ())),
            customer_statuses=tuple(str(each) for each in source.get("customer_statuses", ())),
            total_condition=TotalCondition(source["total_condition"])
            if "total_condition" in source
            else None,
            total=Decimal(source["total"]) if "total" in source else None,
            customer_ids=tuple(int(each) for each in source.get("customer_ids", ())),
            document_numbers=tuple(str(each) for each in source.get("document_numbers", ())),
            uses_balance=bool(source.get("uses_balance", False)),
        )
    except (TypeError, ValueError, KeyError, InvalidOperation) as error:
        raise SelectionError(f"This is not a selection of a charge run: {error}") from error


def _day(written: object) -> date | None:
    return None if written is None else date.fromisoformat(str(written))
