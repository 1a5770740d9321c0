"""Faults of charges without the customer: of runs, rules, retries, and of others who charge, too."""

from __future__ import annotations

from datetime import datetime, timedelta

from splynx_stripe.domain.charge_rule import PROMPT
from tests.simulation.charging import PRAGUE, charge_rules
from tests.simulation.clockwork import until
from tests.simulation.crash import Crash
from tests.simulation.injection import HOUR_S, Install, Stage, rule
from tests.simulation.network import Spoil
from tests.simulation.office_plan import OfficeAct
from tests.simulation.stripe_raw import Json

_IN_A_RUN = (
    "commit ChargeRuns.plan",
    "committed ChargeRuns.plan",
    "commit RunPlanner._write",
    "committed RunPlanner._write",
    "commit ChargeFlow._take_lease",
    "committed ChargeFlow._take_lease",
    "commit ChargeFlow._commit_attempt",
    "committed ChargeFlow._commit_attempt",
    "wire Stripe payment_intents.create",
    "commit LaneWorker._settle",
    "committed LaneWorker._settle",
    "commit ChargeRunEngine._finish",
    "commit FollowUpFailure",
    "committed FollowUpFailure",
    "commit Retries._take_up",
    "committed Retries._take_up",
    "committed NoticeSender._send",
    "wire Splynx POST admin/config/mail",
    "committed NoticeSender._end",
)
_FOREIGN_AFTER_S = (0, 100, 400, 20 * HOUR_S)
_FOREIGN_FOR_S = (600, 30 * HOUR_S, 90 * HOUR_S)


def killed_in_a_run(stage: Stage) -> None:
    """The daemon dies again and again, as where memory is short."""
    for _ in range(stage.rng.randrange(2, 6)):
        match, skip = stage.rng.choice(_IN_A_RUN), stage.rng.randrange(2)
        stage.crashes.append(Crash(match, skip, stage.rng.choice((2.0, 30.0)), stage.installing))
    if stage.rng.randrange(2):  # nobody learns whether a message is in Splynx's queue
        lost = stage.rng.choice((Spoil.LOST_ANSWER, Spoil.ERROR_AFTER))
        rule(stage, lost, "Splynx POST admin/config/mail", times=2)
    if stage.rng.randrange(2):  # and Splynx does not answer some questions in the middle of it
        for _ in range(3):
            rule(stage, Spoil.ERROR_BEFORE, "Splynx GET", skip=stage.rng.randrange(12), times=2)


def restarted_in_a_run(stage: Stage) -> None:
    """An upgrade stops the daemon while a run is at work, and starts it a minute later."""
    number = stage.installing

    async def restart() -> None:
        while stage.clock.elapsed_s < 3 * HOUR_S:
            await until(stage.clock.elapsed_s + stage.rng.choice((0.05, 0.3, 2.0)))
            found = stage.disk.raw.execute("SELECT 1 FROM charge_runs WHERE state = 'running'")
            if found.fetchone() is not None:
                stage.kill("a", 60.0)
                stage.strike(number)
                return
            if stage.clock.elapsed_s > 900:
                await until(stage.clock.elapsed_s + 60.0)

    stage.scheduler.spawn("fault upgrade", restart())


def down_at_the_moment(stage: Stage) -> None:
    """Nobody runs when a rule has its moment; for minutes, or longer than it makes up for."""
    number, moment_s = stage.installing, _moment_s(stage)

    async def be_down() -> None:
        before_s = stage.rng.randrange(1, 30)
        await until(moment_s - before_s)
        stage.kill("a", before_s + stage.rng.choice((60.0, 1200.0, HOUR_S, 5 * HOUR_S)))
        stage.strike(number)

    stage.scheduler.spawn("fault down", be_down())


def strikes_when(*conditions: str) -> Install:
    """Something that the plan brings; it has struck when our database shows it."""

    def install(stage: Stage) -> None:
        number = stage.installing

        async def look() -> None:
            await until(_moment_s(stage) + PROMPT.total_seconds())
            for _ in range(20):
                if all(stage.disk.raw.execute(each).fetchone() for each in conditions):
                    stage.strike(number)
                    return
                await until(stage.clock.elapsed_s + 120)

        stage.scheduler.spawn("fault look", look())

    return install


two_rules_at_once = strikes_when(
    "SELECT 1 FROM charge_rule_days WHERE rule_id = 'rule-one' AND run_id <> ''",
    "SELECT 1 FROM charge_rule_days WHERE rule_id = 'rule-two' AND run_id <> ''",
)
hour_comes_twice = strikes_when("SELECT 1 FROM charge_rule_days WHERE rule_id = 'rule-one'")


def button_and_rule_at_once(stage: Stage) -> None:
    """Somebody begins the very run that a rule begins, in the same second."""
    number, at_s = stage.installing, _moment_s(stage)
    offset_s = stage.rng.choice((0, 0, 1, 2, -1))

    async def press() -> None:
        await stage.office.act(OfficeAct(max(at_s + offset_s, 0), "charge", "rule"))
        stage.strike(number)

    stage.scheduler.spawn("fault button", press())


def bank_wants_the_customer(stage: Stage) -> None:
    number, answer = stage.installing, stage.stripe.on_unattended

    def answered(method: Json) -> str:
        word = answer(method)
        if word == "confirm":
            stage.strike(number)
        return word

    stage.stripe.on_unattended = answered


def somebody_else_charges(stage: Stage) -> None:
    """Another program has a PaymentIntent of the same customer and amount under way for a while."""
    number = stage.installing

    async def charge() -> None:
        await until(stage.rng.choice(_FOREIGN_AFTER_S))
        for debt in stage.plan.debts:
            for row in stage.disk.raw.execute(
                "SELECT account, stripe_customer_id FROM credentials WHERE splynx_customer_id = ?"
                " AND state = 'usable'",
                (debt.customer_id,),
            ).fetchall():
                amount = int(debt.due * (100 if debt.partner_id == 1 else 1))
                intent = stage.stripe.charge_beside(row[0].partition(":")[0], row[1], amount)
                assert stage.oracle.charges is not None
                stage.oracle.charges.foreign.append((intent["id"], amount, stage.clock.elapsed_s))
                stage.strike(number)
        await until(stage.clock.elapsed_s + stage.rng.choice(_FOREIGN_FOR_S))
        stage.stripe.end_beside()

    stage.scheduler.spawn("fault other program", charge())


def _moment_s(stage: Stage) -> int:
    """Gives when the first rule has its first moment in the story."""
    start: datetime = stage.plan.start
    for each in charge_rules(stage.plan):
        for _, moment in each.days_between(start, start + timedelta(days=2), PRAGUE):
            return int((moment - start).total_seconds())
    return 0
