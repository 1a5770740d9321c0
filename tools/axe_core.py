"""Puts axe-core, the accessibility checker of the browser tests, into .cache/axe.

It comes out of a wheel that carries it, pinned by hash: pip is what every machine with this project
has, while Debian has no package of axe-core and its npm brings 400 others with it. The browser
tests call this themselves; `python -m tools.axe_core` does it ahead of time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "axe-playwright-python==0.1.8"
"""Carries axe-core 4.12.1."""

SHA256 = "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"
INSIDE = "axe_playwright_python/axe.min.js"
TARGET = Path(__file__).resolve().parents[1] / ".cache" / "axe" / "axe.min.js"


def axe_core() -> Path:
    """Gives the script, fetching it the first time."""
    if not TARGET.exists():
        _fetch()
    return TARGET


def _fetch() -> None:
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TARGET.parent) as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{WHEEL} --hash=sha256:{SHA256}\n")
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet"),
                *("--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"),
                *("--require-hashes", "--requirement", str(wanted), "--dest", folder),
            ],
            check=True,
        )
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
            script = Path(archive.extract(INSIDE, folder))
        script.rename(TARGET)  # in one step: two test processes may want it at once


if __name__ == "__main__":
    print(axe_core())
