"""The fault catalogue of `reference/faults.md`, section 3.3: how each is injected, by its number.

A fault whose room is not built yet is listed with the room that will bring it, and is never
silently passed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from splynx_stripe.kit.secret import Secret
from tests.simulation.clockwork import Scheduler, SimClock, until
from tests.simulation.crash import Crash
from tests.simulation.disk import Disk
from tests.simulation.network import Network, Rule, Spoil
from tests.simulation.splynx_side import SplynxSide
from tests.simulation.stripe_side import StripeSide

CREATE = "Stripe payment_intents.create"
POST_PAYMENT = "Splynx POST admin/finance/payments"


class Stage(Protocol):
    """The history that a fault is injected into."""

    rng: random.Random
    clock: SimClock
    scheduler: Scheduler
    network: Network
    disk: Disk
    stripe: StripeSide
    splynx: SplynxSide
    crashes: list[Crash]
    secrets: list[Secret]
    signing_secret: str
    webhook_copies: int

    def start_process(self, name: str) -> None:
        """Starts a daemon."""

    def kill(self, name: str, down_s: float) -> None:
        """Kills one."""

    async def _post_webhook(self, body: bytes, signature: str = ...) -> bool:
        """Sends a webhook."""


Install = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be injected."""

    number: int
    name: str
    install: Install


def _crash(match: str, down_s: float = 5.0, skips: int = 2) -> Install:
    """kill -9 at the first, second or third time that this happens."""

    def install(stage: Stage) -> None:
        stage.crashes.append(Crash(match, stage.rng.randrange(skips), down_s))

    return install


def _spoil(match: str, *spoils: Spoil, times: int = 2) -> Install:
    """Spoils some of the requests of a kind."""

    def install(stage: Stage) -> None:
        for _ in range(stage.rng.randrange(1, times + 1)):
            spoil = spoils[stage.rng.randrange(len(spoils))]
            stage.network.rules.append(Rule(spoil, match, skip=stage.rng.randrange(3)))

    return install


def _later(stage: Stage, name: str, act: Callable[[], None], within_s: int = 600) -> None:
    async def wait_and_act() -> None:
        await until(stage.clock.elapsed_s + stage.rng.randrange(within_s))
        act()

    stage.scheduler.spawn(f"fault {name}", wait_and_act())


def _crash_anywhere(stage: Stage) -> None:
    for _ in range(stage.rng.randrange(1, 4)):
        stage.crashes.append(Crash("commit", stage.rng.randrange(60), 5.0))


def _two_daemons(stage: Stage) -> None:
    stage.start_process("b")


def _frozen(stage: Stage) -> None:
    """The daemon stands still for longer than its claims last, beside a second one that works."""
    stage.start_process("b")

    def freeze() -> None:
        stage.scheduler.frozen["a1"] = stage.clock.elapsed_s + stage.rng.randrange(60, 1200)

    _later(stage, "freeze", freeze, 300)


def _disk_full(stage: Stage) -> None:
    async def fill() -> None:
        await until(stage.clock.elapsed_s + stage.rng.randrange(400))
        stage.disk.is_broken = True
        await until(stage.clock.elapsed_s + stage.rng.randrange(10, 600))
        stage.disk.is_broken = False

    stage.scheduler.spawn("fault disk", fill())


def _clock_jumps(stage: Stage) -> None:
    for hours in (stage.rng.choice((-24, -1, 1, 24)), 0):
        jump = timedelta(hours=hours)
        _later(stage, "clock", lambda jump=jump: setattr(stage.clock, "skew", jump), 900)


def _kept_500(stage: Stage) -> None:
    stage.stripe.replays_errors = True
    _spoil(CREATE, Spoil.ERROR_AFTER)(stage)


def _conflict(stage: Stage) -> None:
    """The answer is lost, and Stripe remembers the key with other parameters."""
    stage.network.rules.append(Rule(Spoil.LOST_ANSWER, CREATE))
    original = stage.stripe.execute

    def execute(endpoint: str, params: Any, key: str, spoil: Spoil | None) -> Any:
        raw = original(endpoint, params, key, spoil)
        saved = stage.stripe._keys.get(key)  # noqa: SLF001 - this fault is inside Stripe
        if endpoint == "payment_intents.create" and saved and spoil is Spoil.LOST_ANSWER:
            saved.params = json.dumps({"other": "parameters"})
        return raw

    stage.stripe.execute = execute  # type: ignore[method-assign]  # this fault is inside Stripe


def _old_key(stage: Stage) -> None:
    """The answer is lost and the daemon is down for longer than a key protects."""
    spoils = (Spoil.LOST_ANSWER, Spoil.LOST_REQUEST, Spoil.ERROR_AFTER)
    stage.network.rules.append(Rule(stage.rng.choice(spoils), CREATE))
    stage.crashes.append(Crash(f"wire {CREATE}", 0, 25 * 3600.0))


def _outage(match: str, *spoils: Spoil) -> Install:
    def install(stage: Stage) -> None:
        async def break_down() -> None:
            await until(stage.clock.elapsed_s + stage.rng.randrange(300))
            end_s = stage.clock.elapsed_s + stage.rng.randrange(60, 1800)
            spoil = spoils[stage.rng.randrange(len(spoils))]
            stage.network.rules.append(Rule(spoil, match, times=10**9, until_s=end_s))

        stage.scheduler.spawn("fault outage", break_down())

    return install


def _succeeds_by_itself(stage: Stage) -> None:
    """A confirmation that waits is completed from Stripe's own mail, much later."""

    async def complete() -> None:
        await until(stage.clock.elapsed_s + stage.rng.randrange(60, 1800))
        for intent in list(stage.stripe.intents.values()):
            if intent["status"] == "requires_action":
                stage.stripe.succeed(intent)

    stage.scheduler.spawn("fault mail", complete())


def _too_small(stage: Stage) -> None:
    for row in stage.splynx.documents.values():
        for name in ("total", "due"):
            if name in row:
                row[name] = "0.3000" if stage.rng.randrange(2) else row[name]


def _customer_deleted(stage: Stage) -> None:
    _later(stage, "delete customer", stage.stripe.customers.clear)


def _other_amount(stage: Stage) -> None:
    stage.stripe.takes_other_amount = True


def _many_foreign(count: int) -> Install:
    def install(stage: Stage) -> None:
        def flood() -> None:
            for _ in range(count):
                stage.stripe.foreign_payment()

        _later(stage, "foreign", flood)

    return install


def _same_event_often(stage: Stage) -> None:
    stage.webhook_copies = stage.rng.randrange(5, 25)


def _other_mode(stage: Stage) -> None:
    original = stage.stripe.on_event

    def lie(event: Any) -> None:
        original(event)
        original({**event, "id": f"{event['id']}x", "livemode": True})

    stage.stripe.on_event = lie


def _bad_signatures(stage: Stage) -> None:
    """Somebody else posts to our webhook, with events that would be worth money."""
    original = stage.stripe.on_event

    def forge(event: Any) -> None:
        original(event)
        if event["type"] != "payment_intent.created":
            return
        intent = {**event["data"]["object"], "status": "succeeded"}
        intent["amount_received"] = intent["amount"]
        forged = {
            **event,
            "id": f"{event['id']}f",
            "type": "payment_intent.succeeded",
            "data": {"object": intent},
        }
        header = stage.rng.choice(("", "t=1,v1=aa", f"t={event['created']},v1={'a' * 64}", "v1=x"))

        async def post() -> None:
            if await stage._post_webhook(json.dumps(forged).encode(), header):  # noqa: SLF001
                raise AssertionError("a forged webhook was acknowledged")

        stage.scheduler.spawn("fault forger", post())

    stage.stripe.on_event = forge


def _secret_rolled(stage: Stage) -> None:
    stage.secrets.append(Secret("whsec_the_next"))

    def roll() -> None:
        stage.signing_secret = "whsec_the_next"

    _later(stage, "roll", roll)


def _endpoint_gone(stage: Stage) -> None:
    _later(stage, "endpoint", lambda: setattr(stage.stripe, "on_event", lambda _event: None))


def _long_absence(stage: Stage) -> None:
    down_s = float(stage.rng.choice((3 * 3600, 20 * 3600)))
    _later(stage, "absence", lambda: stage.kill("a", down_s))


def _odd_event(stage: Stage) -> None:
    """An event that our reader does not understand is in the stream."""
    original = stage.stripe.on_event

    def odd(event: Any) -> None:
        original(event)
        if stage.rng.randrange(3) == 0:
            spoiled = {**event["data"]["object"], "amount": "not a number"}
            original({**event, "id": f"{event['id']}o", "data": {"object": spoiled}})

    stage.stripe.on_event = odd


def _already_there(stage: Stage) -> None:
    """The old add-on, or an admin, has entered the payment before us."""
    original = stage.stripe.succeed

    def succeed(intent: Any) -> None:
        original(intent)
        customer = int(intent["metadata"]["splynx_customer_id"])
        exponent = 0 if intent["currency"] == "jpy" else 2
        row = {
            "id": 330 + len(stage.splynx.payments),
            "customer_id": customer,
            "invoice_id": None,
            "request_id": None,
            "amount": f"{intent['amount_received'] / 10**exponent:.4f}",
            "receipt_number": intent["id"],
            "date": "2026-11-03",
        }
        stage.splynx.payments.append(row)

    stage.stripe.succeed = succeed  # type: ignore[method-assign]  # this happens beside us


def _odd_splynx(stage: Stage) -> None:
    stage.splynx.switches.ignores_filters = bool(stage.rng.randrange(2))
    stage.splynx.switches.page_cap = stage.rng.choice((1, 2, 20, 100))
    stage.splynx.switches.marks_invoice_paid = bool(stage.rng.randrange(2))
    stage.splynx.switches.marks_proforma_paid = bool(stage.rng.randrange(2))


def _office_interferes(stage: Stage) -> None:
    def interfere() -> None:
        for key in stage.splynx.documents:
            act = stage.rng.choice((stage.splynx.pay_by_cash, stage.splynx.delete))
            act(key)

    _later(stage, "office", interfere, 300)


def _customer_moves(stage: Stage) -> None:
    def move() -> None:
        for row in stage.splynx.customers.values():
            row["partner_id"] = 3 - row["partner_id"]

    _later(stage, "move", move, 300)


def _permission_gone(stage: Stage) -> None:
    async def revoke() -> None:
        await until(stage.clock.elapsed_s + stage.rng.randrange(300))
        stage.splynx.key_works = False
        await until(stage.clock.elapsed_s + stage.rng.randrange(60, 1800))
        stage.splynx.key_works = True

    stage.scheduler.spawn("fault permission", revoke())


_LOST = (Spoil.LOST_REQUEST, Spoil.LOST_ANSWER, Spoil.SLOW)

FAULTS: Mapping[int, Fault] = {
    fault.number: fault
    for fault in (
        Fault(1, "kill before the attempt is committed", _crash("commit PayFlow._commit_attempt")),
        Fault(2, "kill after the commit, before the request", _crash(f"→ {CREATE}")),
        Fault(3, "kill after the request, before the answer", _crash(f"wire {CREATE}")),
        Fault(4, "kill after the answer, before our commit", _crash("commit StripeAsker.tell")),
        Fault(5, "kill before the payment is posted", _crash(f"→ {POST_PAYMENT}")),
        Fault(6, "kill while the payment is posted", _crash(f"wire {POST_PAYMENT}")),
        Fault(7, "kill between payment, document and statement", _crash("commit BookPayment._finish")),
        Fault(8, "two daemons on one store", _two_daemons),
        Fault(9, "a worker stands still past its claim", _frozen),
        Fault(10, "the disk is full for a while", _disk_full),
        Fault(12, "kill at any commit", _crash_anywhere),
        Fault(15, "the clock jumps", _clock_jumps),
        Fault(20, "no connection to Stripe", _spoil("Stripe", Spoil.REFUSED, times=4)),
        Fault(21, "timeouts at Stripe", _spoil("Stripe", *_LOST, times=3)),
        Fault(22, "half an answer, not JSON", _spoil("Stripe", Spoil.HALF_ANSWER, times=3)),
        Fault(23, "a 500 that the key replays", _kept_500),
        Fault(24, "rate limit, lock timeout", _spoil("Stripe", Spoil.RATE_LIMIT, Spoil.LOCK_TIMEOUT, times=4)),
        Fault(25, "the key is in use", _spoil(CREATE, Spoil.KEY_IN_USE)),
        Fault(26, "the key was used with other parameters", _conflict),
        Fault(27, "a key older than 24 hours", _old_key),
        Fault(28, "Stripe's key is revoked for a while", _outage("Stripe", Spoil.UNAUTHORIZED)),
        Fault(29, "declined, with the PaymentIntent in the answer", lambda _stage: None),
        Fault(31, "3-D Secure completed later from a mail", _succeeds_by_itself),
        Fault(32, "amount too small", _too_small),
        Fault(33, "the Stripe customer is deleted", _customer_deleted),
        Fault(34, "Stripe takes another amount", _other_amount),
        Fault(35, "answers of an unknown shape", _spoil("Stripe", Spoil.NOT_JSON, Spoil.HALF_ANSWER, times=4)),
        Fault(36, "lists of several pages that change", _many_foreign(130)),
        Fault(37, "the search API is stale: never asked", lambda _stage: None),
        Fault(38, "the same event many times at once", _same_event_often),
        Fault(39, "events in any order", lambda _stage: None),
        Fault(40, "events before our answer", _spoil(CREATE, Spoil.SLOW)),
        Fault(41, "events of others", _many_foreign(3)),
        Fault(42, "events of the other mode", _other_mode),
        Fault(43, "forged webhooks", _bad_signatures),
        Fault(44, "the signing secret is rolled", _secret_rolled),
        Fault(45, "the endpoint is gone", _endpoint_gone),
        Fault(46, "the daemon is down for hours", _long_absence),
        Fault(47, "an event that cannot be handled", _odd_event),
        Fault(48, "a flood of events", _many_foreign(300)),
        Fault(49, "Splynx is down for an hour", _outage("Splynx", Spoil.ERROR_BEFORE, Spoil.REFUSED, Spoil.SLOW)),
        Fault(50, "Splynx takes the POST and the answer is lost", _spoil(POST_PAYMENT, Spoil.LOST_ANSWER, Spoil.ERROR_AFTER, Spoil.HALF_ANSWER)),
        Fault(51, "the payment is there already", _already_there),
        Fault(52, "Splynx ignores filters and caps pages", _odd_splynx),
        Fault(53, "the document changes meanwhile", _office_interferes),
        Fault(55, "the customer moves to another partner", _customer_moves),
        Fault(56, "Splynx's permission is gone for a while", _permission_gone),
    )
}

NOT_YET: Mapping[int, str] = {
    11: "rebuild from Stripe and Splynx (step 6)",
    13: "charge runs (step 5)",
    14: "upgrade in the middle of a charge run (step 5)",
    16: "scheduled runs (step 5)",
    17: "scheduled runs (step 5)",
    18: "scheduled runs (step 5)",
    19: "scheduled runs (step 5)",
    30: "saved credentials, off-session charges (step 4)",
    54: "proforma chains (step 6)",
    57: "refunds (step 6)",
    58: "bank debits (step 4), returns (step 6)",
    59: "refunds (step 6)",
    60: "payouts (step 6)",
    61: "retries (step 5)",
}
