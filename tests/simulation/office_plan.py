"""What is decided about charges without the customer: what is saved, the office's acts, the rules.

It has dice of its own, so that histories without it stay what they were.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

CHARGE_FAULTS = frozenset({13, 14, 16, 17, 18, 19, 30, 61})
"""The faults that need charge runs, rules or retries."""

_ONE_IN = 5
"""So many histories have one with an office that charges."""

_RULE_FAULTS = frozenset({14, 16, 17, 18, 19})
_HOUR_IS_DOUBLED = datetime(2026, 10, 25, 0, 20, tzinfo=UTC)
"""02:20 in Prague, forty minutes before the hour from two to three comes a second time."""

_CARDS = (
    *("good", "good", "good", "good", "poor,good", "poor,poor,good", "poor", "stolen"),
    *("confirm", "expired", "poor,stolen"),
)
_BANKS = ("bank", "bank", "bank_fail,bank", "bank_fail", "bank_closed", "bank_return")
_SELECTIONS = ("invoices", "invoices", "invoices", "balances", "balances", "prepaid", "mine")


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved method of the customer of a debt; `words` is what its bank says, one after the other.

    `is_imported`: it was taken over from the add-on before us.
    """

    debt: int
    kind: str
    words: tuple[str, ...]
    is_imported: bool = False


@dataclass(frozen=True, slots=True)
class OfficeAct:
    """Something that the office does at a moment, about the runs of one selection."""

    at_s: int
    kind: str
    selection: str = ""
    who: str = "admin:1"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of auto charge: what it takes, when on the clock of Prague, and what it makes up for."""

    name: str
    selection: str
    hour: int
    minute: int
    is_made_up_for: bool = True


@dataclass(frozen=True, slots=True)
class OfficePlan:
    """All that is decided about charges without the customer.

    `prepaid` are customers' prices of a period, by debt. `second_above` and `run_maximum` are
    guardrails in dollars, 0 for none. `unbooked_at_most` is the tempo of runs.
    """

    saved: tuple[Saved, ...]
    acts: tuple[OfficeAct, ...]
    rules: tuple[Rule, ...] = ()
    prepaid: tuple[tuple[int, Decimal], ...] = ()
    second_above: int = 0
    run_maximum: int = 0
    unbooked_at_most: int = 0
    start: datetime | None = None


def make_office(
    seed: int, debts: int, faults: Sequence[int], *, has_banks: bool
) -> OfficePlan | None:
    """Decides it; None where nobody charges."""
    rng = random.Random(f"office {seed}")  # noqa: S311 - a seed, not a secret
    is_asked_for = not CHARGE_FAULTS.isdisjoint(faults)
    if rng.randrange(_ONE_IN) and not is_asked_for:
        return None
    saved = [each for debt in range(debts) for each in _saved(rng, debt, has_banks=has_banks)]
    if 30 in faults:
        saved[0] = Saved(saved[0].debt, "card", ("confirm",))
    if 61 in faults:
        saved = [Saved(each.debt, each.kind, each.words, is_imported=True) for each in saved]
    has_rules = not _RULE_FAULTS.isdisjoint(faults) or rng.randrange(3) == 0
    rules = _rules(rng, faults) if has_rules else ()
    start = _HOUR_IS_DOUBLED if rules and rules[0].hour == 2 else None
    return OfficePlan(
        saved=tuple(saved),
        acts=tuple(_acts(rng, faults)),
        rules=rules,
        prepaid=tuple((debt, Decimal(rng.randrange(5, 300))) for debt in range(debts))
        if rng.randrange(3) == 0
        else (),
        second_above=rng.choice((0, 0, 0, 100)),
        run_maximum=rng.choice((0, 0, 0, 600)),
        unbooked_at_most=rng.choice((0, 0, 1)),
        start=start,
    )


def _saved(rng: random.Random, debt: int, *, has_banks: bool) -> list[Saved]:
    found = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        is_bank = has_banks and rng.randrange(2) == 0
        words = rng.choice(_BANKS if is_bank else _CARDS).split(",")
        kind = "bank" if is_bank else "card"
        found.append(Saved(debt, kind, tuple(words), is_imported=rng.randrange(6) == 0))
    return found


def _acts(rng: random.Random, faults: Sequence[int]) -> list[OfficeAct]:
    count = 1 if 13 in faults else rng.choice((1, 1, 2, 2, 3))
    acts = [act for _ in range(count) for act in _acts_of_a_run(rng)]
    if rng.randrange(4) == 0:  # what has failed is edited before it is tried again
        acts.append(OfficeAct(1800, "more"))
    if rng.randrange(3) == 0:
        at_s = acts[0].at_s if rng.randrange(2) else rng.randrange(0, 700)
        acts.append(OfficeAct(at_s, rng.choice(("stop", "stop at a lease"))))
        acts.append(OfficeAct(at_s + rng.choice((30, 200, 900)), "go on"))
    if rng.randrange(6) == 0:
        acts.append(OfficeAct(rng.randrange(0, 900), "pay off", "balances"))
    return acts


def _acts_of_a_run(rng: random.Random) -> list[OfficeAct]:
    """A run is begun, sometimes twice, and paused, resumed or canceled sometimes."""
    selection, at_s = rng.choice(_SELECTIONS), rng.randrange(0, 700)
    acts = [OfficeAct(at_s, "charge", selection)]
    if rng.randrange(4) == 0:  # somebody else, or the same person, presses it again
        again = at_s + rng.choice((0, 0, 1, 40))
        acts.append(OfficeAct(again, "charge", selection, rng.choice(("admin:1", "admin:2"))))
    if rng.randrange(3) == 0:  # an invoice is edited while its run waits to be confirmed
        edited_at_s = at_s + rng.choice((2, 5, 12, 30))
        acts.append(OfficeAct(edited_at_s, rng.choice(("more", "more", "less"))))
    if rng.randrange(3) == 0:
        later = at_s + rng.randrange(1, 300)
        for kind in rng.choice((("pause", "resume"), ("pause", "cancel"), ("cancel",))):
            acts.append(OfficeAct(later, kind, selection))
            later += rng.choice((0, 1, 30, 300))
    return acts


def _rules(rng: random.Random, faults: Sequence[int]) -> tuple[Rule, ...]:
    """At a quarter past ten, some minutes after the story begins; or in the hour that is doubled."""
    is_doubled = 19 in faults or (rng.randrange(4) == 0 and not {16, 18} & {*faults})
    hour, minute = (2, rng.randrange(25, 60)) if is_doubled else (10, rng.randrange(1, 25))
    selection = rng.choice(("invoices", "invoices", "balances"))
    rules = [Rule("one", selection, hour, minute, is_made_up_for=rng.randrange(3) > 0)]
    if 17 in faults or rng.randrange(3) == 0:
        rules.append(Rule("two", rng.choice(("invoices", "balances")), hour, minute))
    return tuple(rules)
