"""The story of a debt in plain words."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from splynx_stripe.domain.attempt import Attempt, AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.collection import Collection, CollectionState, Route
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.timeline import sentence_of, tell

PRODUCT = Path(__file__).parents[2] / "splynx_stripe"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PAYABLE = Payable(1, 17, PayableKind.INVOICE, 1042, "202611000042", "EUR")
COLLECTION = Collection("col_1", PAYABLE, Route.PORTAL, CollectionState.SETTLED, NOW)
ATTEMPT = Attempt(
    id="att_1",
    collection_id="col_1",
    account=StripeAccount("default", livemode=False),
    stripe_customer_id="cus_1",
    amount=Money(17250, "EUR"),
    description="",
    metadata={},
    prepared_at=NOW,
    next_look_at=None,
)


def entry(event: str, *, after: int = 0, **facts: str) -> AuditEntry:
    return AuditEntry(NOW + timedelta(seconds=after), event, "stripe", "col_1", "att_1", facts)


def test_a_story_says_what_how_it_stands_what_happened_and_what_needs_a_person() -> None:
    case = Case(CaseKind.EFFECT_OVERDUE, "book:att_1", "Booking takes too long.", NOW)

    story = tell(
        COLLECTION,
        [ATTEMPT],
        [
            entry("collection.open", route="portal"),
            entry("attempt.awaiting_customer", after=1, payment_intent="pi_1"),
            entry("attempt.succeeded", after=62, amount="172.50 EUR", payment_intent="pi_1"),
        ],
        [case],
    )

    assert story == (
        "Invoice 202611000042, 172.50 EUR\n"
        "Customer 17, partner 1.\n"
        "Now: the money has arrived at Stripe and is being booked in Splynx.  [col_1]\n"
        "\n"
        "  2026-11-24 09:00:00Z  Somebody began to pay (portal).\n"
        "  2026-11-24 09:00:01Z  Stripe waits for the customer's payment details (pi_1).\n"
        "  2026-11-24 09:01:02Z  Stripe took 172.50 EUR (pi_1).\n"
        "\n"
        "Needs a person (effect_overdue): Booking takes too long."
    )


def test_a_story_without_an_attempt_is_a_story_too() -> None:
    story = tell(replace(COLLECTION, state=CollectionState.CLOSED), [], [], [])

    assert story.splitlines()[0] == "Invoice 202611000042"
    assert "Now: ended without money." in story


@pytest.mark.parametrize(
    "event",
    [f"attempt.{state}" for state in AttemptState]
    + [f"collection.{state}" for state in CollectionState]
    + ["attempt.declined", "payment.booked", "statement.recorded"],
)
def test_everything_that_can_happen_to_a_debt_has_a_sentence(event: str) -> None:
    """A missing fact is an ellipsis and not a crash."""
    sentence = sentence_of(entry(event))

    assert re.fullmatch(r"[A-Z].*\.", sentence), sentence
    assert event not in sentence


def recorded_events() -> set[str]:
    """Finds the names of all events that the program writes into the audit log."""
    calls = [
        node
        for path in PRODUCT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"AuditEntry", "record_credential"}
    ]
    arguments = [
        value for call in calls for value in (*call.args, *(k.value for k in call.keywords))
    ]
    words = [
        node.value
        for each in arguments
        for node in ast.walk(each)
        if isinstance(node, ast.Constant)
    ]
    return {
        word for word in words if isinstance(word, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", word)
    }


def test_every_event_of_the_audit_log_has_a_sentence() -> None:
    """What has none would be shown to the office as `event key=value`."""
    events = recorded_events()

    assert {"payment.booked", "settings.changed", "credential.died", "case.closed"} <= events
    assert [name for name in sorted(events) if name in sentence_of(entry(name))] == []


def test_a_declined_card_is_explained_in_stripes_words() -> None:
    waiting = entry("attempt.awaiting_customer", payment_intent="pi_1", code="expired_card")
    declined = entry("attempt.declined", code="card_declined", decline_code="lost_card")

    assert sentence_of(waiting) == (
        "Stripe waits for the customer's payment details (pi_1). The last try failed: expired card."
    )
    assert sentence_of(declined) == (
        "A try to pay was declined: lost card. No money was taken by it."
    )


def test_an_event_of_a_newer_version_is_shown_as_it_is() -> None:
    assert sentence_of(entry("refund.made", amount="1 EUR")) == "refund.made amount=1 EUR"
