"""Environments of the peers, made once under `.cache`, from PyPI and npm by package name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.processes import ROOT

_HOME = ROOT / ".cache" / "bench-peers"
_PYPI = ("dj-stripe==2.11.0", "Django<6", "gunicorn", "psycopg[binary]")
_NPM = ("@supabase/stripe-sync-engine@0.48.5", "fastify@5", "stripe")
_AT_MOST_S = 600
HERE = Path(__file__).parent


class CannotSetUpError(Exception):
    """A peer's environment cannot be made here; the report says why in its line, the rest goes on."""


def dj_stripe() -> Path:
    """Gives the folder of a virtual environment with dj-stripe and the site in it."""
    folder = _HOME / "dj-stripe"
    if not (folder / ".ready").exists():
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "pip"), "install", "--quiet", *_PYPI])
        (folder / ".ready").touch()
    shutil.copyfile(HERE / "dj_stripe_site.py.txt", folder / "site_of_dj_stripe.py")
    return folder


def sync_engine() -> Path:
    """Gives an npm folder with stripe-sync-engine and its server in it."""
    folder = _HOME / "sync-engine"
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise CannotSetUpError("Node.js with npm is not installed (apt-get install nodejs npm)")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".ready").exists():
        (folder / "package.json").write_text('{"private": true}')
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", *_NPM], folder)
        (folder / ".ready").touch()
    shutil.copyfile(HERE / "sync_engine.cjs", folder / "sync_engine.cjs")
    return folder


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_AT_MOST_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotSetUpError(f"{command[0]} did not work: {type(error).__name__}") from error
    if done.returncode:
        said = " ".join(done.stderr.split())[-200:]
        raise CannotSetUpError(f"{Path(command[0]).name} failed: {said}")
