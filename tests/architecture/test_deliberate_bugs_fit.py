"""The deliberate bugs of `make sabotage` are patches of the product: who changes such a line hears it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.bug import Bug, Patch
from tests.simulation.bugs import BUGS
from tests.simulation.sabotage import StalePatchError, apply, copy_tree


def test_every_deliberate_bug_still_fits_the_product(tmp_path: Path) -> None:
    copy_tree(tmp_path / "tree")
    product = tmp_path / "tree" / "splynx_stripe"
    for bug in BUGS:
        files = {product / patch.file for patch in bug.patches}
        whole = {path: path.read_text(encoding="utf-8") for path in files}

        apply(bug, tmp_path / "tree")

        for path, text in whole.items():
            compile(path.read_text(encoding="utf-8"), str(path), "exec")
            path.write_text(text, encoding="utf-8")


def test_a_bug_that_does_not_fit_any_more_is_an_error(tmp_path: Path) -> None:
    copy_tree(tmp_path / "tree")
    stale = Bug("stale", "I1", (Patch("domain/money.py", "no such text", ""),))

    with pytest.raises(StalePatchError, match="no such text"):
        apply(stale, tmp_path / "tree")
