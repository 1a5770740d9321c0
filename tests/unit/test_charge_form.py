"""The form of charge runs loses nothing of a selection, and takes nothing that cannot be meant."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from gettext import NullTranslations

from babel import Locale
from hypothesis import given, strategies as st

from splynx_stripe.domain.charge_progress import ItemSearch
from splynx_stripe.domain.charge_selection import (
    CHARGEABLE_STATUSES,
    ChargeKind,
    PeriodOf,
    Selection,
    TotalCondition,
)
from splynx_stripe.domain.splynx import DocumentStatus
from splynx_stripe.web.admin.charge_form import (
    ChargeForm,
    empty_form,
    form_of_fields,
    form_of_selection,
    selection_of_form,
)
from splynx_stripe.web.i18n import Language

ENGLISH = Language(Locale("en"), NullTranslations())
_IDS = st.lists(st.integers(1, 999_999_999), max_size=5).map(tuple)
_DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
_NUMBERS = st.text("0123456789-/ABCŘ", min_size=1, max_size=20)


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    kind = draw(st.sampled_from(ChargeKind))
    is_invoices = kind is ChargeKind.INVOICES
    first, last = sorted([draw(_DAYS), draw(_DAYS)]) if is_invoices else (None, None)
    with_total = draw(st.booleans())
    total = draw(st.decimals(0, 999_999, places=4)) if with_total else None
    return Selection(
        kind=kind,
        first_day=first,
        last_day=last,
        period_of=draw(st.sampled_from(PeriodOf)) if is_invoices else PeriodOf.ISSUE,
        partner_ids=draw(_IDS),
        location_ids=draw(_IDS),
        payment_method_ids=draw(_IDS),
        statuses=CHARGEABLE_STATUSES
        if is_invoices and draw(st.booleans())
        else (DocumentStatus.NOT_PAID,),
        customer_statuses=tuple(draw(st.sets(st.sampled_from(["active", "blocked", "new"])))),
        total_condition=draw(st.sampled_from(TotalCondition)) if with_total else None,
        total=total,
        customer_ids=draw(_IDS),
        document_numbers=tuple(draw(st.lists(_NUMBERS, max_size=4))) if is_invoices else (),
        uses_balance=kind is ChargeKind.PREPAID and draw(st.booleans()),
    )


@given(selections())
def test_the_form_of_a_selection_makes_the_same_selection(selection: Selection) -> None:
    form = form_of_selection(selection)

    made, wrong = selection_of_form(form, ENGLISH, only_partner=0)

    assert wrong == {}
    assert made is not None
    assert (made, made.fingerprint) == (selection, selection.fingerprint)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("kind", "first", "last", "period_of", "condition", "total", "partner"),
                *("partner.1", "location.x", "method", "status.active", "status."),
                *("customers", "numbers"),
            ]
        ),
        st.text(max_size=40),
    ),
    st.sampled_from([0, 2]),
)
def test_whatever_is_sent_is_a_selection_or_a_sentence_beside_a_field(
    fields: dict[str, str], only_partner: int
) -> None:
    made, wrong = selection_of_form(form_of_fields(fields), ENGLISH, only_partner=only_partner)

    assert (made is None) is bool(wrong)
    if made is not None and only_partner:
        assert made.partner_ids == (2,)


def test_what_belongs_to_another_tab_does_not_count() -> None:
    sent = ChargeForm(ChargeKind.BALANCES, first="nonsense", numbers="x" * 99, uses_balance=True)

    made, wrong = selection_of_form(sent, ENGLISH, only_partner=0)

    assert (made, wrong) == (Selection(ChargeKind.BALANCES), {})


def test_the_form_of_invoices_opens_with_this_month_and_others_without_days() -> None:
    today = date(2026, 11, 24)

    assert empty_form(ChargeKind.INVOICES, today).first == "2026-11-01"
    assert empty_form(ChargeKind.INVOICES, today).last == "2026-11-24"
    assert empty_form(ChargeKind.BALANCES, today) == ChargeForm(ChargeKind.BALANCES)


def test_a_comma_and_a_point_are_the_same_in_an_amount() -> None:
    for text in ("49.90", "49,90"):
        form = ChargeForm(condition=TotalCondition.LESS, total=text)
        made, _ = selection_of_form(form, ENGLISH, only_partner=0)
        assert made is not None
        assert made.total == Decimal("49.90")


def test_only_what_can_be_an_id_is_searched_as_one() -> None:
    assert ItemSearch(text="17").customer_id == 17
    for text in ("", "-1", "17a", "٣", "9" * 19, "1.0"):
        assert ItemSearch(text=text).customer_id == 0
