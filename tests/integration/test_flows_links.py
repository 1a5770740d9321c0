"""Payment links: made, opened, counted, revoked; what is stored of them; and keys of programs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.link import LinkScope, LinkState, token_text
from splynx_stripe.domain.splynx import Document, DocumentKind, DocumentStatus, SplynxCustomer
from splynx_stripe.flows.links import LinkOrder, Links, Maker
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from tests.integration.office_books import BareSplynx

OFFICE = Maker("admin:1")
OFFICE_2 = Maker("admin:2", partner_id=2)
INVOICE = LinkOrder(LinkScope.INVOICE, number="202611000042")
CUSTOMER = LinkOrder(LinkScope.CUSTOMER, customer_id=17)


@dataclass
class MovableClock:
    """A clock that is set by the test."""

    moment: datetime = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class Desk:
    """Links on a real store, beside a Splynx of one customer per partner."""

    store: SqlStore
    clock: MovableClock = field(default_factory=MovableClock)
    splynx: BareSplynx = field(default_factory=BareSplynx)

    @property
    def links(self) -> Links:
        """Gives the flow anew each time, as after a restart."""
        return Links(self.store, self.splynx, self.clock, RandomIds())


def document(number: str, customer_id: int) -> Document:
    return Document(
        kind=DocumentKind.INVOICE,
        id=int(number[-4:]),
        number=number,
        customer_id=customer_id,
        status=DocumentStatus.NOT_PAID,
        total=Decimal("172.50"),
        due=Decimal("172.50"),
        payment_id=0,
        date_created=date(2026, 11, 1),
        date_till=date(2026, 11, 30),
    )


def fill(splynx: BareSplynx) -> None:
    for customer_id, partner_id, number in ((17, 1, "202611000042"), (18, 2, "202611000044")):
        name = f"Name of {customer_id}"
        splynx.customers[customer_id] = SplynxCustomer(
            customer_id, partner_id, name, "a@b.example", "", "active"
        )
        key = (DocumentKind.INVOICE, number)
        splynx.documents[key] = document(number, customer_id)


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    made = Desk(store)
    fill(made.splynx)
    return made


async def test_a_link_opens_its_document_after_a_restart_and_its_uses_are_counted(
    desk: Desk,
) -> None:
    made = await desk.links.make(INVOICE, OFFICE)

    assert made is not None
    desk.clock.moment += timedelta(days=29)
    opened = [await desk.links.open(text) for text in (made.token, made.token.upper())]
    for each in opened:
        assert each is not None
        await desk.links.count_use(each)
    (listed,) = await desk.links.links(OFFICE, limit=10)
    assert [(each and each.document_id) for each in opened] == [42, 42]
    assert (listed.uses, listed.last_used_at) == (2, desk.clock.moment)
    assert (listed.partner_id, listed.customer_id, listed.made_by) == (1, 17, "admin:1")


async def test_a_link_to_a_customer_names_no_document(desk: Desk) -> None:
    made = await desk.links.make(CUSTOMER, OFFICE)

    assert made is not None
    opened = await desk.links.open(made.token)
    assert opened is not None
    assert (opened.scope, opened.customer_id, opened.document_id) == (LinkScope.CUSTOMER, 17, 0)


def test_a_token_is_unguessable_and_fits_into_a_text_message() -> None:
    tokens = {token_text(RandomIds().token()) for _ in range(100)}

    assert len(tokens) == 100
    assert {len(token) for token in tokens} == {26}
    assert all(token.isascii() and token.isalnum() and token.islower() for token in tokens)


async def test_a_copy_of_the_database_opens_nothing(sqlite_url: str) -> None:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())
    desk = Desk(store)
    fill(desk.splynx)
    made = await desk.links.make(INVOICE, OFFICE)
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")
    await store.close()

    assert made is not None
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    bytes_of_all = b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    assert made.token.encode() not in bytes_of_all
    assert key.text.encode() not in bytes_of_all
    assert b"Name of 17" not in bytes_of_all


async def test_expired_revoked_and_unknown_links_open_nothing_and_count_nothing(
    desk: Desk,
) -> None:
    expired = await desk.links.make(INVOICE, OFFICE)
    revoked = await desk.links.make(CUSTOMER, OFFICE)
    assert expired is not None
    assert revoked is not None

    assert await desk.links.revoke(revoked.link.id, OFFICE)
    desk.clock.moment += timedelta(days=30)

    for token in (expired.token, revoked.token, "a" * 26, "", "ä"):
        assert await desk.links.open(token) is None
    listed = await desk.links.links(OFFICE, limit=10)
    assert [each.uses for each in listed] == [0, 0]
    assert {each.state(desk.clock.moment) for each in listed} == {
        LinkState.EXPIRED,
        LinkState.REVOKED,
    }


async def test_all_links_of_a_customer_are_revoked_at_once(desk: Desk) -> None:
    made = [await desk.links.make(each, OFFICE) for each in (INVOICE, CUSTOMER)]
    foreign = await desk.links.make(LinkOrder(LinkScope.CUSTOMER, customer_id=18), OFFICE)

    assert await desk.links.revoke_all(17, OFFICE) == 2
    assert await desk.links.revoke_all(17, OFFICE) == 0

    assert [each and await desk.links.open(each.token) for each in made] == [None, None]
    assert foreign is not None
    assert await desk.links.open(foreign.token) is not None


@pytest.mark.parametrize(
    "order",
    [
        LinkOrder(LinkScope.INVOICE, number="999"),
        LinkOrder(LinkScope.PROFORMA, number="202611000042"),
        LinkOrder(LinkScope.CUSTOMER, customer_id=999),
    ],
)
async def test_no_link_is_made_to_what_splynx_does_not_have(desk: Desk, order: LinkOrder) -> None:
    assert await desk.links.make(order, OFFICE) is None
    assert not await desk.links.links(OFFICE, limit=10)


async def test_no_link_is_made_while_splynx_does_not_answer(desk: Desk) -> None:
    desk.splynx.error = RetryableError("Splynx is down.")

    with pytest.raises(RetryableError):
        await desk.links.make(INVOICE, OFFICE)


@pytest.mark.parametrize("days", [-1, 0, 366])
async def test_no_link_is_made_for_less_than_a_moment_or_more_than_a_year(
    desk: Desk, days: int
) -> None:
    order = LinkOrder(LinkScope.CUSTOMER, customer_id=17, lifetime=timedelta(days=days))

    with pytest.raises(ValueError, match="1 to 365 days"):
        await desk.links.make(order, OFFICE)


async def test_an_administrator_of_a_partner_touches_no_links_of_others(desk: Desk) -> None:
    foreign = await desk.links.make(INVOICE, OFFICE)
    own = await desk.links.make(LinkOrder(LinkScope.INVOICE, number="202611000044"), OFFICE_2)

    assert foreign is not None
    assert own is not None
    assert await desk.links.make(INVOICE, OFFICE_2) is None
    assert [each.id for each in await desk.links.links(OFFICE_2, limit=10)] == [own.link.id]
    assert not await desk.links.revoke(foreign.link.id, OFFICE_2)
    assert await desk.links.revoke_all(17, OFFICE_2) == 0
    assert await desk.links.open(foreign.token) is not None


async def test_each_change_is_in_the_audit_log_with_its_actor_and_without_its_token(
    desk: Desk,
) -> None:
    made = await desk.links.make(INVOICE, OFFICE)
    assert made is not None
    await desk.links.revoke(made.link.id, OFFICE)
    await desk.links.make(CUSTOMER, OFFICE)
    await desk.links.revoke_all(17, OFFICE_2)
    await desk.links.revoke_all(17, OFFICE)
    key = await desk.links.make_key("mailer", partner_id=2, actor="console")
    await desk.links.revoke_key(key.key.id, actor="console")

    entries = await desk.store.read(lambda unit: unit.recent_audit(limit=20))

    assert [(each.event, each.actor) for each in reversed(entries)] == [
        ("link.made", "admin:1"),
        ("link.revoked", "admin:1"),
        ("link.made", "admin:1"),
        ("link.all_revoked", "admin:1"),
        ("link_key.made", "console"),
        ("link_key.revoked", "console"),
    ]
    assert made.token not in str(entries)
    assert key.text not in str(entries)
    assert entries[-1].facts["customer"] == "17"
    assert entries[-1].facts["document"] == "202611000042"


async def test_a_programs_key_stands_for_its_partner_until_it_is_revoked(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=2, actor="console")

    maker = await desk.links.maker_of_key(key.text)
    wrong = [await desk.links.maker_of_key(text) for text in ("lk_wrong", "", f"{key.text}x")]
    (listed,) = await desk.links.keys()
    revoked = await desk.links.revoke_key(key.key.id, actor="console")

    assert maker == Maker(f"api:{key.key.id}", 2)
    assert wrong == [None, None, None]
    assert listed.last_used_at == desk.clock.moment
    assert revoked
    assert await desk.links.maker_of_key(key.text) is None
    assert not await desk.links.revoke_key(key.key.id, actor="console")


async def test_a_links_token_is_no_key_and_a_key_no_link(desk: Desk) -> None:
    key = await desk.links.make_key("mailer", partner_id=0, actor="console")
    made = await desk.links.make(CUSTOMER, OFFICE)

    assert made is not None
    assert await desk.links.maker_of_key(made.token) is None
    assert await desk.links.open(key.text) is None


def _constraints() -> Iterator[tuple[str, str]]:
    row = "'lnk_1','{d}','{s}',1,17,{doc},'n','t','admin:1','t',NULL,{uses},NULL,NULL"
    digest = "0" * 64
    yield "scope", row.format(d=digest, s="other", doc=1, uses=0)
    yield "document", row.format(d=digest, s="customer", doc=1, uses=0)
    yield "document", row.format(d=digest, s="invoice", doc=0, uses=0)
    yield "digest", row.format(d="short", s="invoice", doc=1, uses=0)
    yield "uses", row.format(d=digest, s="invoice", doc=1, uses=-1)


@pytest.mark.parametrize(("constraint", "values"), list(_constraints()))
def test_the_database_refuses_an_impossible_link(
    sqlite_url: str, constraint: str, values: str
) -> None:
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))

    with pytest.raises(sqlite3.IntegrityError, match=f"ck_payment_links_{constraint}"):
        connection.execute(f"INSERT INTO payment_links VALUES ({values})")  # noqa: S608 - ours
    connection.close()
