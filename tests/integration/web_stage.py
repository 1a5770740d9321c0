"""The stage for tests of the web edge: stand-ins for the rooms behind it, and a typed way to ask."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import count

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from typing_extensions import override

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.splynx import Company, DocumentKind, Receipt, Viewer
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.overview import History, Overview, PastPayment
from splynx_stripe.flows.pay import DocumentQuery, PaymentStart, PaymentView, Standing
from splynx_stripe.kit.secret import Secret
from splynx_stripe.web.app import (
    QuerylessAccessLogger,
    Site,
    WebDeps,
    WebhookEndpoint,
    create_app,
)
from tests.integration.credential_stage import FakeCredentials
from tests.integration.office_books import unused_links, unused_operations, unused_recoveries
from tests.integration.settings_stage import unused_desk

Client = TestClient[web.Request, web.Application]

ANNA = "annassessionannassession17"
BEN = "benssessionbenssessionben18"
OLGA = "olgassessionolgassessionolga"
"""An administrator of Splynx who may see all partners."""
PAUL = "paulssessionpaulssessionpaul"
"""An administrator who may see partner 2 only."""
CLIENT_SECRET = "pi_3abc_secret_9f8e7d"
WEBHOOK_SECRET = "whsec_test_1"
PUBLIC_URL = "https://isp.example.net/stripe"

ACCOUNT = StripeAccount("default", livemode=False)
TERMS = Terms(
    partner_id=1,
    account=ACCOUNT,
    publishable_key="pk_test_1",
    currency="EUR",
    country="CZ",
    language="en",
    payment_account="Stripe",
    credit_card_payment_method="Stripe",
    bank_payment_account="Stripe Bank",
    bank_account_payment_method="Bank transfer",
    payment_kinds=(PaymentKind.CARD,),
    offers_to_save=False,
    top_up=None,
    statement_grouping=StatementGrouping.MONTH,
    message_template="",
    grants_access_to_unauthorized=True,
)
COMPANY = Company("Nordic Fibre", "help@nordicfibre.example", "+420 555 123 456", "CZ")
INVOICE = Payable(1, 17, PayableKind.INVOICE, 42, "202611000042", "EUR")
PROFORMA = Payable(1, 17, PayableKind.PROFORMA, 7, "202611000007", "JPY")
DUE = Money(17250, "EUR")
PAYABLE_VIEW = PaymentView(
    Standing.PAYABLE, payable=INVOICE, amount=DUE, terms=TERMS, company=COMPANY
)


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.seconds += seconds


class CountingIds:
    """Ids that count."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = count(1)

    def new(self, prefix: str, now: datetime) -> str:
        return f"{prefix}_{now:%H%M%S}_{next(self._numbers)}"

    def token(self) -> str:
        number = str(next(self._numbers))
        return hashlib.sha256(number.encode()).hexdigest()[:32]


@dataclass
class FakePayments:
    """Documents by (kind, number or id) and what `start` and `outcome` answer."""

    views: dict[tuple[DocumentKind, str, bool], PaymentView] = field(default_factory=dict)
    grants_links: bool = True
    start_answer: PaymentStart = field(
        default_factory=lambda: PaymentStart(Standing.PAYABLE, DUE, CLIENT_SECRET)
    )
    outcome_view: PaymentView = field(
        default_factory=lambda: PaymentView(Standing.RECEIVED, INVOICE, DUE, TERMS)
    )
    error: Exception | None = None
    started: list[tuple[Payable, Route, str]] = field(default_factory=list)
    saving: list[bool] = field(default_factory=list)
    asked: list[tuple[DocumentQuery, int | None]] = field(default_factory=list)
    followed: list[tuple[Payable, str]] = field(default_factory=list)

    async def view_for_customer(self, query: DocumentQuery, customer_id: int) -> PaymentView:
        self.asked.append((query, customer_id))
        view = self._view(query)
        if view.payable is not None and view.payable.customer_id != customer_id:
            return PaymentView(Standing.NOT_FOUND)
        return view

    async def view_for_link(self, query: DocumentQuery) -> PaymentView:
        self.asked.append((query, None))
        view = self._view(query)
        return view if self.grants_links else PaymentView(Standing.NOT_ALLOWED)

    async def start(
        self, payable: Payable, route: Route, actor: str, *, saves_method: bool = False
    ) -> PaymentStart:
        if self.error is not None:
            raise self.error
        self.started.append((payable, route, actor))
        self.saving.append(saves_method)
        return self.start_answer

    async def outcome(self, payable: Payable, actor: str) -> PaymentView:
        self.followed.append((payable, actor))
        if self.error is not None:
            raise self.error
        return self.outcome_view

    def _view(self, query: DocumentQuery) -> PaymentView:
        if self.error is not None:
            raise self.error
        key = (query.kind, query.item, query.by_id)
        return self.views.get(key, PaymentView(Standing.NOT_FOUND))


@dataclass
class FakeOverview:
    """What customers have open, what they may choose, and what they have paid."""

    seen: Overview = field(default_factory=lambda: Overview([PAYABLE_VIEW], TERMS, COMPANY))
    choices: dict[str, PaymentView] = field(default_factory=dict)
    top_ups: dict[str, PaymentView] = field(default_factory=dict)
    past: list[PastPayment] = field(default_factory=list)
    receipts: dict[int, Receipt] = field(default_factory=dict)
    asked: list[tuple[int, str]] = field(default_factory=list)
    error: Exception | None = None

    async def overview(self, customer_id: int) -> Overview:
        self.asked.append((customer_id, ""))
        return self.seen

    async def several(self, customer_id: int, choice: str) -> PaymentView:
        self.asked.append((customer_id, choice))
        return self.choices.get(choice, PaymentView(Standing.NOT_FOUND))

    async def top_up(self, customer_id: int, amount_text: str, token: str) -> PaymentView:
        self.asked.append((customer_id, token))
        return self.top_ups.get(amount_text, PaymentView(Standing.NOT_FOUND, terms=self.seen.terms))

    async def history(self, customer_id: int, *, before: str, limit: int) -> History:
        self.asked.append((customer_id, before))
        start = int(before or 0)
        end = start + limit
        after = str(end) if len(self.past) > end else ""
        return History(self.past[start:end], after, self.seen.terms, self.seen.company)

    async def receipt(self, customer_id: int, splynx_payment_id: int) -> Receipt | None:
        if self.error is not None:
            raise self.error
        return self.receipts.get(splynx_payment_id) if customer_id == 17 else None


@dataclass
class FakeInbox:
    """Stores events once per (account, id), after a turn of the loop."""

    stored: dict[tuple[str, str], StripeEvent] = field(default_factory=dict)
    calls: int = 0
    error: Exception | None = None

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        assert source is InboxSource.WEBHOOK
        self.calls += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        key = (account.key, event.id)
        is_new = key not in self.stored
        self.stored[key] = event
        return is_new


@dataclass
class FakeViewers:
    """Sessions that Splynx knows."""

    sessions: dict[str, Viewer] = field(
        default_factory=lambda: {
            ANNA: Viewer(customer_id=17),
            BEN: Viewer(customer_id=18),
            OLGA: Viewer(administrator_id=1),
            PAUL: Viewer(administrator_id=2, partner_id=2),
        }
    )
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None

    async def viewer_of_session(self, session_id: str) -> Viewer | None:
        self.asked.append(session_id)
        if self.error is not None:
            raise self.error
        return self.sessions.get(session_id)


@dataclass
class Stage:
    """The app with its stand-ins."""

    client: Client
    clock: FakeClock
    pay: FakePayments
    inbox: FakeInbox
    viewers: FakeViewers
    overview: FakeOverview
    registry: CollectorRegistry
    not_ready: list[str]

    async def page(self, path: str, *, session: str = "", **headers: str) -> Answer:
        """Opens a page, without following redirects."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if session:
            names["Cookie"] = f"PHPSESSID={session}"
        async with self.client.get(path, headers=names, allow_redirects=False) as response:
            return Answer(response.status, await response.text(), dict(response.headers))

    async def start(
        self,
        ticket: str,
        *,
        session: str = "",
        headers: dict[str, str] | None = None,
        save: bool = False,
    ) -> Answer:
        """Presses "Pay"."""
        names = dict(headers or {})
        if session:
            names["Cookie"] = f"PHPSESSID={session}"
        address = "/stripe/pay/start"
        body = {"ticket": ticket} | ({"save": True} if save else {})
        async with self.client.post(address, json=body, headers=names) as response:
            return Answer(response.status, await response.text(), dict(response.headers))

    async def pay_ticket(self, *, session: str = "") -> str:
        """Opens the payment page of the invoice and takes its ticket."""
        entrance = "pay-invoice" if session else "direct-pay-invoice"
        answer = await self.page(f"/stripe/{entrance}?item_id=202611000042", session=session)
        assert answer.status == 200
        return answer.document.attribute("payment", "data-ticket")

    async def result_url(self, *, session: str = "") -> str:
        """Presses "Pay" and takes the address of the result page."""
        answer = await self.start(await self.pay_ticket(session=session), session=session)
        return answer.field("result_url")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def document(self) -> Html:
        parsed = Html()
        parsed.feed(self.text)
        parsed.close()
        assert not parsed.open_elements, f"not closed: {parsed.open_elements}"
        return parsed

    def field(self, name: str) -> str:
        value = json.loads(self.text)[name]
        assert isinstance(value, str)
        return value


_VOID = {"meta", "link", "input", "br", "img", "path", "circle", "rect"}


class Html(HTMLParser):
    """A page, taken apart; complains about elements that are closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open_elements: list[str] = []
        self.words: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open_elements.append(tag)

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open_elements, f"</{tag}> without a beginning"
        assert self.open_elements.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def attribute(self, element_id: str, name: str) -> str:
        for _, attributes in self.elements:
            if attributes.get("id") == element_id:
                return attributes[name]
        raise AssertionError(f"There is no element {element_id}.")


def check_page(answer: Answer) -> str:
    """Checks what holds for every page, and gives its text."""
    document = answer.document
    assert document.all("html")[0]["lang"] == "en"
    assert len(document.all("h1")) == 1
    assert document.all("title")
    assert len(document.all("main")) == 1
    assert not any("style" in attributes for _, attributes in document.elements)
    assert not any(
        name.startswith("on") for _, attributes in document.elements for name in attributes
    )
    assert not document.all("style")
    nonce = answer.headers["Content-Security-Policy"].split("'nonce-")[1].split("'")[0]
    for script in document.all("script"):
        assert script["nonce"] == nonce
        assert script["src"]
    return document.text


@asynccontextmanager
async def open_stage(
    change: Callable[[WebDeps], WebDeps] = lambda deps: deps,
) -> AsyncIterator[Stage]:
    """Starts the app on a free port of 127.0.0.1."""
    clock, pay, inbox, viewers = FakeClock(), FakePayments(), FakeInbox(), FakeViewers()
    overview = FakeOverview()
    pay.views[DocumentKind.INVOICE, "202611000042", False] = PAYABLE_VIEW
    pay.views[DocumentKind.INVOICE, "42", True] = PAYABLE_VIEW
    jpy = replace(PAYABLE_VIEW, payable=PROFORMA, amount=Money(5000, "JPY"))
    pay.views[DocumentKind.PROFORMA, "202611000007", False] = jpy
    pay.views[DocumentKind.PROFORMA, "7", True] = jpy
    registry, not_ready = CollectorRegistry(), list[str]()
    endpoints = {
        "hook-of-default": WebhookEndpoint(ACCOUNT, (Secret(WEBHOOK_SECRET),)),
        "hook-without-secret": WebhookEndpoint(ACCOUNT, ()),
        "hook-with-empty-secret": WebhookEndpoint(ACCOUNT, (Secret(""),)),
    }

    async def readiness() -> list[str]:
        return not_ready

    deps = WebDeps(
        pay=pay,
        overview=overview,
        inbox=inbox,
        operations=unused_operations(),
        recoveries=unused_recoveries(clock),
        links=unused_links(clock),
        viewers=viewers,
        clock=clock,
        ids=CountingIds(),
        signing_key=Secret("a key for tests"),
        site=Site(public_url=PUBLIC_URL, splynx_url="https://isp.example.net/"),
        webhook_endpoint=endpoints.get,
        readiness=readiness,
        registry=registry,
        settings=unused_desk(clock),
        credentials=FakeCredentials(TERMS).desk,
    )
    server = TestServer(create_app(change(deps)))
    await server.start_server(access_log_class=QuerylessAccessLogger)
    async with TestClient(server) as client:
        yield Stage(client, clock, pay, inbox, viewers, overview, registry, not_ready)


def signature(body: bytes, at: datetime, secret: str = WEBHOOK_SECRET) -> str:
    """Signs a body as Stripe does."""
    seconds = int(at.timestamp())
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"
