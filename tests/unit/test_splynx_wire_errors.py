"""An answer that is not a success becomes the right family with the right words."""

from __future__ import annotations

import json

import pytest

from splynx_stripe.domain.errors import (
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.gateways.splynx.errors import Answer, refusal, retry_after_s, scrubbed
from splynx_stripe.gateways.splynx.resources import INVOICES, PAYMENTS, TOKENS, Call

READ = Call(INVOICES, "view", item="1042")
WRITE = Call(PAYMENTS, "add", body={})
PROBLEM = {"attribute": "amount", "error": "Invalid sum"}


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, json.dumps(body).encode() if body is not None else b"", headers)


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (400, RejectedError, RejectedError),
        (401, NotPermittedError, NotPermittedError),
        (403, NotPermittedError, NotPermittedError),
        (404, NotFoundError, NotFoundError),
        (405, RejectedError, RejectedError),
        (408, RetryableError, OutcomeUnknownError),
        (422, RejectedError, RejectedError),
        (429, RetryableError, RetryableError),
        (500, RetryableError, OutcomeUnknownError),
        (503, RetryableError, OutcomeUnknownError),
        (301, RetryableError, OutcomeUnknownError),
    ],
)
def test_each_status_has_one_meaning(
    status: int, reading: type[Exception], writing: type[Exception]
) -> None:
    said = answer(status, {"error": {"message": "no", "code": status}})

    assert type(refusal(READ, said, ())) is reading
    assert type(refusal(WRITE, said, ())) is writing


def test_a_404_that_splynx_did_not_write_proves_nothing() -> None:
    assert isinstance(refusal(READ, Answer(404, b"<html>nginx</html>"), ()), RetryableError)


@pytest.mark.parametrize(
    "body",
    [
        [PROBLEM],
        {"error": {"message": [PROBLEM], "code": 422, "internal_code": "INVALID_INPUT_DATA"}},
        [{"field": "amount", "message": "Invalid sum"}],
        {"error": {"message": {"amount": ["Invalid sum"]}}},
        {"amount": ["Invalid sum"]},
    ],
)
def test_validation_failures_of_every_shape_become_words(body: object) -> None:
    assert "amount: Invalid sum" in str(refusal(WRITE, answer(422, body), ()))


@pytest.mark.parametrize("body", [None, [], {}, {"error": None}, 7, {"error": {"message": None}}])
def test_a_body_without_words_is_no_obstacle(body: object) -> None:
    assert isinstance(refusal(WRITE, answer(422, body), ()), RejectedError)


def test_splynx_own_word_is_kept() -> None:
    error = refusal(WRITE, answer(405, {"error": {"internal_code": "METHOD_DISABLED"}}), ())

    assert isinstance(error, RejectedError)
    assert error.code == "METHOD_DISABLED"


def test_a_missing_permission_is_named_as_splynx_names_it() -> None:
    error = refusal(READ, answer(403, {"error": {"message": "no"}}), ())

    assert r"api\admin\finance\Invoices view" in str(error)


@pytest.mark.parametrize(
    ("asked", "expected"), [("17", 17), ("", 5), ("soon", 5), ("-1", 5), ("999999", 3600)]
)
def test_the_wait_that_is_asked_for_is_bounded(asked: str, expected: float) -> None:
    headers = {"retry-after": asked}

    assert retry_after_s(Answer(429, b"", headers)) == expected


def test_foreign_words_are_masked_cut_and_on_one_line_i12() -> None:
    said = scrubbed(
        f"key K3Y\nSplynx-EA (key=a&nonce=1&signature={'A' * 64}) {'AB' * 32} " + "x" * 999,
        ["K3Y", ""],
    )

    assert said.startswith("key *** *** *** xxx")
    assert len(said) == 300


def test_a_refresh_token_in_an_address_is_not_named_i12() -> None:
    call = Call(TOKENS, "view", item="refresh-token")

    assert "refresh-token" not in str(call)
    assert call.path.endswith("/refresh-token")
