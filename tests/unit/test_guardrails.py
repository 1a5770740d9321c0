"""Guardrails: over the largest total nothing starts; what is unusual needs a second person."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from splynx_stripe.config.business import BusinessSettings
from splynx_stripe.config.guardrails import guardrails_of, problem_of_guardrails
from splynx_stripe.domain.guardrails import (
    NO_GUARDRAILS,
    GuardrailFinding,
    GuardrailKind,
    Guardrails,
    RunTotal,
    look,
    median,
)
from splynx_stripe.domain.money import Money

amounts = st.integers(1, 10**9)


def total(amount: int, middle: int | None = None) -> RunTotal:
    compared = None if middle is None else Money(middle, "EUR")
    return RunTotal(1, Money(amount, "EUR"), charged=3, median=compared)


def kinds(found: RunTotal, guardrails: Guardrails) -> list[GuardrailKind]:
    return [finding.kind for finding in look(found, guardrails)]


@given(amount=amounts, limit=amounts)
def test_only_a_total_above_a_limit_is_found(amount: int, limit: int) -> None:
    rails = Guardrails(run_maximum=Money(limit, "EUR"), second_above=Money(limit, "EUR"))

    wanted = [GuardrailKind.RUN_MAXIMUM, GuardrailKind.SECOND_ABOVE] if amount > limit else []
    assert kinds(total(amount), rails) == wanted


@given(amount=amounts, middle=amounts, percent=st.integers(1, 999))
def test_a_deviation_is_found_exactly_when_it_is_larger_than_allowed(
    amount: int, middle: int, percent: int
) -> None:
    found = kinds(total(amount, middle), Guardrails(deviation_percent=percent))

    is_far = abs(amount - middle) * 100 >= (percent + 1) * middle
    assert (found == [GuardrailKind.DEVIATION]) is is_far


def test_without_guardrails_or_past_runs_nothing_is_found() -> None:
    assert look(total(10**9, 1), NO_GUARDRAILS) == []
    assert look(total(10**9), Guardrails(deviation_percent=1)) == []


def test_only_the_largest_total_forbids_a_run() -> None:
    assert [kind for kind in GuardrailKind if kind.forbids] == [GuardrailKind.RUN_MAXIMUM]


@pytest.mark.parametrize("kind", GuardrailKind)
def test_each_finding_says_how_much_is_allowed_and_that_nothing_is_lost(
    kind: GuardrailKind,
) -> None:
    rails = Guardrails(
        run_maximum=Money(100, "EUR"), second_above=Money(100, "EUR"), deviation_percent=1
    )
    (finding,) = [one for one in look(total(20000, 100), rails) if one.kind is kind]

    assert "200.00 EUR" in finding.sentence
    assert "1.00 EUR" in finding.sentence


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (GuardrailKind.RUN_MAXIMUM, "Nothing was charged."),
        (GuardrailKind.DEVIATION, "100 % away from"),
        (GuardrailKind.SECOND_ABOVE, "A second administrator has to confirm."),
    ],
)
def test_each_finding_says_what_it_asks_for_in_its_own_words(
    kind: GuardrailKind, words: str
) -> None:
    finding = GuardrailFinding(kind, 1, Money(20000, "EUR"), Money(10000, "EUR"), percent=100)

    assert words in finding.sentence


@given(values=st.lists(amounts, max_size=9))
def test_the_median_is_one_of_the_past_totals_with_as_many_above_as_below(
    values: list[int],
) -> None:
    middle = median([Money(value, "EUR") for value in values])

    if len(values) < 3:
        assert middle is None
        return
    assert middle is not None
    below = sum(value < middle.minor_units for value in values)
    above = sum(value > middle.minor_units for value in values)
    assert middle.minor_units in values
    assert below <= len(values) / 2
    assert above <= len(values) / 2


def test_the_settings_become_exact_money_and_zero_limits_nothing() -> None:
    business = BusinessSettings(charge_run_maximum="1000.50", charge_deviation_percent="50")

    rails = guardrails_of(business, "EUR")

    assert rails.run_maximum == Money(100050, "EUR")
    assert (rails.customer_maximum, rails.second_above) == (None, None)
    assert rails.deviation_percent == 50


def test_a_limit_that_cannot_be_said_in_the_currency_is_a_mistake_and_stops_every_run() -> None:
    business = BusinessSettings(charge_run_maximum="0.50")

    key, problem = problem_of_guardrails(business, "JPY")

    assert key == "charge_run_maximum"
    assert "JPY" in problem
    assert guardrails_of(business, "JPY").run_maximum == Money(0, "JPY")
    assert problem_of_guardrails(BusinessSettings(), "JPY") == ("", "")
