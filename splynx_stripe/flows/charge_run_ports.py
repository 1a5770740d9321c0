"""What charge runs need from the store, from Splynx, and from the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from splynx_stripe.domain.charge_progress import (
    ANY_ITEM,
    ChargingStop,
    FailureGroup,
    ItemFilter,
    ItemSearch,
    ItemView,
    PlanGroup,
    RunSearch,
    Tally,
)
from splynx_stripe.domain.charge_run import ChargeRun, ItemOutcome, ItemStanding, RunItem
from splynx_stripe.domain.charge_selection import Selection
from splynx_stripe.domain.guardrails import RunTotal
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Document
from splynx_stripe.domain.splynx_billing import CustomerBilling, ListedCustomer, PrepaidPrice


class ChargeRunUnit(Protocol):
    """The part of a unit of work that knows charge runs, their items, and the emergency stop."""

    def add_charge_run(self, run: ChargeRun) -> bool:
        """Adds it. False (and nothing) when a live run has the same selection."""
        ...

    def charge_run(self, run_id: str) -> ChargeRun | None:
        """Finds a run by id."""
        ...

    def live_charge_run(self, fingerprint: str) -> ChargeRun | None:
        """Finds the live run of a selection; rehearsals do not count."""
        ...

    def live_charge_runs(self) -> Sequence[ChargeRun]:
        """Lists the runs that have not ended, rehearsals too, oldest first."""
        ...

    def charge_runs(
        self, *, before: str, limit: int, partner_id: int, search: RunSearch | None = None
    ) -> Sequence[ChargeRun]:
        """Lists runs, newest first, from below the id `before` ("" is the top).

        `partner_id` wants those of that partner alone; 0 wants all. Without `search` dry runs are
        among them.
        """
        ...

    def save_charge_run(self, run: ChargeRun) -> None:
        """Writes the progress and raises the version by one; what was asked for is not written."""
        ...

    def add_run_total(self, run_id: str, total: RunTotal) -> None:
        """Adds what the run charges the customers of one partner in one currency."""
        ...

    def run_totals(self, run_id: str) -> Sequence[RunTotal]:
        """Lists what the run charges, by partner and currency."""
        ...

    def past_run_totals(
        self, family: str, *, partner_id: int, currency: str, limit: int
    ) -> Sequence[Money]:
        """Lists what the newest finished runs of a family came to; rehearsals do not count."""
        ...

    def add_run_item(self, item: RunItem) -> bool:
        """Adds it. False (and nothing) when the run has the debt already."""
        ...

    def last_item_number(self, run_id: str) -> int:
        """Gives the highest number of a run's items, 0 when there are none."""
        ...

    def run_item(self, run_id: str, number: int) -> RunItem | None:
        """Finds an item."""
        ...

    def open_run_items(
        self, run_id: str, account: str, *, after: int, limit: int
    ) -> Sequence[RunItem]:
        """Lists items that the run has to deal with, of one account (its key, "" for links)."""
        ...

    def open_run_accounts(self, run_id: str) -> Sequence[str]:
        """Lists the keys of the accounts that have such items."""
        ...

    def open_item_count(self, run_id: str) -> int:
        """Counts such items."""
        ...

    def save_run_item(self, item: RunItem, *, seen: ItemStanding) -> None:
        """Writes how far the run is with it. Raises `StaleWriteError` unless it still stood at `seen`."""
        ...

    def leave_run_items(self, run_id: str, *, now: datetime) -> int:
        """Lets all items be whose turn has not come, and gives their number."""
        ...

    def sums_of_run(self, run_id: str) -> Sequence[RunTotal]:
        """Adds up what is charged, by partner and currency."""
        ...

    def planned_for_customer(self, run_id: str, customer_id: int, currency: str) -> Money:
        """Adds up what the run charges one customer so far."""
        ...

    def charged_by_runs_since(self, customer_id: int, since: datetime, *, besides_run: str) -> bool:
        """Says whether another run has charged a customer, or is about to, after `since`."""
        ...

    def payment_link_was_sent(self, payable: Payable) -> bool:
        """Says whether a run has sent a payment link for the debt."""
        ...

    def last_charge_failed(self, customer_id: int, credential_id: str) -> bool:
        """Says whether the newest charge of a saved credential failed."""
        ...

    def plan_groups(self, run_id: str) -> Sequence[PlanGroup]:
        """Counts the items of a plan by verdict and reason."""
        ...

    def run_outcomes(self, run_id: str) -> Mapping[ItemOutcome, Tally]:
        """Counts the items by what became of them."""
        ...

    def run_item_views(
        self,
        run_id: str,
        *,
        after: int,
        limit: int,
        only: ItemFilter,
        search: ItemSearch = ANY_ITEM,
    ) -> Sequence[ItemView]:
        """Lists items with what became of them, by number; their `credential` is None."""
        ...

    def run_failures(self, run_id: str) -> Sequence[FailureGroup]:
        """Counts the items whose newest charge failed, by reason, the most frequent first."""
        ...

    def has_credentials_elsewhere(self, customer_id: int) -> bool:
        """Says whether a customer has saved something, with whatever account."""
        ...

    def unbooked(self, *, limit: int) -> int:
        """Counts the charges that wait for their booking in Splynx, up to `limit`."""
        ...

    def charging_stop(self) -> ChargingStop | None:
        """Gives the emergency stop that is in force."""
        ...

    def add_charging_stop(self, *, reason: str, by: str, now: datetime) -> bool:
        """Stops all unattended charging. False (and nothing) when it is stopped already."""
        ...

    def end_charging_stop(self, *, by: str, note: str, now: datetime) -> bool:
        """Ends the stop. False when there is none."""
        ...


class ChargeSplynx(Protocol):
    """What planning needs of Splynx. Every page is filtered again by who asks."""

    def invoice_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[Document]]:
        """Lists invoices that fit, by rising id, from above the id `after`, page by page."""
        ...

    def customer_pages(
        self, selection: Selection, *, after: int
    ) -> AsyncIterator[Sequence[ListedCustomer]]:
        """Lists customers that fit, by rising id, from above the id `after`, page by page."""
        ...

    async def listed_customers(self, ids: Sequence[int]) -> Mapping[int, ListedCustomer]:
        """Fetches customers by id; whom Splynx does not have is left out."""
        ...

    async def billing(self, customer_id: int) -> CustomerBilling | None:
        """Fetches a customer's balance and payment method; None when there is no such customer."""
        ...

    async def prepaid_price(self, customer_id: int) -> PrepaidPrice | None:
        """Fetches what a prepaid customer's next period costs; None for customers without one."""
        ...


class ChargeNotices(Protocol):
    """What runs tell by message, in the commit of the fact (`flows.notices.Notices`).

    `Unit` is not named here: it is made of the protocols of this module.
    """

    def send_link(self, unit: Any, payable: Payable, amount: Money, *, now: datetime) -> bool:
        """Sends a customer a link to pay a document, once per document; False when it was sent."""
        ...

    def tell_office(
        self,
        unit: Any,
        key: str,
        *,
        partner_id: int,
        subject: str,
        lines: Sequence[str],
        now: datetime,
    ) -> bool:
        """Sends the office of a partner an e-mail: one line per sentence; once per key."""
        ...
