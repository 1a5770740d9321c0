"""Which kinds of payment exist where: nobody is shown a button that cannot work."""

from __future__ import annotations

import pytest

from splynx_stripe.domain.payment_kind import PaymentKind, kind_of_stripe_type, offered

ALL = tuple(PaymentKind)
CARD, ACH, BECS, PAD = PaymentKind


@pytest.mark.parametrize(
    ("currency", "country", "kinds"),
    [
        ("EUR", "CZ", (CARD,)),
        ("USD", "US", (CARD, ACH, PAD)),
        ("USD", "CA", (CARD, PAD)),
        ("CAD", "CA", (CARD, PAD)),
        ("AUD", "AU", (CARD, BECS)),
        ("AUD", "NZ", (CARD,)),
        ("USD", "", (CARD, ACH, PAD)),
        ("JPY", "US", (CARD,)),
    ],
)
def test_a_kind_is_offered_only_where_its_scheme_moves_the_currency(
    currency: str, country: str, kinds: tuple[PaymentKind, ...]
) -> None:
    assert offered(ALL, currency, country) == kinds


def test_every_kind_is_found_by_stripes_word_for_it() -> None:
    assert [kind_of_stripe_type(kind.stripe_type) for kind in ALL] == list(ALL)
    assert kind_of_stripe_type("link") is CARD
    assert kind_of_stripe_type("crypto") is None


def test_only_cards_are_known_at_once() -> None:
    assert [kind.is_bank for kind in ALL] == [False, True, True, True]
    assert all(kind.english_name for kind in ALL)
