"""Saving cards and bank accounts: once each, through faults and restarts, shown in Splynx."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.credential import CredentialState, Move
from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.setup import SetupState
from splynx_stripe.flows.save_credential import SaveCredential
from splynx_stripe.flows.setup_credential import Proof, SetupStanding
from tests.integration.credential_house import (
    ANNA,
    CredentialHouse,
    bank_form,
    open_credentials,
)
from tests.integration.flow_town import HOUR, MINUTE, Town, open_town

BEN = 18
SETUPS = "/v1/setup_intents"
ACCOUNTS = "/api/2.0/admin/customers/customer-payment-accounts.*"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as town:
        yield town


@pytest.fixture
async def home(town: Town, sqlite_url: str) -> AsyncIterator[CredentialHouse]:
    async with open_credentials(town, sqlite_url) as home:
        yield home


@pytest.fixture
async def everywhere(town: Town, store_url: str) -> AsyncIterator[CredentialHouse]:
    """Gives a house on each kind of database, for what depends on its SQL."""
    async with open_credentials(town, store_url) as home:
        yield home


async def test_a_saved_card_is_the_default_with_its_consent_and_is_shown_in_splynx(
    everywhere: CredentialHouse,
) -> None:
    saved = await everywhere.save_card()
    await everywhere.settle()

    assert (saved.state, saved.position) == (CredentialState.USABLE, 0)
    assert saved.card is not None
    assert (saved.card.brand, saved.card.last4) == ("visa", "4242")
    assert saved.consent.way is ConsentWay.ONLINE
    assert (saved.consent.address, saved.consent.browser) == ("192.0.2.7", "Firefox")
    assert (saved.consent.wording, saved.consent.wording_version) == ("I allow it.", "2026-11")
    assert everywhere.method(saved.payment_method_id)["customer"] == saved.owner.stripe_customer_id
    assert everywhere.row() == {
        "field_1": saved.owner.stripe_customer_id,
        "field_2": saved.payment_method_id,
        "field_3": "visa",
        "field_4": "4242",
        "field_5": "12",
        "field_6": "2034",
    }


async def test_the_event_alone_saves_where_nobody_comes_back_to_the_result_page(
    home: CredentialHouse,
) -> None:
    secret = await home.start()
    form = {"payment_method": "pm_card_visa"}
    assert await home.confirm(secret, form) == "succeeded"

    await home.settle()
    await home.settle()

    assert [one.state for one in await home.present()] == [CredentialState.USABLE]


async def test_without_any_event_a_look_finds_what_was_saved(home: CredentialHouse) -> None:
    secret = await home.start()
    await home.confirm(secret, {"payment_method": "pm_card_visa"})

    home.town.clock.advance(2 * HOUR)
    await home.tend.run_once()

    assert [one.state for one in await home.present()] == [CredentialState.USABLE]


async def test_a_double_click_makes_one_setup_intent(home: CredentialHouse) -> None:
    consent = home.consent()
    first = await home.saving.start(ANNA, PaymentKind.CARD, consent)
    second = await home.saving.start(
        ANNA, PaymentKind.CARD, replace(consent, given_at=consent.given_at + timedelta(seconds=1))
    )

    assert first.client_secret == second.client_secret
    assert len(home.town.stripe_book().setup_intents) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_answer_that_was_lost_is_asked_for_with_the_same_key(
    home: CredentialHouse, when: str
) -> None:
    home.town.spoil_stripe(SETUPS, "POST", when=when, times=1)  # type: ignore[arg-type]  # of two words
    started = await home.saving.start(ANNA, PaymentKind.CARD, home.consent())
    assert started.standing is SetupStanding.TRY_AGAIN

    await home.start()

    assert len(home.town.stripe_book().setup_intents) == 1


async def test_a_setup_whose_answer_never_came_is_forgotten_when_its_key_is_too_old(
    home: CredentialHouse,
) -> None:
    home.town.spoil_stripe(SETUPS, "POST", times=-1)
    started = await home.saving.start(ANNA, PaymentKind.CARD, home.consent())
    home.town.clock.advance(24 * HOUR)

    await home.tend.run_once()

    setup = await home.house.store.read(lambda unit: unit.setup(started.setup_id))
    assert setup is not None
    assert (setup.state, setup.next_look_at) == (SetupState.FORGOTTEN, None)


async def test_a_setup_that_nobody_confirms_is_cancelled(home: CredentialHouse) -> None:
    await home.start()
    home.town.clock.advance(2 * HOUR)

    await home.tend.run_once()

    (intent,) = home.town.stripe_book().setup_intents.values()
    assert intent["status"] == "canceled"


async def test_a_refused_card_saves_nothing_and_says_why(home: CredentialHouse) -> None:
    started = await home.saving.start(ANNA, PaymentKind.CARD, home.consent())
    answer = await home.confirm(started.client_secret, {"payment_method": "pm_card_chargeDeclined"})

    outcome = await home.saving.outcome(started.setup_id, ANNA, "customer")

    assert answer == "error card_declined"
    assert outcome.standing is SetupStanding.FAILED
    assert outcome.failure is not None
    assert await home.present() == []


async def test_the_same_card_saved_twice_is_one_credential(everywhere: CredentialHouse) -> None:
    first = await everywhere.save_card()
    second = await everywhere.save_card()
    await everywhere.settle()

    assert second.id == first.id
    assert second.payment_method_id != first.payment_method_id
    assert [one.id for one in await everywhere.present()] == [first.id]
    assert everywhere.method(first.payment_method_id)["customer"] is None
    assert everywhere.method(second.payment_method_id)["customer"] is not None
    assert everywhere.row()["field_2"] == second.payment_method_id


async def test_two_customers_may_save_the_same_card(home: CredentialHouse) -> None:
    anna, ben = await home.save_card(), await home.save_card(customer=BEN)

    assert anna.id != ben.id
    assert anna.mark == ben.mark


async def test_the_order_decides_what_splynx_shows(everywhere: CredentialHouse) -> None:
    visa = await everywhere.save_card()
    master = await everywhere.save_card("5555555555554444")
    await everywhere.settle()
    assert everywhere.row()["field_2"] == visa.payment_method_id

    assert await everywhere.saved.move(ANNA, master.id, Move.FIRST, "customer:17")
    await everywhere.settle()

    assert [one.id for one in await everywhere.present()] == [master.id, visa.id]
    assert everywhere.row()["field_3"] == "mastercard"


async def test_a_removed_card_is_detached_cleared_in_splynx_and_never_comes_back(
    everywhere: CredentialHouse,
) -> None:
    saved = await everywhere.save_card()
    await everywhere.settle()

    assert await everywhere.saved.remove(ANNA, saved.id, "customer:17")
    await everywhere.settle()

    assert await everywhere.present() == []
    assert everywhere.method(saved.payment_method_id)["customer"] is None
    assert everywhere.row() == {}
    await everywhere.settle()
    assert await everywhere.present() == []


async def test_when_stripe_does_not_answer_a_removed_card_is_detached_later(
    home: CredentialHouse,
) -> None:
    saved = await home.save_card()
    await home.settle()
    home.town.spoil_stripe("/v1/payment_methods/.*/detach", times=2)

    await home.saved.remove(ANNA, saved.id, "customer:17")
    for _ in range(4):
        await home.tend.run_once()
        home.town.clock.advance(MINUTE)

    assert home.method(saved.payment_method_id)["customer"] is None


async def test_another_customers_card_can_be_neither_moved_nor_removed_nor_looked_at(
    home: CredentialHouse,
) -> None:
    saved = await home.save_card()
    setup_id = saved.setup_id

    assert not await home.saved.move(BEN, saved.id, Move.FIRST, "customer:18")
    assert not await home.saved.remove(BEN, saved.id, "customer:18")
    outcome = await home.saving.outcome(setup_id, BEN, "customer:18")
    proof = await home.saving.prove(setup_id, BEN, amounts=[32, 45], code="", actor="customer:18")

    assert outcome.standing is SetupStanding.NOT_FOUND
    assert proof is Proof.NOT_FOUND
    assert [one.id for one in await home.present()] == [saved.id]


async def test_a_row_changed_by_hand_is_left_alone_and_reported_once(
    everywhere: CredentialHouse,
) -> None:
    everywhere.fill_row(field_1="cus_old", field_2="card_old")

    await everywhere.save_card()
    await everywhere.save_card("5555555555554444")
    await everywhere.settle()

    assert everywhere.row() == {"field_1": "cus_old", "field_2": "card_old"}
    kinds = await everywhere.house.case_kinds()
    assert kinds == ["payment_account_differs"]

    everywhere.fill_row()
    (first, _) = await everywhere.present()
    await everywhere.saved.move(ANNA, first.id, Move.DOWN, "customer:17")
    await everywhere.settle()
    assert everywhere.row()["field_3"] == "mastercard"
    assert await everywhere.house.case_kinds() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_fault_of_splynx_delays_the_row_and_loses_nothing(
    home: CredentialHouse, method: str, when: str
) -> None:
    home.town.spoil_splynx(ACCOUNTS, method, when=when, times=2)  # type: ignore[arg-type]  # of two words
    saved = await home.save_card()

    for _ in range(4):
        await home.tend.run_once()
        home.town.clock.advance(MINUTE)

    assert home.row()["field_2"] == saved.payment_method_id
    assert await home.house.case_kinds() == []


async def test_a_payment_account_that_splynx_does_not_have_is_reported(
    home: CredentialHouse,
) -> None:
    terms = home.house.terms.by_partner[1]
    home.house.terms.by_partner[1] = replace(terms, payment_account="Strip")

    await home.save_card()
    await home.settle()

    (case,) = await home.house.cases()
    assert "no payment account 'Strip'" in case.summary
    assert "'Stripe'" in case.summary


async def test_the_payment_method_of_the_customer_changes_only_where_it_is_wanted(
    home: CredentialHouse,
) -> None:
    state = home.town.splynx.state
    billing = state.billings[ANNA]
    before = billing.payment_method

    await home.save_card()
    await home.settle()
    assert billing.payment_method == before

    home.rules.changes = True
    await home.save_card("5555555555554444")
    await home.settle()
    assert billing.payment_method == "3"


async def test_after_a_restart_what_was_wanted_is_still_done(town: Town, store_url: str) -> None:
    async with open_credentials(town, store_url) as before:
        saved = await before.save_card()

    async with open_credentials(town, store_url) as after:
        await after.tend.run_once()
        assert after.row()["field_2"] == saved.payment_method_id


async def test_without_an_encryption_key_only_cards_are_offered(home: CredentialHouse) -> None:
    keyless = replace(home.rooms, sealer=type(home.rooms.sealer).following(lambda: None))
    terms = home.house.terms.by_partner[1]

    assert keyless.offered(terms) == (PaymentKind.CARD,)
    assert set(home.rooms.offered(terms)) == set(PaymentKind)


async def test_a_kind_that_is_not_offered_cannot_be_started(home: CredentialHouse) -> None:
    terms = home.house.terms.by_partner[1]
    home.house.terms.by_partner[1] = replace(terms, payment_kinds=(PaymentKind.CARD,))

    started = await home.saving.start(ANNA, PaymentKind.ACH, home.consent())

    assert started.standing is SetupStanding.NOT_OFFERED
    assert home.town.stripe_book().setup_intents == {}


async def test_a_setup_of_another_installation_is_left_alone(home: CredentialHouse) -> None:
    secret = await home.start(PaymentKind.ACH)
    intent = home.town.stripe_book().setup_intents[secret.partition("_secret_")[0]]
    intent["metadata"]["splynx_stripe_installation"] = "ins_other"
    await home.confirm(secret, bank_form("000123456789"))

    await home.settle()

    assert await home.present() == []


async def test_where_the_stripe_customer_is_gone_a_new_one_is_made(home: CredentialHouse) -> None:
    saved = await home.save_card()
    await home.settle()
    home.town.stripe_book().customers[saved.owner.stripe_customer_id]["deleted"] = True

    again = await home.save_card("5555555555554444")

    assert again.state is CredentialState.USABLE
    assert again.owner.stripe_customer_id != saved.owner.stripe_customer_id


async def test_a_payment_method_is_saved_after_its_payment_once(home: CredentialHouse) -> None:
    view = await home.house.view()
    assert view.payable is not None
    started = await home.house.pay.start(
        view.payable, Route.PORTAL, "customer:17", saves_method=True
    )
    assert await home.town.enter_card(started.client_secret) == "succeeded"
    handler = SaveCredential(home.rooms)
    home.house.effects._handlers = {
        **home.house.effects._handlers,
        EffectKind.SAVE_CREDENTIAL: handler,
    }

    await home.house.deliver_webhooks()
    (attempt,) = await home.house.attempts()
    effect = await home.house.store.read(lambda unit: unit.effect(f"save:{attempt.id}"))
    assert effect is not None
    await handler.carry_out(effect)  # as after a crash
    await home.settle()

    (saved,) = await home.present()
    assert saved.consent.way is ConsentWay.WITH_PAYMENT
    assert home.row()["field_2"] == saved.payment_method_id
