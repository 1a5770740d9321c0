"""The identity of an installation."""

from __future__ import annotations

from datetime import UTC, datetime

from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TEST = StripeAccount("default", livemode=False)
LIVE = StripeAccount("default", livemode=True)


def test_an_endpoint_name_is_always_the_same_and_different_for_each_account_and_mode() -> None:
    installation = Installation("ins_1", b"k" * 32, NOW)

    names = {installation.endpoint_name(account) for account in (TEST, LIVE, TEST)}

    assert len(names) == 2
    assert all(len(name) == 32 and int(name, 16) for name in names)


def test_an_endpoint_name_cannot_be_known_without_the_key() -> None:
    one, other = Installation("ins_1", b"k" * 32, NOW), Installation("ins_1", b"l" * 32, NOW)

    assert one.endpoint_name(TEST) != other.endpoint_name(TEST)


def test_the_signing_key_is_never_printed() -> None:
    assert "kkkk" not in repr(Installation("ins_1", b"k" * 32, NOW))


def test_an_account_is_read_back_from_its_key() -> None:
    """I8: the mode is part of what an account is."""
    assert [StripeAccount.from_key(account.key) for account in (TEST, LIVE)] == [TEST, LIVE]
