"""What holds for every address together: owners, partners, forms, ways out, frames, stored text.

The tests walk the router, so an address that is added later is tested, or has to be named here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.link import LinkScope, MadeLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace, CardFace
from splynx_stripe.domain.splynx import Company, DocumentKind, Receipt
from splynx_stripe.flows.credentials import CredentialItem
from splynx_stripe.flows.links import LinkOrder, Links, Maker
from splynx_stripe.flows.operations import Operations
from splynx_stripe.flows.overview import Overview, PastPayment
from splynx_stripe.flows.pay import PaymentView, Standing
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.customer.plain_link import REFUSAL_STEP_S
from splynx_stripe.web.edge import EDGE, STARTS_PER_DEBT, VIEWS_PER_ADDRESS
from tests.integration.accounts_stage import AccountsStage, accounts_stage
from tests.integration.credential_stage import FakeCredentials, credential
from tests.integration.office_books import BareSplynx
from tests.integration.settings_stage import desk_of
from tests.integration.store_builders import attempt, case, collection, payable
from tests.integration.test_flows_links import fill
from tests.integration.web_stage import (
    ANNA,
    BEN,
    CLIENT_SECRET,
    COMPANY,
    DUE,
    INVOICE,
    OLGA,
    PAUL,
    PAYABLE_VIEW,
    TERMS,
    Answer,
    Stage,
    check_page,
    open_stage,
)

OUR_ORIGIN = "https://isp.example.net"
EVIL_ORIGIN = "https://evil.example"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
SAMPLES = {
    "payment_id": "501",
    "token": "nosuchtoken",
    "collection": "col_1",
    "customer": "17",
    "setup": "set_9",
    "credential": "cred_1",
    "endpoint": "hook-of-default",
    "digest": "0",
    "name": "pay.css",
}
"""What stands in the places of addresses: things of customer 17 and so of partner 1."""

OPEN_POSTS = {
    "webhook": "signed by Stripe; no browser sends it",
    "pay-start": "the ticket in its body is the token of its page",
    "begin-top-up": "changes nothing: it leads to a payment page, also from Splynx's dashboard",
    "links-api": "the key in a header is what counts; cookies are not looked at",
}
"""The addresses that take a POST without a form token, and why they may."""

SCRIPT_POSTS = frozenset({"credentials-start", "admin-credentials-start"})
"""Those that are sent by a script as JSON, with the token in the body."""


@dataclass(frozen=True)
class Address:
    """One way into the application."""

    method: str
    name: str
    path: str

    @property
    def is_office(self) -> bool:
        return "/admin" in self.path or self.name == "oauth-callback"

    @property
    def session(self) -> str:
        return OLGA if self.is_office else ANNA


@dataclass
class House:
    """The whole application: links, logs, settings and accounts on one real store."""

    stage: Stage
    accounts: AccountsStage
    saved: FakeCredentials
    splynx: BareSplynx
    link: MadeLink

    @property
    def store(self) -> SqlStore:
        return self.accounts.store

    def addresses(self, method: str) -> Sequence[Address]:
        app = self.stage.client.app
        assert isinstance(app, web.Application)
        found = [
            Address(method, route.name or "", route.resource.canonical.format_map(SAMPLES))
            for route in app.router.routes()
            if route.method == method and route.resource is not None
        ]
        assert all(one.name for one in found)
        return found

    def form_token(self, session: str) -> str:
        app = self.stage.client.app
        assert isinstance(app, web.Application)
        return app[EDGE].tickets.form_token(session)

    async def post(
        self,
        address: Address,
        fields: Mapping[str, str],
        *,
        session: str,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        names = {"Cookie": f"PHPSESSID={session}", **(headers or {})}
        body: dict[str, object] = {"data": dict(fields)}
        if address.name in SCRIPT_POSTS:
            body = {"json": {"kind": "card", "agreed": True, **fields}}
        async with self.stage.client.post(
            address.path,
            headers=names,
            allow_redirects=False,
            **body,  # type: ignore[arg-type]  # either a form or JSON
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def traces(self) -> tuple[object, ...]:
        """Gives all that a form of somebody could have changed."""
        audit = await self.store.read(lambda unit: unit.recent_audit(limit=100))
        saved = self.saved
        asked = (*saved.moves, *saved.removed, *saved.started, *saved.proofs)
        return (len(audit), len(asked), len(self.stage.pay.started), self.accounts.changes)


def _fill(unit: SqlUnit) -> None:
    now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    unit.add_collection(collection("col_1", state=CollectionState.BOOKED))
    unit.add_attempt(replace(attempt("att_1", intent_id="pi_1"), charge_id="ch_1"))
    unit.record(AuditEntry(now, "attempt.declined", "customer:17", "col_1", "att_1"))
    unit.open_case(case("att_1", opened_at=now))


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    saved, splynx = FakeCredentials(TERMS), BareSplynx()
    fill(splynx)
    async with accounts_stage(tmp_path, sqlite_url) as accounts:
        store = accounts.store
        await store.run(_fill)
        made: list[Links] = []

        def whole(deps: WebDeps) -> WebDeps:
            made.append(Links(store, splynx, deps.clock, RandomIds()))
            return replace(
                deps,
                operations=Operations(store),
                links=made[0],
                credentials=saved.desk,
                settings=desk_of(store, accounts.written, deps.clock),
                accounts=lambda: accounts.wing.desk,
            )

        async with open_stage(whole) as stage:
            stage.overview.past = [PastPayment(INVOICE, DUE, stage.clock.now(), 501)]
            stage.overview.receipts[501] = Receipt("a.pdf", "application/pdf", b"%PDF of Anna")
            order = LinkOrder(LinkScope.INVOICE, number="202611000042")
            link = await made[0].make(order, Maker("admin:1"))
            assert link is not None
            yield House(stage, accounts, saved, splynx, link)


async def test_every_form_refuses_another_site_a_missing_token_and_another_session(
    house: House,
) -> None:
    guarded = [one for one in house.addresses("POST") if one.name not in OPEN_POSTS]
    before = await house.traces()
    wrong = []

    for address in guarded:
        session = address.session
        token = {FORM_TOKEN: house.form_token(session)}
        other = {FORM_TOKEN: house.form_token(PAUL if session == OLGA else BEN)}
        answers = [
            await house.post(address, token, session=session, headers={"Origin": EVIL_ORIGIN}),
            await house.post(
                address, token, session=session, headers={"Sec-Fetch-Site": "cross-site"}
            ),
            await house.post(address, {FORM_TOKEN: ""}, session=session),
            await house.post(address, other, session=session),
        ]
        if {answer.status for answer in answers} != {403}:
            wrong.append((address.name, [answer.status for answer in answers]))

    assert wrong == []
    assert len(guarded) >= 20
    assert await house.traces() == before


async def test_the_same_forms_are_believed_when_they_are_ours(house: House) -> None:
    """Without this, the refusals above could have any other reason."""
    guarded = [one for one in house.addresses("POST") if one.name not in OPEN_POSTS]

    statuses = {
        address.name: (
            await house.post(
                address,
                {FORM_TOKEN: house.form_token(address.session), "partner": "default"},
                session=address.session,
                headers={"Origin": OUR_ORIGIN, "Sec-Fetch-Site": "same-origin"},
            )
        ).status
        for address in guarded
    }

    assert {name: status for name, status in statuses.items() if status == 403} == {}


async def test_the_forms_that_need_no_token_are_harmless_to_a_foreign_site(house: House) -> None:
    by_name = {one.name: one for one in house.addresses("POST") if one.name in OPEN_POSTS}
    foreign = {"Origin": EVIL_ORIGIN}
    before = await house.traces()

    pressed = await house.stage.start(
        await house.stage.pay_ticket(session=ANNA), session=ANNA, headers=foreign
    )
    statuses = {
        name: (await house.post(address, {"amount": "5"}, session=OLGA, headers=foreign)).status
        for name, address in by_name.items()
    }

    assert set(statuses) == set(OPEN_POSTS)
    assert pressed.status == 403
    assert CLIENT_SECRET not in pressed.text
    assert statuses["links-api"] == 401
    assert statuses["webhook"] == 400
    assert statuses["begin-top-up"] == 303
    assert await house.traces() == before


async def test_no_address_shows_a_customer_what_belongs_to_another(house: House) -> None:
    house.stage.overview.seen = Overview([], TERMS, COMPANY)
    house.stage.overview.past = []
    of_anna = ("202611000042", "%PDF of Anna", "4242", "6789", "Anna", CLIENT_SECRET, "pi_1")
    shown = []

    for address in house.addresses("GET"):
        for query in ("", "?item_id=202611000042", "?setup=set_9", "?id=17", "?customer=17"):
            if address.name.startswith("direct-pay"):
                continue  # a plain link shows its document to whoever has it
            answer = await house.stage.page(f"{address.path}{query}", session=BEN)
            text = answer.text.replace("item_id=202611000042", "")
            shown += [(address.path, query, one) for one in of_anna if one in text]
            if address.is_office:
                assert answer.status == 302
            house.stage.clock.move(60)

    assert shown == []


@pytest.mark.parametrize(
    "path",
    [
        "credentials/cred_1/move",
        "credentials/cred_1/remove",
    ],
)
async def test_a_customer_changes_nothing_of_another(house: House, path: str) -> None:
    address = Address("POST", "", f"/stripe/{path}")
    token = {FORM_TOKEN: house.form_token(BEN), "move": "first"}

    answer = await house.post(address, token, session=BEN)

    assert answer.status == 404
    assert (house.saved.moves, house.saved.removed) == ([], [])


async def test_a_ticket_or_a_result_of_one_customer_is_of_no_use_to_another(house: House) -> None:
    ticket = await house.stage.pay_ticket(session=ANNA)
    started = await house.stage.start(ticket, session=ANNA)
    result = started.field("result_url")

    stolen = await house.stage.start(ticket, session=BEN)
    seen = await house.stage.page(result, session=BEN)
    state = await house.stage.page(result.replace("/result?", "/result/status?"), session=BEN)

    assert (stolen.status, seen.status, state.status) == (403, 403, 403)
    assert "202611000042" not in stolen.text + seen.text + state.text


PAULS_VIEW: Mapping[str, tuple[str, int]] = {
    "admin-base": ("", 302),
    "admin-home": ("", 200),
    "admin-logs": ("?from=", 200),
    "admin-logs-export": ("?from=", 200),
    "admin-timeline": ("", 404),
    "admin-links": ("?customer=17", 200),
    "admin-settings": ("?partner=default", 403),
    "admin-credentials-find": ("?id=17", 302),
    "admin-credentials": ("", 404),
    "admin-credentials-add": ("?kind=card", 404),
    "admin-credentials-result": ("?setup=set_9", 404),
    "admin-credentials-removal": ("", 404),
    "admin-accounts": ("", 200),
    "oauth-callback": ("?state=x&code=y", 409),
}
"""Every page of the office, how an administrator of partner 2 asks it for things of partner 1."""

PAULS_FORMS: Mapping[str, tuple[Mapping[str, str], int]] = {
    "admin-links-make": ({"scope": "invoice", "which": "202611000042", "days": "3"}, 422),
    "admin-links-revoke": ({"customer": "17"}, 200),
    "admin-settings-save": ({"partner": "default"}, 403),
    "admin-settings-check": ({"partner": "1"}, 403),
    "admin-settings-trial": ({"partner": "default", "try": "stripe"}, 403),
    "admin-credentials-start": ({}, 404),
    "admin-credentials-prove": ({"code": "SM1234"}, 404),
    "admin-credentials-move": ({"move": "first"}, 404),
    "admin-credentials-remove": ({}, 404),
    "admin-accounts-connect": ({"partner": "default"}, 403),
    "admin-accounts-disconnect": ({"partner": "default", "confirmed": "yes"}, 403),
    "admin-accounts-endpoints": ({"partner": "default", "confirmed": "yes"}, 403),
    "admin-accounts-test": ({"partner": "default"}, 403),
    "admin-accounts-webhook": ({"partner": "default"}, 403),
    "admin-accounts-rotate": ({"partner": "default"}, 403),
    "admin-accounts-release": ({"partner": "default"}, 403),
}
OF_PARTNER_1 = ("202611000042", "Anna", "4242", "6789", "pi_1", "ch_1", "acct_1SandboxDefault")


async def test_an_administrator_of_a_partner_sees_nothing_of_another(house: House) -> None:
    pages = {one.name: one for one in house.addresses("GET") if one.is_office}
    assert set(pages) == set(PAULS_VIEW), "a new page needs its line in PAULS_VIEW"
    seen = {}

    for name, (query, _) in PAULS_VIEW.items():
        answer = await house.stage.page(f"{pages[name].path}{query}", session=PAUL)
        seen[name] = (query, answer.status)
        assert [(name, one) for one in OF_PARTNER_1 if one in answer.text] == []

    assert seen == PAULS_VIEW


async def test_an_administrator_of_a_partner_changes_nothing_of_another(house: House) -> None:
    forms = {one.name: one for one in house.addresses("POST") if one.is_office}
    del forms["links-api"]
    assert set(forms) == set(PAULS_FORMS), "a new form needs its line in PAULS_FORMS"
    before, seen = await house.traces(), {}

    for name, (fields, _) in PAULS_FORMS.items():
        token = {FORM_TOKEN: house.form_token(PAUL)}
        answer = await house.post(forms[name], {**fields, **token}, session=PAUL)
        seen[name] = (fields, answer.status)
        assert [(name, one) for one in OF_PARTNER_1[1:] if one in answer.text] == []

    assert seen == PAULS_FORMS
    changed = await house.traces()
    assert changed[1:] == before[1:]
    assert (await house.stage.page(f"/stripe/pay/{house.link.token}")).status == 200


async def test_no_parameter_leads_to_another_site(house: House) -> None:
    ways_out = []
    names = ("return", "return_url", "next", "url", "redirect", "item_id", "ticket", "done", "id")

    for address in house.addresses("GET"):
        for target in (EVIL_ORIGIN, "//evil.example", "/\\evil.example", "javascript:alert(1)"):
            query = "&".join(f"{name}={target}" for name in names)
            for session in ("", address.session):
                answer = await house.stage.page(f"{address.path}?{query}", session=session)
                ways_out += _ways_out(answer)
            house.stage.clock.move(60)

    assert ways_out == []


async def test_an_address_with_two_slashes_or_a_backslash_leads_nowhere_else(house: House) -> None:
    for path in (
        "/stripe//evil.example",
        "/stripe/\\evil.example",
        "/stripe/%2f",
    ):
        answer = await house.stage.page(path, session=ANNA)
        assert answer.status == 404
        assert "Location" not in answer.headers

    top_up = Address("POST", "begin-top-up", "/stripe/")
    for amount in ("//evil.example", "\r\nLocation: //evil.example", "https://evil.example"):
        answer = await house.post(top_up, {"amount": amount}, session=ANNA)
        assert _ways_out(answer) == []
        assert answer.headers["Location"].startswith("/stripe/top-up?item_id=")


def _ways_out(answer: Answer) -> list[str]:
    """Gives where an answer leads that is neither ours nor Splynx's sign-in with a way back to us."""
    location = answer.headers.get("Location", "")
    found = [location] if location else []
    found += re.findall(r'(?:href|action|src)="([^"]*evil[^"]*)"', answer.text)
    found += re.findall(r'(?:href|action|src)="(javascript:[^"]*)"', answer.text)
    return [one for one in found if not _is_ours(one)]


def _is_ours(location: str) -> bool:
    parts = urlsplit(location)
    if parts.scheme or parts.netloc:
        back = parse_qs(parts.query).get("return", ["/stripe/"])[0]
        return f"{parts.scheme}://{parts.netloc}" == OUR_ORIGIN and back.startswith("/stripe/")
    return location.startswith(("/stripe/", "?before=")) and "\\" not in parts.path


async def test_no_page_can_be_framed_by_a_foreign_site(house: House) -> None:
    for address in house.addresses("GET"):
        for session in ("", address.session):
            answer = await house.stage.page(address.path, session=session)
            policy = answer.headers["Content-Security-Policy"]
            assert f"frame-ancestors 'self' {OUR_ORIGIN}" in policy.split("; "), address.path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_way_back_from_stripe_works_once_and_in_its_session_only(house: House) -> None:
    other = "other" * 6
    house.stage.viewers.sessions[other] = replace(
        house.stage.viewers.sessions[OLGA], administrator_id=9
    )

    used = await _way_back_from_stripe(house)
    first = await house.stage.page(used, session=OLGA)
    again = await house.stage.page(used, session=OLGA)
    await house.accounts.take_up()
    of_nobody = await house.stage.page(await _way_back_from_stripe(house, "3"))
    of_another = await house.stage.page(await _way_back_from_stripe(house, "3"), session=other)

    assert (first.status, again.status) == (303, 409)
    assert (of_nobody.status, of_another.status) == (302, 409)
    assert "code=" not in again.text + of_another.text + of_nobody.headers["Location"]


async def _way_back_from_stripe(house: House, partner: str = "2") -> str:
    """Presses Connect, agrees at Stripe, and gives the address to which Stripe sends the browser."""
    connect = Address("POST", "admin-accounts-connect", "/stripe/admin/accounts/connect")
    token = {FORM_TOKEN: house.form_token(OLGA), "partner": partner}
    page = await house.post(connect, token, session=OLGA)
    links = [it.get("href", "") for it in page.document.all("a")]
    state, code = house.accounts.consent(next(it for it in links if "/oauth/authorize" in it))
    return f"/stripe/oauth/callback?state={state}&code={code}"


async def test_refused_links_look_alike_and_ask_alike(house: House) -> None:
    """An unknown number, and one whose partner grants no plain links."""
    known = DocumentKind.INVOICE, "202611000099", False
    house.stage.pay.views[known] = PaymentView(Standing.NOT_ALLOWED, INVOICE, DUE, TERMS, COMPANY)
    answers, took = [], []

    for number in ("202611000099", "999999999999", "1"):
        began, asked = house.stage.clock.monotonic(), len(house.stage.pay.asked)
        answers.append(await house.stage.page(f"/stripe/direct-pay-invoice?item_id={number}"))
        took.append(house.stage.clock.monotonic() - began)
        assert len(house.stage.pay.asked) - asked == 1

    assert {answer.status for answer in answers} == {404}
    assert len({_without_chance(answer.text) for answer in answers}) == 1
    names = [sorted(set(answer.headers) - {"Date"}) for answer in answers]
    assert names == [names[0]] * 3
    assert took == [REFUSAL_STEP_S] * 3
    assert COMPANY.name not in answers[0].text


def _without_chance(text: str) -> str:
    return re.sub(r'nonce="[^"]*"', "", text)


async def test_testing_cards_is_held_back_and_locks_no_honest_customer_out(house: House) -> None:
    plain = "/stripe/direct-pay-invoice?item_id=202611000042"
    ticket = await house.stage.pay_ticket()

    views = [(await house.stage.page(plain)).status for _ in range(VIEWS_PER_ADDRESS.burst + 5)]
    starts = [(await house.stage.start(ticket)).status for _ in range(STARTS_PER_DEBT.burst + 5)]

    assert views.count(200) < VIEWS_PER_ADDRESS.burst
    assert starts.count(200) == STARTS_PER_DEBT.burst
    portal_ticket = await house.stage.pay_ticket(session=ANNA)
    assert (await house.stage.start(portal_ticket, session=ANNA)).status == 200
    by_link = await house.stage.page(f"/stripe/pay/{house.link.token}")
    signed = by_link.document.attribute("payment", "data-ticket")
    assert (await house.stage.start(signed)).status == 200
    house.stage.clock.move(VIEWS_PER_ADDRESS.period_s)
    assert (await house.stage.page(plain)).status == 200


async def test_saving_cards_one_after_the_other_is_held_back(house: House) -> None:
    start = Address("POST", "credentials-start", "/stripe/credentials/start")
    token = {FORM_TOKEN: house.form_token(ANNA)}

    statuses = [(await house.post(start, token, session=ANNA)).status for _ in range(15)]

    assert statuses.count(200) == STARTS_PER_DEBT.burst
    assert statuses[-1] == 429


async def test_what_others_have_written_stays_text_on_every_page(house: House) -> None:
    await _write_evil_everywhere(house)
    pages, with_text = [], []

    for address in house.addresses("GET"):
        for query in ("", "?item_id=evil", "?item_id=1", "?kind=card&setup=set_9", "?from=&q=%3Cb"):
            path = address.path.replace("nosuchtoken", house.link.token)
            answer = await house.stage.page(f"{path}{query}", session=address.session)
            house.stage.clock.move(60)
            if "html" not in answer.headers.get("Content-Type", ""):
                continue
            check_page(answer)
            assert not answer.document.all("img"), path
            assert "<script>alert" not in answer.text, path
            pages.append(path)
            if "alert(1)" in answer.text:
                with_text.append(address.name)

    assert len(set(pages)) > 25
    shown_on = {
        *("home", "widget", "history", "direct-pay-invoice", "pay-invoice", "signed-link"),
        *("credentials", "credentials-removal"),
        *("admin-credentials", "admin-timeline", "admin-logs", "admin-links", "admin-settings"),
    }
    assert shown_on <= set(with_text)


async def test_what_somebody_types_into_an_address_or_a_form_stays_text(house: House) -> None:
    forms = [one for one in house.addresses("POST") if one.name not in {"webhook", "links-api"}]
    for address in forms:
        token = {FORM_TOKEN: house.form_token(address.session), "partner": "default"}
        typed = dict.fromkeys(("which", "days", "amount", "move", "try", "payment_account"), EVIL)
        answer = await house.post(address, typed | token, session=address.session)
        assert "<script>alert" not in answer.text or _is_json(answer), address.name
    for path in (
        "admin/credentials?id=",
        "admin/logs?q=",
        "admin/links?customer=",
        "top-up?item_id=",
    ):
        answer = await house.stage.page(
            f"/stripe/{path}%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            session=OLGA if path.startswith("admin") else ANNA,
        )
        assert "<script>alert" not in answer.text, path


def _is_json(answer: Answer) -> bool:
    return answer.headers.get("Content-Type", "").startswith("application/json")


async def _write_evil_everywhere(house: House) -> None:
    """Puts markup into every text that comes from Splynx, Stripe or a person."""
    stage, company = house.stage, Company(EVIL, EVIL, EVIL, "CZ")
    bill = replace(INVOICE, document_number=EVIL)
    view = replace(PAYABLE_VIEW, payable=bill, company=company)
    for key in [*stage.pay.views, (DocumentKind.INVOICE, "evil", False)]:
        stage.pay.views[key] = view
    stage.overview.seen = Overview([view, view], TERMS, company)
    stage.overview.past = [PastPayment(bill, DUE, stage.clock.now(), 501)]
    house.saved.items = [
        CredentialItem(
            credential("cred_1", PaymentKind.ACH), is_default=True, bank=BankFace(EVIL, "1", EVIL)
        ),
        CredentialItem(
            credential("cred_2", card=CardFace(EVIL, "4242", 2034, 12)), is_default=False
        ),
    ]
    evil_bill = replace(payable(), document_number=EVIL, document_id=77)

    def write(unit: SqlUnit) -> None:
        unit.add_collection(collection("col_evil", of=evil_bill, state=CollectionState.BOOKED))
        unit.add_attempt(
            replace(attempt("att_evil", collection_id="col_evil", intent_id=EVIL), description=EVIL)
        )
        now = datetime(2026, 11, 21, tzinfo=UTC)
        facts = {"note": EVIL, "failure": EVIL}
        for debt in ("col_1", "col_evil"):
            unit.record(AuditEntry(now, "attempt.declined", EVIL, debt, "", facts))
        unit.open_case(replace(case(EVIL, opened_at=now), summary=EVIL))

    await house.store.run(write)
    for document in house.splynx.documents.values():
        object.__setattr__(document, "number", EVIL)
    links = Links(house.store, house.splynx, stage.clock, RandomIds())
    order = LinkOrder(LinkScope.INVOICE, number="202611000042")
    assert await links.make(order, Maker(EVIL)) is not None
    save = Address("POST", "admin-settings-save", "/stripe/admin/settings/save")
    fields = {"partner": "default", "own.payment_account": "yes", "payment_account": EVIL}
    token = {FORM_TOKEN: house.form_token(OLGA)}
    assert (await house.post(save, fields | token, session=OLGA)).status == 303
