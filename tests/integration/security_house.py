"""The whole application on one real store, and all its addresses, for the tests of what must never be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.charge_rule import ChargeRule
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.link import LinkScope, MadeLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import BankFace, CardFace
from splynx_stripe.domain.splynx import Company, DocumentKind, Receipt
from splynx_stripe.flows.credentials import CredentialItem
from splynx_stripe.flows.links import LinkOrder, Links, Maker
from splynx_stripe.flows.operations import Operations
from splynx_stripe.flows.overview import Overview, PastPayment
from splynx_stripe.flows.recoveries import Recoveries
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore
from splynx_stripe.store.unit import SqlUnit
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.rules_desk import RulesDesk
from tests.integration.accounts_stage import AccountsStage, accounts_stage
from tests.integration.charge_desk import add_planned_run, charge_desk_on
from tests.integration.credential_stage import FakeCredentials, credential
from tests.integration.office_books import BareSplynx
from tests.integration.rule_house import RuleHouse, new_rule
from tests.integration.settings_stage import desk_of
from tests.integration.store_builders import attempt, case, collection, payable
from tests.integration.test_flows_links import fill
from tests.integration.test_store_failures import recovery
from tests.integration.web_stage import (
    ANNA,
    DUE,
    INVOICE,
    OLGA,
    PAYABLE_VIEW,
    TERMS,
    Answer,
    Stage,
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
    "run": "run_1",
}
"""What stands in the places of addresses: things of customer 17 and so of partner 1."""

SCRIPT_POSTS = frozenset({"credentials-start", "admin-credentials-start", "link-credential-start"})
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

    @property
    def is_by_link(self) -> bool:
        """Says whether who has the link may use it, whoever is signed in."""
        return self.name.startswith("link-credential")


@dataclass
class House:
    """The whole application: links, logs, settings and accounts on one real store."""

    stage: Stage
    accounts: AccountsStage
    saved: FakeCredentials
    splynx: BareSplynx
    link: MadeLink
    saving_link: MadeLink

    @property
    def store(self) -> SqlStore:
        return self.accounts.store

    def addresses(self, method: str) -> Sequence[Address]:
        app = self.stage.client.app
        assert isinstance(app, web.Application)
        found = [
            Address(method, route.name or "", self._path(route.name or "", route.resource))
            for route in app.router.routes()
            if route.method == method and route.resource is not None
        ]
        assert all(one.name for one in found)
        return found

    def _path(self, name: str, resource: web.AbstractResource) -> str:
        """Writes an address with our samples; what saves by a link has a link that saves."""
        token = self.saving_link.token if name.startswith("link-credential") else SAMPLES["token"]
        return resource.canonical.format_map({**SAMPLES, "token": token})

    def token_of(self, address: Address) -> str:
        """Gives the form token that a page at this address would carry."""
        owner = self.saving_link.link.actor if address.is_by_link else address.session
        return self.form_token(owner)

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
        by_link = (*saved.by_link.started, *saved.by_link.proofs)
        asked = (*saved.moves, *saved.removed, *saved.started, *saved.proofs, *by_link)
        return (len(audit), len(asked), len(self.stage.pay.started), self.accounts.changes)


def _fill(unit: SqlUnit) -> None:
    now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    unit.add_collection(collection("col_1", state=CollectionState.BOOKED))
    unit.add_attempt(replace(attempt("att_1", intent_id="pi_1"), charge_id="ch_1"))
    unit.record(AuditEntry(now, "attempt.declined", "customer:17", "col_1", "att_1"))
    unit.open_case(case("att_1", opened_at=now))
    add_planned_run(unit, now)
    unit.add_recovery(recovery())
    unit.add_charge_rule(_saved_rule("rule_1", "Invoices of Anna"))


def _saved_rule(rule_id: str, name: str) -> ChargeRule:
    """A rule of partner 1, as the database has one."""
    now = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    return replace(new_rule(name), id=rule_id, version=1, changed_at=now, changed_by="admin:1")


@asynccontextmanager
async def whole_house(folder: Path, url: str) -> AsyncIterator[House]:
    """Opens the application on a store in a folder."""
    saved, splynx = FakeCredentials(TERMS), BareSplynx()
    fill(splynx)
    async with accounts_stage(folder, url) as accounts:
        store = accounts.store
        await store.run(_fill)
        made: list[Links] = []
        rule_house = RuleHouse(store)
        rules = RulesDesk(rule_house.rules, rule_house.forecast)

        def whole(deps: WebDeps) -> WebDeps:
            made.append(Links(store, splynx, deps.clock, RandomIds()))
            return replace(
                deps,
                operations=Operations(store),
                links=made[0],
                credentials=saved.desk,
                settings=desk_of(store, accounts.written, deps.clock),
                accounts=lambda: accounts.wing.desk,
                charging=lambda: charge_desk_on(store, deps.clock),
                recoveries=Recoveries(store, deps.clock),
                rules=lambda: rules,
            )

        async with open_stage(whole) as stage:
            stage.overview.past = [PastPayment(INVOICE, DUE, stage.clock.now(), 501)]
            stage.overview.receipts[501] = Receipt("a.pdf", "application/pdf", b"%PDF of Anna")
            order = LinkOrder(LinkScope.INVOICE, number="202611000042")
            link = await made[0].make(order, Maker("admin:1"))
            saving = LinkOrder(LinkScope.CREDENTIAL, customer_id=17)
            saving_link = await made[0].make(saving, Maker("admin:1"))
            assert link is not None
            assert saving_link is not None
            yield House(stage, accounts, saved, splynx, link, saving_link)


async def write_evil_everywhere(house: House) -> None:
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
    house.saved.by_link.seen = LinkView(company, TERMS, (PaymentKind.CARD, PaymentKind.ACH))
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
        add_planned_run(unit, now, run_id="run_2", of=evil_bill)
        unit.add_charge_rule(_saved_rule("rule_2", EVIL))
        unit.add_charging_stop(reason=EVIL, by=EVIL, now=now)

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
