"""What Stripe is told about a customer, when it counts as told, and when all are compared."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from splynx_stripe.domain.customer_sync import (
    CustomerDetails,
    Origin,
    PartnerFacts,
    Phase,
    SeenCustomer,
    SyncRound,
    customer_order,
    digest,
    is_due,
)
from splynx_stripe.domain.splynx import SplynxCustomer
from splynx_stripe.domain.stripe import StripeAddress, StripeCustomerOrder

ANNA = SplynxCustomer(17, 1, "Anna Nováková", "anna@example.net", "+420 601 111 222", "active")
AT_HOME = CustomerDetails(ANNA, "Dlouhá 1", "110 00", "Praha")
CZECH = PartnerFacts(country="CZ", language="cs")
ORIGIN = Origin("ins_1", "https://isp.example.net/")
PRAGUE = ZoneInfo("Europe/Prague")
NIGHT = time(3, 30)


def order_for(**changes: str) -> StripeCustomerOrder:
    """Makes the order for Anna with other fields in Splynx."""
    fields = {
        "name": ANNA.name,
        "email": ANNA.email,
        "phone": ANNA.phone,
        "street": AT_HOME.street,
        "zip_code": AT_HOME.zip_code,
        "city": AT_HOME.city,
        **changes,
    }
    customer = SplynxCustomer(17, 1, fields["name"], fields["email"], fields["phone"], "active")
    details = CustomerDetails(customer, fields["street"], fields["zip_code"], fields["city"])
    return customer_order(details, CZECH, ORIGIN)


def test_stripe_is_told_who_a_customer_is_and_where_in_splynx() -> None:
    assert order_for() == StripeCustomerOrder(
        name="Anna Nováková",
        email="anna@example.net",
        phone="+420 601 111 222",
        metadata={
            "splynx_stripe_installation": "ins_1",
            "splynx_partner_id": "1",
            "splynx_customer_id": "17",
            "splynx_url": "https://isp.example.net/admin/customers/view?id=17",
        },
        address=StripeAddress("Dlouhá 1", "Praha", "110 00", "CZ"),
        language="cs",
    )


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("anna@example.net, office@example.net", "anna@example.net"),
        ("; anna@example.net;x@example.net", "anna@example.net"),
        ("none", ""),
        ("anna@localhost", ""),
        ("an na@example.net", ""),
        ("", ""),
        (f"{'a' * 510}@example.net", ""),
    ],
)
def test_the_first_address_that_can_be_one_is_sent(written: str, sent: str) -> None:
    assert order_for(email=written).email == sent


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (" +420 601 1 ", "+420 601 1"),
        ("+420 601 111 222, +420 602 333 444", "+420 601 111 222"),
        ("call the neighbour after six", ""),
        ("", ""),
    ],
)
def test_the_first_number_that_stripe_takes_is_sent(written: str, sent: str) -> None:
    assert order_for(phone=written).phone == sent


def test_a_name_is_cut_to_what_stripe_takes() -> None:
    assert order_for(name="x" * 300).name == "x" * 256


def test_who_has_no_address_gets_none_not_even_a_country() -> None:
    assert order_for(street="", zip_code=" ", city="").address is None


@pytest.mark.parametrize("country", ["", "Czechia", "C1"])
def test_a_country_that_is_no_code_is_left_out(country: str) -> None:
    order = customer_order(AT_HOME, PartnerFacts(country, "cs"), ORIGIN)

    assert order.address == StripeAddress("Dlouhá 1", "Praha", "110 00", "")


def test_without_splynx_address_there_is_no_link() -> None:
    order = customer_order(AT_HOME, CZECH, Origin("ins_1", ""))

    assert "splynx_url" not in order.metadata


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Anna Malá"},
        {"email": "a@example.net"},
        {"phone": "1"},
        {"street": "Krátká 2"},
        {"zip_code": "120 00"},
        {"city": "Brno"},
    ],
)
def test_whatever_changes_changes_the_digest(changed: dict[str, str]) -> None:
    assert digest("cus_1", order_for(**changed)) != digest("cus_1", order_for())


def test_the_same_has_the_same_digest_for_the_same_stripe_customer_only() -> None:
    assert digest("cus_1", order_for()) == digest("cus_1", order_for())
    assert digest("cus_1", order_for()) != digest("cus_2", order_for())


@pytest.mark.parametrize(
    ("metadata", "customer"),
    [
        ({"splynx_stripe_installation": "ins_1", "splynx_customer_id": "17"}, 17),
        ({"splynx_stripe_installation": "ins_2", "splynx_customer_id": "17"}, 0),
        ({"splynx_customer_id": "17"}, 0),
        ({"splynx_stripe_installation": "ins_1", "splynx_customer_id": "17x"}, 0),
        ({"splynx_stripe_installation": "ins_1", "splynx_customer_id": "\u0661\u0667"}, 0),
        ({"splynx_stripe_installation": "ins_1"}, 0),
        ({"email": "anna@example.net"}, 0),
    ],
)
def test_only_metadata_of_this_installation_proves_whose_a_customer_is(
    metadata: dict[str, str], customer: int
) -> None:
    """P18."""
    seen = SeenCustomer("cus_1", metadata, datetime(2026, 11, 24, tzinfo=UTC), livemode=False)

    assert seen.splynx_customer_of("ins_1") == customer


@pytest.mark.parametrize(
    ("began", "now", "due"),
    [
        ("2026-11-24T02:30:00+00:00", "2026-11-24T12:00:00+00:00", False),
        ("2026-11-24T02:30:00+00:00", "2026-11-25T02:29:00+00:00", False),
        ("2026-11-24T02:30:00+00:00", "2026-11-25T02:30:00+00:00", True),
        ("2026-11-20T02:30:00+00:00", "2026-11-24T12:00:00+00:00", True),
        ("2026-11-24T01:00:00+00:00", "2026-11-24T02:00:00+00:00", False),
        ("2026-11-23T02:00:00+00:00", "2026-11-24T02:00:00+00:00", True),
    ],
)
def test_a_round_is_due_once_for_each_night_also_for_one_that_was_slept_through(
    began: str, now: str, due: bool
) -> None:
    last = SyncRound(1, Phase.DONE, datetime.fromisoformat(began))

    assert is_due(last, now=datetime.fromisoformat(now), at=NIGHT, zone=PRAGUE) is due


def test_the_first_round_is_due_at_once_and_none_where_it_is_switched_off() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    assert is_due(None, now=now, at=NIGHT, zone=PRAGUE)
    assert not is_due(None, now=now, at=None, zone=PRAGUE)
