"""The page of Stripe accounts: who may do what, the way to Stripe and back, what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import Refusal
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.web.admin.accounts_words import REFUSALS
from tests.integration.accounts_stage import (
    CONFIG,
    SECOND_ID,
    AccountsStage,
    accounts_stage,
)
from tests.integration.web_stage import ANNA, OLGA, PAUL, Answer, Stage, check_page, open_stage

PAGE = "/stripe/admin/accounts"
CALLBACK = "/stripe/oauth/callback"


@dataclass
class Here:
    """The page, and what is behind it."""

    web: Stage
    accounts: AccountsStage

    async def press(
        self, action: str, partner: str, *, session: str = OLGA, **fields: str
    ) -> Answer:
        """Sends a form of the page."""
        page = await self.web.page(PAGE, session=session)
        tokens = re.findall(r'name="form_token" value="([^"]+)"', page.text)
        form = {"form_token": tokens[0] if tokens else "", "partner": partner, **fields}
        headers = {"Cookie": f"PHPSESSID={session}"}
        async with self.web.client.post(
            f"{PAGE}/{action}", data=form, headers=headers, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def way_to_stripe(self, partner: str = "2", session: str = OLGA) -> str:
        """Presses Connect and takes the address of the consent page."""
        answer = await self.press("connect", partner, session=session)
        assert answer.status == 200
        links = [it["href"] for it in answer.document.all("a")]
        return next(it for it in links if "/oauth/authorize" in it)

    async def come_back(self, query: str, *, session: str = OLGA) -> Answer:
        """Lets Stripe send the browser back."""
        return await self.web.page(f"{CALLBACK}?{query}", session=session)


@pytest.fixture
async def here(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Here]:
    async with (
        accounts_stage(tmp_path, sqlite_url) as accounts,
        open_stage(lambda deps: replace(deps, accounts=lambda: accounts.wing.desk)) as web,
    ):
        yield Here(web, accounts)


async def test_the_page_shows_how_each_account_stands(here: Here) -> None:
    await here.press("test", "default")
    text = check_page(await here.web.page(PAGE, session=OLGA))

    assert "Default partner Takes payments Test mode" in text
    assert "acct_1SandboxDefault" in text
    assert "secret API key" in text
    assert "polling only" in text


async def test_who_is_no_administrator_sees_nothing_of_it(here: Here) -> None:
    for session in ("", ANNA):
        answer = await here.web.page(PAGE, session=session)
        assert answer.status == 302
        assert "acct_" not in answer.text


async def test_an_administrator_of_a_partner_sees_and_changes_only_that_one(here: Here) -> None:
    page = await here.web.page(PAGE, session=PAUL)
    foreign = [
        await here.press(action, partner, session=PAUL)
        for action in ("test", "connect", "disconnect", "webhook", "rotate", "release", "endpoints")
        for partner in ("default", "3")
    ]
    own = await here.press("connect", "2", session=PAUL)

    assert "Default partner" not in page.document.text
    assert "Partner 2" in page.document.text
    assert {answer.status for answer in foreign} == {403}
    assert own.status == 200


@pytest.mark.parametrize(
    "action", ["test", "connect", "disconnect", "webhook", "rotate", "release"]
)
async def test_a_form_without_our_token_changes_nothing(here: Here, action: str) -> None:
    headers = {"Cookie": f"PHPSESSID={OLGA}"}
    async with here.web.client.post(
        f"{PAGE}/{action}", data={"partner": "default"}, headers=headers
    ) as answer:
        assert answer.status == 403
    assert await here.accounts.actions() == []


async def test_the_endpoint_that_connected_partners_share_is_not_a_partners_to_change(
    here: Here,
) -> None:
    await here.accounts.connect()
    answers = [
        await here.press(action, "2", session=PAUL) for action in ("webhook", "rotate", "endpoints")
    ]
    page = await here.web.page(PAGE, session=PAUL)

    assert {answer.status for answer in answers} == {403}
    assert "Rotate" not in page.document.text
    assert "Disconnect" in page.document.text


async def test_connecting_goes_to_stripe_by_a_link_and_back_to_the_page(here: Here) -> None:
    state, code = here.accounts.consent(await here.way_to_stripe())
    back = await here.come_back(f"state={state}&code={code}&scope=read_write")
    await here.accounts.take_up()
    page = await here.web.page(PAGE, session=OLGA)

    assert back.status == 303
    assert code not in back.headers["Location"]
    assert back.headers["Location"] == f"{PAGE}?done=connected#account-2"
    assert "Partner 2" in page.document.text
    assert "OAuth 2.0" in page.document.text
    assert SECOND_ID in page.document.text
    assert "sk_test" not in page.text


async def test_declining_at_stripe_stores_nothing_and_uses_the_way_up(here: Here) -> None:
    state, code = here.accounts.consent(await here.way_to_stripe())
    denied = await here.come_back(f"state={state}&error=access_denied&error_description=no")
    replayed = await here.come_back(f"state={state}&code={code}")

    assert denied.status == 409
    assert "declined in Stripe" in check_page(denied)
    assert "used already" in check_page(replayed)
    assert await here.accounts.store.read(lambda unit: unit.connections()) == []


async def test_somebody_elses_answer_is_not_taken(here: Here) -> None:
    state, code = here.accounts.consent(await here.way_to_stripe(session=PAUL))
    other = await here.come_back(f"state={state}&code={code}", session=OLGA)

    assert "another session" in check_page(other)
    assert await here.accounts.store.read(lambda unit: unit.connections()) == []


@pytest.mark.parametrize("query", ["", "state=x&code=ac_1", "state=&code=", "code=ac_1"])
async def test_an_answer_that_nobody_asked_for_is_not_taken(here: Here, query: str) -> None:
    answer = await here.come_back(query)

    assert answer.status == 409
    assert "does not belong to anything" in check_page(answer)


async def test_who_is_not_signed_in_does_not_carry_the_code_into_splynx(here: Here) -> None:
    state, code = here.accounts.consent(await here.way_to_stripe())

    for session in ("", "z" * 28):
        answer = await here.come_back(f"state={state}&code={code}", session=session)
        assert answer.status == 302
        assert code not in answer.headers["Location"]
        assert state not in answer.headers["Location"]


async def test_disconnecting_asks_first(here: Here) -> None:
    await here.accounts.connect()
    asked = await here.press("disconnect", "2")
    still = await here.accounts.store.read(lambda unit: unit.connections())
    done = await here.press("disconnect", "2", confirmed="yes")
    await here.accounts.take_up()
    page = await here.web.page(PAGE, session=OLGA)

    assert "Nobody is charged with it any more" in check_page(asked)
    assert still[0].is_usable
    assert done.status == 303
    assert "Disconnected" in page.document.text
    assert here.accounts.settings.terms(2) is None


async def test_init_webhook_makes_it_and_rotate_replaces_it(here: Here) -> None:
    made = await here.press("webhook", "default")
    await here.accounts.take_up()
    page = await here.web.page(PAGE, session=OLGA)
    rotated = await here.press("rotate", "default")
    await here.accounts.take_up()
    later = await here.web.page(PAGE, session=OLGA)

    assert made.headers["Location"].startswith(f"{PAGE}?done=webhook")
    assert "webhook, and polling" in page.document.text
    assert "/webhook/" in page.document.text
    assert rotated.headers["Location"].startswith(f"{PAGE}?done=rotated")
    assert "being replaced" in later.document.text
    assert "whsec_" not in page.text + later.text


async def test_what_is_left_over_at_stripe_is_listed_before_it_is_removed(here: Here) -> None:
    account = StripeAccount("default", livemode=False)
    url = f"{here.accounts.settings.public_url}/webhook/{'0' * 32}"
    endpoints = here.accounts.wing._rooms.endpoints
    stray = await endpoints.add_endpoint(account, url, connect=False)

    listed = await here.press("endpoints", "default")
    kept = len(await endpoints.all_endpoints(account, connect=False))
    await here.press("endpoints", "default", confirmed="yes", **{f"stray.{stray.id}": "yes"})

    assert url in check_page(listed)
    assert kept == 1
    assert await endpoints.all_endpoints(account, connect=False) == []


async def test_missing_permissions_are_named_on_the_page(tmp_path: Path, sqlite_url: str) -> None:
    async with (
        accounts_stage(tmp_path, sqlite_url, config=CONFIG) as accounts,
        open_stage(lambda deps: replace(deps, accounts=lambda: accounts.wing.desk)) as web,
    ):
        (tmp_path / "stripe.secret").write_text("rk_test_sandbox_limited", encoding="utf-8")
        accounts.reload(tmp_path)
        await accounts.take_up()
        here = Here(web, accounts)
        await here.press("test", "default")
        text = check_page(await web.page(PAGE, session=OLGA))

    assert "Permissions are missing" in text
    assert "Customers: Write. Without it no customer can be made." in text
    assert "PaymentIntents: Write" not in text


async def test_when_stripe_does_not_answer_the_page_says_so_and_changes_nothing(
    here: Here,
) -> None:
    here.accounts.stripe.faults.add(
        FaultRule(method="GET", path="/v1/webhook_endpoints", action="drop", when="before", times=9)
    )
    answer = await here.press("webhook", "default")

    assert answer.status == 503
    assert "Stripe" in check_page(answer)
    assert await here.accounts.actions() == []


def test_every_refusal_has_a_sentence() -> None:
    assert set(REFUSALS) == set(Refusal)
