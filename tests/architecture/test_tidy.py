"""The house rules that a program can check. A new rule tells its story in its docstring."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_FUNCTION_LINES = 70
MAX_MODULE_LINES = 500
VAGUE_NAMES = {"utils", "helpers", "manager", "common", "misc"}
FORBIDDEN_WORDS = re.compile(
    r"/w[o]rk/|/r[o]ot/\.pyenv|p[y]pi\.org|p[y]thonhosted|n[p]mjs\.(org|com)|deb\.d[e]bian\.org"
)
"""Written with brackets, so that this line does not find itself."""

TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".yaml",
    ".yml",
    ".toml",
    ".lock",
    ".in",
    ".html",
    ".js",
    ".css",
    ".json",
    ".pot",
    "",
}


def tracked_files() -> list[Path]:
    """Files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def modules() -> Iterator[Path]:
    return (path for path in tracked_files() if path.suffix == ".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of a module and methods of its classes; those inside functions are private."""
    for node in tree.body:
        for inner in [node, *node.body] if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                yield inner


def problems_of(path: Path, root: Path = ROOT) -> list[str]:
    """Finds what breaks a rule in one module."""
    text = path.read_text()
    tree = parsed(path)
    name = path.relative_to(root)
    problems = []
    if text.count("\n") > MAX_MODULE_LINES:
        problems.append(f"{name} has more than {MAX_MODULE_LINES} lines: split it by subject")
    if tree.body and ast.get_docstring(tree) is None:
        problems.append(f"{name} does not say its responsibility in a docstring")
    if path.stem in VAGUE_NAMES:
        problems.append(f"{name} has a name that says nothing")
    for function in functions(tree):
        length = (function.end_lineno or 0) - function.lineno + 1
        if length > MAX_FUNCTION_LINES:
            problems.append(f"{name}:{function.lineno} {function.name} has {length} lines")
    problems.extend(
        f"{name}:{node.lineno} {node.name} does not say what to do about it"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and node.name.endswith("Error")
        and not ast.get_docstring(node)
    )
    return problems


def test_functions_and_modules_are_small_and_say_what_they_are() -> None:
    """Giants grow where no limit is enforced; every codebase without one has them."""
    assert [problem for path in modules() for problem in problems_of(path)] == []


def test_nothing_names_a_path_of_a_machine_or_the_host_of_a_registry() -> None:
    """Such a line works for one person and breaks, or leaks, for everybody else."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked_files()
        if path.suffix in TEXT_SUFFIXES
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if FORBIDDEN_WORDS.search(line)
    ]

    assert found == []


def test_public_functions_of_the_product_have_a_docstring() -> None:
    """What a signature cannot say (units, errors, source) belongs to whoever calls next year."""
    silent = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        for path in modules()
        if path.is_relative_to(ROOT / "splynx_stripe") and "sandbox" not in path.parts
        for function in public_functions(parsed(path))
        if not function.name.startswith("_")
        and ast.get_docstring(function) is None
        and not _is_small_or_inherited(function)
    ]

    assert silent == []


def _is_small_or_inherited(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A few lines under a good name, or an override, need no prose."""
    short = (function.end_lineno or 0) - function.lineno < 30
    return short or any("override" in ast.unparse(item) for item in function.decorator_list)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n", "docstring"),
        ('"""A room."""\n' + "x = 1\n" * 500, "more than 500 lines"),
        ('"""A room."""\ndef f():\n' + "    x = 1\n" * 70, "f has 71 lines"),
        ('"""A room."""\nclass OddError(Exception):\n    x = 1\n', "OddError does not say"),
    ],
)
def test_the_tidy_test_itself_finds_what_it_looks_for(
    tmp_path: Path, source: str, expected: str
) -> None:
    room = tmp_path / "room.py"
    room.write_text(source)

    assert any(expected in problem for problem in problems_of(room, tmp_path))
