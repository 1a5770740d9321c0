"""A house in which charge runs are planned, confirmed and carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from splynx_stripe.domain.charge_plan import Reason, Verdict
from splynx_stripe.domain.charge_progress import ItemView, RunView
from splynx_stripe.domain.charge_run import BY_OFFICE, ChargeRun, ItemOutcome, RunOrigin
from splynx_stripe.domain.charge_selection import ChargeKind, Selection
from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.charge_last_look import PrepaidLook
from splynx_stripe.flows.charge_run_engine import ChargeRunEngine
from splynx_stripe.flows.charge_run_lane import Charger, LaneWorker, Tempo
from splynx_stripe.flows.charge_run_rooms import ChargeRunRooms
from splynx_stripe.flows.charge_run_summary import RunSummary
from splynx_stripe.flows.charge_runs import ChargeRuns
from splynx_stripe.flows.notices import Notices
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from splynx_stripe.sandbox.splynx import seed_data
from splynx_stripe.sandbox.splynx.rows import Invoice
from tests.fixed_failure_rules import FixedFailureRules
from tests.integration.charge_house import ChargeHouse, open_charges
from tests.integration.credential_house import card_form
from tests.integration.flow_town import JPY_ACCOUNT, Town

OFFICE, OTHER_OFFICE = "admin:1", "admin:2"
INVOICES = Selection(ChargeKind.INVOICES, partner_ids=(1,))


@dataclass
class ChargeRunHouse:
    """What the daemon joins for charge runs."""

    charges: ChargeHouse
    rooms: ChargeRunRooms
    runs: ChargeRuns
    engine: ChargeRunEngine

    @property
    def town(self) -> Town:
        return self.charges.town

    async def save_card(self, number: str = "4242424242424242", customer: int = 17) -> Credential:
        return await self.charges.credentials.save_card(number, customer)

    async def save_yen_card(self, customer: int) -> None:
        """A customer of the partner in Japan, which has an account of its own, saves a card."""
        credentials = self.charges.credentials
        started = await credentials.saving.start(
            customer, PaymentKind.CARD, credentials.consent(customer)
        )
        await credentials.confirm(started.client_secret, card_form("4242424242424242"), JPY_ACCOUNT)
        outcome = await credentials.saving.outcome(started.setup_id, customer, "customer")
        assert outcome.credential is not None

    def engine_with(self, charger: Charger, tempo: Tempo | None = None) -> ChargeRunEngine:
        """Makes another engine on the same database, as a restart does."""
        worker = LaneWorker(self.rooms, charger, PrepaidLook(self.rooms), tempo or Tempo())
        dice = self.charges.house.rooms.dice
        return ChargeRunEngine(self.rooms, worker, RunSummary(self.rooms), dice)

    async def plan(
        self,
        selection: Selection = INVOICES,
        *,
        origin: RunOrigin = BY_OFFICE,
        dry_run: bool = False,
    ) -> ChargeRun:
        """Somebody in the office asks for a plan, and the engine makes it."""
        begun = await self.runs.plan(selection, actor=OFFICE, origin=origin, dry_run=dry_run)
        await self.engine.tick()
        return (await self.view(begun.id)).run

    async def charge(self, selection: Selection = INVOICES) -> RunView:
        """The office plans and confirms; the engine works; what follows is done, too."""
        run = await self.plan(selection)
        await self.runs.confirm(run.id, actor=OFFICE)
        await self.engine.tick()
        await self.charges.house.pump.drain()
        return await self.view(run.id)

    async def view(self, run_id: str) -> RunView:
        view = await self.runs.run(run_id)
        assert view is not None
        return view

    async def items(self, run_id: str) -> Sequence[ItemView]:
        return await self.runs.items(run_id, after=0, limit=1000)

    async def verdicts(self, run_id: str) -> dict[str, tuple[Verdict, Reason]]:
        """Gives what was planned, by document number or customer."""
        return {
            view.item.payable.document_number or str(view.item.payable.customer_id): (
                view.item.verdict,
                view.item.reason,
            )
            for view in await self.items(run_id)
        }

    async def outcomes(self, run_id: str) -> Counter[ItemOutcome]:
        return Counter(view.outcome for view in await self.items(run_id))

    def issue(
        self, number: str, customer: int = 17, total: str = "20.0000", row_id: int = 0
    ) -> Invoice:
        """The office issues an invoice."""
        state = self.town.splynx.state
        next_id = row_id or max((row.id for row in state.invoices), default=0) + 1
        return seed_data.add_invoice(
            state, next_id, number, customer_id=customer, total=Decimal(total).to_eng_string()
        )

    def customer(self, customer_id: int, partner_id: int = 1) -> None:
        """Somebody becomes a customer."""
        seed_data.add_customer(
            self.town.splynx.state, customer_id, name=f"C {customer_id}", partner_id=partner_id
        )


@asynccontextmanager
async def open_runs(town: Town, store_url: str) -> AsyncIterator[ChargeRunHouse]:
    """Opens a house on a migrated database; leaving is a stop that finishes nothing."""
    async with open_charges(town, store_url) as charges:
        rooms = charges.house.rooms
        assert isinstance(rooms.splynx, SplynxHttpGateway)
        of_runs = ChargeRunRooms(
            store=rooms.store,
            splynx=rooms.splynx.charge_listings,
            notices=Notices(FixedFailureRules(), rooms.ids),
            terms=rooms.terms,
            clock=rooms.clock,
            ids=rooms.ids,
        )
        worker = LaneWorker(of_runs, charges.flow, PrepaidLook(of_runs), Tempo())
        engine = ChargeRunEngine(of_runs, worker, RunSummary(of_runs), rooms.dice)
        yield ChargeRunHouse(charges, of_runs, ChargeRuns(of_runs), engine)
