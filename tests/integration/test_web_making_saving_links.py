"""Who makes links that save a payment method, and how the customer gets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.link import LinkScope
from splynx_stripe.flows.links import Links
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.edge import EDGE
from tests.integration.credential_stage import (
    ANNA_ID,
    FakeCredentials,
)
from tests.integration.office_books import BareSplynx
from tests.integration.saving_link_stage import (
    BOTH_KINDS,
    MAKER,
    Scene,
    address_on,
)
from tests.integration.test_flows_links import fill
from tests.integration.web_stage import (
    ANNA,
    OLGA,
    PAUL,
    TERMS,
    open_stage,
)


@pytest.fixture
async def scene(sqlite_url: str) -> AsyncIterator[Scene]:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())
    splynx, saved = BareSplynx(), FakeCredentials(TERMS)
    saved.by_link.seen = BOTH_KINDS
    fill(splynx)
    made: list[Links] = []

    def with_links(deps: WebDeps) -> WebDeps:
        made.append(Links(store, splynx, deps.clock, RandomIds()))
        return replace(deps, links=made[0], credentials=saved.desk)

    async with open_stage(with_links) as stage:
        yield Scene(stage, store, made[0], splynx, saved)
    await store.close()


async def test_the_office_sends_a_link_in_the_partners_language_and_sees_it_once(
    scene: Scene,
) -> None:
    answer = await scene.press(await scene.office_fields())

    said = answer.document.text
    address = address_on(answer)
    assert answer.status == 200
    assert "on its way to the customer" in said
    (mail,) = scene.splynx.mails
    assert (mail.recipient, mail.customer_id) == ("a@example.net", ANNA_ID)
    assert mail.subject == "Save a payment method for Nordic Fibre"
    assert f'href="{address}"' in mail.html
    assert "December 1, 2026" in mail.html
    assert "Anna" not in mail.html
    (link,) = await scene.links.links(MAKER, limit=5)
    assert (link.scope, link.customer_id, link.made_by) == (LinkScope.CREDENTIAL, 17, "admin:1")
    opened = await scene.links.open(address.rpartition("/")[2])
    assert opened is not None
    assert opened.id == link.id
    assert address not in (await scene.stage.page("/stripe/admin/links", session=OLGA)).text


async def test_a_double_press_shows_the_same_link_and_sends_one_email(scene: Scene) -> None:
    fields = await scene.office_fields()

    first, second = await scene.press(fields), await scene.press(fields)

    assert address_on(first) == address_on(second)
    assert "no other e-mail was sent" in second.document.text
    assert len(scene.splynx.mails) == 1
    assert len(await scene.links.links(MAKER, limit=5)) == 1


async def test_a_page_from_before_the_revocation_makes_no_link_anew(scene: Scene) -> None:
    fields = await scene.office_fields()
    await scene.press(fields)
    await scene.links.revoke_all(ANNA_ID, MAKER)

    answer = await scene.press(fields)

    assert "not valid any more" in answer.document.text
    assert address_on(answer) == ""
    assert len(scene.splynx.mails) == 1


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RejectedError("no", code="x"), "Splynx did not take the e-mail"),
        (RetryableError("later"), "Splynx could not be reached"),
        (OutcomeUnknownError("lost"), "Splynx did not say whether it took the e-mail"),
    ],
)
async def test_an_email_that_may_not_have_gone_is_said_and_the_link_is_there_to_copy(
    scene: Scene, error: Exception, sentence: str
) -> None:
    scene.splynx.mail_error = error

    answer = await scene.press(await scene.office_fields())

    assert sentence in answer.document.text
    assert "/stripe/pay/" in address_on(answer)
    assert len(scene.splynx.mails) == 1


async def test_a_link_to_copy_sends_nothing(scene: Scene) -> None:
    answer = await scene.press(await scene.office_fields(), way="copy")

    assert "/stripe/pay/" in address_on(answer)
    assert scene.splynx.mails == []


@pytest.mark.parametrize(
    "change",
    [{"chance": "0" * 32}, {"chance": ""}, {"seal": "x"}, {FORM_TOKEN: "x"}],
)
async def test_a_token_that_no_page_of_ours_has_thought_of_makes_no_link(
    scene: Scene, change: dict[str, str]
) -> None:
    fields = await scene.office_fields() | change

    assert (await scene.press(fields)).status == 403
    assert await scene.links.links(MAKER, limit=5) == []


async def test_the_form_of_one_customer_makes_no_link_for_another(scene: Scene) -> None:
    fields = await scene.office_fields()

    answer = await scene.press(fields, path="/stripe/admin/customers/18/credentials")

    assert answer.status == 403
    assert await scene.links.links(MAKER, limit=5) == []


async def test_an_administrator_of_another_partner_makes_no_link(scene: Scene) -> None:
    fields = await scene.office_fields()
    fields[FORM_TOKEN] = scene.stage.client.app[EDGE].tickets.form_token(PAUL)

    answer = await scene.press(fields, session=PAUL)

    assert answer.status == 404
    assert (await scene.press(fields, session=ANNA)).status in {302, 403}
    assert await scene.links.links(MAKER, limit=5) == []


async def test_the_list_of_links_says_which_are_used(scene: Scene) -> None:
    used, other = await scene.make(), await scene.make()
    await scene.use_up(used)

    page = await scene.stage.page("/stripe/admin/links", session=OLGA)

    assert "Saving a payment method" in page.document.text
    assert "Used" in page.document.text
    ids = [each["value"] for each in page.document.all("input") if each.get("name") == "link"]
    assert ids == [other.link.id]


async def test_a_program_makes_links_that_save(scene: Scene) -> None:
    key = await scene.links.make_key("mailer", partner_id=2, actor="console")
    headers = {"Authorization": f"Bearer {key.text}"}
    answers = []
    for body in ({"save_card": 18}, {"save_card": ANNA_ID}, {"save_card": 18, "customer": 18}):
        async with scene.stage.client.post(
            "/stripe/admin/api/links", json=body, headers=headers
        ) as answer:
            answers.append((answer.status, await answer.json()))

    assert [status for status, _ in answers] == [201, 404, 422]
    assert answers[0][1]["expires_at"] == "2026-12-01T12:00:00+00:00"
    (link,) = await scene.links.links(MAKER, limit=5)
    assert (link.scope, link.partner_id) == (LinkScope.CREDENTIAL, 2)
