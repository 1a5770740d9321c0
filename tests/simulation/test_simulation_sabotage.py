"""Some deliberate bugs in every test run; `make sabotage` hunts all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.bug import Bug
from tests.simulation.bugs import BUGS
from tests.simulation.promises import PROMISES
from tests.simulation.sabotage import copy_tree, hunt

_QUICK = [bug for bug in BUGS if bug.is_quick]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", _QUICK, ids=lambda bug: bug.name)
def test_a_deliberate_bug_is_found(bug: Bug, tmp_path: Path) -> None:
    copy_tree(tmp_path / "pristine")

    result = hunt(bug, tmp_path / "pristine", 600)

    assert result.is_found, f"{bug.name} breaks {bug.promise} and nobody sees it"


def test_there_are_enough_bugs_and_each_breaks_a_promise() -> None:
    assert len(BUGS) >= 50
    assert len(_QUICK) == 5
    assert {bug.promise for bug in BUGS} <= set(PROMISES)
    assert len({bug.name for bug in BUGS}) == len(BUGS)
