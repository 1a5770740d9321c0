"""The real daemon: what is saved on the settings page reaches the payment page without a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Adjust, remember_secrets
from tests.acceptance.daemon_process import DaemonProcess, command
from tests.acceptance.ledgers import INVOICE
from tests.acceptance.office_person import OfficePerson
from tests.acceptance.person import Person
from tests.acceptance.secrets_search import SecretsSearch
from tests.acceptance.town import KEYS, PreparedStore, Town, running_town
from tests.acceptance.waiting import until_so

LINK = f"direct-pay-invoice?item_id={INVOICE.number}"
GRANT = {"grant_access_to_unauthorized_customers": "yes"}


def _free_settings(settings: dict[str, Any]) -> None:
    del settings["settings"]


@pytest.fixture
def adjust() -> Adjust:
    return _free_settings


async def _is_granted(daemon: DaemonProcess) -> bool:
    status, text = await daemon.get(f"/stripe/{LINK}")
    return status == 200 and "data-ticket" in text


async def test_a_change_on_the_page_is_in_force_without_a_restart(town: Town) -> None:
    before = town.daemon.pid
    assert not await _is_granted(town.daemon)

    async with OfficePerson(town.splynx_url) as person:
        assert await person.saves(GRANT) == 303

    await until_so(lambda: _is_granted(town.daemon), lambda: town.daemon.output)
    assert town.daemon.pid == before
    assert "settings.changed" in town.daemon.output


async def test_what_was_set_survives_a_restart(town: Town) -> None:
    async with OfficePerson(town.splynx_url) as person:
        assert await person.saves(GRANT) == 303

    await town.restart()

    assert await _is_granted(town.daemon)


def _without_keys(settings: dict[str, Any]) -> None:
    _free_settings(settings)
    for key in ("publishable_key", "secret_key_file", "webhook_secret_file"):
        del settings["partners"]["default"][key]


@pytest.mark.parametrize("adjust", [_without_keys])
async def test_with_keys_that_are_entered_on_the_page_customers_pay_and_no_copy_shows_them(
    town: Town, adjust: Adjust
) -> None:
    entered = {
        "publishable_key": KEYS.publishable_key,
        "secret_key": KEYS.secret_key,
        "webhook_secret": town.webhook_secret,
        "account": "yes",
    }
    async with OfficePerson(town.splynx_url) as person:
        assert await person.saves(entered) == 303

    async with town.visitor() as visitor:
        person_at_home = Person(town, visitor, INVOICE)
        await person_at_home.log_in()
        await until_so(
            lambda: _has_ticket(person_at_home), lambda: f"nobody can pay: {town.daemon.output}"
        )
        assert await person_at_home.pay() == "payable"
    await town.assert_agree(INVOICE)

    config = ("--config", str(town.config_path))
    code, printed = await command("encryption", "rotate", *config)
    assert code == 0, printed
    assert "2 values are sealed anew" in printed
    assert (await command("config", "show", *config))[1].count("settings page") >= 2
    assert (await command("doctor", *config))[0] == 0
    assert adjust is _without_keys


async def _has_ticket(person: Person) -> bool:
    return bool((await person.open()).ticket)


@pytest.fixture
async def shared_town(
    postgres_store: PreparedStore, tmp_path: Path, outputs: Path, secrets_search: SecretsSearch
) -> AsyncIterator[Town]:
    async with running_town(tmp_path, outputs, postgres_store, _free_settings) as town:
        await town.start()
        yield town
        remember_secrets(secrets_search, town)


@pytest.mark.xdist_group("acceptance-postgres")
async def test_a_second_daemon_takes_up_what_was_saved_at_the_first(
    shared_town: Town, outputs: Path
) -> None:
    second = DaemonProcess(shared_town.config_path, outputs)
    await second.start()
    try:
        assert not await _is_granted(second)

        async with OfficePerson(shared_town.splynx_url) as person:
            assert await person.saves(GRANT) == 303

        await until_so(lambda: _is_granted(second), lambda: second.output, within_s=30)
    finally:
        await second.kill()
