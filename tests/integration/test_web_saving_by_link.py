"""The pages of links that save a payment method: what they show, refuse and record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.link import LinkScope
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Microdeposits
from splynx_stripe.domain.setup import SetupState
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.links import LinkOrder, Links
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.flows.setup_credential import Proof, SetupOutcome, SetupStanding, SetupStart
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.edge import EDGE
from tests.integration.credential_stage import (
    ANNA_ID,
    SETUP_SECRET,
    FakeCredentials,
)
from tests.integration.office_books import BareSplynx
from tests.integration.saving_link_stage import (
    BOTH_KINDS,
    MAKER,
    WAITING,
    Scene,
)
from tests.integration.test_flows_links import fill
from tests.integration.web_stage import (
    ANNA,
    COMPANY,
    TERMS,
    check_page,
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


async def test_a_link_shows_what_can_be_saved_and_names_the_isp_only(scene: Scene) -> None:
    answer = await scene.open(await scene.make())

    said = check_page(answer)
    assert answer.status == 200
    for words in ("Save a payment method", "Add a card", "ACH Direct Debit", "Nordic Fibre"):
        assert words in said
    for secret in ("Anna", "Nováková", "17", "4242", "Visa", "First Bank"):
        assert secret not in answer.document.text
    (listed,) = await scene.links.links(MAKER, limit=5)
    assert listed.uses == 1


async def test_where_there_is_one_kind_the_form_is_there_at_once(scene: Scene) -> None:
    scene.by_link.seen = replace(BOTH_KINDS, offered=(PaymentKind.CARD,))

    answer = await scene.open(await scene.make())

    said = check_page(answer)
    assert "I allow Nordic Fibre to charge this card" in said
    assert "JavaScript switched off" in said
    assert answer.document.attribute("saving", "data-kind") == "card"
    assert SETUP_SECRET not in answer.text
    assert scene.by_link.started == []


async def test_a_chosen_kind_shows_its_form_with_the_text_that_is_agreed_to(scene: Scene) -> None:
    made = await scene.make()

    answer = await scene.open(made, "?kind=ach")

    assert "I authorize Nordic Fibre to debit this bank account" in check_page(answer)
    start_url = answer.document.attribute("saving", "data-start-url")
    assert start_url == f"/stripe/pay/{made.token}/start"
    assert (await scene.open(made, "?kind=becs")).status == 404


async def test_where_nothing_can_be_saved_the_page_says_so(scene: Scene) -> None:
    scene.by_link.seen = LinkView(COMPANY, None)

    assert "Nothing can be saved here" in check_page(await scene.open(await scene.make()))


async def test_pressing_save_records_the_link_the_address_and_the_words(scene: Scene) -> None:
    made = await scene.make()

    answer = await scene.start(made, X_Forwarded_For="198.51.100.7")

    body = json.loads(answer.text)
    assert body["client_secret"] == SETUP_SECRET
    assert body["result_url"] == f"/stripe/pay/{made.token}/result?setup=set_9"
    ((link_id, kind, consent),) = scene.by_link.started
    assert (link_id, kind) == (made.link.id, PaymentKind.CARD)
    assert (consent.way, consent.actor) == (ConsentWay.ONLINE, f"link:{made.link.id}")
    assert (consent.address, consent.browser) == ("198.51.100.7", "Firefox/140")
    assert consent.wording.startswith("I allow Nordic Fibre to charge this card")


async def test_a_start_that_no_page_of_this_link_has_made_is_refused(scene: Scene) -> None:
    made, other = await scene.make(), await scene.make()
    answers = [
        await scene.start(made, token="guessed"),
        await scene.start(made, token=scene.form_token(other)),
        await scene.start(made, Origin="https://evil.example"),
        await scene.start(made, Sec_Fetch_Site="cross-site"),
    ]

    assert [each.status for each in answers] == [403] * 4
    plain = await scene.post(f"/stripe/pay/{made.token}/start", {"kind": "card"})
    assert plain.status == 415
    assert scene.by_link.started == []


@pytest.mark.parametrize("ending", ["revoked", "expired", "unknown", "of a payment"])
async def test_a_link_that_is_not_good_does_nothing_at_any_step(scene: Scene, ending: str) -> None:
    made = await scene.make()
    if ending == "revoked":
        await scene.links.revoke(made.link.id, MAKER)
    elif ending == "expired":
        scene.stage.clock.move(7 * 24 * 3600)
    elif ending == "unknown":
        made = replace(made, token="a" * 26)
    else:
        made = await scene.make(LinkOrder(LinkScope.CUSTOMER, customer_id=ANNA_ID))

    shown = await scene.open(made)
    started = await scene.start(made)
    result = await scene.open(made, "/result?setup=set_9")
    fields = {FORM_TOKEN: scene.form_token(made), "code": "SM11AA"}
    proof = await scene.post(f"/stripe/pay/{made.token}/prove/set_9", fields)

    assert (started.status, result.status, proof.status) == (403, 404, 403)
    if ending != "of a payment":
        assert shown.status == 404
        assert "This link is not valid any more" in check_page(shown)
    assert (scene.by_link.started, scene.by_link.asked, scene.by_link.proofs) == ([], [], [])


async def test_a_used_up_link_says_so_and_starts_nothing(scene: Scene) -> None:
    made = await scene.make()
    await scene.use_up(made)
    scene.by_link.seen = None

    answer = await scene.open(made)
    started = await scene.start(made)

    assert answer.status == 200
    assert "A payment method was saved with this link" in check_page(answer)
    assert "client_secret" not in started.text
    assert json.loads(started.text)["message"]
    assert scene.by_link.started == []


async def test_the_result_is_still_told_when_it_has_used_the_link_up(scene: Scene) -> None:
    made = await scene.make()
    await scene.use_up(made)

    answer = await scene.open(made, "/result?setup=set_9")

    said = check_page(answer)
    assert "It can be used for your payments" in said
    assert "Back to the list" not in said
    assert scene.by_link.asked == [(made.link.id, "set_9")]


@pytest.mark.parametrize(
    ("standing", "words", "way"),
    [
        (SetupStanding.FAILED, "Your card was declined.", "Try again"),
        (SetupStanding.WAITING, "The last step was not finished", "Try again"),
        (SetupStanding.VERIFYING, "Open the link that you were sent again", "Enter it now"),
        (SetupStanding.PROCESSING, "Stripe is still working on it", ""),
        (SetupStanding.NOT_FOUND, "We do not know this page", ""),
    ],
)
async def test_every_outcome_says_what_comes_next(
    scene: Scene, standing: SetupStanding, words: str, way: str
) -> None:
    failure = PaymentFailure("card_declined", "", "Your card was declined.")
    failed = failure if standing is SetupStanding.FAILED else None
    scene.by_link.outcome_answer = SetupOutcome(standing, PaymentKind.CARD, failure=failed)
    made = await scene.make()

    answer = await scene.open(made, "/result?setup=set_9")

    assert words in check_page(answer)
    ways = {each["href"] for each in answer.document.all("a")}
    assert ways == ({f"/stripe/pay/{made.token}"} if way else set())
    assert way in answer.document.text


async def test_a_bank_account_that_waits_is_proven_without_being_shown(scene: Scene) -> None:
    scene.by_link.seen = replace(BOTH_KINDS, waiting=WAITING)
    made = await scene.make()
    page = await scene.open(made)
    said = check_page(page)
    (form,) = page.document.all("form")
    fields = {FORM_TOKEN: scene.form_token(made), "amount_1": "0.32", "amount_2": "0.45"}

    answer = await scene.post(form["action"], fields)

    assert "The two amounts" in said
    assert "First Bank" not in said
    assert answer.status == 303
    assert answer.headers["Location"] == f"/stripe/pay/{made.token}?done=proof-proven"
    assert scene.by_link.proofs == [(made.link.id, "set_9", (32, 45), "")]


async def test_what_is_wrong_with_a_proof_is_said(scene: Scene) -> None:
    scene.by_link.seen = replace(BOTH_KINDS, waiting=WAITING)
    scene.by_link.proof = Proof.WRONG
    made = await scene.make()
    path = f"/stripe/pay/{made.token}/prove/set_9"

    unreadable = await scene.post(path, {FORM_TOKEN: scene.form_token(made), "code": "no"})
    wrong = await scene.post(path, {FORM_TOKEN: scene.form_token(made), "code": "SM11AA"})
    foreign = await scene.post(path, {FORM_TOKEN: "x", "code": "SM11AA"})

    assert unreadable.headers["Location"] == wrong.headers["Location"]
    assert "That is not what the bank shows" in check_page(
        await scene.open(made, "?done=proof-wrong")
    )
    assert foreign.status == 403
    assert len(scene.by_link.proofs) == 1


async def test_a_bank_that_is_at_work_has_no_form(scene: Scene) -> None:
    processing = replace(WAITING, state=SetupState.PROCESSING, microdeposits=Microdeposits.NONE)
    scene.by_link.seen = replace(BOTH_KINDS, waiting=processing)

    answer = await scene.open(await scene.make())

    assert "Being saved" in check_page(answer)
    assert answer.document.all("form") == []


async def test_trying_cards_out_by_a_link_is_held_back_and_the_portal_is_not(scene: Scene) -> None:
    made = await scene.make()

    statuses = [(await scene.start(made)).status for _ in range(11)]

    assert statuses == [200] * 10 + [429]
    token = scene.stage.client.app[EDGE].tickets.form_token(ANNA)
    async with scene.stage.client.post(
        "/stripe/credentials/start",
        json={"form_token": token, "kind": "card"},
        headers={"Cookie": f"PHPSESSID={ANNA}"},
    ) as portal:
        assert portal.status == 200


async def test_where_nothing_can_be_started_there_is_a_sentence(scene: Scene) -> None:
    scene.by_link.start_answer = SetupStart(SetupStanding.TRY_AGAIN)

    body = json.loads((await scene.start(await scene.make())).text)

    assert "Nothing was saved" in body["message"]
    assert "client_secret" not in body
