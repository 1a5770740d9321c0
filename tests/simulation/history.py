"""One history: a plan made from a seed, carried out in the simulated world, judged by the oracle."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import stripe
from typing_extensions import override

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.metadata import DOCUMENT_NUMBER
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.errors import StoreUnavailableError
from tests.simulation.banks import Banks
from tests.simulation.clockwork import Scheduler, SimClock, Stamp, until
from tests.simulation.connected import STRIPE_ACCOUNT, connect
from tests.simulation.crash import Crash
from tests.simulation.disk import Disk
from tests.simulation.faults import FAULTS
from tests.simulation.network import Network
from tests.simulation.office_people import Office
from tests.simulation.office_plan import OfficePlan
from tests.simulation.oracle import Oracle
from tests.simulation.people import People
from tests.simulation.plan import STRANGER, Act, Plan
from tests.simulation.process import Process
from tests.simulation.promises import Violation
from tests.simulation.splynx_side import SplynxSide, Switches
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import DEAUTHORIZED, StripeSide
from tests.simulation.verdict import Verdict
from tests.simulation.wallets import Wallets

T = TypeVar("T")

SECRET = "whsec_simulated"
_REFUSALS = (RetryableError, OutcomeUnknownError, RejectedError, StoreUnavailableError)
_STORY_S = 2700.0
"""How long the people and the faults may act; then the world is left alone."""

_PROMPT_S = 2700.0
"""How long afterwards money may stay unbooked without a case: a claim, a back-off and 15 minutes."""

_CALM_S = 27 * 3600.0
"""How long the daemon gets to settle everything afterwards: longer than a key protects."""

_REPLAY_S = 1800.0
_OF_STRANGER = Decimal("12.34")
_MOST_TURNS = 250_000
"""A history has some hundreds; what takes more is going round in circles."""

_SHARED = frozenset({8, 9})
"""The faults with a second daemon on the database."""

_REST_S = 3600.0
"""How long, in quiet times, what was tried in vain waits for its next try at least."""

_PROMPT_POLL_S = 900.0
_CALM_POLL_S = 9 * 3600.0
_WAITING_POLL_S = 4 * 3600.0
"""While all wait for banks, what happens comes in single events: polling often shows no more."""

_LATE_RETURN = 58
_WEBHOOK_RETRIES_S = (5.0, 60.0, 900.0)


class History:
    """Carries a plan out. `trace` tells what happened, the same for the same plan."""

    def __init__(self, plan: Plan, disk: Disk) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed * 2 + 1)  # noqa: S311 - a seed, not a secret
        self.clock = SimClock(plan.start)
        self.scheduler = Scheduler(self.rng, self.clock, _MOST_TURNS)
        self.network = Network(self.rng, self.clock, self.scheduler)
        self.disk = disk
        self.disk.clear("ins_sim", plan.start)
        self.stripe = StripeSide(self.rng, self.clock)
        self.splynx = SplynxSide(Switches(reopens_by_reversal=plan.seed % 2 == 0))
        self.splynx.now_s = self.clock.monotonic
        self.poll_every_s = 200.0 if plan.webhooks == "lost" else 600.0
        self.rests_s = 0.0
        self.has_changed_pace = Stamp()
        self.secrets = [Secret(SECRET)]
        self.signing_secret = SECRET
        self.webhook_copies = 1
        self.webhook_delay_s = 1800 if plan.webhooks == "late" else 0
        self.crashes: list[Crash] = self.scheduler.plots
        self.processes: dict[str, Process] = {}
        self.generation = 0
        self.started_at_s = 0.0
        self.logged: list[str] = []
        self.is_shared = not _SHARED.isdisjoint(plan.faults)
        self.installing = 0
        self.struck: set[int] = set()
        self.story_ends_s = _STORY_S
        self.is_calm = False
        self.is_over = False
        self.ends_s = float("inf")
        self.people = People(self)
        self.office = Office(self)
        self.banks = Banks(self)
        self.oracle = Oracle(self)

    # --- the whole story -------------------------------------------------------------------------

    def run(self) -> Violation | None:
        """Gives the first violation, or None."""
        capture = _Capture(self.logged)
        root = logging.getLogger("splynx_stripe")
        root.addHandler(capture)
        root.propagate = False
        level = root.level
        root.setLevel(logging.INFO)
        try:
            self._live()
        except Violation as violation:
            return violation
        finally:
            root.setLevel(level)
            root.removeHandler(capture)
            root.propagate = True
            self.scheduler.close()
        return None

    def _live(self) -> None:
        self._set_up()
        while self._go_on(self.story_ends_s):  # somebody is down, or a bank takes its time
            if self.plan.has_banks or self.plan.office:
                self._poll_every(_WAITING_POLL_S, rests_s=_REST_S)
        self._calm_down()
        verdict = Verdict(self)
        self._go_on(self.story_ends_s + _PROMPT_S)
        verdict.after_a_while()
        self._poll_every(_CALM_POLL_S, rests_s=_REST_S)
        self._go_on(self.story_ends_s + _CALM_S)
        # A bank may have spoken since the last poll.
        self._poll_every(_CALM_POLL_S, rests_s=_REST_S)
        self._go_on(self.story_ends_s + _CALM_S + _PROMPT_S)
        verdict.at_the_end()
        if self.plan.seed % 4 == 0:
            self.is_over = True
            before = verdict.snapshot()
            self.disk.replay_events(self.clock.now())
            self._go_on(self.story_ends_s + _CALM_S + _PROMPT_S + _REPLAY_S)
            verdict.nothing_changed_since(before)

    def _set_up(self) -> None:
        for debt in self.plan.debts:
            self.splynx.add_customer(debt.customer_id, debt.partner_id)
            self.splynx.add_document(
                debt.kind, debt.document_id, debt.customer_id, debt.total, debt.due
            )
        self._add_stranger()
        if self.plan.revokes:
            connect(self.disk, self.plan.start)
        self.disk.on_commit = self._committed
        if self.plan.office:
            self._open_office(self.plan.office)
        self.oracle.listen()
        self.scheduler.on_turn = self._on_turn
        self.scheduler.on_death = self._on_death
        self.network.on_strike = self.strike
        self.stripe.on_event = self._deliver
        self.stripe.on_debit = self.banks.debit
        self.banks.before_settling = self.oracle.bank_speaks
        self.banks.on_returned = self._returned
        self.start_process("a")
        for number in self.plan.faults:
            self.installing = number
            FAULTS[number].install(self)
        for act in self.plan.acts:
            debt = self.plan.debts[act.debt]
            self.scheduler.spawn(f"{act.kind} {act.debt}", self.people.act(act, debt))
        for wish in self.plan.office.acts if self.plan.office else ():
            self.scheduler.spawn(f"office {wish.kind}", self.office.act(wish))

    def _open_office(self, office: OfficePlan) -> None:
        """What was there before the story: saved methods, prices of prepaid customers, invoices."""
        wallets = Wallets(self, office)
        self.stripe.on_unattended = wallets.answer
        self.splynx.pairs_alone = True
        for debt, price in office.prepaid:
            customer_id = self.plan.debts[debt].customer_id
            self.splynx.make_prepaid(customer_id, price)
        issued_on = (self.plan.start - timedelta(days=2)).date().isoformat()
        for row in self.splynx.documents.values():
            row["date_created"] = issued_on

    def _returned(self, intent: Json, _dispute: Json) -> None:
        """The bank took money back: the customer often pays again, sooner or later."""
        if _LATE_RETURN in self.plan.faults:
            self.strike(_LATE_RETURN)
        number = intent["metadata"][DOCUMENT_NUMBER]
        debts = [place for place, each in enumerate(self.plan.debts) if each.number == number]
        if not debts or self.is_calm or self.rng.randrange(2):
            return
        at_s = int(self.clock.elapsed_s) + self.rng.choice((1, 60, 1500, 20_000))
        self.story_ends_s = max(self.story_ends_s, at_s + _STORY_S)
        act = Act(at_s, "pay", debts[0], "portal:good")
        self.scheduler.spawn("pay again", self.people.act(act, self.plan.debts[debts[0]]))

    def _add_stranger(self) -> None:
        """Somebody else's documents come first in every list: who trusts a filter takes them."""
        self.splynx.add_customer(STRANGER, 1)
        for kind, document_id in (("invoice", 1999), ("proforma", 1998)):
            self.splynx.add_document(kind, document_id, STRANGER, _OF_STRANGER, _OF_STRANGER)

    def _go_on(self, horizon_s: float) -> bool:
        """Lets time pass up to `horizon_s`. True when the story became longer meanwhile."""
        if not self.scheduler.run(horizon_s):
            raise Violation("I10", f"after {_MOST_TURNS} turns there is still no rest")
        self.clock.elapsed_s = max(self.clock.elapsed_s, horizon_s)
        return self.story_ends_s > horizon_s

    def _calm_down(self) -> None:
        """Ends all faults: what follows is what the promises give the daemon time for."""
        self.is_calm = True
        self.ends_s = self.story_ends_s + _CALM_S
        self.network.rules.clear()
        self.crashes.clear()
        self.disk.is_broken = self.disk.is_read_only = False
        self.splynx.key_works = True
        self.splynx.switches.ignores_filters = False
        self.stripe.takes_other_amount = False
        self.scheduler.frozen.clear()
        self._poll_every(_PROMPT_POLL_S)
        if not self.processes:
            self.start_process("a")

    def _poll_every(self, seconds: float, rests_s: float = 0.0) -> None:
        """Polls and tries everything now, and from now on at this pace."""
        self.poll_every_s, self.rests_s = seconds, rests_s
        before, self.has_changed_pace = self.has_changed_pace, Stamp()
        before.set()
        for process in self.processes.values():
            process.wake()

    def _committed(self, changed: frozenset[str]) -> None:
        self.oracle.after_commit(changed)
        self.office.committed(changed)
        for process in self.processes.values():
            process.committed(changed)

    def strike(self, fault: int) -> None:
        """Notes that an injected fault has really happened; 0 only prepares one."""
        if fault:
            self.struck.add(fault)

    # --- processes and crashes -----------------------------------------------------------------------

    def start_process(self, name: str) -> None:
        """Starts a daemon (again)."""
        self.generation += 1
        self.started_at_s = self.clock.elapsed_s
        process = Process(self, f"{name}{self.generation}")
        self.processes[name] = process
        process.start()
        self.note(f"start {process.name}")

    def kill(self, name: str, down_s: float) -> None:
        """Kill -9; systemd starts it again after a while, and the story goes on until then."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        self.scheduler.kill(process.name)
        self.note(f"kill {process.name}")
        self.started_at_s = float("inf")
        self.story_ends_s = max(self.story_ends_s, self.clock.elapsed_s + down_s + 1)
        self.scheduler.spawn(f"systemd {name}", self._restart(name, down_s))

    async def _restart(self, name: str, down_s: float) -> None:
        await until(self.clock.elapsed_s + down_s)
        if name not in self.processes:
            self.start_process(name)

    def _on_turn(self, owner: str, label: str) -> None:
        for crash in self.crashes:
            if crash.match not in label or (crash.freezes_s and owner != "a1"):
                continue
            if crash.skip:
                crash.skip -= 1
                continue
            self.crashes.remove(crash)
            self.strike(crash.fault)
            self._stop("a", crash)
            return

    def _stop(self, name: str, crash: Crash) -> None:
        if not crash.freezes_s:
            self.kill(name, crash.down_s)
        elif name in self.processes:
            thaws_at_s = self.clock.elapsed_s + crash.freezes_s
            self.scheduler.frozen[self.processes[name].name] = thaws_at_s
            self.note(f"freeze {self.processes[name].name}")

    def _on_death(self, name: str, error: Exception) -> None:
        self.note(f"{name} died: {error!r}")
        if isinstance(error, Violation):
            raise error
        raise Violation("I10", f"{name} died of {type(error).__name__}: {error}")

    # --- webhooks ---------------------------------------------------------------------------------------

    def _deliver(self, event: Json, account: str) -> None:
        if self.plan.webhooks == "lost":
            return
        if account in self.stripe.revoked:  # only the end of the connection is told, and to us
            if event["type"] != DEAUTHORIZED:
                return
            event = {**event, "account": STRIPE_ACCOUNT}
        body = json.dumps(event, separators=(",", ":")).encode()
        copies = self.webhook_copies * (3 if self.plan.webhooks == "doubled" else 1)
        for _ in range(copies):
            self.scheduler.spawn(
                f"webhook {event['type']}", self._deliver_one(str(event["id"]), body, account)
            )

    async def _deliver_one(self, event_id: str, body: bytes, account: str) -> None:
        delay_s = self.rng.randrange(1, 5000) / 1000
        if self.webhook_delay_s:
            delay_s += self.rng.randrange(0, self.webhook_delay_s)
        for retry_s in (*_WEBHOOK_RETRIES_S, 0.0):
            await until(self.clock.elapsed_s + delay_s)
            if await self.post_webhook(body, account):
                self.oracle.acknowledged(event_id, account)
                return
            delay_s = retry_s

    async def post_webhook(self, body: bytes, account: str, signature: str | None = None) -> bool:
        """Posts to the endpoint of an account, signed by Stripe unless told otherwise."""
        process = self.some_process()
        if process is None:
            return False
        header = self._sign(body) if signature is None else signature
        return await self.ask(process, lambda: process.receive(account, body, header)) is True

    def _sign(self, body: bytes) -> str:
        sent_at = int(self.clock.true_now().timestamp())
        header: str = stripe.WebhookSignature.generate_signature_header(
            body.decode(), self.signing_secret, sent_at
        )
        return header

    def some_process(self) -> Process | None:
        """Gives a daemon that lives, or None."""
        living = list(self.processes.values())
        return living[self.rng.randrange(len(living))] if living else None

    async def ask(self, process: Process, request: Callable[[], Awaitable[T]]) -> T | None:
        """Sends an HTTP request to a daemon: None when it dies, fails, or takes too long."""
        answered = Stamp()
        answer: list[T] = []

        async def serve() -> None:
            try:
                answer.append(await request())
            except _REFUSALS as error:
                self.note(f"refused: {type(error).__name__}")
            answered.set()

        self.scheduler.spawn(f"{process.name} request", serve(), process.name)
        await until(self.clock.elapsed_s + 60.0, answered)
        return answer[0] if answer else None

    # --- the trace ----------------------------------------------------------------------------------------

    def note(self, line: str) -> None:
        """Writes a line into the trace."""
        self.scheduler.trace.append((self.clock.elapsed_s, "", line))

    @property
    def trace(self) -> list[str]:
        """What happened, in lines."""
        return [
            f"{at_s:.3f} {name}: {label}\n" if name else f"{at_s:.3f} {label}\n"
            for at_s, name, label in self.scheduler.trace
        ]

    def trace_digest(self) -> str:
        """Gives the trace as one word, to compare it with another run's."""
        return hashlib.sha256("".join(self.trace).encode()).hexdigest()


class _Capture(logging.Handler):
    """Keeps what the product logs, for the promise about secrets."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.getMessage()} {vars(record)}")
