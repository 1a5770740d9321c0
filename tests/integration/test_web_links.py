"""Payment links on the web: what they open, for whom, how refusals look, and who may make them."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date

import pytest

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.link import LinkScope, MadeLink
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.links import LinkOrder, Links, Maker
from splynx_stripe.flows.overview import Overview
from splynx_stripe.flows.pay import PaymentView, Standing
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.customer.plain_link import REFUSAL_STEP_S
from tests.integration.office_books import BareSplynx
from tests.integration.test_flows_links import fill
from tests.integration.web_stage import (
    ANNA,
    BEN,
    COMPANY,
    INVOICE,
    OLGA,
    PAUL,
    PAYABLE_VIEW,
    PROFORMA,
    PUBLIC_URL,
    TERMS,
    Answer,
    Stage,
    check_page,
    open_stage,
)

OFFICE = Maker("admin:1")
OF_INVOICE = LinkOrder(LinkScope.INVOICE, number="202611000042")
OF_CUSTOMER = LinkOrder(LinkScope.CUSTOMER, customer_id=17)
API = "/stripe/admin/api/links"


@dataclass
class Desk:
    """The stage with links that are kept in a real database."""

    stage: Stage
    store: SqlStore
    links: Links
    splynx: BareSplynx

    async def make(self, order: LinkOrder = OF_INVOICE) -> MadeLink:
        made = await self.links.make(order, OFFICE)
        assert made is not None
        return made

    async def open(self, token: str, query: str = "") -> Answer:
        return await self.stage.page(f"/stripe/pay/{token}{query}")

    async def send(self, path: str, session: str = OLGA, **fields: str) -> Answer:
        """Sends a form of the office's page."""
        page = await self.stage.page("/stripe/admin/links", session=session)
        tokens = [each for each in page.document.all("input") if each.get("name") == FORM_TOKEN]
        data = fields | {FORM_TOKEN: tokens[0]["value"]}
        headers = {"Cookie": f"PHPSESSID={session}"}
        async with self.stage.client.post(
            f"/stripe/admin/links/{path}", data=data, headers=headers
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def order(self, body: object, key: str, **headers: str) -> Answer:
        """Asks as a program does."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            names["Authorization"] = f"Bearer {key}"
        async with self.stage.client.post(API, json=body, headers=names) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))


@pytest.fixture
async def desk(sqlite_url: str) -> AsyncIterator[Desk]:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())
    splynx = BareSplynx()
    fill(splynx)
    made: list[Links] = []

    def with_links(deps: WebDeps) -> WebDeps:
        made.append(Links(store, splynx, deps.clock, RandomIds()))
        return replace(deps, links=made[0])

    async with open_stage(with_links) as stage:
        documents = (
            replace(PAYABLE_VIEW, due_on=date(2026, 11, 30)),
            replace(PAYABLE_VIEW, payable=PROFORMA, standing=Standing.PROCESSING),
        )
        stage.overview.seen = Overview(documents, TERMS, COMPANY)
        yield Desk(stage, store, made[0], splynx)
    await store.close()


def _without_ids(text: str) -> str:
    return re.sub(r"nonce-?\S*|[0-9A-F]{10}", "", text)


async def test_a_link_shows_the_payment_page_also_where_plain_links_are_not_granted(
    desk: Desk,
) -> None:
    desk.stage.pay.grants_links = False
    made = await desk.make()

    answer = await desk.open(made.token)

    text = check_page(answer)
    assert "Invoice 202611000042" in text
    assert "€172.50" in text
    assert "Name of 17" not in answer.text
    (asked,) = desk.stage.pay.asked
    assert (asked[0].kind, asked[0].item, asked[0].by_id) == (DocumentKind.INVOICE, "42", True)
    assert asked[1] == 17


async def test_paying_by_a_link_is_told_apart_from_every_other_way(desk: Desk) -> None:
    made = await desk.make()
    page = await desk.open(made.token)
    ticket = page.document.attribute("payment", "data-ticket")

    started = await desk.stage.start(ticket)

    assert started.field("state") == "payable"
    assert desk.stage.pay.started == [(INVOICE, Route.SIGNED_LINK, f"link:{made.link.id}")]
    result = await desk.stage.page(started.field("result_url"))
    assert "Payment received" in check_page(result)


async def test_after_a_failure_the_result_leads_back_to_the_same_link(desk: Desk) -> None:
    desk.stage.pay.outcome_view = PaymentView(Standing.FAILED, INVOICE, PAYABLE_VIEW.amount, TERMS)
    made = await desk.make(OF_CUSTOMER)
    page = await desk.open(made.token, "?item_id=invoice-42")
    started = await desk.stage.start(page.document.attribute("payment", "data-ticket"))

    result = await desk.stage.page(started.field("result_url"))

    back = [each["href"] for each in result.document.all("a") if "/pay/" in each["href"]]
    assert back == [f"/stripe/pay/{made.token}?item_id=invoice-42"]
    assert (await desk.stage.page(back[0])).status == 200


async def test_a_link_to_a_customer_lists_what_is_open_without_a_name(desk: Desk) -> None:
    made = await desk.make(OF_CUSTOMER)

    answer = await desk.open(made.token)

    text = check_page(answer)
    assert "Invoice 202611000042" in text
    assert "Due on November 30, 2026" in text
    assert "€172.50" in text
    assert "Being processed by the bank" in text  # the proforma: nobody pays it twice
    assert "Name of 17" not in answer.text
    ways = [each["href"] for each in answer.document.all("a")]
    assert ways == [f"/stripe/pay/{made.token}?item_id=invoice-42"]


async def test_a_customer_who_owes_nothing_is_told_so(desk: Desk) -> None:
    desk.stage.overview.seen = Overview((), TERMS, COMPANY)
    made = await desk.make(OF_CUSTOMER)

    assert "nothing to pay" in check_page(await desk.open(made.token))


@pytest.mark.parametrize("item", ["invoice-43", "proforma-42", "invoice-0", "<script>", "top_up-1"])
async def test_a_link_to_a_customer_opens_nobody_elses_documents(desk: Desk, item: str) -> None:
    foreign = replace(PAYABLE_VIEW, payable=replace(INVOICE, customer_id=18, document_id=43))
    desk.stage.pay.views[DocumentKind.INVOICE, "43", True] = foreign
    made = await desk.make(OF_CUSTOMER)

    answer = await desk.open(made.token, f"?item_id={item}")

    assert "data-ticket" not in answer.text
    assert "202611000043" not in answer.text


async def test_a_link_to_a_document_opens_no_other(desk: Desk) -> None:
    desk.stage.pay.views[DocumentKind.INVOICE, "41", True] = PAYABLE_VIEW
    made = await desk.make()

    await desk.open(made.token, "?item_id=invoice-41")

    assert [query.item for query, _ in desk.stage.pay.asked] == ["42"]


async def test_unknown_expired_and_revoked_links_are_answered_alike(desk: Desk) -> None:
    revoked, expired = await desk.make(), await desk.make(OF_CUSTOMER)
    await desk.links.revoke(revoked.link.id, OFFICE)
    desk.stage.clock.move(31 * 24 * 3600)

    tokens = [revoked.token, expired.token, "a" * 26, "x", "b" * 500, "%00"]
    answers = [await desk.open(token) for token in tokens]

    assert {answer.status for answer in answers} == {404}
    assert len({_without_ids(answer.text) for answer in answers}) == 1
    assert len({answer.headers["Content-Length"] for answer in answers}) == 1
    text = check_page(answers[0])
    assert "This link is not valid any more" in text
    assert "No money was taken." in text
    assert "202611000042" not in answers[0].text
    assert desk.stage.pay.asked == []  # Splynx is not asked for any of them


async def test_whoever_tries_tokens_out_is_held_back_and_nobody_else(desk: Desk) -> None:
    made = await desk.make()

    statuses = [(await desk.open(f"{number:026}")).status for number in range(25)]

    assert statuses[0] == 404
    assert statuses[-1] == 429
    assert (await desk.open(made.token)).status == 200


async def test_who_opens_a_link_all_the_time_is_held_back_and_not_counted(desk: Desk) -> None:
    made, other = await desk.make(), await desk.make()

    statuses = [(await desk.open(made.token)).status for _ in range(65)]

    assert statuses == [200] * 60 + [429] * 5
    assert sorted(each.uses for each in await desk.links.links(OFFICE, limit=2)) == [0, 60]
    assert (await desk.open(other.token)).status == 200


async def test_testing_cards_by_plain_links_locks_out_no_session_and_no_signed_link(
    desk: Desk,
) -> None:
    made = await desk.make()
    plain = "/stripe/direct-pay-invoice?item_id=202611000042"
    ticket = await desk.stage.pay_ticket()

    views = [(await desk.stage.page(plain)).status for _ in range(40)]
    starts = [(await desk.stage.start(ticket)).status for _ in range(20)]

    assert (views[-1], starts[-1]) == (429, 429)
    by_link = await desk.open(made.token)
    assert by_link.status == 200
    link_start = await desk.stage.start(by_link.document.attribute("payment", "data-ticket"))
    assert link_start.status == 200
    portal_ticket = await desk.stage.pay_ticket(session=ANNA)
    assert (await desk.stage.start(portal_ticket, session=ANNA)).status == 200


async def test_a_document_is_not_read_by_plain_links_all_day_from_many_addresses(
    desk: Desk,
) -> None:
    path = "/stripe/direct-pay-invoice?item_id=202611000042"

    async def view(number: int) -> int:
        answer = await desk.stage.page(path, X_Forwarded_For=f"198.51.{number % 250}.1")
        return answer.status

    statuses = [await view(number) for number in range(61)]

    assert statuses[:60] == [200] * 60
    assert statuses[60] == 429
    other = "/stripe/direct-pay-request?item_id=202611000007"
    assert (await desk.stage.page(other, X_Forwarded_For="198.51.99.1")).status == 200


async def test_nobody_alone_can_close_a_document_to_others(desk: Desk) -> None:
    path = "/stripe/direct-pay-invoice?item_id=202611000042"

    for _ in range(100):
        await desk.stage.page(path, X_Forwarded_For="198.51.100.1")

    assert (await desk.stage.page(path, X_Forwarded_For="198.51.100.2")).status == 200


async def test_plain_links_refuse_known_and_unknown_numbers_alike_in_words_and_time(
    desk: Desk,
) -> None:
    not_granted, views = PaymentView(Standing.NOT_ALLOWED), desk.stage.pay.views
    views[DocumentKind.INVOICE, "202611000042", False] = not_granted
    views[DocumentKind.INVOICE, "202611000044", False] = not_granted
    clock, took = desk.stage.clock, dict[str, list[float]]()
    texts: set[str] = set()
    slow = {"202611000042": 0.19, "999": 0.03, "202611000044": 0.24}
    asked = desk.stage.pay.view_for_link

    async def as_slow_as_splynx(query: object) -> PaymentView:
        view = await asked(query)  # type: ignore[arg-type]  # as it was given
        clock.move(slow[desk.stage.pay.asked[-1][0].item])
        return view

    desk.stage.pay.view_for_link = as_slow_as_splynx  # type: ignore[method-assign]  # with a delay
    for _ in range(3):
        for number in slow:
            clock.move(3600)
            began = clock.monotonic()
            answer = await desk.stage.page(f"/stripe/direct-pay-invoice?item_id={number}")
            took.setdefault(number, []).append(clock.monotonic() - began)
            texts.add(f"{answer.status} {_without_ids(answer.text)}")

    (text,) = texts
    assert text.startswith("404 ")
    assert "Nordic Fibre" not in text
    means = {round(statistics.mean(each), 6) for each in took.values()}
    assert means == {REFUSAL_STEP_S}


async def test_get_of_pay_start_is_no_link(desk: Desk) -> None:
    answer = await desk.stage.page("/stripe/pay/start")

    assert answer.status == 405


async def test_the_office_makes_a_link_and_sees_its_address_once(desk: Desk) -> None:
    made = await desk.send("make", scope="invoice", which=" 202611000042 ", days="7")

    check_page(made)
    address = made.document.attribute("made", "value")
    assert address.startswith(f"{PUBLIC_URL}/pay/")
    assert (await desk.open(address.rpartition("/")[2])).status == 200
    again = await desk.stage.page("/stripe/admin/links", session=OLGA)
    assert "invoice 202611000042" in check_page(again).lower()
    assert address.rpartition("/")[2] not in again.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scope": "invoice", "which": "999", "days": "30"}, "Splynx has no such document"),
        ({"scope": "customer", "which": "x", "days": "30"}, "Please enter the number"),
        ({"scope": "invoice", "which": "", "days": "30"}, "Please enter the number"),
        ({"scope": "invoice", "which": "1", "days": "0"}, "from 1 to 365"),
        ({"scope": "invoice", "which": "1", "days": "\uff19"}, "from 1 to 365"),
    ],
)
async def test_a_form_that_makes_no_link_says_why_beside_the_field(
    desk: Desk, fields: dict[str, str], sentence: str
) -> None:
    answer = await desk.send("make", **fields)

    assert answer.status == 422
    assert sentence in check_page(answer)
    wrong = [each for each in answer.document.all("input") if "aria-invalid" in each]
    assert len(wrong) == 1
    assert not await desk.links.links(OFFICE, limit=10)


async def test_the_office_revokes_one_link_or_all_of_a_customer(desk: Desk) -> None:
    one, two = await desk.make(), await desk.make()

    first = await desk.send("revoke", link=one.link.id)
    again = await desk.send("revoke", link=one.link.id)
    rest = await desk.send("revoke", customer="17")

    assert "The link was revoked" in check_page(first)
    assert "Nothing was changed" in check_page(again)
    assert "1 links of customer 17 were revoked" in check_page(rest)
    assert {(await desk.open(each.token)).status for each in (one, two)} == {404}


async def test_an_administrator_of_a_partner_makes_and_revokes_only_theirs(desk: Desk) -> None:
    foreign = await desk.make()

    refused = await desk.send("make", PAUL, scope="invoice", which="202611000042", days="7")
    made = await desk.send("make", PAUL, scope="invoice", which="202611000044", days="7")
    await desk.send("revoke", PAUL, link=foreign.link.id)
    await desk.send("revoke", PAUL, customer="17")

    assert refused.status == 422
    assert made.status == 200
    assert foreign.link.id not in made.text
    assert (await desk.open(foreign.token)).status == 200


@pytest.mark.parametrize("path", ["make", "revoke"])
async def test_a_form_of_another_site_or_session_changes_nothing(desk: Desk, path: str) -> None:
    made = await desk.make()
    data = {"link": made.link.id, "scope": "customer", "which": "17", "days": "1"}
    for cookie, headers in (
        (OLGA, {}),
        (OLGA, {"Origin": "https://evil.example"}),
        (BEN, {}),
    ):
        async with desk.stage.client.post(
            f"/stripe/admin/links/{path}",
            data=data,
            headers={"Cookie": f"PHPSESSID={cookie}", **headers},
            allow_redirects=False,
        ) as answer:
            assert answer.status in {302, 403}

    assert [each.id for each in await desk.links.links(OFFICE, limit=10)] == [made.link.id]
    assert (await desk.open(made.token)).status == 200


async def test_a_program_with_a_key_makes_links(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")

    answer = await desk.order({"invoice": "202611000042", "days": 7}, key.text)

    assert answer.status == 201
    body = json.loads(answer.text)
    assert sorted(body) == ["expires_at", "id", "url"]
    assert body["expires_at"] == "2026-12-01T12:00:00+00:00"
    assert (await desk.open(body["url"].rpartition("/")[2])).status == 200
    (entry,) = [
        each
        for each in await desk.store.read(lambda unit: unit.recent_audit(limit=5))
        if each.event == "link.made"
    ]
    assert entry.actor == f"api:{key.key.id}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"customer": 17}, 201),
        ({"customer": "17"}, 422),
        ({"invoice": "1", "customer": 17}, 422),
        ({}, 422),
        ({"invoice": "x\n"}, 422),
        ({"customer": 17, "days": 366}, 422),
        ({"customer": 17, "more": 1}, 422),
        ([], 422),
        ({"invoice": "999"}, 404),
    ],
)
async def test_what_a_program_orders_wrongly_is_refused_in_json(
    desk: Desk, body: object, status: int
) -> None:
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")

    answer = await desk.order(body, key.text)

    assert answer.status == status
    assert "application/json" in answer.headers["Content-Type"]
    if status != 201:
        assert "No link was made." in answer.field("message")


async def test_a_key_of_a_partner_makes_no_links_for_others(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=2, actor="console")

    assert (await desk.order({"customer": 17}, key.text)).status == 404
    assert (await desk.order({"customer": 18}, key.text)).status == 201


async def test_without_a_valid_key_nothing_is_made_and_guessing_is_held_back(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")
    revoked = await desk.links.make_key("old", partner_id=0, actor="console")
    await desk.links.revoke_key(revoked.key.id, actor="console")

    wrong = [await desk.order({"customer": 17}, each) for each in ("", "lk_x", revoked.text)]
    guesses = [(await desk.order({"customer": 17}, f"lk_{n}")).status for n in range(10)]

    assert {answer.status for answer in wrong} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in wrong} == {"Bearer"}
    assert guesses[-1] == 429
    assert (await desk.order({"customer": 17}, key.text)).status == 201


async def test_a_key_is_not_believed_when_it_came_in_the_clear(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")
    proxied = {"X_Forwarded_For": "198.51.100.7"}

    clear = await desk.order({"customer": 17}, key.text, **proxied, X_Forwarded_Proto="http")
    unsaid = await desk.order({"customer": 17}, key.text, **proxied)
    safe = await desk.order({"customer": 17}, key.text, **proxied, X_Forwarded_Proto="https")

    assert (clear.status, unsaid.status, safe.status) == (403, 403, 201)
    assert clear.field("state") == "not_secure"


async def test_a_program_that_runs_wild_is_held_back(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")

    statuses = [(await desk.order({}, key.text)).status for _ in range(301)]

    assert statuses[-1] == 429
