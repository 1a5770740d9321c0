"""Guardrails: what keeps one press of a button from charging thousands of people wrongly (pain P1).

Pure. They are settings of each partner, looked at when a run is confirmed: over the largest total
nothing starts; a total that is far from what past runs came to, or above a limit, needs a second
administrator. What concerns one customer (the largest sum, not twice within days) is a verdict on
the item, in `charge_plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from splynx_stripe.domain.money import Money

COMPARED_RUNS = 6
"""How many past runs the median is made of, the newest ones."""

COMPARED_RUNS_AT_LEAST = 3
"""With fewer past runs there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The guardrails of one partner, in its currency. None, or 0 days or percent: not limited.

    `run_maximum` is the most that one run may charge, `customer_maximum` the most that it may charge
    one customer. `deviation_percent` is how far the total may be from the median of past runs.
    Above `second_above` a second administrator has to confirm. Nobody who was charged within
    `not_twice_within_days` is charged again by a run.
    """

    run_maximum: Money | None = None
    customer_maximum: Money | None = None
    second_above: Money | None = None
    deviation_percent: int = 0
    not_twice_within_days: int = 0


NO_GUARDRAILS = Guardrails()


@dataclass(frozen=True, slots=True)
class RunTotal:
    """What a run will charge the customers of one partner in one currency. Never changes.

    `median` is what past runs of the same kind came to, None where there are too few.
    """

    partner_id: int
    amount: Money
    charged: int
    median: Money | None = None

    @property
    def deviation_percent(self) -> int | None:
        """Gives how far the total is from the median, rounded down; None without one to compare."""
        if self.median is None or self.median.minor_units <= 0:
            return None
        distance = abs(self.amount.minor_units - self.median.minor_units)
        return distance * 100 // self.median.minor_units


class GuardrailKind(StrEnum):
    """The guardrails that look at a whole run."""

    RUN_MAXIMUM = "run_maximum"
    DEVIATION = "deviation"
    SECOND_ABOVE = "second_above"

    @property
    def forbids(self) -> bool:
        """Says whether nothing starts; the others want a second administrator."""
        return self is GuardrailKind.RUN_MAXIMUM


@dataclass(frozen=True, slots=True)
class GuardrailFinding:
    """One guardrail that stands in the way of a run: how much it found, and how much it allows."""

    kind: GuardrailKind
    partner_id: int
    found: Money
    allowed: Money
    percent: int = 0

    @property
    def sentence(self) -> str:
        """Says it in English, for logs and the command line."""
        whom = f"the customers of partner {self.partner_id}"
        match self.kind:
            case GuardrailKind.RUN_MAXIMUM:
                return (
                    f"The run would charge {whom} {self.found}, and the largest total of a run is"
                    f" {self.allowed}. Nothing was charged. Choose fewer, or raise the limit."
                )
            case GuardrailKind.DEVIATION:
                return (
                    f"The run would charge {whom} {self.found}, which is {self.percent} % away from"
                    f" the {self.allowed} that past runs came to. A second administrator has to look."
                )
            case _:
                return (
                    f"The run would charge {whom} {self.found}, which is above {self.allowed}. A"
                    " second administrator has to confirm."
                )


def look(total: RunTotal, guardrails: Guardrails) -> Sequence[GuardrailFinding]:
    """Finds what stands in the way of a run's total; nothing when all is well."""
    found: list[GuardrailFinding] = []
    for kind, allowed in (
        (GuardrailKind.RUN_MAXIMUM, guardrails.run_maximum),
        (GuardrailKind.SECOND_ABOVE, guardrails.second_above),
    ):
        if allowed is not None and allowed < total.amount:
            found.append(GuardrailFinding(kind, total.partner_id, total.amount, allowed))
    percent = total.deviation_percent
    if total.median and percent and 0 < guardrails.deviation_percent < percent:
        found.append(
            GuardrailFinding(
                GuardrailKind.DEVIATION, total.partner_id, total.amount, total.median, percent
            )
        )
    return found


def median(amounts: Sequence[Money]) -> Money | None:
    """Gives the middle one of past totals, the lower of two; None when there are too few."""
    if len(amounts) < COMPARED_RUNS_AT_LEAST:
        return None
    ordered = sorted(amounts, key=lambda amount: amount.minor_units)
    return ordered[(len(ordered) - 1) // 2]
