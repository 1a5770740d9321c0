"""What Stripe's refusals mean: family, code, sentence, and no secret in any of them."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import pytest
import stripe

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.stripe.errors import Operation, carried_intent, scrub, translate

WRITING = Operation("payment_intents.create", "create the PaymentIntent", writes=True)
READING = Operation("payment_intents.retrieve", "show the PaymentIntent", writes=False)
ACCOUNT = StripeAccount("default", livemode=False)


def answer(
    status: int, error: Mapping[str, object], headers: dict[str, str] | None = None
) -> stripe.StripeError:
    """An error of the SDK, as it makes them from an answer (the class matters only for 429)."""
    kind = stripe.RateLimitError if status == 429 else stripe.APIError
    return kind("m", "{}", status, {"error": dict(error)}, headers or {})


def lost(cause: Exception) -> stripe.StripeError:
    error = stripe.APIConnectionError("lost")  # type: ignore[no-untyped-call]  # the SDK has no types here
    error.__cause__ = cause
    return error


def connector_error() -> aiohttp.ClientConnectorError:
    key = aiohttp.client_reqrep.ConnectionKey("h", 1, False, True, None, None, None)
    return aiohttp.ClientConnectorError(key, OSError(111, "refused"))


def code_of(error: Exception) -> str:
    assert isinstance(error, RejectedError)
    return error.code


@pytest.mark.parametrize("operation", [WRITING, READING])
@pytest.mark.parametrize(
    ("status", "error", "family", "code"),
    [
        (400, {"code": "amount_too_small"}, RejectedError, "amount_too_small"),
        (400, {"code": "resource_missing"}, RejectedError, "resource_missing"),
        (400, {}, RejectedError, ""),
        (402, {"code": "card_declined", "decline_code": "lost_card"}, RejectedError, "lost_card"),
        (404, {"code": "resource_missing"}, NotFoundError, "resource_missing"),
        (404, {"message": "Not Found"}, NotFoundError, "resource_missing"),
        (404, {"message": "Unrecognized request URL (GET: /v9)."}, RejectedError, ""),
        (401, {"message": "Invalid API Key"}, NotPermittedError, "invalid_api_key"),
        (403, {"code": "account_invalid"}, NotPermittedError, "account_invalid"),
    ],
)
def test_a_refusal_is_final_whatever_was_asked(
    operation: Operation, status: int, error: dict[str, str], family: type[Exception], code: str
) -> None:
    meant = translate(answer(status, error), operation, ACCOUNT)

    assert type(meant) is family
    assert code_of(meant) == code
    assert "No money was taken" in str(meant)


def test_a_key_used_for_something_else_is_our_own_fault() -> None:
    meant = translate(answer(400, {"type": "idempotency_error"}), WRITING, ACCOUNT)

    assert type(meant) is BrokenInvariantError
    assert "stopped until a person has looked" in str(meant)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}),
        (429, {"code": "rate_limit"}),
        (429, {"code": "lock_timeout"}),
    ],
)
def test_what_stripe_only_put_off_is_repeated(status: int, error: dict[str, str]) -> None:
    meant = translate(answer(status, error), WRITING, ACCOUNT)

    assert isinstance(meant, RetryableError)
    assert meant.retry_after_s == 1.0


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 1.0), ("99999", 300.0), ("soon", 1.0), ("²", 1.0)]
)
def test_stripes_wish_when_to_come_back_is_kept_within_reason(header: str, seconds: float) -> None:
    meant = translate(answer(429, {}, {"Retry-After": header}), WRITING, ACCOUNT)

    assert isinstance(meant, RetryableError)
    assert meant.retry_after_s == seconds


@pytest.mark.parametrize(
    "error",
    [
        answer(500, {"message": "An unknown error occurred"}),
        answer(503, {}),
        stripe.APIError("not JSON", "<html>", 200, None, {}),
        stripe.APIError("not Stripe's", "{}", 400, {"nothing": "known"}, {}),
        stripe.APIError("not Stripe's", "{}", 402, {"strange": True}, {}),
        stripe.APIError("not Stripe's", "{}", 403, {"error": "text"}, {}),
        lost(aiohttp.ServerDisconnectedError()),
        lost(aiohttp.ClientPayloadError()),
        lost(TimeoutError()),
        lost(aiohttp.ClientOSError(104, "reset")),
        TypeError("the SDK stumbled"),
    ],
)
def test_no_usable_answer_is_unknown_for_writing_and_harmless_for_reading(
    error: Exception,
) -> None:
    written = translate(error, WRITING, ACCOUNT)
    read = translate(error, READING, ACCOUNT)

    assert type(written) is OutcomeUnknownError
    assert "not by doing it again" in str(written)
    assert type(read) is RetryableError


@pytest.mark.parametrize("operation", [WRITING, READING])
@pytest.mark.parametrize(
    "cause", [connector_error(), aiohttp.ConnectionTimeoutError(), aiohttp.InvalidURL("x")]
)
def test_what_never_left_is_simply_repeated(operation: Operation, cause: Exception) -> None:
    meant = translate(lost(cause), operation, ACCOUNT)

    assert type(meant) is RetryableError
    assert "Nothing was sent" in str(meant)


def test_a_missing_permission_is_named_with_the_section_to_mend() -> None:
    said = (
        "The provided key 'rk_test_*********abcd' does not have the required permissions for this"
        " endpoint on account 'acct_1'. Having the 'rak_payment_intent_write' permission would"
        " allow this request to continue."
    )

    meant = translate(answer(403, {"message": said}), WRITING, ACCOUNT)

    assert "lacks the permission rak_payment_intent_write" in str(meant)
    assert "partner section 'default' (test mode)" in str(meant)
    assert "rk_test" not in str(meant)
    assert code_of(meant) == "rak_payment_intent_write"


def test_a_wrong_key_is_named_by_its_section_and_not_shown() -> None:
    meant = translate(
        answer(401, {"message": "Invalid API Key provided: sk_test_****1234"}), READING, ACCOUNT
    )

    assert "the secret key is wrong or revoked" in str(meant)
    assert "partner section 'default'" in str(meant)
    assert "sk_test" not in str(meant)


@pytest.mark.parametrize(
    "secret",
    [
        "sk_test_51Abc",
        "sk_live_51Abc",
        "rk_live_51Abc",
        "sk_test_****1234",
        "whsec_abcDEF123",
        "pi_3Abc_secret_xyz",
        "seti_1_secret_9",
        "4242424242424242",
        "4242 4242 4242 4242",
        "000123456789",
    ],
)
def test_no_secret_survives_in_a_sentence(secret: str) -> None:
    shown = scrub(f"The value '{secret}' is wrong.")

    assert shown == "The value '***' is wrong."


def test_scrubbing_leaves_ids_and_amounts_readable() -> None:
    said = "No such customer: 'cus_Abc123'; amount 17250 of pi_3Abc, req_42"

    assert scrub(said) == said


def test_what_stripe_says_cannot_flood_a_log() -> None:
    assert len(scrub("x" * 10_000)) == 500


INTENT = {"object": "payment_intent", "id": "pi_1", "last_payment_error": None}
DECLINE = {"type": "card_error", "code": "card_declined", "decline_code": "do_not_honor"}


def test_a_decline_carries_its_payment_and_says_why_where_the_payment_does_not() -> None:
    """Fault 29."""
    carried = carried_intent(answer(402, {**DECLINE, "message": "No.", "payment_intent": INTENT}))

    assert carried is not None
    assert carried["id"] == "pi_1"
    assert carried["last_payment_error"] == {
        "code": "card_declined",
        "decline_code": "do_not_honor",
        "message": "No.",
    }


def test_what_the_payment_says_itself_is_not_overwritten() -> None:
    said = {"code": "expired_card"}

    carried = carried_intent(
        answer(402, {**DECLINE, "payment_intent": {**INTENT, "last_payment_error": said}})
    )

    assert carried is not None
    assert carried["last_payment_error"] == said


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (402, DECLINE),
        (402, {**DECLINE, "payment_intent": "pi_1"}),
        (400, {"type": "idempotency_error", "payment_intent": INTENT}),
        (401, {"payment_intent": INTENT}),
        (403, {"payment_intent": INTENT}),
        (409, {"payment_intent": INTENT}),
        (429, {"payment_intent": INTENT}),
        (500, {"payment_intent": INTENT}),
    ],
)
def test_nothing_else_counts_as_news_of_a_payment(status: int, error: dict[str, object]) -> None:
    assert carried_intent(answer(status, error)) is None


@pytest.mark.parametrize("body", [{"strange": True}, {"error": "text"}, {"error": None}, [], None])
def test_a_refusal_of_an_unknown_shape_carries_no_payment(body: object) -> None:
    """Fault 35."""
    assert carried_intent(stripe.APIError("strange", "", 402, body, {})) is None


def test_nothing_that_never_arrived_carries_a_payment() -> None:
    assert carried_intent(lost(connector_error())) is None
