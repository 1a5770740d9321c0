"""The promises about charges without the customer: watched at each commit, request and message."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from splynx_stripe.domain.metadata import ATTEMPT, CUSTOMER
from tests.simulation.clockwork import SimClock
from tests.simulation.disk import Disk
from tests.simulation.office_plan import CHARGE_FAULTS
from tests.simulation.plan import Plan
from tests.simulation.shares import Shares, in_units, ours
from tests.simulation.splynx_side import Row, SplynxSide
from tests.simulation.stripe_raw import BANK, OPEN, Json
from tests.simulation.stripe_side import StripeSide

_IN_FLIGHT_S = 240.0
"""How long a request that was right when it was decided may be on its way."""

_FOREIGN_SEEN_S = 240.0
_WITHDRAWN_WITHIN_S = 900.0
_NO_ANSWER_CHANGES = frozenset({"stolen_card", "expired_card", "account_closed"})
_WANTS_PERSON = "authentication_required"
_PRESENTED_AT_MOST = 3
"""A bank debit may be presented once and, for want of money, twice again."""

_CARD_AT_MOST = 8
_FAILURES = frozenset({"payment_failed", "confirm_payment", "tries_ended"})
_NEW = """
SELECT a.id, a.amount_minor, a.currency, a.credential_id, a.account, a.charged_method_id,
  c.origin, c.payable_key, c.splynx_customer_id, c.id, c.route
FROM attempts a JOIN collections c ON c.id = a.collection_id WHERE a.off_session = 1
"""
_ITEM = """
SELECT amount_minor, credential_id, payable_key, collection_id FROM charge_run_items
WHERE run_id = ? AND number = ?
"""
_RUNS = """
SELECT r.id, r.state, r.confirmed_by, r.second_by, r.rule_id, r.selection, r.is_rehearsal,
  coalesce((SELECT sum(amount_minor) FROM charge_run_totals t
            WHERE t.run_id = r.id AND partner_id = 1), 0)
FROM charge_runs r
"""


class Scene(Protocol):
    """What is looked at."""

    stripe: StripeSide
    splynx: SplynxSide
    disk: Disk
    clock: SimClock
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Failure:
    payable_key: str
    method: str
    reasons: frozenset[str]


class ChargeWatch:
    """Watches charges without the customer; `break_promise` raises."""

    def __init__(
        self, scene: Scene, shares: Shares, break_promise: Callable[[str, str], None]
    ) -> None:
        self._scene = scene
        self._shares = shares
        self._break = break_promise
        self._known: set[str] = set()
        self._runs: dict[str, str] = {}
        self._said: set[str] = set()
        self._moving_since_s: dict[tuple[str, str], float] = {}
        self._deposits: dict[int, Decimal] = {}
        self._owed: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._stopped_before = False
        self._open_since_s: dict[str, float] = {}
        self.foreign: list[tuple[str, int, float]] = []
        scene.splynx.on_message = self._message

    # --- ledgers ------------------------------------------------------------------------------------

    def splynx_changed(self) -> None:
        """Notes how much each customer has ever owed in all."""
        for customer_id, deposit in self._scene.splynx.deposits.items():
            before = self._deposits.get(customer_id, Decimal(0))
            if deposit < before:
                self._owed[customer_id] += before - deposit
            self._deposits[customer_id] = deposit

    def ledgers_agree(self) -> None:
        """Checks that balance and invoices of a customer are not collected at once, or twice."""
        mine = ours(self._scene.stripe)
        takes = [intent for intent in mine if self._is_open(intent)]
        self._one_route_per_customer(takes)
        self._no_more_is_taken_than_owed(mine)
        self._one_charge_per_effort([*takes, *(each for each in mine if each["amount_received"])])

    def _is_open(self, intent: Json) -> bool:
        return intent["status"] in OPEN or intent["status"] == "processing"

    def _one_route_per_customer(self, takes: Sequence[Json]) -> None:
        names: defaultdict[str, set[str]] = defaultdict(set)
        for intent in takes:
            names[intent["metadata"][CUSTOMER]].update(
                share.name
                for share in self._shares.of(intent)
                if not share.name.startswith("top_up/")
            )
        for customer, every in names.items():
            if len(every) > 1 and any("/" in name for name in every):
                self._break("I1", f"{customer} is charged by several routes: {sorted(every)}")

    def _no_more_is_taken_than_owed(self, mine: Sequence[Json]) -> None:
        taken: defaultdict[int, Decimal] = defaultdict(Decimal)
        for intent in mine:
            if not intent["amount_received"] or self._shares.returned(intent) is not None:
                continue
            for share in self._shares.of(intent):
                if share.name.startswith("balance/") or self._is_invoice(share.name):
                    customer = int(intent["metadata"][CUSTOMER])
                    taken[customer] += self._shares.taken(intent, share)
        for customer, amount in taken.items():
            owed = self._owed[customer]
            if amount > owed:
                self._break("I1", f"{amount} taken from customer {customer}, who owed {owed}")

    def _one_charge_per_effort(self, charges: Sequence[Json]) -> None:
        per_origin = Counter(filter(None, (self._origin(each["metadata"]) for each in charges)))
        for origin, count in per_origin.items():
            if count > 1:
                self._break("I1", f"{origin} has charged {count} times")

    def _is_invoice(self, name: str) -> bool:
        return any(
            row["number"] == name and "due" in row for row in self._scene.splynx.documents.values()
        )

    def _origin(self, metadata: Mapping[str, str]) -> str:
        row = self._scene.disk.raw.execute(
            "SELECT c.origin FROM attempts a JOIN collections c ON c.id = a.collection_id"
            " WHERE a.id = ?",
            (metadata[ATTEMPT],),
        ).fetchone()
        return str(row[0] or "") if row else ""

    # --- after every commit -------------------------------------------------------------------------

    def after_commit(self, changed: frozenset[str]) -> None:
        """Checks what we have decided, at the moment it is durable."""
        if "attempts" in changed:
            self._attempts_moved()
        if "charge_runs" in changed:
            self._runs_moved()
        if "collections" in changed:
            self._efforts_are_remembered()
        self._stopped_before = self._is_stopped()

    def _is_stopped(self) -> bool:
        raw = self._scene.disk.raw
        found = raw.execute("SELECT 1 FROM charging_stops WHERE resumed_at IS NULL").fetchone()
        return found is not None

    def _attempts_moved(self) -> None:
        raw, now_s = self._scene.disk.raw, self._scene.clock.elapsed_s
        moving = raw.execute(
            "SELECT c.payable_key, a.id FROM attempts a JOIN collections c ON c.id = a.collection_id"
            " WHERE a.state IN ('processing', 'succeeded') AND c.state <> 'returned'"
        ).fetchall()
        self._moving_since_s = {pair: self._moving_since_s.get(pair, now_s) for pair in moving}
        for row in raw.execute(_NEW).fetchall():
            if row[0] not in self._known:
                self._known.add(row[0])
                self._is_new(row)

    def _is_new(self, row: Any) -> None:
        attempt_id, minor, _, credential_id, account, method, origin, key, customer, _, route = row
        if self._stopped_before and self._is_stopped():
            self._break("I14", f"{attempt_id} charges though charging is stopped")
        self._has_its_credential(attempt_id, credential_id, account, method, customer)
        self._is_the_only_charge(attempt_id, origin or "")
        first, _, rest = (origin or "").partition("/")
        if first == "run":
            self._keeps_to_its_plan(attempt_id, minor, credential_id, key, rest)
        if first == "recovery":
            self._is_a_fair_try(attempt_id, minor, method, key)
        if route == "retry" or self._is_imported(credential_id):
            self._nobody_else_charges(attempt_id, minor, credential_id)

    def _is_the_only_charge(self, attempt_id: str, origin: str) -> None:
        """What an effort has charged, or was refused, it does not charge again."""
        ended = self._scene.disk.raw.execute(
            "SELECT a.id FROM attempts a JOIN collections c ON c.id = a.collection_id"
            " WHERE c.origin = ? AND a.id <> ? AND a.off_session = 1"
            " AND (a.state = 'succeeded' OR coalesce(a.failure_code, '') <> '')",
            (origin, attempt_id),
        ).fetchone()
        if origin and ended is not None:
            self._break("I1", f"{attempt_id} charges for {origin}, as {ended[0]} did")

    def _has_its_credential(
        self, attempt_id: str, credential_id: str, account: str, method: str, customer: int
    ) -> None:
        found = self._scene.disk.raw.execute(
            "SELECT account, splynx_customer_id, payment_method_id, state FROM credentials"
            " WHERE id = ?",
            (credential_id,),
        ).fetchone()
        if found is None or found[:3] != (account, customer, method):
            self._break("I8", f"{attempt_id} charges {method} of {customer}: {found}")
        elif found[3] != "usable":
            self._break("I8", f"{attempt_id} charges {credential_id}, which is {found[3]}")

    def _keeps_to_its_plan(
        self, attempt_id: str, minor: int, credential_id: str, key: str, rest: str
    ) -> None:
        run_id, _, number = rest.partition("/")
        raw = self._scene.disk.raw
        item = raw.execute(_ITEM, (run_id, number)).fetchone()
        if item is None or item[1:3] != (credential_id, key):
            self._break("I1", f"{attempt_id} charges {key}, its item is {item}")
        elif minor > item[0]:
            self._break("I1", f"{attempt_id} charges {minor}, {item[0]} were agreed to")
        elif not item[3]:
            self._break("I1", f"{attempt_id} is charged, and its item does not know it")

    def _is_a_fair_try(self, attempt_id: str, minor: int, method: str, key: str) -> None:
        """A retry keeps to the rules of the schemes, and takes no more than the first try."""
        failed = [
            each for each in self._failures() if (each.payable_key, each.method) == (key, method)
        ]
        wanted = self._scene.disk.raw.execute(
            "SELECT amount_minor FROM recoveries WHERE payable_key = ?", (key,)
        ).fetchone()
        if wanted is None or minor > wanted[0]:
            self._break("I1", f"{attempt_id} tries {minor} again, {wanted} were agreed to")
        reasons = {reason for each in failed for reason in each.reasons}
        if reasons & _NO_ANSWER_CHANGES or _WANTS_PERSON in reasons:
            self._break("I10", f"{attempt_id} tries {method} again after {sorted(reasons)}")
        is_bank = self._scene.stripe.methods[method]["type"] == BANK
        if len(failed) >= (_PRESENTED_AT_MOST if is_bank else _CARD_AT_MOST):
            self._break("I10", f"{attempt_id} is try number {len(failed) + 1} of {method}")

    def _failures(self) -> list[_Failure]:
        """Gives the charges without the customer that failed, as Stripe knows them."""
        found, raw = [], self._scene.disk.raw
        by_attempt = {row[0]: row for row in raw.execute(_NEW).fetchall()}
        for intent in ours(self._scene.stripe):
            row = by_attempt.get(intent["metadata"][ATTEMPT])
            said = intent["last_payment_error"]
            if row is not None and said:
                reasons = frozenset({said["code"], said["decline_code"]} - {""})
                found.append(_Failure(row[7], row[5], reasons))
        return found

    def _is_imported(self, credential_id: str) -> bool:
        office = self._scene.plan.office
        number = int(credential_id.rpartition("_")[2]) if credential_id.startswith("cred_1") else -1
        row = self._scene.disk.raw.execute(
            "SELECT consent_way FROM credentials WHERE id = ?", (credential_id,)
        ).fetchone()
        return office is not None and number >= 0 and bool(row) and row[0] == "imported"

    def _nobody_else_charges(self, attempt_id: str, minor: int, credential_id: str) -> None:
        stripe_customer = self._scene.disk.raw.execute(
            "SELECT stripe_customer_id FROM credentials WHERE id = ?", (credential_id,)
        ).fetchone()[0]
        for intent_id, amount, since_s in self.foreign:
            intent = self._scene.stripe.intents[intent_id]
            is_open = intent["status"] == "requires_action"
            is_seen = self._scene.clock.elapsed_s - since_s > _FOREIGN_SEEN_S
            if is_open and is_seen and (intent["customer"], amount) == (stripe_customer, minor):
                self._break("I1", f"{attempt_id} charges what {intent_id} of others is charging")

    def _runs_moved(self) -> None:
        """A run charges only within its guardrails and as often as it was confirmed."""
        days: Counter[tuple[str, str]] = Counter()
        for row in self._scene.disk.raw.execute(_RUNS).fetchall():
            run_id, state, first, second, rule_id, selection, is_rehearsal, minor = row
            if rule_id and not is_rehearsal:
                days[rule_id, selection] += 1
            if state == "running" and self._runs.get(run_id) != "running":
                self._may_run(run_id, first, second, minor, is_rehearsal=bool(is_rehearsal))
            self._runs[run_id] = state

    def _may_run(
        self, run_id: str, first: str, second: str, minor: int, *, is_rehearsal: bool
    ) -> None:
        office, total = self._scene.plan.office, in_units(minor, "USD")
        if office is None or is_rehearsal or not first:
            self._break("I14", f"{run_id} runs, and nobody has confirmed it")
            return
        if office.run_maximum and total > office.run_maximum:
            self._break("I14", f"{run_id} charges {total}, more than a run may")
        if office.second_above and total > office.second_above and second in {"", first}:
            self._break("I14", f"{run_id} charges {total}, confirmed by {first} and {second!r}")

    def _efforts_are_remembered(self) -> None:
        """The commit that takes the lease of an item also writes it into the item."""
        rows = self._scene.disk.raw.execute(
            "SELECT c.id, c.origin FROM collections c WHERE c.state = 'open'"
            " AND c.origin LIKE 'run/%' AND NOT EXISTS (SELECT 1 FROM charge_run_items i"
            " WHERE i.collection_id = c.id)"
        ).fetchall()
        for collection_id, origin in rows:
            self._break("I5", f"{collection_id} was begun for {origin}, which does not know it")

    def watch(self, up_since_s: float) -> None:
        """Checks every few minutes that declined charges are withdrawn, where nothing hinders that."""
        now_s, plan = self._scene.clock.elapsed_s, self._scene.plan
        if now_s - up_since_s < _WITHDRAWN_WITHIN_S or not CHARGE_FAULTS.issuperset(plan.faults):
            return
        charged = {row[0] for row in self._scene.disk.raw.execute(_NEW).fetchall()}
        for intent in ours(self._scene.stripe):
            if intent["status"] not in OPEN or intent["metadata"][ATTEMPT] not in charged:
                continue
            # That a bank debit has failed is told by an event, which may be late.
            if self._scene.stripe.methods[intent["payment_method"]]["type"] == "card":
                since_s = self._open_since_s.setdefault(intent["id"], now_s)
                if now_s - since_s > _WITHDRAWN_WITHIN_S:
                    self._break("I1", f"{intent['id']} was declined and can still take money")

    # --- messages -----------------------------------------------------------------------------------

    def _message(self, body: Row) -> None:
        said = str(body.get("subject") or body.get("message"))
        kind, _, rest = said.partition("|")
        key, _, payable_key = rest.rpartition("|")
        if (who := f"{body.get('recipient')} {said}") in self._said:
            self._break("I11", f"{who} is told twice")
        self._said.add(who)
        # What was paid before the failure was another part of the debt.
        failed_id, now_s = key.partition(":")[2], self._scene.clock.elapsed_s
        is_late = any(
            moved_key == payable_key and attempt_id >= failed_id and now_s - since_s > _IN_FLIGHT_S
            for (moved_key, attempt_id), since_s in self._moving_since_s.items()
        )
        if kind in _FAILURES and is_late:
            self._break("I11", f"{key} is told while {payable_key} is paid or on its way")

    # --- at the end ---------------------------------------------------------------------------------

    def at_the_end(self, *, is_stopped: bool) -> None:
        """Checks that runs, retries and messages came to their ends."""
        self._runs_have_ended(is_stopped=is_stopped)
        self._items_have_their_ends()
        if not is_stopped:
            self._recoveries_go_on()
        self._messages_went_out()

    def _runs_have_ended(self, *, is_stopped: bool) -> None:
        raw = self._scene.disk.raw
        for run_id, state, reason in raw.execute("SELECT id, state, reason FROM charge_runs"):
            if state in {"planning", "running"} and not is_stopped:
                self._break("I10", f"{run_id} is still {state}: {reason}")

    def _items_have_their_ends(self) -> None:
        raw = self._scene.disk.raw
        rows = raw.execute(
            "SELECT i.run_id, i.number, i.standing, i.collection_id, r.state,"
            " EXISTS (SELECT 1 FROM attempts a WHERE a.collection_id = i.collection_id)"
            " FROM charge_run_items i JOIN charge_runs r ON r.id = i.run_id"
        ).fetchall()
        for run_id, number, standing, collection_id, state, has_attempt in rows:
            name = f"item {number} of {run_id}"
            if state in {"done", "canceled"} and standing in {"waiting", "charging"}:
                self._break("I2", f"{name} is {standing}, and its run is {state}")
            if standing == "charged" and not (collection_id and has_attempt):
                self._break("I2", f"{name} counts as charged, and nothing was tried")
        for origin, collection_id in raw.execute(
            "SELECT c.origin, c.id FROM collections c JOIN attempts a ON a.collection_id = c.id"
            " WHERE c.origin LIKE 'run/%' AND (a.state = 'succeeded' OR a.failure_code <> '')"
        ).fetchall():
            run_id, _, number = origin.removeprefix("run/").partition("/")
            item = raw.execute(_ITEM, (run_id, number)).fetchone()
            if item is None or item[3] != collection_id:
                self._break("I2", f"{origin} has charged by {collection_id}, its item says {item}")

    def _recoveries_go_on(self) -> None:
        raw, now = self._scene.disk.raw, self._scene.clock.now()
        for of_id, key, state, next_at in raw.execute(
            "SELECT id, payable_key, state, next_at FROM recoveries WHERE next_at IS NOT NULL"
        ):
            if now - datetime.fromisoformat(next_at) > timedelta(hours=13):
                self._break("I10", f"{of_id} of {key} is {state} since {next_at}")
        for (key,) in raw.execute(
            "SELECT r.payable_key FROM recoveries r JOIN collections c"
            " ON c.payable_key = r.payable_key WHERE r.state IN ('waiting', 'trying')"
            " AND c.state = 'booked' AND c.opened_at > r.opened_at"
        ):
            self._break("I2", f"{key} is paid, and its recovery goes on")

    def _messages_went_out(self) -> None:
        raw, now = self._scene.disk.raw, self._scene.clock.now()
        for key, state, due_at in raw.execute(
            "SELECT key, state, due_at FROM notices WHERE state IN ('waiting', 'sending')"
        ):
            if now - datetime.fromisoformat(due_at) > timedelta(hours=2):
                self._break("I10", f"notice {key} is {state} since {due_at}")
