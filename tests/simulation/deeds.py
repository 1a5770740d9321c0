"""Faults that are more than a spoiled request or a crash: what happens, and when it has struck."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from splynx_stripe.domain.metadata import (
    ATTEMPT,
    CUSTOMER,
    DOCUMENT_KIND,
    DOCUMENT_NUMBER,
    INSTALLATION,
)
from splynx_stripe.kit.secret import Secret
from tests.simulation.clockwork import until
from tests.simulation.crash import Crash
from tests.simulation.injection import (
    CREATE,
    DAY_S,
    HOUR_S,
    POST_PAYMENT,
    Install,
    Stage,
    beside,
    later,
    rule,
    spoil,
)
from tests.simulation.network import Rule, Spoil
from tests.simulation.plan import STRANGER, Act, Debt
from tests.simulation.process import ACCOUNTS
from tests.simulation.promises import Violation
from tests.simulation.stripe_raw import Asked, Json, Raw

# --- our process ---------------------------------------------------------------------------------------


def crash_anywhere(stage: Stage) -> None:
    for _ in range(stage.rng.randrange(1, 4)):
        skip = stage.rng.randrange(60)
        stage.crashes.append(Crash("commit", skip, 5.0, stage.installing))


def killed_while_posting(stage: Stage) -> None:
    """The daemon dies, and its POST may still be on its way when the next one starts."""
    if stage.rng.randrange(2):
        rule(stage, Spoil.SLOW, POST_PAYMENT)
    match = stage.rng.choice((f"wire {POST_PAYMENT}", "effect book"))
    skip = stage.rng.randrange(2) if match.startswith("wire") else stage.rng.randrange(1, 6)
    down_s = stage.rng.choice((2.0, 5.0, 40.0))
    stage.crashes.append(Crash(match, skip, down_s, stage.installing))


def two_daemons(stage: Stage) -> None:
    stage.start_process("b")
    stage.strike(stage.installing)


_WHERE_TO_FREEZE = (
    "commit BookPayment._mark_posting",
    "committed BookPayment._mark_posting",
    "committed BookPayment._mark_posting",
    "commit BookPayment._finish",
    "→ Splynx GET admin/finance/payments",
    "→ Splynx GET admin/finance/invoices",
    "committed RecordStatement._take_lease",
    "commit PayFlow._commit_attempt",
    "commit Inbox._apply",
    f"→ {CREATE}",
    "read",
)
"""Not between the last check of the posting window and a POST: these few microseconds are the
rest that nobody can close on this side (`flows/posting_window.py`)."""


def frozen(stage: Stage) -> None:
    """The daemon stands still for longer than its claims last, beside a second one that works."""
    stage.start_process("b")
    crash = Crash(
        stage.rng.choice(_WHERE_TO_FREEZE), stage.rng.choice((0, 0, 0, 2)), 0.0, stage.installing
    )
    crash.freezes_s = float(stage.rng.choice((60, 200, 500, 900, 1200)))
    stage.crashes.append(crash)


def break_disk(stage: Stage, is_broken: bool) -> None:
    if stage.rng.randrange(3) == 0 or not is_broken:
        stage.disk.is_read_only = is_broken
    if not (is_broken and stage.disk.is_read_only):
        stage.disk.is_broken = is_broken


def clock_jumps(stage: Stage) -> None:
    for hours in (stage.rng.choice((-24, -1, 1, 24)), 0):
        later(stage, "clock", lambda hours=hours: _set_clock(stage, hours), 900)  # type: ignore[misc]  # a default value


def _set_clock(stage: Stage, hours: int) -> None:
    stage.clock.skew = timedelta(hours=hours)
    for process in stage.processes.values():  # the real pump looks at its clock every second
        process.wake()


# --- Stripe ------------------------------------------------------------------------------------------------


def kept_500(stage: Stage) -> None:
    stage.stripe.replays_errors = True
    spoil(CREATE, Spoil.ERROR_AFTER, skips=2)(stage)


def one_more_customer(stage: Stage) -> None:
    """Somebody else wants to pay, after the others."""
    total = Decimal("64.20")
    debt = Debt("invoice", 1900, 77, 1, total, total)
    stage.splynx.add_customer(debt.customer_id, debt.partner_id)
    stage.splynx.add_document(debt.kind, debt.document_id, debt.customer_id, total, total)
    stage.splynx.on_change()
    pays = Act(stage.rng.randrange(700, 1500), "pay", 0, "portal:good")
    stage.scheduler.spawn("pay later", stage.people.act(pays, debt))


def conflict(stage: Stage) -> None:
    """The answer is lost, and Stripe remembers the key with other parameters.

    Sometimes it remembers nothing else: then there is no PaymentIntent to be found in the list.
    """
    one_more_customer(stage)
    number, original = stage.installing, stage.stripe.execute
    is_known = bool(stage.rng.randrange(3))
    stage.network.rules.append(Rule(Spoil.LOST_ANSWER, CREATE))

    def execute(asked: Asked, spoil: Spoil | None) -> Raw:
        is_lost = asked.endpoint == "payment_intents.create" and spoil is Spoil.LOST_ANSWER
        if is_lost and not is_known:
            stage.stripe.remember_refused(asked.account, asked.key)
        raw = original(asked, spoil)
        if is_lost and stage.stripe.forget_params(asked.account, asked.key):
            stage.strike(number)
        return raw

    stage.stripe.execute = execute  # type: ignore[method-assign]  # this fault is inside Stripe


_CLOCK_JUMPS = 15


def old_key(stage: Stage) -> None:
    """The answer is lost and the daemon is down for longer than a key protects."""
    spoils = (Spoil.LOST_ANSWER, Spoil.LOST_REQUEST, Spoil.ERROR_AFTER)
    early = stage.rng.randrange(3)
    if _CLOCK_JUMPS in stage.plan.faults and stage.rng.randrange(2):  # it is set right meanwhile
        stage.clock.skew = timedelta(hours=stage.rng.choice((-24, 24)))
    stage.network.rules.append(Rule(Spoil.LOST_REQUEST, CREATE, times=early))
    stage.network.rules.append(Rule(stage.rng.choice(spoils), CREATE, skip=0))
    stage.crashes.append(Crash(f"wire {CREATE}", early, 25 * HOUR_S, stage.installing))
    debt = stage.rng.randrange(len(stage.plan.debts))
    again = Act(int(25 * HOUR_S) + stage.rng.randrange(1200), "pay", debt, "portal:good")
    stage.scheduler.spawn("pay later", stage.people.act(again, stage.plan.debts[debt]))


def search_is_stale(stage: Stage) -> None:
    """What is looked for after a lost answer can be found in the list, never by search."""
    number, original = stage.installing, stage.stripe.execute
    stage.stripe.replays_errors = True
    stage.network.rules.append(Rule(Spoil.ERROR_AFTER, CREATE, times=2))

    def execute(asked: Asked, spoil: Spoil | None) -> Raw:
        if asked.endpoint in {"payment_intents.list", "payment_intents.search"}:
            stage.strike(number)
        return original(asked, spoil)

    stage.stripe.execute = execute  # type: ignore[method-assign]  # this fault is inside Stripe


def declines(stage: Stage) -> None:
    """Cards are declined, with the PaymentIntent in the event and in its last error."""
    number, original = stage.installing, stage.stripe.confirm
    left = [stage.rng.randrange(1, 4)]

    def confirm(intent_id: str, card: str) -> str:
        if not left[0]:
            return original(intent_id, card)
        left[0] -= 1
        stage.strike(number)
        return original(intent_id, "declined")

    stage.stripe.confirm = confirm  # type: ignore[method-assign]  # this fault is inside Stripe


def succeeds_by_itself(stage: Stage) -> None:
    """A confirmation that waits is completed from Stripe's own mail, much later."""
    number, original = stage.installing, stage.stripe.confirm

    async def complete(intent: Json) -> None:
        await until(stage.clock.elapsed_s + stage.rng.randrange(60, 1800))
        if intent["status"] == "requires_action":
            stage.strike(number)
            stage.stripe.succeed(intent)

    def confirm(intent_id: str, card: str) -> str:
        intent = stage.stripe.intents[intent_id]
        if intent["status"] == "requires_action":
            return "error"
        stage.scheduler.spawn("fault mail", complete(intent))
        return original(intent_id, "3ds")

    stage.stripe.confirm = confirm  # type: ignore[method-assign]  # this fault is inside Stripe


def too_small(stage: Stage) -> None:
    for row in stage.splynx.documents.values():
        if "due" in row and row["customer_id"] != STRANGER and stage.rng.randrange(4):
            row.update(total="0.3000", due="0.3000")
            stage.strike(stage.installing)
    stage.splynx.on_change()


def customer_deleted(stage: Stage) -> None:
    def delete() -> bool:
        had_some = bool(stage.stripe.customers)
        stage.stripe.customers.clear()
        return had_some

    later(stage, "delete customer", delete)
    later(stage, "delete customer", delete)


def other_amount(stage: Stage) -> None:
    stage.stripe.takes_other_amount = True
    one_more_customer(stage)
    beside(stage, lambda event, _account: event["type"] == "payment_intent.succeeded")


def small_pages(stage: Stage) -> None:
    """Lists come in tiny pages, change while they are read, and show events a little late."""
    stage.stripe.page_cap = stage.rng.choice((1, 2, 3))
    stage.stripe.listed_after_s = stage.rng.randrange(0, 90)
    if stage.rng.randrange(2):  # the list is all there is, and it is read often
        stage.stripe.on_event = lambda _event, _account: None
        stage.poll_every_s = 60.0
    many_foreign(5)(stage)


# --- webhooks -------------------------------------------------------------------------------------------


def many_foreign(count: int) -> Install:
    def install(stage: Stage) -> None:
        def flood() -> None:
            for _ in range(count):
                account = stage.rng.choice(list(ACCOUNTS.values()))
                stage.stripe.foreign_payment(account.name)

        later(stage, "foreign", flood, 900)

    return install


def same_event_often(stage: Stage) -> None:
    stage.webhook_copies = stage.rng.randrange(4, 12)
    beside(stage, lambda _event, _account: stage.plan.webhooks != "lost")


def any_order(stage: Stage) -> None:
    stage.webhook_delay_s = 900
    beside(stage, lambda event, _account: event["type"] != "payment_intent.created")


def _copycats(stage: Stage, change: Callable[[Json, str], tuple[str, Json]]) -> None:
    """Somebody's PaymentIntent that succeeds carries our metadata, changed a little."""

    def copy(event: Json, account: str) -> bool:
        if event["type"] != "payment_intent.created":
            return False
        metadata = event["data"]["object"]["metadata"]
        where, what = change(metadata, account)
        if what.get(INSTALLATION) == "ins_sim" and where == account:
            return False
        stage.stripe.foreign_payment(where, what)
        return True

    beside(stage, copy)


def another_installation(stage: Stage) -> None:
    """A second Splynx on the same account, restored from our backup, has the same ids."""
    _copycats(stage, lambda metadata, account: (account, {**metadata, INSTALLATION: "ins_other"}))
    many_foreign(3)(stage)


def other_mode_or_account(stage: Stage) -> None:
    """Events of the live mode, and of another account whose owner copies our metadata."""
    names = [account.name for account in ACCOUNTS.values()]
    original = stage.stripe.on_event

    def lie(event: Json, account: str) -> None:
        original(event, account)
        if event["data"]["object"]["metadata"].get(ATTEMPT) is not None:
            original({**event, "id": f"{event['id']}x", "livemode": True}, account)

    stage.stripe.on_event = lie
    _copycats(
        stage, lambda metadata, account: (next(n for n in names if n != account), dict(metadata))
    )
    settled = stage.stripe.succeed

    def succeed(intent: Json) -> None:
        """Somebody on the other account says that money was taken back."""
        settled(intent)
        other = next(name for name in names if name != stage.stripe.account_of[intent["id"]])
        stage.stripe.dispute(intent, account=other)

    stage.stripe.succeed = succeed  # type: ignore[method-assign]  # this happens beside us


def bad_signatures(stage: Stage) -> None:
    """Somebody else posts to our webhook, with events that would be worth money."""

    async def post(body: bytes, account: str, header: str) -> None:
        if await stage.post_webhook(body, account, header):
            raise Violation("I7", "a forged webhook was acknowledged")

    def forge(event: Json, account: str) -> bool:
        if event["type"] != "payment_intent.created":
            return False
        intent = {**event["data"]["object"], "status": "succeeded"}
        intent["amount_received"] = intent["amount"]
        forged = {**event, "id": f"{event['id']}f", "data": {"object": intent}}
        forged["type"] = "payment_intent.succeeded"
        header = stage.rng.choice(("", "t=1,v1=aa", f"t={event['created']},v1={'a' * 64}", "v1=x"))
        stage.scheduler.spawn("fault forger", post(json.dumps(forged).encode(), account, header))
        return True

    beside(stage, forge)


def secret_rolled(stage: Stage) -> None:
    stage.secrets.append(Secret("whsec_the_next"))
    later(stage, "roll", lambda: setattr(stage, "signing_secret", "whsec_the_next"))


def endpoint_gone(stage: Stage) -> None:
    def vanish() -> None:
        stage.stripe.on_event = lambda _event, _account: None

    later(stage, "endpoint", vanish, 300)


def long_absence(stage: Stage) -> None:
    """With a second daemon, which goes on polling, a day says as much as a month."""
    longest = (20 * HOUR_S,) if stage.is_shared else (20 * HOUR_S, 3 * DAY_S, 31 * DAY_S)
    down_s = stage.rng.choice((3 * HOUR_S, *longest))
    later(stage, "absence", lambda: stage.kill("a", down_s))


def odd_event(stage: Stage) -> None:
    """An event that our reader does not understand is in the stream."""
    original = stage.stripe.on_event

    def spoiled(event: Json, account: str) -> bool:
        if stage.rng.randrange(2):
            return False
        odd = {**event["data"]["object"], "amount": "not a number"}
        odd_event = {**event, "id": f"{event['id']}o", "data": {"object": odd}}
        stage.stripe.account_of[odd_event["id"]] = account
        stage.stripe.events.append(odd_event)
        original(odd_event, account)
        return True

    beside(stage, spoiled)


# --- Splynx -----------------------------------------------------------------------------------------------


def already_there(stage: Stage) -> None:
    """The old add-on, or an admin, has entered the payment before us, sometimes twice."""
    number, original = stage.installing, stage.stripe.succeed

    def succeed(intent: Json) -> None:
        original(intent)
        if intent["metadata"][DOCUMENT_KIND] == "several":
            return  # others do not know that several documents were paid at once
        stage.strike(number)
        exponent = 0 if intent["currency"] == "jpy" else 2
        for _ in range(stage.rng.choice((1, 1, 2))):
            row = {
                "id": 330 + len(stage.splynx.payments),
                "customer_id": int(intent["metadata"][CUSTOMER]),
                "invoice_id": None,
                "request_id": None,
                "amount": f"{intent['amount_received'] / 10**exponent:.4f}",
                "receipt_number": intent["id"],
                "date": stage.clock.true_now().date().isoformat(),
                "beside": True,
            }
            stage.splynx.enter_beside(row)
        if stage.rng.randrange(3) == 0:
            _raise_price(stage, intent["metadata"].get(DOCUMENT_NUMBER, ""))

    stage.stripe.succeed = succeed  # type: ignore[method-assign]  # this happens beside us


def _raise_price(stage: Stage, number: str) -> None:
    """The office raises the price of a document, and its customer comes back for what is shown."""
    for place, debt in enumerate(stage.plan.debts):
        if debt.number == number:
            stage.splynx.change_due(debt.key, Decimal("1.5"))
            at_s = int(stage.clock.elapsed_s) + stage.rng.choice((60, 900))
            stage.story_ends_s = max(stage.story_ends_s, at_s + 900.0)
            again = Act(at_s, "pay", place, "portal:good")
            stage.scheduler.spawn("pay again", stage.people.act(again, debt))


def odd_splynx(stage: Stage) -> None:
    switches = stage.splynx.switches
    switches.ignores_filters = bool(stage.rng.randrange(2))
    switches.page_cap = stage.rng.choice((1, 2, 20, 100))
    switches.marks_invoice_paid = bool(stage.rng.randrange(2))
    switches.marks_proforma_paid = bool(stage.rng.randrange(2))
    switches.ignores_put = not stage.rng.randrange(4)
    switches.reopens_by_reversal = bool(stage.rng.randrange(2))
    stage.strike(stage.installing)


def office_interferes(stage: Stage) -> None:
    def interfere(intent: Json) -> None:
        numbers = intent["metadata"].get(DOCUMENT_NUMBER, "").split(", ")
        for key, row in stage.splynx.documents.items():
            if row["number"] in numbers:
                stage.rng.choice((stage.splynx.pay_by_cash, stage.splynx.delete))(key)

    async def wait_and_interfere(event: Json) -> None:
        await until(stage.clock.elapsed_s + stage.rng.choice((0, 1, 5, 60, 300)))
        interfere(event["data"]["object"])

    def happen(event: Json, _account: str) -> bool:
        stage.scheduler.spawn("fault office", wait_and_interfere(event))
        return True

    beside(stage, happen)


def customer_moves(stage: Stage) -> None:
    def move() -> None:
        for row in stage.splynx.customers.values():
            row["partner_id"] = 3 - row["partner_id"]

    later(stage, "move", move, 300)
    if stage.rng.randrange(2):
        later(stage, "move back", move, 1200)


def allow_key(stage: Stage, is_gone: bool) -> None:
    stage.splynx.key_works = not is_gone
