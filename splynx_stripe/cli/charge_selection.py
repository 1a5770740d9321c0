"""The filters of `charge plan`, from options to a selection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import click
from typing_extensions import override

from splynx_stripe.cli.books import DAY
from splynx_stripe.domain.charge_selection import (
    CHARGEABLE_STATUSES,
    ChargeKind,
    PeriodOf,
    Selection,
    SelectionError,
    TotalCondition,
)
from splynx_stripe.domain.splynx import DocumentStatus

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., object])

_IDS = click.IntRange(min=1)


class _Total(click.ParamType[tuple[TotalCondition, Decimal]]):
    """A total as people write it: `>100`, `=49.90`, `<5`."""

    name = "total"

    @override
    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[TotalCondition, Decimal]:
        """Reads it; ends the command where it cannot be read."""
        text = str(value).replace(" ", "")
        try:
            return TotalCondition(text[:1]), Decimal(text[1:])
        except (ValueError, ArithmeticError):
            self.fail("write it as '>100', '=49.90' or '<5'", param, ctx)


_OPTIONS = (
    click.argument("kind", type=click.Choice([kind.value for kind in ChargeKind])),
    click.option("--from", "first", type=DAY, help="Invoices from this day, 2026-11-01."),
    click.option("--to", "last", type=DAY, help="Up to this day, included."),
    click.option(
        "--by",
        "period_of",
        type=click.Choice([each.value for each in PeriodOf]),
        default=PeriodOf.ISSUE.value,
        show_default=True,
        help="Whether the days are those of issue or the due dates.",
    ),
    click.option(
        "--partner",
        "partner_ids",
        help="Of a partner, by id; may be repeated.",
        multiple=True,
        type=_IDS,
    ),
    click.option(
        "--location", "location_ids", help="Of a location, by id.", multiple=True, type=_IDS
    ),
    click.option(
        "--payment-method",
        "payment_method_ids",
        help="Of customers with this payment method of Splynx, by id.",
        multiple=True,
        type=_IDS,
    ),
    click.option(
        "--status",
        "statuses",
        multiple=True,
        type=click.Choice([status.value for status in CHARGEABLE_STATUSES]),
        default=[DocumentStatus.NOT_PAID.value],
        show_default=True,
        help="Status of the invoices.",
    ),
    click.option("--customer-status", "customer_statuses", multiple=True, help="Such as active."),
    click.option("--total", type=_Total(), help="'>100', '=49.90' or '<5', in quotes."),
    click.option(
        "--customer",
        "customer_ids",
        help="A customer, by id; may be repeated.",
        multiple=True,
        type=_IDS,
    ),
    click.option("--number", "document_numbers", multiple=True, help="An invoice, by number."),
    click.option("--use-balance", is_flag=True, help="Prepaid: credit lowers, debt raises it."),
)


def selection_options(command: CommandFunction) -> CommandFunction:
    """Adds the filters to a command, which gets them as `**filters`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection_of(filters: dict[str, Any]) -> Selection:
    """Makes the selection; ends the command with a sentence where it cannot be meant."""
    first: datetime | None = filters["first"]
    last: datetime | None = filters["last"]
    condition, total = filters["total"] or (None, None)
    try:
        return Selection(
            kind=ChargeKind(filters["kind"]),
            first_day=first.date() if first else None,
            last_day=last.date() if last else None,
            period_of=PeriodOf(filters["period_of"]),
            partner_ids=filters["partner_ids"],
            location_ids=filters["location_ids"],
            payment_method_ids=filters["payment_method_ids"],
            statuses=tuple(DocumentStatus(word) for word in filters["statuses"]),
            customer_statuses=filters["customer_statuses"],
            total_condition=condition,
            total=total,
            customer_ids=filters["customer_ids"],
            document_numbers=filters["document_numbers"],
            uses_balance=filters["use_balance"],
        )
    except SelectionError as error:
        raise click.UsageError(str(error)) from error
