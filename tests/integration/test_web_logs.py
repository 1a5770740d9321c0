"""The logs page, its file, and the story of a debt: what is shown, to whom, and how it is filtered."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from typing_extensions import override
from yarl import URL

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.collection import CollectionState
from splynx_stripe.domain.operation import (
    Operation,
    OperationOutcome,
    OperationPlace,
    OperationQuery,
    outcome_of,
)
from splynx_stripe.domain.operation_table import COLUMNS, harmless
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.operations import CHUNK, Operations
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.store.unit import SqlUnit
from splynx_stripe.web.admin.logs import PAGE_ROWS
from splynx_stripe.web.admin.logs_words import actor_words
from splynx_stripe.web.app import WebDeps
from splynx_stripe.web.i18n import Languages
from tests.integration.store_builders import attempt, case, collection, payable
from tests.integration.web_stage import ANNA, OLGA, PAUL, Answer, Stage, check_page, open_stage

LOGS = "/stripe/admin/logs"
NOVEMBER = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 31, 22, 59, 59, tzinfo=UTC)
"""The last second of October in Prague, where winter time has just begun."""


@dataclass
class Office:
    """The stage with a log that is kept in a real database."""

    stage: Stage
    store: SqlStore

    async def page(self, query: str = "", *, session: str = OLGA) -> Answer:
        return await self.stage.page(f"{LOGS}{query}", session=session)

    async def text(self, query: str = "", *, session: str = OLGA) -> str:
        answer = await self.page(query, session=session)
        assert answer.status == 200
        return check_page(answer)

    async def rows(self, query: str = "", *, session: str = OLGA) -> list[dict[str, str]]:
        answer = await self.stage.page(f"{LOGS}.csv{query}", session=session)
        assert answer.status == 200
        text = answer.text
        assert text.startswith("\ufeff")
        return list(csv.DictReader(io.StringIO(text[1:])))


def _fill(unit: SqlUnit) -> None:
    unit.add_collection(collection("col_1", state=CollectionState.BOOKED))
    live = StripeAccount("default", livemode=True)
    taken = attempt("att_1", state=AttemptState.SUCCEEDED, intent_id="pi_1")
    unit.add_attempt(replace(taken, account=live, charge_id="ch_1", splynx_payment_id=501))
    foreign = replace(payable("202611000099"), partner_id=2, customer_id=18)
    unit.add_collection(collection("col_2", of=foreign))
    unit.add_attempt(attempt("att_2", collection_id="col_2", intent_id="pi_2"))
    for at, event, actor, debt, facts in (
        (OCTOBER, "collection.open", "customer:17", "col_1", {"route": "portal"}),
        (NOVEMBER, "attempt.declined", "stripe:evt_5", "col_1", {"decline_code": "lost_card"}),
        (
            NOVEMBER + timedelta(seconds=5),
            "attempt.succeeded",
            "stripe:evt_6",
            "col_1",
            {"amount": "172.50 EUR", "payment_intent": "pi_1"},
        ),
        (NOVEMBER + timedelta(minutes=1), "attempt.prepared", "link", "col_2", {}),
        (
            NOVEMBER + timedelta(minutes=2),
            "newer.event",
            "admin:1",
            "",
            {"note": "=<b>HYPERLINK</b>"},
        ),
    ):
        attempt_id = debt.replace("col", "att") if event.startswith("attempt") else ""
        unit.record(AuditEntry(at, event, actor, debt, attempt_id, facts))
    unit.open_case(replace(case("att_1", opened_at=NOVEMBER), summary="Paid twice. Look at it."))


@pytest.fixture
async def office(sqlite_url: str) -> AsyncIterator[Office]:
    store = open_store(sqlite_url, clock=SystemClock(), ids=RandomIds())
    await store.run(_fill)

    def with_log(deps: WebDeps) -> WebDeps:
        site = replace(deps.site, timezone=ZoneInfo("Europe/Prague"))
        return replace(deps, operations=Operations(store), site=site)

    async with open_stage(with_log) as stage:
        yield Office(stage, store)
    await store.close()


async def test_this_month_is_shown_newest_first_with_all_that_is_known(office: Office) -> None:
    text = await office.text()

    assert text.index("newer.event") < text.index("Stripe took 172.50 EUR (pi_1).")
    assert text.index("Stripe took") < text.index("A try to pay was declined: lost card.")
    assert "Paid twice. Look at it." in text
    assert "20 Nov 2026 11:00:05" in text  # Splynx's clock
    assert "Somebody began to pay" not in text  # that was in October
    for known in ("172.50 EUR", "ch_1", "evt_6", "Splynx payment 501", "Invoice · Card"):
        assert known in text
    assert "Times are those of Europe/Prague." in text


@pytest.mark.parametrize(
    ("query", "found", "missing"),
    [
        ("?from=", "Somebody began to pay", "never"),
        ("?from=2026-10-31&to=2026-10-31", "Somebody began to pay", "Stripe took"),
        ("?from=2026-11-01", "Stripe took", "Somebody began to pay"),
        ("?status=failed", "declined", "Stripe took"),
        ("?status=done", "Stripe took", "declined"),
        ("?type=other", "newer.event", "Stripe took"),
        ("?type=invoice", "Stripe took", "newer.event"),
        ("?means=card", "Stripe took", "newer.event"),
        ("?q=pi_2", "was written down", "Stripe took"),
        ("?q=202611000042", "Stripe took", "was written down"),
        ("?q=17", "Stripe took", "was written down"),
        ("?q=col_1", "Stripe took", "was written down"),
        ("?q=nothing", "Nothing was found", "Stripe took"),
        ("?type=nonsense&status=nonsense&means=x&before=%00", "Stripe took", "Nothing was found"),
        ("?from=yesterday", "Please enter a date", "never"),
        ("?from=2026-11-02&to=2026-11-01", "The first day is after the last one", "Stripe took"),
        ("?from=2026-11-02&to=99999-11-01", "Please enter a date", "never"),
    ],
)
async def test_each_filter_shows_what_it_says(
    office: Office, query: str, found: str, missing: str
) -> None:
    text = await office.text(query)

    assert found in text
    assert missing not in text


async def test_the_form_keeps_what_was_asked(office: Office) -> None:
    answer = await office.page("?from=2026-11-02&status=done&type=invoice&q=%22%3Cb%3E")

    document = answer.document
    assert document.attribute("from", "value") == "2026-11-02"
    assert document.attribute("q", "value") == '"<b>'
    chosen = [each["value"] for each in document.all("option") if "selected" in each]
    assert chosen == ["invoice", "done"]


async def test_a_page_leads_to_older_ones_with_the_same_filter(office: Office) -> None:
    def fill(unit: SqlUnit) -> None:
        for number in range(PAGE_ROWS):
            facts = {"number": f"n{number:03}"}
            unit.record(AuditEntry(NOVEMBER, "newer.event", "admin:1", facts=facts))

    await office.store.run(fill)
    first = await office.page("?type=other")
    links = [URL(each["href"]) for each in first.document.all("a") if "before=" in each["href"]]
    (older,) = links

    second = await office.stage.page(str(older), session=OLGA)

    assert older.query["type"] == "other"
    assert first.text.count("number=n") == PAGE_ROWS - 1
    assert check_page(second).count("number=n") == 1
    assert "Newest" in second.document.text


async def test_the_file_holds_the_filtered_rows_with_exact_times(office: Office) -> None:
    rows = await office.rows("?q=202611000042&from=")

    assert list(rows[0]) == list(COLUMNS)
    assert [row["event"] for row in rows] == [
        "attempt.succeeded",
        "case.opened",
        "attempt.declined",
        "collection.open",
    ]
    assert rows[0]["time"] == "2026-11-20T11:00:05+01:00"
    assert (rows[0]["amount"], rows[0]["currency"]) == ("172.50", "EUR")
    assert (rows[0]["payment_intent"], rows[0]["stripe_account"]) == ("pi_1", "default:live")
    assert (rows[0]["splynx_payment"], rows[0]["customer"]) == ("501", "17")
    assert rows[3]["time"] == "2026-10-31T23:59:59+01:00"


async def test_no_cell_of_the_file_is_a_formula(office: Office) -> None:
    def fill(unit: SqlUnit) -> None:
        for sign in "=+-@\t":
            facts = {"amount": f"{sign}1 EUR", "customer": f"{sign}2", "document": f"{sign}3"}
            unit.record(AuditEntry(NOVEMBER, "x.y", f"{sign}cmd|calc", facts=facts))

    await office.store.run(fill)

    cells = [cell for row in await office.rows("?type=other") for cell in row.values()]

    assert len(cells) == 6 * len(COLUMNS)
    assert not [cell for cell in cells if cell[:1] in {"=", "+", "-", "@", "\t", "\r"}]
    assert harmless("-5.00") == "'-5.00"


async def test_a_large_file_comes_in_pieces_and_whole(office: Office) -> None:
    count = 2 * CHUNK + 7

    def fill(unit: SqlUnit) -> None:
        for number in range(count):
            facts = {"note": str(number)}
            unit.record(AuditEntry(NOVEMBER, "newer.event", "admin:1", facts=facts))

    await office.store.run(fill)

    rows = await office.rows("?type=other")

    assert len(rows) == count + 1
    assert len({row["what"] for row in rows}) == count + 1


async def test_a_file_that_breaks_off_does_not_look_whole(office: Office) -> None:
    class Broken(Operations):
        calls = 0

        @override
        async def page(
            self, query: OperationQuery, *, before: OperationPlace | None, limit: int
        ) -> Sequence[Operation]:
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("The disk is gone.")
            return await super().page(query, before=before, limit=limit)

    def fill(unit: SqlUnit) -> None:
        for _ in range(CHUNK):
            unit.record(AuditEntry(NOVEMBER, "newer.event", "admin:1"))

    await office.store.run(fill)
    broken = Broken(office.store)
    async with open_stage(lambda deps: replace(deps, operations=broken)) as stage:
        with pytest.raises(Exception, match=r"payload|disconnected|Connection"):
            await stage.page(f"{LOGS}.csv?from=", session=OLGA)


@pytest.mark.parametrize("path", [LOGS, f"{LOGS}.csv", "/stripe/admin/timeline/col_1"])
@pytest.mark.parametrize("session", ["", ANNA])
async def test_nobody_but_an_administrator_sees_the_log(
    office: Office, path: str, session: str
) -> None:
    answer = await office.stage.page(path, session=session)

    assert answer.status == 302
    assert answer.headers["Location"].startswith("https://isp.example.net/admin/login/")


async def test_an_administrator_of_a_partner_sees_that_partner_only(office: Office) -> None:
    text = await office.text("?from=", session=PAUL)
    rows = await office.rows("?from=", session=PAUL)
    theirs = await office.stage.page("/stripe/admin/timeline/col_2", session=PAUL)
    others = await office.stage.page("/stripe/admin/timeline/col_1", session=PAUL)
    nobodys = await office.stage.page("/stripe/admin/timeline/col_9", session=PAUL)

    assert "202611000099" in text
    assert "202611000042" not in text
    assert "newer.event" not in text
    assert [row["collection"] for row in rows] == ["col_2"]
    assert (theirs.status, others.status, nobodys.status) == (200, 404, 404)


async def test_the_story_of_a_debt_says_why_and_leads_to_both_systems(office: Office) -> None:
    answer = await office.stage.page("/stripe/admin/timeline/col_1", session=OLGA)

    text = check_page(answer)
    assert "Now: paid and booked." in text
    assert text.index("Somebody began to pay (portal).") < text.index("declined: lost card.")
    assert "Paid twice. Look at it." in text
    links = {each["href"]: each for each in answer.document.all("a")}
    assert "https://dashboard.stripe.com/payments/pi_1" in links
    assert links["https://dashboard.stripe.com/payments/pi_1"]["rel"] == "noopener noreferrer"
    assert "https://isp.example.net/admin/customers/view?id=17" in links
    assert "/stripe/admin/logs?from=&q=202611000042" in links


async def test_a_test_payment_leads_to_the_test_dashboard(office: Office) -> None:
    answer = await office.stage.page("/stripe/admin/timeline/col_2", session=OLGA)

    links = [each["href"] for each in answer.document.all("a")]
    assert "https://dashboard.stripe.com/test/payments/pi_2" in links


async def test_a_connected_account_is_opened_in_the_dashboard_as_itself(office: Office) -> None:
    def known(deps: WebDeps) -> WebDeps:
        log = Operations(office.store)
        return replace(deps, operations=log, stripe_account_id=lambda _account: "acct_9")

    async with open_stage(known) as stage:
        answer = await stage.page("/stripe/admin/timeline/col_2", session=OLGA)

    links = [each["href"] for each in answer.document.all("a")]
    assert "https://dashboard.stripe.com/acct_9/test/payments/pi_2" in links


@pytest.mark.parametrize(
    ("actor", "words"),
    [
        ("admin:7", "Administrator 7"),
        ("admin:0", "An administrator"),
        ("customer:17", "Customer 17"),
        ("console", "Command line"),
        ("migration", "Migration from the closed add-on"),
        ("link", "Somebody with a plain link"),
        ("stripe:evt_1", "Stripe"),
        ("of_a_newer_version:3", "of_a_newer_version:3"),
    ],
)
def test_who_did_it_is_said_in_words(actor: str, words: str) -> None:
    """Splynx does not tell every key which administrator it is; nobody is called number 0."""
    assert actor_words(actor, Languages.installed("en").best(["en"])) == words


def test_how_an_operation_ended_is_told_by_the_last_word_of_its_event() -> None:
    assert outcome_of("refund.refunded") is OperationOutcome.DONE
    assert outcome_of("attempt.requires_action") is OperationOutcome.WAITING
    assert outcome_of("effect.given_up") is OperationOutcome.FAILED
    assert outcome_of("settings.changed") is OperationOutcome.NOTED
