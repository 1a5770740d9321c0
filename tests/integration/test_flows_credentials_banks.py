"""Bank accounts are kept sealed and proven; what ends outside ends here; renewed cards are taken up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from splynx_stripe.domain.credential import CredentialState, DeadReason
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace, MandateStatus
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.save_credential import By, note_decline
from splynx_stripe.flows.setup_credential import Proof, SetupStanding
from splynx_stripe.sandbox.stripe import mandates
from splynx_stripe.sandbox.stripe.call import Call
from tests.integration.credential_house import (
    ANNA,
    BANK_WITH_AMOUNTS,
    BANK_WITH_CODE,
    CredentialHouse,
    open_credentials,
)
from tests.integration.flow_town import EUR_ACCOUNT, HOUR, Town, open_town


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


@pytest.mark.parametrize("kind", [PaymentKind.ACH, PaymentKind.BECS, PaymentKind.PAD])
async def test_a_bank_account_is_kept_sealed_and_shown_by_its_last_digits(
    home: CredentialHouse, kind: PaymentKind
) -> None:
    await home.save_bank(kind=kind)
    await home.settle()

    (saved,) = await home.present()
    assert (saved.kind, saved.state, saved.card) == (kind, CredentialState.USABLE, None)
    assert saved.mandate_status is MandateStatus.ACTIVE
    bank = home.rooms.bank_of(saved)
    assert isinstance(bank, BankFace)
    assert (bank.last4, bank.holder) == ("6789", "Anna Nováková")
    assert home.row(title="Stripe Bank")["field_4"] == "6789"
    assert home.row() == {}


async def test_a_copy_of_the_database_shows_nothing_of_a_bank_account(
    home: CredentialHouse,
) -> None:
    await home.save_bank(BANK_WITH_CODE)
    await home.save_bank()
    await home.settle()

    def everything(unit: object) -> str:
        connection = unit._connection  # type: ignore[attr-defined]
        tables = ("setups", "credentials", "inbox", "audit_log", "cases", "detachments")
        rows = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables]  # noqa: S608 - our own names
        return json.dumps(
            rows,
            default=lambda value: (
                str(bytes(value)) if isinstance(value, bytes | memoryview) else str(value)
            ),
        )

    found = await home.house.store.read(everything)

    for secret in ("TEST BANK", "6789", "7771", "Nov", "110000000"):
        assert secret not in found


async def test_micro_deposits_prove_a_bank_account_by_two_amounts(
    everywhere: CredentialHouse,
) -> None:
    setup_id = await everywhere.save_bank(BANK_WITH_AMOUNTS)
    (waiting,) = await everywhere.present()
    assert waiting.state is CredentialState.VERIFYING

    wrong = await everywhere.saving.prove(
        setup_id, ANNA, amounts=[1, 2], code="", actor="customer:17"
    )
    right = await everywhere.saving.prove(
        setup_id, ANNA, amounts=[45, 32], code="", actor="customer:17"
    )
    await everywhere.settle()

    assert (wrong, right) == (Proof.WRONG, Proof.PROVEN)
    (proven,) = await everywhere.present()
    assert (proven.id, proven.state) == (waiting.id, CredentialState.USABLE)
    again = await everywhere.saving.prove(
        setup_id, ANNA, amounts=[45, 32], code="", actor="customer:17"
    )
    assert again is Proof.NOT_FOUND


async def test_micro_deposits_prove_a_bank_account_by_a_code(home: CredentialHouse) -> None:
    setup_id = await home.save_bank(BANK_WITH_CODE)

    proof = await home.saving.prove(setup_id, ANNA, amounts=[], code="SM11AA", actor="customer:17")

    assert proof is Proof.PROVEN
    assert [one.state for one in await home.present()] == [CredentialState.USABLE]


async def test_a_bank_account_that_nobody_proves_is_dead_when_stripe_gives_up(
    home: CredentialHouse,
) -> None:
    setup_id = await home.save_bank(BANK_WITH_AMOUNTS)
    intent = next(iter(home.town.stripe_book().setup_intents.values()))
    intent.update(status="requires_payment_method", next_action=None, payment_method=None)
    home.town.clock.advance(HOUR)

    outcome = await home.saving.outcome(setup_id, ANNA, "customer:17")

    assert outcome.standing is SetupStanding.WAITING
    (dead,) = await home.present()
    assert (dead.state, dead.dead_reason) == (CredentialState.DEAD, DeadReason.NOT_VERIFIED)


async def test_a_mandate_that_ends_at_the_bank_ends_the_credential(
    everywhere: CredentialHouse,
) -> None:
    await everywhere.save_bank()
    await everywhere.settle()
    (saved,) = await everywhere.present()
    book = everywhere.town.stripe_book()

    mandates.withdrawn(Call(everywhere.town.stripe.state, book), book.mandates[saved.mandate_id])
    await everywhere.settle()

    (dead,) = await everywhere.present()
    assert (dead.state, dead.dead_reason) == (CredentialState.DEAD, DeadReason.MANDATE_INACTIVE)
    assert everywhere.row(title="Stripe Bank") == {}


async def test_a_card_that_the_bank_renews_is_shown_with_its_new_expiry(
    home: CredentialHouse,
) -> None:
    saved = await home.save_card()
    await home.settle()
    method = home.method(saved.payment_method_id)
    method["card"]["exp_year"] = 2039
    call = Call(home.town.stripe.state, home.town.stripe_book())

    call.emit("payment_method.automatically_updated", method, {})
    await home.settle()

    (renewed,) = await home.present()
    assert renewed.card is not None
    assert renewed.card.expires_year == 2039
    assert home.row()["field_6"] == "2039"


async def test_a_card_detached_in_the_dashboard_is_dead_and_saving_it_again_revives_it(
    home: CredentialHouse,
) -> None:
    saved = await home.save_card()
    await home.settle()
    await home.rooms.stripe.detach_payment_method(EUR_ACCOUNT, saved.payment_method_id)
    await home.settle()
    (dead,) = await home.present()
    assert (dead.state, dead.dead_reason) == (CredentialState.DEAD, DeadReason.DETACHED)
    assert home.row() == {}

    revived = await home.save_card()

    assert (revived.id, revived.state) == (saved.id, CredentialState.USABLE)


async def test_a_stripe_customer_deleted_in_the_dashboard_ends_all_its_credentials(
    home: CredentialHouse,
) -> None:
    saved = await home.save_card()
    await home.settle()
    book = home.town.stripe_book()
    customer = book.customers[saved.owner.stripe_customer_id]
    Call(home.town.stripe.state, book).emit("customer.deleted", customer)
    customer["deleted"] = True

    await home.settle()

    (dead,) = await home.present()
    assert dead.dead_reason is DeadReason.STRIPE_CUSTOMER_DELETED


async def test_a_card_that_was_reported_lost_is_not_tried_again(home: CredentialHouse) -> None:
    saved = await home.save_card()
    by = By(home.town.clock.now(), "daemon")

    states = []
    for code in ("insufficient_funds", "lost_card"):
        await home.house.store.run(
            lambda unit, code=code: note_decline(  # type: ignore[misc]  # a default binds the loop's value
                unit,
                EUR_ACCOUNT,
                saved.payment_method_id,
                PaymentFailure("card_declined", code, ""),
                by,
            )
        )
        states += [one.dead_reason for one in await home.present()]

    assert states == [DeadReason.NONE, DeadReason.LOST_OR_STOLEN]
