"""The Stripe sandbox takes, refuses and isolates payments as the real Stripe does."""

from __future__ import annotations

import pytest
import stripe
from stripe.params import PaymentIntentCreateParams

from splynx_stripe.sandbox.stripe import StripeSandboxOptions
from splynx_stripe.sandbox.stripe.amounts import CURRENCIES
from tests.contract.stripe_sandbox_running import (
    LIVE_KEY,
    PUBLISHABLE_KEY,
    RETURN_URL,
    SECOND_KEY,
    HandClock,
    Running,
    running,
)


def payment(method: str = "pm_card_visa", **changes: object) -> PaymentIntentCreateParams:
    params: PaymentIntentCreateParams = {
        "amount": 17250,
        "currency": "eur",
        "payment_method": method,
        "confirm": True,
        "return_url": RETURN_URL,
    }
    params.update(changes)  # type: ignore[typeddict-item]  # a builder: the test names the rest
    return params


async def made_card(stage: Running, number: str) -> str:
    """Makes a card as Stripe.js does, with the publishable key."""
    card = {"number": number, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
    form = {"type": "card", **{f"card[{name}]": value for name, value in card.items()}}
    status, body, _ = await stage.raw("POST", "/v1/payment_methods", form, key=PUBLISHABLE_KEY)
    assert status == 200, body
    return str(body["id"])


async def test_a_good_card_pays_at_once_and_the_ledger_shows_it() -> None:
    async with running() as stage:
        params = payment(
            metadata={"attempt": "att_1"}, expand=["latest_charge.balance_transaction"]
        )

        intent = await stage.client().v1.payment_intents.create_async(params)

        assert (intent.status, intent.amount_received) == ("succeeded", 17250)
        assert (len(intent.id), intent.id[:4]) == (27, "pi_3")
        assert isinstance(intent.latest_charge, stripe.Charge)
        entry = intent.latest_charge.balance_transaction
        assert isinstance(entry, stripe.BalanceTransaction)
        assert (entry.fee, entry.net) == (267, 16983)
        ledger = stage.sandbox.control.totals()
        assert [(one["id"], one["status"]) for one in ledger["payment_intents"]] == [
            (intent.id, "succeeded")
        ]
        assert ledger["payment_intents"][0]["metadata"] == {"attempt": "att_1"}
        assert len(ledger["charges"]) == 1


@pytest.mark.parametrize(
    ("method", "number", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "4000000000000002", "card_declined", "generic_decline"),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "4000000000009995",
            "card_declined",
            "insufficient_funds",
        ),
        ("pm_card_visa_chargeDeclinedLostCard", "4000000000009987", "card_declined", "lost_card"),
        (
            "pm_card_visa_chargeDeclinedStolenCard",
            "4000000000009979",
            "card_declined",
            "stolen_card",
        ),
        ("pm_card_chargeDeclinedExpiredCard", "4000000000000069", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "4000000000000119", "processing_error", None),
    ],
)
async def test_a_bad_card_is_refused_with_its_reason_and_the_intent_stays_open(
    method: str, number: str, code: str, decline_code: str | None
) -> None:
    async with running() as stage:
        for wanted in (method, await made_card(stage, number)):
            with pytest.raises(stripe.CardError) as caught:
                await stage.client().v1.payment_intents.create_async(payment(wanted))

            error = caught.value.error
            assert error is not None
            assert (caught.value.http_status, error.code) == (402, code)
            assert getattr(error, "decline_code", None) == decline_code
            assert error.payment_intent is not None
            intent = await stage.client().v1.payment_intents.retrieve_async(error.payment_intent.id)
            assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
            assert intent.last_payment_error is not None
            assert intent.last_payment_error.code == code
            charge = stage.sandbox.state.book().charges[str(intent.latest_charge)]
            assert (charge["status"], charge["failure_code"]) == ("failed", code)
            kinds = [one.body["type"] for one in stage.sandbox.state.book().events.values()]
            assert kinds[-3:] == [
                "payment_intent.created",
                "charge.failed",
                "payment_intent.payment_failed",
            ]


@pytest.mark.parametrize(
    ("outcome", "status"), [("success", "succeeded"), ("fail", "requires_payment_method")]
)
async def test_three_d_secure_waits_for_the_customer_in_the_browser(
    outcome: str, status: str
) -> None:
    async with running() as stage:
        card = await made_card(stage, "4000002760003184")
        intent = await stage.client().v1.payment_intents.create_async(
            {"amount": 500, "currency": "eur"}
        )
        path, secret = f"/v1/payment_intents/{intent.id}", str(intent.client_secret)
        form = {"payment_method": card, "client_secret": secret, "return_url": RETURN_URL}
        _, waiting, _ = await stage.raw("POST", f"{path}/confirm", form, key=PUBLISHABLE_KEY)
        assert waiting["status"] == "requires_action"
        assert waiting["next_action"]["type"] == "use_stripe_sdk"

        answer, done, _ = await stage.raw(
            "POST",
            f"{path}/_authenticate?outcome={outcome}",
            {"client_secret": secret},
            key=PUBLISHABLE_KEY,
        )

        assert (answer, done["status"]) == (200, status)
        if outcome == "fail":
            error = done["last_payment_error"]
            assert error["code"] == "payment_intent_authentication_failure"
            assert stage.sandbox.state.book().charges == {}


async def test_a_server_side_three_d_secure_leads_to_a_page_and_back() -> None:
    async with running() as stage:
        intent = await stage.client().v1.payment_intents.create_async(
            payment("pm_card_authenticationRequired")
        )
        assert intent.next_action is not None
        assert intent.next_action.redirect_to_url is not None
        url = str(intent.next_action.redirect_to_url.url)
        async with stage.session.get(url) as page:
            assert "Complete authentication" in await page.text()

        form = {"outcome": "success", "secret": str(intent.client_secret)}
        async with stage.session.post(url, data=form, allow_redirects=False) as back:
            assert back.status == 303
            assert back.headers["Location"].startswith(f"{RETURN_URL}?payment_intent={intent.id}")

        assert stage.sandbox.state.book().payment_intents[intent.id]["status"] == "succeeded"


async def test_a_card_that_wants_authentication_is_refused_off_session() -> None:
    async with running() as stage:
        for method in ("pm_card_authenticationRequired", "pm_card_authenticationRequiredOnSetup"):
            with pytest.raises(stripe.CardError) as caught:
                await stage.client().v1.payment_intents.create_async(
                    payment(method, off_session=True)
                )

            assert caught.value.code == "authentication_required"


async def test_a_card_authenticated_at_saving_pays_off_session() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        customer = await v1.customers.create_async({"email": "a@example.com"})
        setup = await v1.setup_intents.create_async({"customer": customer.id})
        card = await made_card(stage, "4000002500003155")
        path, secret = f"/v1/setup_intents/{setup.id}", str(setup.client_secret)
        form = {"payment_method": card, "client_secret": secret}
        await stage.raw("POST", f"{path}/confirm", form, key=PUBLISHABLE_KEY)
        form = {"client_secret": secret, "outcome": "success"}
        await stage.raw("POST", f"{path}/_authenticate", form, key=PUBLISHABLE_KEY)

        intent = await v1.payment_intents.create_async(
            payment(card, customer=customer.id, off_session=True)
        )

        assert intent.status == "succeeded"
        saved = await v1.customers.payment_methods.list_async(customer.id, {"type": "card"})
        assert [one.id for one in saved.data] == [card]


async def test_a_card_that_saves_may_still_refuse_to_pay() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        customer = await v1.customers.create_async()
        card = await made_card(stage, "4000000000000341")
        await v1.payment_methods.attach_async(card, {"customer": customer.id})

        with pytest.raises(stripe.CardError):
            await v1.payment_intents.create_async(payment(card, customer=customer.id))


async def test_a_card_of_one_customer_cannot_pay_for_another() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        owner, stranger = await v1.customers.create_async(), await v1.customers.create_async()
        card = await made_card(stage, "4242424242424242")
        await v1.payment_methods.attach_async(card, {"customer": owner.id})

        for customer in ({}, {"customer": stranger.id}):
            with pytest.raises(stripe.InvalidRequestError, match="customer"):
                await v1.payment_intents.create_async(payment(card, **customer))

        assert stage.sandbox.state.book().payment_intents == {}


async def test_a_card_that_paid_without_a_customer_is_used_up() -> None:
    async with running() as stage:
        card = await made_card(stage, "4242424242424242")
        await stage.client().v1.payment_intents.create_async(payment(card))

        with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
            await stage.client().v1.payment_intents.create_async(payment(card))


@pytest.mark.parametrize(
    ("number", "status"),
    [("000123456789", "succeeded"), ("000111111116", "requires_payment_method")],
)
async def test_a_bank_debit_is_processing_until_the_bank_answers(number: str, status: str) -> None:
    clock = HandClock()
    options = StripeSandboxOptions(bank_debit_delay_s=60)
    async with running(options, clock=clock) as stage:
        bank = await stage.client().v1.payment_methods.create_async(
            {
                "type": "us_bank_account",
                "billing_details": {"name": "Jana"},
                "us_bank_account": {
                    "account_number": number,
                    "routing_number": "110000000",
                    "account_holder_type": "individual",
                },
            }
        )
        intent = await stage.client().v1.payment_intents.create_async(
            payment(bank.id, currency="usd")
        )
        assert intent.status == "processing"
        with pytest.raises(stripe.InvalidRequestError, match="status of processing"):
            await stage.client().v1.payment_intents.cancel_async(intent.id)

        clock.advance(60)

        after = await stage.client().v1.payment_intents.retrieve_async(intent.id)
        assert after.status == status
        if status != "succeeded":
            assert after.last_payment_error is not None
            assert after.last_payment_error.code == "no_account"


async def test_manual_capture_takes_the_money_only_when_captured() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        intent = await v1.payment_intents.create_async(payment(capture_method="manual"))
        assert (intent.status, intent.amount_received) == ("requires_capture", 0)

        done = await v1.payment_intents.capture_async(intent.id, {"amount_to_capture": 10000})

        assert (done.status, done.amount_received) == ("succeeded", 10000)


async def test_what_has_succeeded_or_been_canceled_cannot_be_confirmed_or_canceled() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        paid = await v1.payment_intents.create_async(payment())
        closed = await v1.payment_intents.create_async({"amount": 100, "currency": "eur"})
        await v1.payment_intents.cancel_async(closed.id, {"cancellation_reason": "abandoned"})

        for intent in (paid, closed):
            for call in (v1.payment_intents.confirm_async, v1.payment_intents.cancel_async):
                with pytest.raises(stripe.InvalidRequestError) as caught:
                    await call(intent.id)

                error = caught.value.error
                assert error is not None
                assert error.code == "payment_intent_unexpected_state"
                assert error.payment_intent is not None
                assert error.payment_intent.id == intent.id


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"amount": "1000"}, "parameter_missing", "currency"),
        ({"currency": "eur"}, "parameter_missing", "amount"),
        ({"amount": "10.99", "currency": "eur"}, "parameter_invalid_integer", "amount"),
        ({"amount": "0", "currency": "eur"}, "parameter_invalid_integer", "amount"),
        ({"amount": "49", "currency": "eur"}, "amount_too_small", "amount"),
        ({"amount": "100000000", "currency": "eur"}, "amount_too_large", "amount"),
        ({"amount": "10001", "currency": "kwd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "100", "currency": "eur", "x": "1"}, "parameter_unknown", "x"),
        (
            {"amount": "100", "currency": "eur", "automatic_payment_methods[on]": "true"},
            "parameter_unknown",
            "automatic_payment_methods[on]",
        ),
        (
            {"amount": "100", "currency": "eur", "payment_method_types[]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"amount": "100", "currency": "eur", "customer": "cus_x"}, "resource_missing", "customer"),
    ],
)
async def test_a_wrong_request_names_the_parameter_and_makes_nothing(
    form: dict[str, str], code: str, param: str
) -> None:
    async with running() as stage:
        status, body, _ = await stage.raw("POST", "/v1/payment_intents", form)

        assert status == 400
        assert (body["error"]["code"], body["error"]["param"]) == (code, param)
        if code == "parameter_unknown":
            assert body["error"]["message"] == f"Received unknown parameter: {param}"
        assert stage.sandbox.state.book().payment_intents == {}


async def test_automatic_and_allowed_method_types_exclude_each_other() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        chosen = await v1.payment_intents.create_async(
            {
                "amount": 100,
                "currency": "eur",
                "allowed_payment_method_types": ["card", "us_bank_account"],
            }
        )
        # US bank accounts do not take euros: dropped without a word.
        assert chosen.payment_method_types == ["card"]

        with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
            await v1.payment_intents.create_async(
                {
                    "amount": 100,
                    "currency": "eur",
                    "allowed_payment_method_types": ["card"],
                    "automatic_payment_methods": {"enabled": True},
                }
            )


async def test_metadata_is_merged_unset_and_limited() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        intent = await v1.payment_intents.create_async(
            {"amount": 100, "currency": "eur", "metadata": {"a": "1", "b": "2"}}
        )

        changed = await v1.payment_intents.update_async(
            intent.id, {"metadata": {"b": "", "c": "3"}}
        )
        assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
        cleared = await v1.payment_intents.update_async(intent.id, {"metadata": ""})
        assert cleared.metadata.to_dict() == {}
        too_much: list[dict[str, str]] = [
            {"k" * 41: "v"},
            {"k": "v" * 501},
            {f"k{n}": "v" for n in range(51)},
        ]
        for metadata in too_much:
            with pytest.raises(stripe.InvalidRequestError, match="Metadata"):
                await v1.payment_intents.update_async(intent.id, {"metadata": metadata})


async def test_a_publishable_key_may_only_do_what_the_browser_does() -> None:
    async with running() as stage:
        intent = await stage.client().v1.payment_intents.create_async(
            {"amount": 100, "currency": "eur", "metadata": {"customer": "secret"}}
        )
        path = f"/v1/payment_intents/{intent.id}"

        status, body, _ = await stage.raw(
            "GET", f"{path}?client_secret={intent.client_secret}", key=PUBLISHABLE_KEY
        )
        assert (status, body["status"]) == (200, "requires_payment_method")
        assert not {"metadata", "customer", "latest_charge"} & set(body)
        for method, refused in [
            ("GET", path),
            ("GET", f"{path}?client_secret={intent.id}_secret_guess"),
            ("GET", "/v1/payment_intents"),
            ("POST", f"{path}/cancel"),
        ]:
            status, body, _ = await stage.raw(method, refused, key=PUBLISHABLE_KEY)
            assert status in (400, 401, 404), refused


async def test_a_wrong_key_is_refused_without_showing_it() -> None:
    async with running() as stage:
        with pytest.raises(stripe.AuthenticationError) as caught:
            await stage.client("sk_test_wrong_key_1234567890").v1.accounts.retrieve_current_async()

        assert "wrong_key_123456" not in str(caught.value)


async def test_accounts_and_modes_do_not_see_each_other() -> None:
    async with running() as stage:
        intent = await stage.client().v1.payment_intents.create_async(
            {"amount": 100, "currency": "eur"}
        )
        plain = f"No such payment_intent: '{intent.id}'"
        hint = "a similar object exists in test mode, but a live mode key was used"

        for key, message in ((SECOND_KEY, plain), (LIVE_KEY, hint)):
            with pytest.raises(stripe.InvalidRequestError, match=message) as caught:
                await stage.client(key).v1.payment_intents.retrieve_async(intent.id)
            assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
            assert (await stage.client(key).v1.payment_intents.list_async()).data == []


async def test_lists_are_newest_first_and_pages_join_without_gap() -> None:
    clock = HandClock()
    async with running(clock=clock) as stage:
        v1 = stage.client().v1
        customer = await v1.customers.create_async()
        made = []
        for _ in range(7):
            clock.advance(10)
            intent = await v1.payment_intents.create_async(
                {"amount": 100, "currency": "eur", "customer": customer.id}
            )
            made.append(intent)
        await v1.payment_intents.create_async({"amount": 100, "currency": "eur"})

        first = await v1.payment_intents.list_async({"customer": customer.id, "limit": 3})
        walked = [one.id async for one in first.auto_paging_iter()]
        before = await v1.payment_intents.list_async({"ending_before": made[3].id, "limit": 2})
        recent = await v1.payment_intents.list_async({"created": {"gte": made[5].created}})

        assert walked == [one.id for one in reversed(made)]
        assert [one.id for one in before.data] == [made[5].id, made[4].id]
        assert len(recent.data) == 3


async def test_a_deleted_customer_is_gone_for_new_payments() -> None:
    async with running() as stage:
        v1 = stage.client().v1
        customer = await v1.customers.create_async({"email": "gone@example.com"})
        found = await v1.customers.list_async({"email": "gone@example.com"})
        assert [one.id for one in found.data] == [customer.id]

        await v1.customers.delete_async(customer.id)

        assert (await v1.customers.retrieve_async(customer.id)).deleted
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            await v1.payment_intents.create_async(payment(customer=customer.id))


async def test_the_same_seed_gives_the_same_ids_however_often_others_look() -> None:
    made = []
    for looks in (0, 3):
        async with running() as stage:
            for _ in range(looks):
                await stage.client().v1.events.list_async()
            intent = await stage.client().v1.payment_intents.create_async(payment())
            async with stage.session.get(f"{stage.base}/_sandbox/ledger") as answer:
                ledger = await answer.json()
            assert [one["id"] for one in ledger["payment_intents"]] == [intent.id]
            assert (ledger["charges"][0]["amount"], ledger["events"]) == (17250, 3)
            made.append((intent.id, intent.client_secret, intent.latest_charge))

    assert made[0] == made[1]


def test_every_currency_is_named_once_in_capitals() -> None:
    assert all(len(name) == 3 and name.isupper() for name in CURRENCIES)
    assert {"EUR", "USD", "CAD", "AUD", "JPY", "KWD", "UGX", "CZK"} <= CURRENCIES
