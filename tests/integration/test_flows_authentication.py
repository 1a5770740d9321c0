"""The setting "Authentication type": keys or a connected account, per partner, never by accident (I8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

from splynx_stripe.flows.account_rooms import AccountRefusedError, Refusal
from splynx_stripe.flows.authentication import contradiction
from splynx_stripe.kit.secret import Secret
from tests.integration.accounts_stage import (
    CONFIG,
    SECOND_ID,
    AccountsStage,
    accounts_stage,
)

BY_OAUTH = f"2-{SECOND_ID}"
WITH_KEYS = CONFIG.replace(
    "2: {{currency: USD, country: US}}",
    "2: {{currency: USD, country: US, publishable_key: pk_test_sandbox_second,"
    " secret_key_file: second.secret{chosen}}}",
)
WITHOUT_KEYS = CONFIG.replace("country: US}}", "country: US{chosen}}}")


def chosen(config: str, way: str) -> str:
    return config.replace("{chosen}", f", authentication_type: {way}" if way else "")


@asynccontextmanager
async def opened(folder: Path, url: str, config: str) -> AsyncIterator[AccountsStage]:
    file = folder / "second.secret"
    file.touch(mode=0o600)
    file.write_text("sk_test_sandbox_second", encoding="utf-8")
    async with accounts_stage(folder, url, config=config) as stage:
        yield stage


async def change_to(stage: AccountsStage, folder: Path, config: str) -> None:
    """Edits the file and reloads, as an administrator does."""
    text = config.format(stripe_url=stage.stripe_url, public_url=stage.written.public_url)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    stage.reload(folder)
    await stage.take_up()


def account_of(stage: AccountsStage, partner: int) -> str | None:
    terms = stage.settings.terms(partner)
    return terms.account.name if terms else None


async def test_who_changes_from_keys_to_oauth_is_never_without_an_account(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url, chosen(WITH_KEYS, "oauth")) as stage:
        assert account_of(stage, 2) == "2"
        assert contradiction(stage.settings, "2") == (
            "No account is connected yet, so the keys are used. Connect the account under Stripe"
            " accounts, or choose API keys as authentication type."
        )

        await stage.connect()

        assert account_of(stage, 2) == BY_OAUTH
        assert contradiction(stage.settings, "2") == ""
        assert account_of(stage, 1) == "default"


async def test_keys_that_are_chosen_are_used_beside_a_connected_account(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url, chosen(WITH_KEYS, "oauth")) as stage:
        await stage.connect()

        await change_to(stage, tmp_path, chosen(WITH_KEYS, "api"))

        assert account_of(stage, 2) == "2"
        assert contradiction(stage.settings, "2").startswith(
            "An account is connected by OAuth 2.0, but the keys are used."
        )
        (doubt,) = [one for one in stage.settings.warnings if one.key.startswith("partners.2.")]
        assert doubt.file.endswith("config.yaml")
        assert doubt.line > 0
        view = await stage.wing.desk.overview.view("2")
        assert (view.authentication, view.is_connected) == ("api", False)
        assert doubt.fix in view.contradiction


async def test_nothing_is_connected_where_the_keys_are_chosen(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url, chosen(WITH_KEYS, "api")) as stage:
        with pytest.raises(AccountRefusedError) as refused:
            await stage.begin()

        assert refused.value.reason is Refusal.KEYS_CHOSEN
        assert not (await stage.wing.desk.overview.view("2")).can_be_connected


async def test_chosen_keys_that_are_not_there_leave_the_connected_account_in_use(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with opened(tmp_path, sqlite_url, chosen(WITHOUT_KEYS, "api")) as stage:
        await stage.connect()

        assert account_of(stage, 2) == BY_OAUTH
        assert "There are no keys" in contradiction(stage.settings, "2")


async def test_what_the_default_partner_chooses_does_not_steer_a_partners_own_account(
    tmp_path: Path, sqlite_url: str
) -> None:
    config = chosen(WITH_KEYS, "").replace(
        "secret_key_file: stripe.secret",
        "secret_key_file: stripe.secret, authentication_type: oauth",
    )
    async with opened(tmp_path, sqlite_url, config) as stage:
        assert (account_of(stage, 1), account_of(stage, 2)) == ("default", "2")
        assert contradiction(stage.settings, "default")
        assert contradiction(stage.settings, "2") == ""


async def test_a_disconnected_account_is_not_replaced_by_keys_that_were_not_chosen(
    tmp_path: Path, sqlite_url: str
) -> None:
    """I8: whoever disconnects must say with what to go on: choose the keys, or release the partner."""
    async with opened(tmp_path, sqlite_url, chosen(WITH_KEYS, "oauth")) as stage:
        await stage.connect()
        await stage.wing.desk.connections.disconnect("2", actor="admin:1")
        await stage.take_up()
        assert account_of(stage, 2) is None

        await change_to(stage, tmp_path, chosen(WITH_KEYS, "api"))

        assert account_of(stage, 2) == "2"


async def test_a_connection_is_not_left_on_the_page_while_its_payments_are_under_way(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, sqlite_url, CONFIG) as stage:
        page = stage.settings_page()
        keys: dict[str, JsonValue | Secret] = {
            "publishable_key": "pk_test_sandbox_second",
            "secret_key": Secret("sk_test_sandbox_second"),
        }
        await stage.connect()
        assert not (await page.save("2", keys, seen=9, actor="admin:1")).wrong
        await stage.take_up()
        assert account_of(stage, 2) == BY_OAUTH
        monkeypatch.setattr(
            "splynx_stripe.store.page_setting_rows.PageSettingRows.attempts_under_way",
            lambda _unit, account: 3 if account.name == BY_OAUTH else 0,
        )

        refused = await page.save("2", {"authentication_type": "api"}, seen=9, actor="admin:1")

        assert refused.wrong["authentication_type"].startswith("3 payments are under way")
        await stage.take_up()
        assert account_of(stage, 2) == BY_OAUTH
