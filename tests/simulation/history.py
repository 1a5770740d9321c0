"""One history: a plan made from a seed, carried out in the simulated world, judged by the oracle."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import stripe

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.errors import (
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.pay import DocumentQuery, PaymentStart, Standing
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.errors import StoreUnavailableError
from tests.simulation.clockwork import Scheduler, SimClock, Stamp, Task, until
from tests.simulation.crash import Crash
from tests.simulation.disk import Disk
from tests.simulation.faults import FAULTS
from tests.simulation.network import Network
from tests.simulation.oracle import Oracle, Violation
from tests.simulation.process import Process
from tests.simulation.splynx_side import SplynxSide, Switches
from tests.simulation.stripe_side import Json, StripeSide

SECRET = "whsec_simulated"
_REFUSALS = (RetryableError, OutcomeUnknownError, RejectedError, StoreUnavailableError)
_STORY_S = 2700.0
"""How long the people and the faults may act; then the world is left alone."""

_CALM_S = 27 * 3600.0
"""How long the daemon gets to settle everything afterwards: longer than a key protects."""

_MOST_TURNS = 60_000
"""A history has about a thousand; what takes more is going round in circles."""

_CALM_POLL_S = 4 * 3600.0
_WEBHOOK_RETRIES_S = (5.0, 60.0, 900.0)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a moment: a customer, the office, another program."""

    at_s: int
    kind: str
    debt: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Debt:
    """A document to be paid."""

    kind: str
    document_id: int
    customer_id: int
    partner_id: int
    total: Decimal

    @property
    def key(self) -> str:
        folder = "invoices" if self.kind == "invoice" else "proforma-invoices"
        return f"admin/finance/{folder}/{self.document_id}"

    @property
    def number(self) -> str:
        return f"20261100{self.document_id:04d}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before a history begins; the order of turns follows from the seed."""

    seed: int
    debts: tuple[Debt, ...]
    acts: tuple[Act, ...]
    faults: tuple[int, ...]
    webhooks: str


class History:
    """Carries a plan out. `trace` tells what happened, the same for the same plan."""

    def __init__(self, plan: Plan, disk: Disk, *, keep_trace: bool = False) -> None:
        self.plan = plan
        self.rng = random.Random(plan.seed * 2 + 1)
        self.clock = SimClock()
        self.scheduler = Scheduler(self.rng, self.clock)
        self.network = Network(self.rng, self.clock, self.scheduler)
        self.disk = disk
        self.disk.clear("ins_sim")
        self.stripe = StripeSide(self.rng, self.clock)
        self.splynx = SplynxSide(Switches())
        self.poll_every_s = 120.0
        self.secrets = [Secret(SECRET)]
        self.signing_secret = SECRET
        self.webhook_copies = 1
        self.crashes: list[Crash] = []
        self.processes: dict[str, Process] = {}
        self.generation = 0
        self.logged: list[str] = []
        self.oracle = Oracle(self)
        self.trace_hash = hashlib.sha256()
        self.trace: list[str] | None = [] if keep_trace else None

    # --- the whole story -------------------------------------------------------------------------

    def run(self) -> Violation | None:
        """Gives the first violation, or None."""
        capture = _Capture(self.logged)
        root = logging.getLogger("splynx_stripe")
        root.addHandler(capture)
        root.propagate = False
        try:
            self._set_up()
            self._go_on(_STORY_S)
            self._calm_down()
            self._go_on(_STORY_S + _CALM_S)
            self.oracle.at_the_end()
        except Violation as violation:
            return violation
        finally:
            root.removeHandler(capture)
            root.propagate = True
            self.scheduler.close()
        return None

    def _set_up(self) -> None:
        for debt in self.plan.debts:
            self.splynx.add_customer(debt.customer_id, debt.partner_id)
            self.splynx.add_document(debt.kind, debt.document_id, debt.customer_id, debt.total)
        self.oracle.listen()
        self.scheduler.on_turn = self._on_turn
        self.scheduler.on_death = self._on_death
        self.stripe.on_event = self._deliver
        self.stripe.on_sent = self.oracle.on_the_way
        self.start_process("a")
        for number in self.plan.faults:
            FAULTS[number].install(self)
        for act in self.plan.acts:
            self.scheduler.spawn(f"{act.kind} {act.debt}", self._act(act))

    def _go_on(self, horizon_s: float) -> None:
        while self.scheduler.step(horizon_s):
            self.oracle.after_step()
            if self.scheduler.turns > _MOST_TURNS:
                raise Violation("I10", f"after {_MOST_TURNS} turns there is still no rest")
        self.clock.elapsed_s = max(self.clock.elapsed_s, horizon_s)

    def _calm_down(self) -> None:
        """Ends all faults: what follows is what the promises give the daemon time for."""
        self.network.rules.clear()
        self.crashes.clear()
        self.disk.is_broken = False
        self.splynx.key_works = True
        self.splynx.switches.ignores_filters = False
        self.stripe.takes_other_amount = False
        self.scheduler.frozen.clear()
        self.poll_every_s = _CALM_POLL_S
        if not self.processes:
            self.start_process("a")

    # --- processes and crashes -----------------------------------------------------------------------

    def start_process(self, name: str) -> None:
        """Starts a daemon (again)."""
        self.generation += 1
        process = Process(self, f"{name}{self.generation}")
        self.processes[name] = process
        process.start()
        self.note(f"start {process.name}")

    def kill(self, name: str, down_s: float) -> None:
        """kill -9; systemd starts it again after a while."""
        process = self.processes.pop(name, None)
        if process is None:
            return
        self.scheduler.kill(process.name)
        self.note(f"kill {process.name}")
        self.scheduler.spawn(f"systemd {name}", self._restart(name, down_s))

    async def _restart(self, name: str, down_s: float) -> None:
        await until(self.clock.elapsed_s + down_s)
        if name not in self.processes:
            self.start_process(name)

    def _on_turn(self, task: Task, label: str) -> None:
        self.note(f"{task.name}: {label}")
        for crash in self.crashes:
            if crash.match not in label:
                continue
            if crash.skip:
                crash.skip -= 1
                continue
            self.crashes.remove(crash)
            self.kill("a", crash.down_s)
            return

    def _on_death(self, task: Task, error: Exception) -> None:
        self.note(f"{task.name} died: {error!r}")
        if isinstance(error, Violation):
            raise error
        raise Violation("I10", f"{task.name} died of {type(error).__name__}: {error}")

    # --- webhooks ---------------------------------------------------------------------------------------

    def _deliver(self, event: Json) -> None:
        if self.plan.webhooks == "lost":
            return
        body = json.dumps(event, separators=(",", ":")).encode()
        copies = self.webhook_copies * (3 if self.plan.webhooks == "doubled" else 1)
        for _ in range(copies):
            self.scheduler.spawn(f"webhook {event['type']}", self._deliver_one(event, body))

    async def _deliver_one(self, event: Json, body: bytes) -> None:
        delay_s = self.rng.randrange(1, 5000) / 1000
        if self.plan.webhooks == "late":
            delay_s += self.rng.randrange(0, 1800)
        for retry_s in (*_WEBHOOK_RETRIES_S, 0.0):
            await until(self.clock.elapsed_s + delay_s)
            if await self._post_webhook(body):
                self.oracle.acknowledged(event)
                return
            delay_s = retry_s

    async def _post_webhook(self, body: bytes, signature: str | None = None) -> bool:
        process = self.some_process()
        if process is None:
            return False
        if signature is None:
            sent_at = int(self.clock.true_now().timestamp())
            signature = stripe.WebhookSignature.generate_signature_header(
                body.decode(), self.signing_secret, sent_at
            )
        return await self.ask(process, process.receive(body, signature)) is True

    def some_process(self) -> Process | None:
        """Gives a daemon that lives, or None."""
        living = list(self.processes.values())
        return living[self.rng.randrange(len(living))] if living else None

    async def ask(self, process: Process, request: Any, patience_s: float = 60.0) -> Any:
        """Sends an HTTP request to a daemon: None when it dies, fails, or takes too long."""
        answered, answer = Stamp(), []

        async def serve() -> None:
            try:
                answer.append(await request)
            except _REFUSALS as error:
                answer.append(error)
            answered.is_set = True

        self.scheduler.spawn(f"{process.name} request", serve(), process.name)
        deadline_s = self.clock.elapsed_s + patience_s
        while not answered.is_set and self.clock.elapsed_s < deadline_s:
            await until(deadline_s, answered)
        result = answer[0] if answer else None
        return None if isinstance(result, Exception) else result

    # --- people -----------------------------------------------------------------------------------------

    async def _act(self, act: Act) -> None:
        await until(act.at_s)
        debt = self.plan.debts[act.debt]
        match act.kind:
            case "pay":
                await self._customer(debt, act.detail)
            case "cash":
                self.splynx.pay_by_cash(debt.key)
            case "delete":
                self.splynx.delete(debt.key)
            case "less":
                self.splynx.change_due(debt.key, Decimal("0.5"))
            case "more":
                self.splynx.change_due(debt.key, Decimal("1.5"))
            case "foreign":
                self.stripe.foreign_payment()

    async def _customer(self, debt: Debt, detail: str) -> None:
        """Opens the page, presses Pay, enters cards; reloads when something did not work."""
        route, _, cards = detail.partition(":")
        for card in cards.split(","):
            start = await self._press_pay(debt, route)
            if start is None or start.standing is not Standing.PAYABLE:
                continue
            intent_id = start.client_secret.partition("_secret_")[0]
            await until(self.clock.elapsed_s + self.rng.randrange(2, 90))
            if card == "leave":
                return
            status = self.stripe.confirm(intent_id, card)
            if status == "requires_action":
                await until(self.clock.elapsed_s + self.rng.randrange(5, 60))
                self.stripe.confirm(intent_id, card)
            await self._look_at_result(debt)

    async def _press_pay(self, debt: Debt, route: str) -> PaymentStart | None:
        for _ in range(4):
            process = self.some_process()
            if process is not None:
                pay = process.flows.pay
                query = DocumentQuery(DocumentKind(debt.kind), debt.number)
                if route == "portal":
                    view = await self.ask(process, pay.view_for_customer(query, debt.customer_id))
                else:
                    view = await self.ask(process, pay.view_for_link(query))
                if view is not None and view.payable is not None:
                    by = Route.PORTAL if route == "portal" else Route.DIRECT_LINK
                    start = await self.ask(process, pay.start(view.payable, by, f"sim:{route}"))
                    if isinstance(start, PaymentStart):
                        return start
            await until(self.clock.elapsed_s + self.rng.randrange(5, 60))
        return None

    async def _look_at_result(self, debt: Debt) -> None:
        process = self.some_process()
        if process is None or self.rng.randrange(2):
            return
        query = DocumentQuery(DocumentKind(debt.kind), debt.number)
        view = await self.ask(process, process.flows.pay.view_for_customer(query, debt.customer_id))
        if view is not None and view.payable is not None:
            await self.ask(process, process.flows.pay.outcome(view.payable, "sim"))

    # --- the trace ----------------------------------------------------------------------------------------

    def note(self, line: str) -> None:
        """Writes a line into the trace."""
        text = f"{self.clock.elapsed_s:.3f} {line}\n"
        self.trace_hash.update(text.encode())
        if self.trace is not None:
            self.trace.append(text)


class _Capture(logging.Handler):
    """Keeps what the product logs, for the promise about secrets."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.getMessage()} {vars(record)}")


def make_plan(seed: int, faults: Sequence[int] = (), choices: Sequence[int] = ()) -> Plan:
    """Decides a history from its seed. Without `faults`, up to three of `choices` are taken."""
    rng = random.Random(seed * 2)
    debts = tuple(_debt(rng, number) for number in range(rng.choice((1, 1, 2, 3))))
    acts = [act for number in range(len(debts)) for act in _acts(rng, number)]
    if not faults and choices:
        faults = sorted(rng.sample(list(choices), rng.choice((0, 1, 1, 2, 2, 3))))
    webhooks = rng.choice(("normal", "normal", "normal", "doubled", "late", "lost"))
    return Plan(seed, debts, tuple(acts), tuple(faults), webhooks)


def _debt(rng: random.Random, number: int) -> Debt:
    partner = rng.choice((1, 1, 2))
    total = Decimal(rng.randrange(50, 900_00)) / 100 if partner == 1 else Decimal(rng.randrange(60, 90_000))
    return Debt(
        kind=rng.choice(("invoice", "invoice", "proforma")),
        document_id=1000 + number,
        customer_id=17 + number,
        partner_id=partner,
        total=total,
    )


_CARDS = ("good", "good", "good", "declined,good", "3ds", "declined,3ds", "leave", "leave,good", "declined,declined")


def _acts(rng: random.Random, debt: int) -> list[Act]:
    acts = [Act(rng.randrange(0, 600), "pay", debt, f"{rng.choice(('portal', 'link'))}:{rng.choice(_CARDS)}")]
    while rng.randrange(3) == 0:
        acts.append(
            Act(rng.randrange(0, 900), "pay", debt, f"{rng.choice(('portal', 'link'))}:{rng.choice(_CARDS)}")
        )
    if rng.randrange(5) == 0:
        acts.append(Act(rng.randrange(0, 900), rng.choice(("cash", "delete", "less", "more")), debt))
    if rng.randrange(8) == 0:
        acts.append(Act(rng.randrange(0, 900), "foreign", debt))
    return acts
