"""What banks do to debits, and what goes wrong beside it: late changes, lost or killed reversals."""

from __future__ import annotations

from tests.simulation.crash import Crash
from tests.simulation.injection import POST_PAYMENT, Stage, rule
from tests.simulation.network import Spoil


def _slow_status(stage: Stage) -> str:
    """A change arrives a minute after it was sent, and the debit may have gone on meanwhile."""
    word = stage.rng.choice(("bank", "bank_fail", "bank_fail", "bank_again"))
    skip = 0 if word == "bank_fail" else stage.rng.randrange(2)
    rule(stage, Spoil.SLOW, "Splynx PUT", skip=skip)
    stage.banks.settles_s = (20.0, 40.0)
    return word


def _lost_reversal(stage: Stage) -> str:
    """The first payment that is posted books, the next one reverses."""
    lost = stage.rng.choice((Spoil.LOST_ANSWER, Spoil.ERROR_AFTER, Spoil.SLOW))
    rule(stage, lost, POST_PAYMENT, skip=stage.rng.randrange(1, 3))
    return "bank"


def _killed_at_reversal(stage: Stage) -> str:
    where = stage.rng.choice(("commit ReverseBooking._finish", "wire Splynx POST", "→ Splynx"))
    skip = stage.rng.randrange(1, 6) if "Splynx" in where else 0
    stage.crashes.append(Crash(where, skip, 5.0, stage.installing))
    return "bank"


def _status_comes_late(stage: Stage) -> str:
    """A document cannot be marked for a while, and meanwhile the debit fails, or goes on again."""
    word = stage.rng.choice(("bank_fail", "bank_again"))
    is_again = word == "bank_again"
    skip, times = (1, 2) if is_again else (stage.rng.randrange(2), stage.rng.randrange(1, 3))
    rule(stage, Spoil.ERROR_BEFORE, "Splynx PUT", skip=skip, times=times)
    return word


_TROUBLES = (
    *(lambda _stage: "bank", lambda _stage: "bank"),
    _slow_status,
    _lost_reversal,
    _killed_at_reversal,
    _status_comes_late,
)


def banks_take_back(stage: Stage) -> None:
    """Every debit comes back after it was paid, and whoever pays pays by a debit."""
    stage.banks.returns_all = True
    word = _TROUBLES[stage.rng.randrange(len(_TROUBLES))](stage)
    original = stage.stripe.confirm
    begun: set[str] = set()

    def confirm(intent_id: str, card: str) -> str:
        if intent_id in begun or (word == "bank" and card.startswith("bank")):
            return original(intent_id, card if card.startswith("bank") else "bank")
        begun.add(intent_id)
        return original(intent_id, word)

    stage.stripe.confirm = confirm  # type: ignore[method-assign]  # this happens at the bank
