"""What is decided before a history begins: the debts, the acts of people, the faults."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from tests.simulation.clockwork import START

_MIDNIGHT_IS_NEAR = datetime(2026, 10, 31, 22, 40, tzinfo=UTC)
"""23:40 in Prague: day and month change while people pay, an hour before they do in UTC."""

_CARDS = (
    *("good", "good", "good", "declined,good", "3ds", "declined,3ds"),
    *("leave", "leave,good", "declined,declined"),
)
_ROUTES = ("portal", "link")
STRANGER = 4711
"""A customer who owes something and takes no part."""

_DEBTS = (1, 1, 1, 1, 1, 2, 3)
"""How many: one shows nearly all bugs, and many small histories show more than few large ones."""

_FLOODS = frozenset({48})
"""Faults that are costly to simulate: they are drawn less often, unless asked for."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a moment: a customer, the office, another program."""

    at_s: int
    kind: str
    debt: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Debt:
    """A document to be paid; `due` is less than `total` where a part of it is paid already."""

    kind: str
    document_id: int
    customer_id: int
    partner_id: int
    total: Decimal
    due: Decimal

    @property
    def key(self) -> str:
        """Gives the path of the document in Splynx's API."""
        folder = "invoices" if self.kind == "invoice" else "proforma-invoices"
        return f"admin/finance/{folder}/{self.document_id}"

    @property
    def number(self) -> str:
        """Gives the printed number of the document."""
        return f"20261100{self.document_id:04d}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided before a history begins; the order of turns follows from the seed."""

    seed: int
    debts: tuple[Debt, ...]
    acts: tuple[Act, ...]
    faults: tuple[int, ...]
    webhooks: str
    start: datetime = START


def make_plan(seed: int, faults: Sequence[int] = (), choices: Sequence[int] = ()) -> Plan:
    """Decides a history from its seed. Without `faults`, up to three of `choices` are taken."""
    rng = random.Random(seed * 2)  # noqa: S311 - a seed, not a secret
    shared = rng.randrange(5) == 0
    debts = [_debt(rng, number) for number in range(rng.choice(_DEBTS))]
    if shared:  # one customer owes all of it
        debts = [_of_first(debt, debts[0]) for debt in debts]
    acts = [act for number in range(len(debts)) for act in _acts(rng, number)]
    if not faults and choices:
        faults = _draw(rng, choices)
    webhooks = rng.choice(("normal", "normal", "normal", "doubled", "late", "lost"))
    start = rng.choice((START, START, START, _MIDNIGHT_IS_NEAR))
    return Plan(seed, tuple(debts), tuple(acts), tuple(faults), webhooks, start)


def _draw(rng: random.Random, choices: Sequence[int]) -> list[int]:
    drawn = sorted(rng.sample(list(choices), rng.choice((0, 1, 1, 2, 2, 3))))
    is_calm = rng.randrange(2)
    return [number for number in drawn if number not in _FLOODS or not is_calm]


def _debt(rng: random.Random, number: int) -> Debt:
    partner = rng.choice((1, 1, 2))
    cents = rng.randrange(50, 900_00) if partner == 1 else rng.randrange(60, 90_000) * 100
    total = Decimal(cents) / 100
    if rng.randrange(12) == 0:  # less than the currency's smallest coin: it cannot be charged
        total += Decimal("0.005") if partner == 1 else Decimal("0.5")
    kind = rng.choice(("invoice", "invoice", "proforma"))
    is_partly_paid = kind == "invoice" and cents > 200_00 and rng.randrange(4) == 0
    paid = Decimal(rng.randrange(1, 100)) if is_partly_paid else Decimal(0)
    return Debt(
        kind=kind,
        document_id=1000 + number,
        customer_id=17 + number,
        partner_id=partner,
        total=total,
        due=total - paid,
    )


def _of_first(debt: Debt, first: Debt) -> Debt:
    if debt.partner_id != first.partner_id:
        return debt
    return Debt(
        debt.kind, debt.document_id, first.customer_id, first.partner_id, debt.total, debt.due
    )


def _acts(rng: random.Random, debt: int) -> list[Act]:
    acts = [_pay(rng, debt, 600)]
    while rng.randrange(4) == 0:
        acts.append(_pay(rng, debt, 900))
    if rng.randrange(6) == 0:  # both routes in the same second
        first = acts[0]
        other = "link" if first.detail.startswith("portal") else "portal"
        acts.append(Act(first.at_s, "pay", debt, f"{other}:{rng.choice(_CARDS)}"))
    if rng.randrange(5) == 0:
        office = rng.choice(("cash", "delete", "less", "more"))
        acts.append(Act(rng.randrange(0, 900), office, debt))
    if rng.randrange(8) == 0:
        acts.append(Act(rng.randrange(0, 900), "foreign", debt))
    if rng.randrange(8) == 0:
        acts.append(Act(rng.randrange(0, 900), "snoop", debt))
    return acts


def _pay(rng: random.Random, debt: int, within_s: int) -> Act:
    return Act(
        rng.randrange(0, within_s), "pay", debt, f"{rng.choice(_ROUTES)}:{rng.choice(_CARDS)}"
    )
