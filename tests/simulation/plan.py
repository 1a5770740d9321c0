"""What is decided before a history begins: the debts, the acts of people, the faults."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from tests.simulation.clockwork import START
from tests.simulation.office_plan import CHARGE_FAULTS, OfficePlan, make_office

_MIDNIGHT_IS_NEAR = datetime(2026, 10, 31, 22, 40, tzinfo=UTC)
"""23:40 in Prague: day and month change while people pay, an hour before they do in UTC."""

CARD = ("card",)
_CARDS = (
    *("good", "good", "good", "declined,good", "3ds", "declined,3ds"),
    *("leave", "leave,good", "declined,declined"),
)
_BANKS = (
    *("bank", "bank", "bank", "bank_return", "bank_return", "bank_fail", "bank_fail,good"),
    *("bank_fail,bank", "bank_fail,bank_return", "leave,bank", "declined,bank", "disputed"),
    *("bank_again", "bank_again"),
)
_KINDS = (CARD, CARD, CARD, (*CARD, "ach"), (*CARD, "ach"), ("ach",))
"""What customers of the first partner can pay with; the second one takes cards only."""

_KEEPABLE = (
    *("bank", "bank", "card", "deposits:right", "deposits:right", "deposits:wrong,right"),
    *("deposits:wrong,wrong,wrong", "deposits:"),
)
"""What is kept; a bank account often has to be proven by what somebody types, right or wrong."""

_ROUTES = ("portal", "link")
STRANGER = 4711
"""A customer who owes something and takes no part."""

_DEBTS = (1, 1, 1, 1, 1, 2, 3)
"""How many: one shows nearly all bugs, and many small histories show more than few large ones."""

_LATE_RETURNS = 58
"""The fault that needs a bank."""

_CONNECTED_PARTNER = 2

_FLOODS = frozenset({48})
"""Faults that are costly to simulate: they are drawn less often, unless asked for."""


_WORSE_FOR_RUNS = (20, 21, 24, 49, 49, 55)
"""Faults that are drawn more often where the office charges: a run has to wait for an answer."""

_WORSE_TOGETHER = ((15, 27),)
"""Faults that do more harm together: a clock that was wrong, and one that comes back after a day."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody does at a moment: a customer, the office, another program.

    `others` are debts that are paid together with `debt`; `saves`: and the card may be kept.
    """

    at_s: int
    kind: str
    debt: int = 0
    detail: str = ""
    others: tuple[int, ...] = ()
    saves: bool = False


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
    kinds: tuple[str, ...] = CARD
    office: OfficePlan | None = None

    @property
    def revokes(self) -> bool:
        """Says whether the second partner takes its account back from us."""
        return any(act.kind == "revoke" for act in self.acts)

    @property
    def saves(self) -> bool:
        """Says whether a card or bank account is kept, or somebody wants it to be."""
        return self.office is not None or any(act.saves for act in self.acts)

    @property
    def has_banks(self) -> bool:
        """Says whether debits may be on their way for days."""
        return self.kinds != CARD


def make_plan(seed: int, faults: Sequence[int] = (), choices: Sequence[int] = ()) -> Plan:
    """Decides a history from its seed. Without `faults`, up to three of `choices` are taken."""
    rng = random.Random(seed * 2)  # noqa: S311 - a seed, not a secret
    if not faults and choices:
        faults = _draw(rng, [number for number in choices if number not in CHARGE_FAULTS])
    kinds = rng.choice(_KINDS[-3:] if _LATE_RETURNS in faults else _KINDS)
    debts = _debts(rng, partner=1 if _LATE_RETURNS in faults else 0)
    acts = [act for number in range(len(debts)) for act in _acts(rng, number, kinds)]
    together = _acts_of_several(rng, debts, kinds)
    if together and rng.randrange(3):  # nobody pays them one by one before
        acts = [act for act in acts if act.kind != "pay" or act.at_s > together[-1].at_s]
    acts += together
    acts += [
        Act(rng.randrange(0, 900), "revoke", number)
        for number, debt in enumerate(debts)
        if debt.partner_id == _CONNECTED_PARTNER and rng.randrange(6) == 0
    ]
    acts += _top_ups(rng, kinds) + _savings(rng, len(debts), kinds)
    webhooks = rng.choice(("normal", "normal", "normal", "doubled", "late", "lost"))
    start = rng.choice((START, START, START, _MIDNIGHT_IS_NEAR))
    plan = Plan(seed, tuple(debts), tuple(acts), tuple(faults), webhooks, start, kinds)
    return _with_office(plan, choices)


def _with_office(plan: Plan, choices: Sequence[int]) -> Plan:
    """Lets the office charge in some histories; fewer people pay by themselves then."""
    faults = plan.faults
    office = make_office(plan.seed, len(plan.debts), faults, has_banks=plan.has_banks)
    if office is None:
        return plan
    rng = random.Random(f"with office {plan.seed}")  # noqa: S311 - a seed, not a secret
    own = sorted(CHARGE_FAULTS.intersection(choices))
    if own and CHARGE_FAULTS.isdisjoint(faults) and rng.randrange(2):
        faults = (*faults, rng.choice([*own, *_WORSE_FOR_RUNS]))
        office = make_office(plan.seed, len(plan.debts), faults, has_banks=plan.has_banks)
    acts = tuple(act for act in plan.acts if act.kind != "pay" or rng.randrange(2))
    start = office.start if office and office.start else plan.start
    return replace(plan, office=office, acts=acts, faults=faults, start=start)


def _draw(rng: random.Random, choices: Sequence[int]) -> list[int]:
    drawn = sorted(rng.sample(list(choices), rng.choice((0, 1, 1, 2, 2, 3))))
    for one, other in _WORSE_TOGETHER:
        if one in drawn and other not in drawn and rng.randrange(2):
            drawn = sorted([*drawn, other])
    is_calm = rng.randrange(2)
    return [number for number in drawn if number not in _FLOODS or not is_calm]


def _debts(rng: random.Random, partner: int) -> list[Debt]:
    """One customer owes all of it, or each somebody else."""
    if rng.randrange(3) == 0:
        partner = partner or rng.choice((1, 1, 2))
        debts = [_debt(rng, number, partner) for number in range(rng.choice((2, 2, 3)))]
        return [replace(debt, customer_id=debts[0].customer_id) for debt in debts]
    count = rng.choice(_DEBTS)
    return [_debt(rng, number, partner or rng.choice((1, 1, 2))) for number in range(count)]


def _debt(rng: random.Random, number: int, partner: int) -> Debt:
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


def _acts(rng: random.Random, debt: int, kinds: tuple[str, ...]) -> list[Act]:
    acts = [_pay(rng, debt, 600, kinds)]
    while rng.randrange(4) == 0:
        acts.append(_pay(rng, debt, 900, kinds))
    if rng.randrange(6) == 0:  # both routes in the same second
        first = acts[0]
        other = "link" if first.detail.startswith("portal") else "portal"
        acts.append(Act(first.at_s, "pay", debt, f"{other}:{_method(rng, kinds)}"))
    if rng.randrange(5) == 0:
        office = rng.choice(("cash", "delete", "less", "more"))
        acts.append(Act(rng.randrange(0, 900), office, debt))
    if rng.randrange(8) == 0:
        acts.append(Act(rng.randrange(0, 900), "foreign", debt))
    if rng.randrange(8) == 0:
        acts.append(Act(rng.randrange(0, 900), "snoop", debt))
    return acts


def _pay(rng: random.Random, debt: int, within_s: int, kinds: tuple[str, ...]) -> Act:
    saves = rng.randrange(6) == 0
    detail = f"{rng.choice(_ROUTES)}:{_method(rng, kinds)}"
    return Act(rng.randrange(0, within_s), "pay", debt, detail, saves=saves)


def _method(rng: random.Random, kinds: tuple[str, ...]) -> str:
    return rng.choice(_CARDS if kinds == CARD or rng.randrange(4) == 0 else _BANKS)


def _acts_of_several(rng: random.Random, debts: list[Debt], kinds: tuple[str, ...]) -> list[Act]:
    """Several documents at once: all, or some, or choices that overlap, at about the same time."""
    if len(debts) == 1 or len({debt.customer_id for debt in debts}) > 1 or not rng.randrange(5):
        return []
    at_s, acts = rng.randrange(0, 600), []
    for _ in range(rng.choice((1, 1, 2, 3))):
        first, *others = rng.sample(range(len(debts)), rng.randrange(2, len(debts) + 1))
        detail = f"portal:{_method(rng, kinds)}"
        acts.append(Act(at_s, "pay", first, detail, tuple(others), saves=rng.randrange(6) == 0))
        at_s += rng.choice((0, 0, 1, 5, 60, 300))
    if rng.randrange(3) == 0:  # one of them alone, by another route, in the same second
        acts.append(Act(acts[0].at_s, "pay", acts[0].debt, f"link:{_method(rng, kinds)}"))
    return acts


def _top_ups(rng: random.Random, kinds: tuple[str, ...]) -> list[Act]:
    """A top-up, whose page is often reloaded or pressed twice: the same token is the same top-up."""
    if rng.randrange(4):
        return []
    at_s, acts = rng.randrange(0, 900), []
    token, amount = f"{rng.getrandbits(64):016x}", rng.randrange(5, 200)
    for _ in range(rng.choice((1, 2, 2, 3))):
        acts.append(Act(at_s, "top_up", 0, f"{token}:{amount}:{_method(rng, kinds)}"))
        at_s += rng.choice((0, 0, 1, 30, 400))
    return acts


def _savings(rng: random.Random, debts: int, kinds: tuple[str, ...]) -> list[Act]:
    """Somebody keeps a card or bank account, sometimes twice, and removes it again sometimes."""
    if rng.randrange(5):
        return []
    debt, acts = rng.randrange(debts), []
    for _ in range(rng.choice((1, 1, 2))):
        words = ("card", "card", "declined", "leave") if kinds == CARD else _KEEPABLE
        acts.append(Act(rng.randrange(0, 900), "save", debt, rng.choice(words), saves=True))
    if rng.randrange(2) == 0 and kinds != CARD:
        acts.append(Act(rng.randrange(300, 1500), "withdraw", debt, saves=True))
    if rng.randrange(3) == 0:
        acts.append(Act(rng.randrange(300, 1500), "remove", debt, saves=True))
    return acts
