"""`make test` itself: it counts rightly, and it fails when too little of the product was exercised."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.container_run import ContainerRun, judged
from tools.count import Count
from tools.measured import Measured
from tools.run_tests import compiled_once

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("printed", "returncode", "count"),
    [
        ("…\ninstall-test: 41 checks passed\n", 0, Count(passed=41)),
        ("install-test: skipped: no root\n", 0, Count(skipped=1)),
        ("NOT it starts\ninstall-test: failed\n", 1, Count(failed=1)),
        ("install-test: 41 checks passed\n", 1, Count(failed=1)),
        ("it said nothing of use\n", 0, Count(failed=1)),
    ],
)
def test_the_container_test_is_judged_by_its_last_line_and_its_exit_code(
    printed: str, returncode: int, count: Count
) -> None:
    assert judged(printed, returncode) == count


def stand_in(project: Path, *lines: str, limit_s: float = 60) -> ContainerRun:
    """Begins a container test that is only a few lines of Python."""
    return ContainerRun(project, program=(sys.executable, "-c", "\n".join(lines)), limit_s=limit_s)


def test_the_container_test_waits_for_its_turn_and_is_counted_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stand_in(tmp_path, "told = input()", "print('install-test: 7 checks passed;', told)")
    still_runs = run.is_running
    run.go()

    counted = run.finish()

    assert still_runs, "it waits"
    assert counted == Count(failed=1), "its last line must be the one that says so"
    assert "7 checks passed; go" in capsys.readouterr().out


def test_a_container_test_that_ends_before_its_turn_is_counted_as_it_says(tmp_path: Path) -> None:
    run = stand_in(tmp_path, "print('install-test: skipped: no root')")
    run._running.wait()
    run.go()

    assert run.finish() == Count(skipped=1)


def test_a_container_test_that_never_ends_is_ended_and_has_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stand_in(tmp_path, "import time", "input()", "time.sleep(600)", limit_s=0.2)
    run.go()

    assert run.finish() == Count(failed=1)
    assert not run.is_running
    assert "not done" in capsys.readouterr().out


def test_a_container_test_ends_with_the_others_when_they_are_interrupted(tmp_path: Path) -> None:
    run = stand_in(tmp_path, "input()")

    run.abandon()

    assert not run.is_running


def test_all_processes_share_what_is_compiled_and_none_of_it_is_beside_the_code(
    tmp_path: Path,
) -> None:
    (tmp_path / "one.py").write_text("")
    environment = compiled_once({**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "compiled")

    subprocess.run([sys.executable, "-c", "import one"], cwd=tmp_path, env=environment, check=True)

    assert list((tmp_path / "compiled").rglob("one.*.pyc")) != []
    assert not (tmp_path / "__pycache__").exists()


def test_counts_add_up() -> None:
    assert Count(1, 2, 3) + Count(10, 20, 30) == Count(11, 22, 33)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Gives a product with one decision in its domain, measured with our own settings."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    domain = tmp_path / "splynx_stripe" / "domain"
    domain.mkdir(parents=True)
    (domain.parent / "__init__.py").write_text("")
    (domain / "__init__.py").write_text("")
    (domain / "decision.py").write_text("def is_due(day):\n    return 1 if day else 0\n")
    (domain / "branch.py").write_text(
        "def fee(late):\n    due = 10\n    if late:\n        due += 1\n    return due\n"
    )
    return tmp_path


def exercise(project: Path, *calls: str) -> None:
    """Runs a program of several processes, each of which takes part in the measurement."""
    environment = Measured(project).begin(os.environ)
    for call in calls:
        program = f"from splynx_stripe.domain.branch import fee; fee({call})"
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=project,
            env={**environment, "PYTHONPATH": str(project)},
            check=True,
        )


def report(project: Path) -> tuple[bool, str]:
    """Gives the verdict and what is printed; in a process that is not measured itself."""
    program = "import sys, pathlib; from tools.measured import Measured"
    program += "; sys.exit(not Measured(pathlib.Path(sys.argv[1])).report())"
    told = subprocess.run(
        [sys.executable, "-c", program, str(project)],
        cwd=ROOT,
        env={**os.environ, "COVERAGE_PROCESS_START": "", "COVERAGE_FILE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stderr == ""
    return told.returncode == 0, told.stdout


def test_what_several_processes_run_together_counts(project: Path) -> None:
    (project / "splynx_stripe" / "domain" / "decision.py").unlink()
    exercise(project, "True", "False")

    assert report(project) == (
        True,
        "coverage: 100.0 % of domain (wanted 100), 100.0 % overall (wanted 95)\n",
    )


def test_one_branch_of_the_domain_that_nothing_takes_is_too_much(project: Path) -> None:
    (project / "splynx_stripe" / "domain" / "decision.py").unlink()
    exercise(project, "True")

    is_enough, told = report(project)

    assert not is_enough
    assert "branch.py" in told
    assert "3->5" in told, "it says which"


def test_a_file_that_nothing_imports_counts_as_missed(project: Path) -> None:
    exercise(project, "True", "False")

    is_enough, told = report(project)

    assert not is_enough
    assert "decision.py" in told


def test_without_any_measurement_the_run_fails(project: Path) -> None:
    exercise(project)

    assert report(project) == (False, "coverage: nothing was measured\n")
