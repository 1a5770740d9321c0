"""The real daemon: an account is connected by OAuth, takes a payment, and is taken back in Stripe."""

from __future__ import annotations

import re
from typing import Any

import pytest
from yarl import URL

from tests.acceptance.conftest import Adjust
from tests.acceptance.ledgers import INVOICE, SECOND_INVOICE
from tests.acceptance.office_person import OfficePerson
from tests.acceptance.person import Person
from tests.acceptance.town import KEYS, Town
from tests.acceptance.waiting import until_so

_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_TO_STRIPE = re.compile(r'href="([^"]+/oauth/authorize[^"]+)"')


class AccountsPerson(OfficePerson):
    """An administrator at the page of Stripe accounts."""

    async def page(self) -> str:
        async with self._session.get(f"{self._url}/stripe/admin/accounts") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

    async def presses(self, action: str, partner: str = "default") -> str:
        token = _TOKEN.findall(await self.page())[0]
        form = {"form_token": token, "partner": partner, "mode": "test"}
        address = f"{self._url}/stripe/admin/accounts/{action}"
        async with self._session.post(address, data=form) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.text()

    async def connects(self, account_id: str) -> None:
        """Presses Connect, says yes in Stripe, and comes back."""
        shown = await self.presses("connect")
        consent = URL(_TO_STRIPE.findall(shown)[0].replace("&amp;", "&"), encoded=True)
        names = ("client_id", "redirect_uri", "state")
        form = {name: consent.query[name] for name in names}
        form |= {"account": account_id, "decision": "allow"}
        async with self._session.post(consent, data=form) as answer:
            assert answer.status == 200, await answer.text()
            assert "done=connected" in str(answer.url)


def _without_keys(settings: dict[str, Any]) -> None:
    for key in ("publishable_key", "secret_key_file", "webhook_secret_file"):
        del settings["partners"]["default"][key]


@pytest.fixture
def adjust() -> Adjust:
    return _without_keys


async def test_a_connected_account_takes_payments_until_it_is_taken_back(town: Town) -> None:
    async with AccountsPerson(town.splynx_url) as office:
        await office.connects(KEYS.account_id)
        await until_so(lambda: _shows(office, "Takes payments"), lambda: town.daemon.output)
        await office.presses("webhook")
        await until_so(lambda: _shows(office, "webhook, and polling"), lambda: town.daemon.output)

        async with town.visitor() as visitor:
            person = Person(town, visitor, INVOICE)
            await person.log_in()
            assert await person.pay() == "payable"
            await town.assert_agree(INVOICE)

            platform = next(key for key in town.stripe.options.keys if key.client_id)
            town.stripe.connect.end(platform, KEYS.account_id)
            await until_so(
                lambda: _shows(office, "Access was taken back"), lambda: town.daemon.output
            )

            second = Person(town, visitor, SECOND_INVOICE)
            assert not (await second.open()).ticket
    assert town.foreign.intents(SECOND_INVOICE) == []
    assert "account_disconnected" in town.daemon.output
    assert await town.daemon.stop() == 0


async def _shows(office: AccountsPerson, text: str) -> bool:
    return text in await office.page()
