"""The promises of safety as checks over the three ledgers, after every step that changed one.

The wording of the fourteen promises is in `reference/faults.md`, section 3.2. What must be true
at the end is in `verdict.py`. The oracle has its own knowledge of currencies, states and days:
what it took from the product could be wrong together with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.metadata import ATTEMPT, CUSTOMER, PARTNER
from splynx_stripe.domain.money import Money
from tests.simulation.charge_watch import ChargeWatch
from tests.simulation.clockwork import Scheduler, SimClock
from tests.simulation.connected import CONNECTED, is_connected
from tests.simulation.debits import DebitWatch
from tests.simulation.disk import Disk
from tests.simulation.doubts import TOLD_WITHIN_S, doubts_nobody_is_told_of, no_doubt_is_long
from tests.simulation.kept import KeptWatch
from tests.simulation.plan import Plan
from tests.simulation.process import ACCOUNTS
from tests.simulation.promises import Violation
from tests.simulation.shares import Receipt, Shares, in_units, is_ours, ours
from tests.simulation.splynx_side import Row, SplynxSide
from tests.simulation.stripe_raw import OPEN, Json
from tests.simulation.stripe_side import StripeSide

MONEY_QUESTIONS = frozenset({CaseKind.AMOUNT_DIFFERS, CaseKind.REQUEST_CONFLICT})
_WATCH_EVERY_S = 300.0
_CLOCKS_ARE_OFF = frozenset({9, 10, 15})
"""With these faults the daemon cannot keep its deadlines: it stands still, cannot write, or its
clock is wrong. What it owes afterwards is judged in `verdict.py`."""

_LOOK_IS_FRESH_S = 240.0
"""How long after the last look an attempt may be committed: a few slow requests are between."""

_AFTER: Mapping[str, frozenset[str]] = {
    "succeeded": frozenset(),
    "canceled": frozenset({"succeeded"}),
    "refused": frozenset({"orphaned", "canceled", "succeeded"}),
    "absent": frozenset({"orphaned", "canceled", "succeeded"}),
    "orphaned": frozenset({"canceled", "succeeded"}),
}
"""Where a state that is no more live may go; from the live ones every way is open (I6)."""


def _break(promise: str, sight: str) -> None:
    raise Violation(promise, sight)


class Evidence(Protocol):
    """What the oracle looks at."""

    stripe: StripeSide
    splynx: SplynxSide
    disk: Disk
    clock: SimClock
    scheduler: Scheduler
    logged: list[str]
    plan: Plan
    started_at_s: float


class Oracle:
    """Watches one history."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._states: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._collections: dict[str, str] = {}
        self._on_the_way: set[str] = set()
        self._keys: dict[str, str] = {}
        self._dues: defaultdict[str, list[tuple[float, Decimal]]] = defaultdict(list)
        self._owed: dict[str, Decimal] = {}
        self._doubts: list[tuple[str, datetime]] = []
        self._doubts_as_of = -1
        self._watches = _CLOCKS_ARE_OFF.isdisjoint(evidence.plan.faults)
        self.ended_at_s = float("inf")
        self.succeeded_here_at: dict[str, datetime] = {}
        self.shares = Shares(evidence.disk, evidence.stripe)
        self._debits = DebitWatch(evidence, self.shares, _break)
        self.bank_speaks = self._debits.bank_speaks
        self.kept = KeptWatch(evidence, _break)
        self.charges = ChargeWatch(evidence, self.shares, _break) if evidence.plan.office else None

    def listen(self) -> None:
        """Attaches to the ledgers."""
        evidence = self._evidence
        evidence.stripe.on_change = self._mark
        evidence.stripe.before_create = self._before_create
        evidence.stripe.on_sent = self._sent
        evidence.splynx.on_change = self._splynx_changed
        evidence.splynx.on_marked_paid = self._marked_paid
        evidence.splynx.on_marked = self._debits.marked
        evidence.scheduler.on_mark = self._ledgers_agree
        evidence.scheduler.on_watch = self._watch
        evidence.scheduler.watch_at_s = _WATCH_EVERY_S
        self._splynx_changed()

    def _mark(self) -> None:
        self._evidence.scheduler.is_marked = True

    def _splynx_changed(self) -> None:
        """Notes what each document shows as due, and how much was ever owed for it."""
        self._mark()
        now = self._evidence.clock.elapsed_s
        for row in self._evidence.splynx.documents.values():
            number = row["number"]
            due = Decimal(0)
            if row["status"] in {"not_paid", "pending"}:
                due = Decimal(str(row.get("due", row["total"])))
            dues = self._dues[number]
            if not dues or dues[-1][1] != due:
                dues.append((now, due))
            owed = due + (self._paired(row) if "due" in row else Decimal(0))
            self._owed[number] = max(self._owed.get(number, Decimal(0)), owed)
        if self.charges is not None:
            self.charges.splynx_changed()
            self._accounts_changed(now)

    def _accounts_changed(self, now: float) -> None:
        """Notes what is due of each balance, and for the next period of prepaid customers."""
        splynx = self._evidence.splynx
        for customer_id, deposit in splynx.deposits.items():
            due = max(-deposit, Decimal(0))
            ahead = max(splynx.prepaid_prices.get(customer_id, Decimal(0)) - deposit, Decimal(0))
            for name, amount in (
                (f"balance/{customer_id}", due),
                (f"prepaid/{customer_id}", ahead),
            ):
                dues = self._dues[name]
                if not dues or dues[-1][1] != amount:
                    dues.append((now, amount))

    def wishes_top_up(self, customer_id: int, token: str, amount: Decimal) -> None:
        """Notes that a customer wants to top up, once, however often the page is sent."""
        name = f"top_up/{customer_id}-{token}"
        self._owed[name] = amount
        self._dues[name] = [(0.0, amount)]

    def _paired(self, document: Row) -> Decimal:
        payments = self._evidence.splynx.payments
        amounts = [
            Decimal(row["amount"]) for row in payments if row["invoice_id"] == document["id"]
        ]
        return sum(amounts, Decimal(0))

    # --- after every step -------------------------------------------------------------------------

    def _ledgers_agree(self) -> None:
        """Checks the promises of safety, after each step that changed something."""
        mine = ours(self._evidence.stripe)
        self._one_open_intent_per_debt(mine)
        self._no_more_is_taken_than_owed(mine)
        self._nothing_is_booked_twice()
        if self.charges is not None:
            self.charges.ledgers_agree()

    def _watch(self) -> None:
        """Checks every few minutes that long doubts are told, while the daemon is up (I10)."""
        now_s = self._evidence.clock.elapsed_s
        self._evidence.scheduler.watch_at_s = now_s + _WATCH_EVERY_S
        if self.charges is not None:
            self.charges.watch(self._evidence.started_at_s)
        if not self._watches or now_s - self._evidence.started_at_s <= TOLD_WITHIN_S:
            return
        if self._doubts_as_of != self._evidence.disk.changes:
            self._doubts_as_of = self._evidence.disk.changes
            self._doubts = doubts_nobody_is_told_of(self._evidence)
        no_doubt_is_long(self._doubts, self._evidence.clock.now())

    def _one_open_intent_per_debt(self, mine: list[Json]) -> None:
        taking: Counter[str] = Counter()
        attempts: Counter[str] = Counter()
        for intent in mine:
            attempts[intent["metadata"][ATTEMPT]] += 1
            if intent["status"] in OPEN or intent["status"] == "processing":
                taking.update(share.name for share in self.shares.of(intent))
        for number, count in taking.items():
            if count > 1:
                raise Violation("I1", f"{count} PaymentIntents can take money for {number}")
        for attempt_id, count in attempts.items():
            if count > 1:
                raise Violation("I1", f"{attempt_id} has {count} PaymentIntents")

    def _no_more_is_taken_than_owed(self, mine: list[Json]) -> None:
        taken: defaultdict[str, Decimal] = defaultdict(Decimal)
        for intent in mine:
            if intent["amount_received"] and self.shares.returned(intent) is None:
                for share in self.shares.of(intent):
                    taken[share.name] += self.shares.taken(intent, share)
        for number, amount in taken.items():
            is_of_account = "/" in number and number not in self._owed  # judged by its customer
            if not is_of_account and amount > self._owed[number]:
                raise Violation("I1", f"{amount} taken for {number}, owed {self._owed[number]}")

    def _nothing_is_booked_twice(self) -> None:
        """Payments that somebody else entered beside us are no fault of ours."""
        payments = self._evidence.splynx.payments
        beside = {row["receipt_number"] for row in payments if row.get("beside")}
        receipts = Counter(row["receipt_number"] for row in payments if not row.get("beside"))
        for number, count in receipts.items():
            if count + (number in beside) > 1:
                raise Violation("I3", f"{number} is booked {count + (number in beside)} times")
        for row in payments:
            receipt = self.shares.receipt(row["receipt_number"])
            if receipt is None:
                self._is_nothing_of_ours(row["receipt_number"])
                continue
            if receipt.intent["status"] != "succeeded":
                sight = f"{row['receipt_number']} is booked, but Stripe took no money with it"
                raise Violation("I3", sight)
            self._is_on_the_right_account(row, receipt)
            if receipt.dispute is not None:
                self._is_a_return(row, receipt, payments)

    def _is_nothing_of_ours(self, number: str) -> None:
        thing_id, _, part = number.partition("-")
        stripe = self._evidence.stripe
        if thing_id in stripe.intents and is_ours(stripe, stripe.intents[thing_id]):
            raise Violation("I3", f"{number} is booked, and {thing_id} has no part {part or 0}")
        if thing_id in stripe.intents or thing_id in stripe.disputes:
            raise Violation("I8", f"{number} of another program or account is booked")
        raise Violation("I3", f"{number} is booked, but Stripe took no money with it")

    def _is_on_the_right_account(self, row: Row, receipt: Receipt) -> None:
        intent, share = receipt.intent, receipt.share
        metadata = intent["metadata"]
        if str(row["customer_id"]) != metadata[CUSTOMER]:
            raise Violation("I8", f"{intent['id']} is booked for customer {row['customer_id']}")
        taken = self.shares.taken(intent, share)
        amount = -taken if receipt.dispute else taken
        if Decimal(row["amount"]) != amount:
            raise Violation("I9", f"{row['receipt_number']} is {amount}, booked {row['amount']}")
        for name, path in (("invoice_id", "invoices"), ("request_id", "proforma-invoices")):
            document = self._evidence.splynx.documents.get(f"admin/finance/{path}/{row[name]}")
            if document is not None and document["number"] != share.name:
                raise Violation("I3", f"{intent['id']} is booked on {document['number']}")

    def _is_a_return(self, row: Row, receipt: Receipt, payments: Sequence[Row]) -> None:
        """A reversal is of a debit that came back whole and was booked, on the same document."""
        dispute, intent = self.shares.returned(receipt.intent), receipt.intent
        if dispute is not receipt.dispute:
            raise Violation("I3", f"{row['receipt_number']} reverses {intent['id']}, which is paid")
        marker = receipt.share.marker(intent["id"])
        booked = [each for each in payments if each["receipt_number"] == marker]
        if not booked:
            raise Violation("I4", f"{marker} is reversed, and never was booked")
        where = [(each["invoice_id"], each["request_id"]) for each in (booked[0], row)]
        if where[0] != where[1]:
            raise Violation("I4", f"{marker} was booked on {where[0]}, its return on {where[1]}")

    # --- at the moment of a request ------------------------------------------------------------------

    def _before_create(self, account: str, key: str, params: Json) -> None:
        """Looks at our books at the moment at which a create request arrives at Stripe."""
        metadata = params["metadata"]
        attempt_id = metadata.get(ATTEMPT, "")
        attempt = self._evidence.disk.look(lambda unit: unit.attempt(attempt_id))
        if attempt is None or not key:
            raise Violation("I5", f"a PaymentIntent is asked for with key {key} and no attempt")
        if self._keys.setdefault(attempt_id, key) != key:
            raise Violation("I5", f"{attempt_id} is asked for with a second key")
        asked = (params["amount"], params["currency"].upper(), params.get("customer", ""))
        frozen = (attempt.amount.minor_units, attempt.amount.currency, attempt.stripe_customer_id)
        if asked != frozen or dict(metadata) != dict(attempt.metadata):
            raise Violation("I5", f"{attempt_id} asks for something else than it has written down")
        if self.money_question_is_open() and key not in self._on_the_way:
            raise Violation("I14", f"{attempt_id} asks for money while a money assertion is open")
        self._stays_within_its_borders(account, params)
        self._no_money_waits_for_booking(attempt_id)

    def _sent(self, key: str) -> None:
        """Notes requests that leave while nothing forbids it; they may arrive afterwards."""
        if not self.money_question_is_open():
            self._on_the_way.add(key)

    def _stays_within_its_borders(self, account: str, params: Json) -> None:
        stripe, metadata = self._evidence.stripe, params["metadata"]
        if ACCOUNTS[int(metadata[PARTNER])].name != account:
            raise Violation("I8", f"partner {metadata[PARTNER]} is charged on account {account}")
        customer = params.get("customer", "")
        if stripe.account_of.get(customer, account) != account:
            raise Violation("I8", f"{customer} of another account is used on {account}")
        known = stripe.customers.get(customer)
        if known is not None and known["metadata"][CUSTOMER] != metadata[CUSTOMER]:
            raise Violation("I8", f"{customer} belongs to customer {known['metadata'][CUSTOMER]}")

    def _no_money_waits_for_booking(self, attempt_id: str) -> None:
        booked = {row["receipt_number"] for row in self._evidence.splynx.payments}
        wanted = {share.name for share in self.shares.of_attempt(attempt_id)}
        for intent in ours(self._evidence.stripe):
            if intent["status"] != "succeeded" or intent["metadata"][ATTEMPT] == attempt_id:
                continue
            for share in self.shares.of(intent):
                if share.name in wanted and share.marker(intent["id"]) not in booked:
                    sight = f"{share.name} is charged again while {intent['id']} is unbooked"
                    raise Violation("I1", sight)

    def _marked_paid(self, document: Row) -> None:
        """Looks at a document at the moment at which we set it paid."""
        due = Decimal(document.get("due", "0"))
        if due <= 0 or self._is_covered(document):
            return
        if not document.get("edited_by_office"):
            raise Violation("I4", f"{document['number']} is set paid although {due} is due")
        self._edited_at_least_once(document)

    def _is_covered(self, document: Row) -> bool:
        """Says whether one payment for it covers it whole, though it is not paired with it."""
        total, payments = Decimal(document["total"]), self._evidence.splynx.payments
        for row in payments:
            receipt = self.shares.receipt(row["receipt_number"])
            if receipt is None or receipt.dispute or receipt.share.name != document["number"]:
                continue
            amount, is_paired = Decimal(row["amount"]), row["invoice_id"]
            if amount == total or (not is_paired and amount == Decimal(document["due"])):
                return True
        return False

    def _edited_at_least_once(self, document: Row) -> None:
        """An edit between our look and our change cannot be seen; one before that can."""
        since = float(document["changed_s"])
        if self._evidence.clock.elapsed_s - since > _LOOK_IS_FRESH_S:
            raise Violation("I4", f"{document['number']} is set paid although a part is due")

    # --- after every commit -----------------------------------------------------------------------

    def after_commit(self, changed: frozenset[str]) -> None:
        """Checks what we have written down, at the moment it is durable."""
        raw = self._evidence.disk.raw
        if "attempts" in changed:
            rows = raw.execute(
                "SELECT id, state, coalesce(seen_as_of, ''), intent_id FROM attempts"
            )
            for attempt_id, state, seen, intent_id in rows.fetchall():
                self._attempt_moved(attempt_id, state, seen, intent_id)
        if "collections" in changed:
            self._collections_moved()
        if "credentials" in changed:
            self.kept.after_commit()
        if "connections" in changed and self._evidence.plan.revokes:
            self._connection_moved()
        if "inbox" in changed:
            self._handled_means_done()
        if self.charges is not None:
            self.charges.after_commit(changed)

    def _connection_moved(self) -> None:
        if not is_connected(self._evidence.disk):
            self.ended_at_s = min(self.ended_at_s, self._evidence.clock.elapsed_s)

    def _collections_moved(self) -> None:
        rows = self._evidence.disk.raw.execute("SELECT id, state FROM collections").fetchall()
        for collection_id, state in rows:
            if self._collections.get(collection_id) == "booked" and state != "booked":
                self._came_back(collection_id, state)
            self._collections[collection_id] = state

    def _came_back(self, collection_id: str, state: str) -> None:
        """What is booked stays booked, unless the bank took it back and that is booked too."""
        booked = {row["receipt_number"] for row in self._evidence.splynx.payments}
        for intent in ours(self._evidence.stripe):
            dispute, parts = self.shares.returned(intent), self.shares.of(intent)
            mine = [each for each in parts if each.collection_id.startswith(collection_id)]
            markers = {each.marker(dispute["id"]) for each in mine} if dispute else set()
            if state == "returned" and markers and markers <= booked:
                return
        raise Violation("I6", f"{collection_id} went from booked to {state}")

    def _attempt_moved(self, attempt_id: str, state: str, seen: str, intent_id: str) -> None:
        before = self._states.get(attempt_id)
        if before is None:
            self._was_just_looked_at(attempt_id)
        elif state not in _AFTER.get(before, {state}) and state != before:
            raise Violation("I6", f"{attempt_id} went from {before} to {state}")
        if seen < self._seen.get(attempt_id, "") and state != "succeeded":
            raise Violation("I6", f"{attempt_id} believes an older sight than it had")
        self._seen[attempt_id] = seen
        if before == state:
            return
        self._states[attempt_id] = state
        if state == "succeeded":
            self.succeeded_here_at[attempt_id] = self._evidence.clock.true_now()
        self._is_true(attempt_id, state, intent_id)

    def _is_true(self, attempt_id: str, state: str, intent_id: str) -> None:
        """Compares what we write down as final with what Stripe has."""
        mine = ours(self._evidence.stripe)
        found = [each for each in mine if each["metadata"][ATTEMPT] == attempt_id]
        if state in {"absent", "refused"} and found:
            raise Violation("I1", f"{attempt_id} is {state}, and {found[0]['id']} exists")
        if state in {"canceled", "succeeded"}:
            true = [each["status"] for each in found if each["id"] == intent_id]
            if true != [state]:
                raise Violation(
                    "I6", f"{attempt_id} is {state}, Stripe shows {true} of {intent_id}"
                )

    def _was_just_looked_at(self, attempt_id: str) -> None:
        """An attempt asks for what Splynx showed as due a moment before (last look)."""
        minor, currency, account = self._evidence.disk.raw.execute(
            "SELECT amount_minor, currency, account FROM attempts WHERE id = ?", (attempt_id,)
        ).fetchone()
        is_over = self._evidence.clock.elapsed_s - self.ended_at_s > _LOOK_IS_FRESH_S
        if is_over and account.startswith(CONNECTED.name):
            raise Violation("I8", f"{attempt_id} is charged to an account that was taken back")
        shares = self.shares.of_attempt(attempt_id)
        if sum((share.amount for share in shares), Decimal(0)) != in_units(minor, currency):
            raise Violation("I9", f"{attempt_id} asks for {minor}, its shares are {shares}")
        for share in shares:
            shown = self._shown_lately(share.name)
            if share.amount in shown or (share.is_of_account and share.amount <= max(shown)):
                continue
            everything = [due for _, due in self._dues[share.name]]
            promise = "I1" if share.amount in everything else "I9"
            raise Violation(
                promise,
                f"{attempt_id} asks for {share.amount}, {share.name} shows {everything[-1:]}",
            )

    def _shown_lately(self, number: str) -> list[Decimal]:
        """Gives what a document showed as due within the time that a look may take."""
        dues = self._dues[number]
        since = self._evidence.clock.elapsed_s - _LOOK_IS_FRESH_S
        ends = [begin for begin, _ in dues[1:]] + [float("inf")]
        return [due for (_, due), end in zip(dues, ends, strict=True) if end >= since]

    def offered(self, names: Sequence[str], amount: Money) -> None:
        """Looks at a price at the moment at which a customer can pay it."""
        sums = {Decimal(0)}
        for name in names:
            shown = self._shown_lately(name)
            sums = {known + due for known in sums for due in shown}
        if in_units(amount.minor_units, amount.currency) not in sums:
            raise Violation("I1", f"{amount} can be paid for {names}, which show {sums}")

    def _handled_means_done(self) -> None:
        """An event of success that is marked as handled has made its attempt succeed."""
        rows = self._evidence.disk.raw.execute(
            "SELECT event_id, body FROM inbox WHERE state = 'handled'"
            " AND type = 'payment_intent.succeeded' ORDER BY id DESC LIMIT 3"
        )
        for event_id, body in rows.fetchall():
            attempt_id = bytes(body).partition(f'"{ATTEMPT}":"'.encode())[2].partition(b'"')[0]
            if self._states.get(attempt_id.decode()) != "succeeded":
                raise Violation("I7", f"{event_id} is marked as handled before it was")

    def acknowledged(self, event_id: str, account: str) -> None:
        """Checks that an event is on disk at the moment its webhook is answered with 200."""
        found = self._evidence.disk.raw.execute(
            "SELECT account FROM inbox WHERE event_id = ?", (event_id,)
        ).fetchall()
        if not found:
            raise Violation("I7", f"{event_id} was acknowledged and is not stored")
        if not any(stored.startswith(f"{account}:") for (stored,) in found):
            raise Violation("I8", f"{event_id} of {account} is stored for {found}")

    # --- safe stop ---------------------------------------------------------------------------------

    def money_question_is_open(self) -> bool:
        """Says whether a money assertion has failed and nobody has answered it."""
        cases = self._evidence.disk.look(lambda unit: unit.cases(only_open=True, limit=1000))
        return any(case.kind in MONEY_QUESTIONS for case in cases)
