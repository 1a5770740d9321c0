"""The fourteen promises as checks over the three ledgers: ours, Stripe's and Splynx's.

Safety is checked after every step in which a ledger changed; that everything gets done is checked
at the end, when the world has been left alone for longer than a key protects. The wording of the
promises is in `reference/faults.md`, section 3.2.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from splynx_stripe.domain.attempt import AttemptState
from splynx_stripe.domain.case import CaseKind
from splynx_stripe.domain.metadata import ATTEMPT, DOCUMENT_NUMBER, INSTALLATION, PARTNER
from splynx_stripe.domain.money import Money
from tests.simulation.clockwork import SimClock
from tests.simulation.disk import Disk
from tests.simulation.process import CURRENCIES
from tests.simulation.splynx_side import SplynxSide
from tests.simulation.stripe_side import OPEN, Json, StripeSide

PROMISES: Mapping[str, str] = {
    "I1": "single collection",
    "I2": "no loss",
    "I3": "no invention",
    "I4": "conservation",
    "I5": "intent first",
    "I6": "monotone",
    "I7": "ack means stored",
    "I8": "isolation of partner, account and mode",
    "I9": "exact money",
    "I10": "bounded doubt",
    "I11": "say once",
    "I12": "secrets",
    "I13": "determinism",
    "I14": "safe stop",
}

_MONEY_QUESTIONS = {CaseKind.AMOUNT_DIFFERS, CaseKind.REQUEST_CONFLICT}
_DIFFERENCES = {
    CaseKind.AMOUNT_DIFFERS,
    CaseKind.EFFECT_OVERDUE,
    CaseKind.EFFECT_REFUSED,
    CaseKind.REQUEST_CONFLICT,
    CaseKind.EVENT_NOT_UNDERSTOOD,
    CaseKind.UNKNOWN_TOO_LONG,
}


class Violation(Exception):  # noqa: N818 - it is the finding, not an error of the program
    """A promise that does not hold, and how that was seen."""

    def __init__(self, promise: str, sight: str) -> None:
        super().__init__(f"{promise} ({PROMISES[promise]}): {sight}")
        self.promise = promise


class Evidence(Protocol):
    """What the oracle looks at."""

    stripe: StripeSide
    splynx: SplynxSide
    disk: Disk
    clock: SimClock
    logged: list[str]


class Oracle:
    """Watches one history."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._changed = False
        self._states: dict[str, str] = {}
        self._collections: dict[str, str] = {}
        self._on_the_way: set[str] = set()

    def listen(self) -> None:
        """Attaches to the ledgers."""
        self._evidence.stripe.on_change = self._mark
        self._evidence.splynx.on_change = self._mark
        self._evidence.disk.on_commit = self._after_commit
        self._evidence.stripe.before_create = self._before_create

    def _mark(self) -> None:
        self._changed = True

    # --- after every step -------------------------------------------------------------------------

    def after_step(self) -> None:
        """Checks the promises of safety, where something changed."""
        if not self._changed:
            return
        self._changed = False
        self._one_open_intent_per_debt()
        self._nothing_is_booked_twice()

    def _ours(self) -> list[Json]:
        return [
            intent
            for intent in self._evidence.stripe.intents.values()
            if intent["metadata"].get(INSTALLATION) == "ins_sim"
        ]

    def _one_open_intent_per_debt(self) -> None:
        taking: Counter[str] = Counter()
        for intent in self._ours():
            if intent["status"] in OPEN or intent["status"] == "processing":
                taking[intent["metadata"][DOCUMENT_NUMBER]] += 1
        for number, count in taking.items():
            if count > 1:
                raise Violation("I1", f"{count} PaymentIntents can take money for {number}")

    def _nothing_is_booked_twice(self) -> None:
        receipts = Counter(
            row["receipt_number"] for row in self._evidence.splynx.payments if not row.get("foreign")
        )
        for receipt, count in receipts.items():
            if count > 1:
                raise Violation("I3", f"{receipt} is booked {count} times")
            intent = self._evidence.stripe.intents.get(receipt)
            if intent is None or intent["status"] != "succeeded":
                raise Violation("I3", f"{receipt} is booked, but Stripe took no money with it")
            if intent["metadata"].get(INSTALLATION) != "ins_sim":
                raise Violation("I8", f"{receipt} of another program is booked")

    def _before_create(self, key: str, params: Json) -> None:
        """Looks at our books at the moment at which a create request arrives at Stripe."""
        attempt_id = params["metadata"].get(ATTEMPT, "")
        attempt = self._evidence.disk.look(lambda unit: unit.attempt(attempt_id))
        if attempt is None or attempt.idempotency_key != key:
            raise Violation("I5", f"a PaymentIntent is asked for with key {key} and no attempt")
        asked = (params["amount"], params["currency"].upper(), params.get("customer", ""))
        frozen = (attempt.amount.minor_units, attempt.amount.currency, attempt.stripe_customer_id)
        if asked != frozen or dict(params["metadata"]) != dict(attempt.metadata):
            raise Violation("I5", f"{attempt_id} asks for something else than it has written down")
        if self.money_question_is_open() and not self._was_asked_before(key):
            raise Violation("I14", f"{attempt_id} asks for money while a money assertion is open")
        number = params["metadata"][DOCUMENT_NUMBER]
        self._no_money_waits_for_booking(number, attempt_id)

    def _no_money_waits_for_booking(self, number: str, attempt_id: str) -> None:
        booked = {row["receipt_number"] for row in self._evidence.splynx.payments}
        for intent in self._ours():
            mine = intent["metadata"][ATTEMPT] == attempt_id
            if intent["metadata"][DOCUMENT_NUMBER] != number or mine:
                continue
            if intent["status"] == "succeeded" and intent["id"] not in booked:
                raise Violation("I1", f"{number} is charged again while {intent['id']} is unbooked")

    def _was_asked_before(self, key: str) -> bool:
        """A request that had left before the assertion failed may still arrive."""
        return key in self._on_the_way

    def on_the_way(self, key: str) -> None:
        """Notes that a create request with this key has left."""
        self._on_the_way.add(key)

    # --- after every commit -----------------------------------------------------------------------

    def _after_commit(self) -> None:
        raw = self._evidence.disk.raw
        for attempt_id, state in raw.execute("SELECT id, state FROM attempts"):
            before = self._states.get(attempt_id)
            if before == AttemptState.SUCCEEDED and state != AttemptState.SUCCEEDED:
                raise Violation("I6", f"{attempt_id} went from succeeded to {state}")
            self._states[attempt_id] = state
        for collection_id, state in raw.execute("SELECT id, state FROM collections"):
            if self._collections.get(collection_id) == "booked" and state != "booked":
                raise Violation("I6", f"{collection_id} went from booked to {state}")
            self._collections[collection_id] = state

    def acknowledged(self, event: Json) -> None:
        """Checks that an event is on disk at the moment its webhook is answered with 200."""
        found = self._evidence.disk.raw.execute(
            "SELECT 1 FROM inbox WHERE event_id = ?", (event["id"],)
        ).fetchone()
        if found is None:
            raise Violation("I7", f"{event['id']} was acknowledged and is not stored")

    # --- at the end -------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        """Checks that everything found its place."""
        cases = self._evidence.disk.look(lambda unit: unit.cases(only_open=False, limit=1000))
        self._every_charge_is_booked_or_a_case(cases)
        self._money_is_conserved(cases)
        self._documents_show_the_truth(cases)
        self._no_doubt_is_left(cases)
        self._nothing_crossed_a_border()
        self._nothing_is_said_twice(cases)
        self._no_secret_was_told(cases)

    def _attempts(self) -> dict[str, Any]:
        ids = [row[0] for row in self._evidence.disk.raw.execute("SELECT id FROM attempts")]
        return {
            attempt_id: self._evidence.disk.look(lambda unit, i=attempt_id: unit.attempt(i))
            for attempt_id in ids
        }

    def _every_charge_is_booked_or_a_case(self, cases: list[Any]) -> None:
        subjects = {case.subject for case in cases if case.kind in _DIFFERENCES and not case.closed_at}
        booked = Counter(row["receipt_number"] for row in self._evidence.splynx.payments)
        for intent in self._ours():
            if intent["status"] != "succeeded":
                continue
            attempt_id = intent["metadata"][ATTEMPT]
            named = attempt_id in subjects or f"book:{attempt_id}" in subjects
            if not booked[intent["id"]] and not named:
                raise Violation("I2", f"{intent['id']} took money and is neither booked nor a case")

    def _money_is_conserved(self, cases: list[Any]) -> None:
        """Compares Stripe's and Splynx's sums per currency and day, in integers (I4, I9)."""
        open_ids = {case.subject.removeprefix("book:") for case in cases if not case.closed_at}
        taken: defaultdict[tuple[str, str], int] = defaultdict(int)
        for intent in self._ours():
            if intent["status"] == "succeeded" and intent["metadata"][ATTEMPT] not in open_ids:
                taken[self._day_and_currency(intent["id"], intent["currency"])] += intent["amount_received"]
        written: defaultdict[tuple[str, str], int] = defaultdict(int)
        for row in self._evidence.splynx.payments:
            intent = self._evidence.stripe.intents.get(row["receipt_number"])
            if intent is None or row.get("foreign") or intent["metadata"].get(ATTEMPT) in open_ids:
                continue
            currency = intent["currency"].upper()
            amount = Money.from_decimal(Decimal(str(row["amount"])), currency)
            if amount.minor_units != intent["amount_received"]:
                raise Violation("I9", f"{intent['id']} took {intent['amount_received']}, booked {amount}")
            written[self._day_and_currency(intent["id"], intent["currency"])] += amount.minor_units
        if taken != written:
            raise Violation("I4", f"Stripe took {dict(taken)}, Splynx shows {dict(written)}")

    def _day_and_currency(self, intent_id: str, currency: str) -> tuple[str, str]:
        for row in self._evidence.splynx.payments:
            if row["receipt_number"] == intent_id:
                return str(row["date"]), currency
        return "", currency

    def _documents_show_the_truth(self, cases: list[Any]) -> None:
        """A document that our money covers is paid, unless a case says why not."""
        explained = {case.collection_id for case in cases}
        for attempt in self._attempts().values():
            if attempt.state is not AttemptState.SUCCEEDED or not attempt.splynx_payment_id:
                continue
            if attempt.collection_id in explained:
                continue
            number = attempt.metadata[DOCUMENT_NUMBER]
            row = next(r for r in self._evidence.splynx.documents.values() if r["number"] == number)
            covered = Decimal(str(row.get("due", 0))) == 0
            if covered and row["status"] != "paid":
                raise Violation("I2", f"{number} is paid with {attempt.intent_id}, but shows {row['status']}")

    def _no_doubt_is_left(self, cases: list[Any]) -> None:
        subjects = {case.subject for case in cases if not case.closed_at}
        for attempt in self._attempts().values():
            if attempt.is_live and attempt.id not in subjects:
                raise Violation("I10", f"{attempt.id} is still {attempt.state} and nobody is told")
        raw = self._evidence.disk.raw
        for key, state in raw.execute("SELECT key, state FROM effects WHERE state <> 'done'"):
            if key not in subjects:
                raise Violation("I10", f"effect {key} is {state} and nobody is told")
        for event_id, state in raw.execute(
            "SELECT event_id, state FROM inbox WHERE state NOT IN ('handled', 'ignored')"
        ):
            if not any(subject.endswith(event_id) for subject in subjects):
                raise Violation("I10", f"event {event_id} is {state} and nobody is told")
        live = raw.execute("SELECT id FROM collections WHERE state = 'open'").fetchone()
        if live is not None and not any(case.collection_id == live[0] for case in cases):
            raise Violation("I10", f"{live[0]} still holds a lease")

    def _nothing_crossed_a_border(self) -> None:
        for intent in self._ours():
            partner = int(intent["metadata"][PARTNER])
            if CURRENCIES[partner] != intent["currency"].upper():
                raise Violation("I8", f"{intent['id']} is in {intent['currency']} for partner {partner}")
            customer = self._evidence.stripe.customers.get(intent["customer"])
            owner = customer["metadata"]["splynx_customer_id"] if customer else None
            if owner not in (None, intent["metadata"]["splynx_customer_id"]):
                raise Violation("I8", f"{intent['id']} is on the Stripe customer of somebody else")

    def _nothing_is_said_twice(self, cases: list[Any]) -> None:
        open_cases = Counter((case.kind, case.subject) for case in cases if not case.closed_at)
        for (kind, subject), count in open_cases.items():
            if count > 1:
                raise Violation("I11", f"the office is told {count} times of {kind} {subject}")

    def _no_secret_was_told(self, cases: list[Any]) -> None:
        texts = [*self._evidence.logged, *(case.summary for case in cases)]
        raw = self._evidence.disk.raw
        texts += [row[0] for row in raw.execute("SELECT last_error FROM effects")]
        texts += [row[0] for row in raw.execute("SELECT facts FROM audit_log")]
        for text in texts:
            if "_secret_" in text or "whsec_" in text:
                raise Violation("I12", f"a secret is told: {json.dumps(text)[:80]}")

    # --- safe stop ---------------------------------------------------------------------------------

    def money_question_is_open(self) -> bool:
        """Says whether a money assertion has failed and nobody has answered it."""
        cases = self._evidence.disk.look(lambda unit: unit.cases(only_open=True, limit=1000))
        return any(case.kind in _MONEY_QUESTIONS for case in cases)
