"""Connecting Stripe accounts by OAuth: once, in one session, and never mixed (I8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from splynx_stripe.config import load_settings
from splynx_stripe.domain.errors import OutcomeUnknownError, RetryableError
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.flows.account_rooms import AccountRefusedError, Refusal
from splynx_stripe.flows.connections import Returned
from splynx_stripe.sandbox.faults import FaultRule
from tests.integration.accounts_stage import (
    CONFIG,
    DEFAULT_ID,
    SECOND_ID,
    AccountsStage,
    accounts_stage,
)

SECOND = StripeAccount(f"2-{SECOND_ID}", livemode=False)
DEAUTHORIZED = "account.application.deauthorized"


@pytest.fixture
async def stage(tmp_path: Path, store_url: str) -> AsyncIterator[AccountsStage]:
    async with accounts_stage(tmp_path, store_url) as stage:
        yield stage


async def refusal(stage: AccountsStage, returned: Returned) -> Refusal:
    with pytest.raises(AccountRefusedError) as refused:
        await stage.wing.desk.connections.finish(returned, "admin:1")
    assert await stage.store.read(lambda unit: unit.connections()) == []
    return refused.value.reason


async def test_a_connected_account_charges_for_its_partner_and_for_nobody_else(
    stage: AccountsStage,
) -> None:
    await stage.connect()

    two, one = stage.settings.terms(2), stage.settings.terms(1)
    assert two is not None
    assert one is not None
    assert two.account == SECOND
    assert two.publishable_key == "pk_test_sandbox_second"
    assert one.account == StripeAccount("default", livemode=False)
    assert "account.connected" in await stage.actions()
    status = await stage.wing.desk.watch.check(SECOND)
    assert status.stripe_account_id == SECOND_ID
    assert status.charges_enabled


async def test_tokens_are_sealed_in_the_database(stage: AccountsStage) -> None:
    await stage.connect()
    (connection,) = await stage.store.read(lambda unit: unit.connections())

    assert connection.access_token.startswith("v1:k1:")
    assert connection.refresh_token.startswith("v1:k1:")
    assert "sk_test" not in repr(connection)


async def test_a_state_is_good_once(stage: AccountsStage) -> None:
    state, code = stage.consent(await stage.begin())
    await stage.wing.desk.connections.deny(Returned(state, "", "session-1"))

    assert await refusal(stage, Returned(state, code, "session-1")) is Refusal.STATE_USED


async def test_a_state_that_we_did_not_sign_is_unknown(stage: AccountsStage) -> None:
    state, code = stage.consent(await stage.begin())
    token, _, signature = state.partition(".")

    for forged in ("", "x", token, f"{'0' * 32}.{signature}", f"{token}.{'0' * 64}", state + "x"):
        assert await refusal(stage, Returned(forged, code, "session-1")) is Refusal.STATE_UNKNOWN


async def test_a_state_of_another_session_is_refused_and_used_up(stage: AccountsStage) -> None:
    state, code = stage.consent(await stage.begin())

    assert await refusal(stage, Returned(state, code, "session-2")) is Refusal.OTHER_SESSION
    assert await refusal(stage, Returned(state, code, "session-1")) is Refusal.STATE_USED


async def test_a_state_lasts_ten_minutes(stage: AccountsStage) -> None:
    state, code = stage.consent(await stage.begin())
    stage.clock.move(timedelta(minutes=10))

    assert await refusal(stage, Returned(state, code, "session-1")) is Refusal.STATE_EXPIRED


async def test_a_code_that_was_used_is_refused(stage: AccountsStage) -> None:
    state, code = stage.consent(await stage.begin())
    other, _ = stage.consent(await stage.begin())
    await stage.wing.desk.connections.finish(Returned(state, code, "session-1"), "admin:1")

    with pytest.raises(AccountRefusedError) as refused:
        await stage.wing.desk.connections.finish(Returned(other, code, "session-1"), "admin:1")

    assert refused.value.reason is Refusal.CODE_REFUSED


async def test_an_account_of_the_other_mode_is_not_stored(stage: AccountsStage) -> None:
    state, code = stage.consent(await stage.begin())
    body = (
        '{"access_token": "sk_live_x", "livemode": true, "refresh_token": "rt", "scope":'
        f' "read_write", "stripe_publishable_key": "pk_live_x", "stripe_user_id": "{SECOND_ID}"}}'
    )
    stage.stripe.faults.add(
        FaultRule(
            method="POST",
            path="/oauth/token",
            action="status",
            when="before",
            status=200,
            body=body,
        )
    )

    assert await refusal(stage, Returned(state, code, "session-1")) is Refusal.OTHER_MODE


async def test_one_account_cannot_belong_to_two_partners(stage: AccountsStage) -> None:
    await stage.connect("2")
    state, code = stage.consent(await stage.begin("3"))

    with pytest.raises(AccountRefusedError) as refused:
        await stage.wing.desk.connections.finish(Returned(state, code, "session-1"), "admin:1")

    assert (refused.value.reason, refused.value.detail) == (Refusal.TAKEN, "2")


async def test_an_account_whose_keys_stand_in_the_files_cannot_be_connected_to_another_partner(
    stage: AccountsStage,
) -> None:
    await stage.wing.desk.watch.check_all()
    state, code = stage.consent(await stage.begin("2"), DEFAULT_ID)

    assert await refusal(stage, Returned(state, code, "session-1")) is Refusal.TAKEN


async def test_keys_in_the_files_are_not_overruled_by_a_button(stage: AccountsStage) -> None:
    with pytest.raises(AccountRefusedError) as refused:
        await stage.begin("default")

    assert refused.value.reason is Refusal.WRITTEN


async def test_without_an_encryption_key_nothing_is_begun(tmp_path: Path, sqlite_url: str) -> None:
    async with accounts_stage(tmp_path, sqlite_url, with_key=False) as stage:
        with pytest.raises(AccountRefusedError) as refused:
            await stage.begin()

    assert refused.value.reason is Refusal.NO_ENCRYPTION_KEY


async def test_without_a_platform_nothing_is_begun(tmp_path: Path, sqlite_url: str) -> None:
    config = "\n".join(
        line for line in CONFIG.splitlines() if "client_id" not in line and "platform" not in line
    )
    async with accounts_stage(tmp_path, sqlite_url, config=config) as stage:
        with pytest.raises(AccountRefusedError) as refused:
            await stage.begin()

    assert refused.value.reason is Refusal.NO_PLATFORM


async def test_disconnecting_stops_charging_and_never_falls_back_to_another_account(
    stage: AccountsStage,
) -> None:
    await stage.connect()
    await stage.wing.desk.connections.disconnect("2", actor="admin:1")
    await stage.take_up()

    assert stage.settings.terms(2) is None
    assert stage.settings.terms(1) is not None
    assert SECOND_ID not in stage.stripe.state.connected[("acct_1SandboxPlatform", False)]
    assert await stage.cases() == []


async def test_who_releases_the_partner_lets_it_use_the_default_account(
    stage: AccountsStage,
) -> None:
    await stage.connect()
    await stage.wing.desk.connections.disconnect("2", actor="admin:1")
    await stage.wing.desk.connections.release("2", actor="admin:1")
    await stage.take_up()

    terms = stage.settings.terms(2)
    assert terms is not None
    assert terms.account.name == "default"


async def test_the_same_account_goes_on_with_its_history_and_another_one_begins_its_own(
    stage: AccountsStage,
) -> None:
    await stage.connect()
    await stage.store.run(lambda unit: unit.save_stripe_customer(SECOND, 17, "cus_of_second"))
    await stage.wing.desk.connections.disconnect("2", actor="admin:1")
    await stage.take_up()
    await stage.connect("2", SECOND_ID)
    again = stage.settings.terms(2)
    await stage.wing.desk.connections.disconnect("2", actor="admin:1")
    await stage.take_up()
    await stage.connect("2", DEFAULT_ID)
    other = stage.settings.terms(2)

    assert again is not None
    assert other is not None
    first, second = await stage.store.read(
        lambda unit: (
            unit.stripe_customer(again.account, 17),
            unit.stripe_customer(other.account, 17),
        )
    )
    assert (first, second) == ("cus_of_second", "")


async def test_an_account_that_was_taken_back_at_stripe_is_noticed_by_its_refusal(
    stage: AccountsStage,
) -> None:
    await stage.connect()
    platform = next(key for key in stage.stripe.options.keys if key.client_id)
    stage.stripe.connect.end(platform, SECOND_ID)

    await stage.wing.desk.watch.check_all()
    await stage.wing.desk.watch.check_all()
    await stage.take_up()

    assert stage.settings.terms(2) is None
    assert stage.settings.terms(1) is not None
    ((kind, summary),) = await stage.cases()
    assert kind == "account_disconnected"
    assert "partner 2" in summary
    assert (await stage.actions()).count("account.ended") == 1


async def test_the_case_closes_by_itself_when_the_account_is_connected_again(
    stage: AccountsStage,
) -> None:
    await stage.connect()
    await stage.wing.desk.connections.ended(SECOND, "taken back")
    await stage.take_up()
    await stage.connect()

    assert await stage.cases() == []
    assert stage.settings.terms(2) is not None


class Inbox:
    """Stores events in a set."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        assert account == SECOND
        assert source is InboxSource.WEBHOOK
        new = event.id not in self.known
        self.known.add(event.id)
        return new


async def test_stripes_event_of_the_end_is_in_force_before_it_is_acknowledged(
    stage: AccountsStage,
) -> None:
    await stage.connect()
    event = StripeEvent("evt_1", DEAUTHORIZED, stage.clock.now(), False, SECOND_ID, "", b"{}")
    door = stage.wing.door(Inbox())

    assert await door.receive(event, SECOND, InboxSource.WEBHOOK)
    assert not await door.receive(event, SECOND, InboxSource.WEBHOOK)

    await stage.take_up()
    assert stage.settings.terms(2) is None
    assert (await stage.actions()).count("account.ended") == 1


async def test_a_lost_answer_stores_nothing_and_beginning_anew_finds_the_connection(
    stage: AccountsStage,
) -> None:
    state, code = stage.consent(await stage.begin())
    stage.stripe.faults.add(
        FaultRule(method="POST", path="/oauth/token", action="drop", when="after")
    )
    with pytest.raises((OutcomeUnknownError, RetryableError)):
        await stage.wing.desk.connections.finish(Returned(state, code, "session-1"), "admin:1")
    assert await stage.store.read(lambda unit: unit.connections()) == []

    await stage.connect()

    assert stage.settings.terms(2) is not None


async def test_keys_that_became_those_of_another_account_are_not_used(
    stage: AccountsStage, tmp_path: Path
) -> None:
    default = StripeAccount("default", livemode=False)
    await stage.wing.desk.watch.check_all()
    await stage.store.run(lambda unit: unit.save_stripe_customer(default, 17, "cus_old"))
    (tmp_path / "stripe.secret").write_text("sk_test_sandbox_second", encoding="utf-8")
    stage.written = load_settings(tmp_path / "config.yaml", credentials_dir=None)
    await stage.take_up()
    profile = await stage.wing.desk.watch.check(default)
    await stage.take_up()

    assert profile.is_another
    assert stage.settings.terms(1) is None
    assert [kind for kind, _ in await stage.cases()] == ["account_changed"]

    assert await stage.wing.desk.watch.accept(default, actor="cli")
    await stage.take_up()
    assert stage.settings.terms(1) is not None
    assert await stage.store.read(lambda unit: unit.stripe_customer(default, 17)) == ""
    assert await stage.cases() == []


async def test_keys_of_an_account_that_is_connected_elsewhere_are_pointed_out(
    stage: AccountsStage, tmp_path: Path
) -> None:
    await stage.connect()
    await stage.wing.desk.watch.check_all()
    (tmp_path / "stripe.secret").write_text("sk_test_sandbox_second", encoding="utf-8")
    stage.reload(tmp_path)
    await stage.take_up()

    profile = await stage.wing.desk.watch.check(StripeAccount("default", livemode=False))

    assert "the same Stripe account as that of 2-acct_1SandboxSecond00:test" in profile.trouble


async def test_of_many_who_bring_the_same_state_at_once_one_is_believed(
    stage: AccountsStage,
) -> None:
    state, _ = stage.consent(await stage.begin())
    ways = [stage.wing.desk.connections.deny(Returned(state, "", "session-1")) for _ in range(8)]

    answers = await asyncio.gather(*ways, return_exceptions=True)

    assert [answer for answer in answers if answer == "2"] == ["2"]
    refused = [answer for answer in answers if isinstance(answer, AccountRefusedError)]
    assert {answer.reason for answer in refused} == {Refusal.STATE_USED}
    assert len(refused) == 7
