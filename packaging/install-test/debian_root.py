"""A Debian 12 as an archive of files, fetched once from the mirrors that this machine uses.

Sources and proxies are those of this machine, read when they are needed.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = (
    "systemd,systemd-sysv,dbus,ca-certificates,python3,libpam-systemd,iproute2,procps,curl,nginx-light,"
    "openssl,sqlite3,autopkgtest,dpkg-dev"
)
APT_OPTIONS = (
    'Acquire::Check-Valid-Until "false"',
    'Acquire::Check-Date "false"',
    'APT::Install-Recommends "false"',
    'Acquire::Languages "none"',
)
_TIMEOUT_S = 900
_APT = Path("/etc/apt")
_PROXY = re.compile(r'Acquire::(?:http|https|ftp)::Proxy\S* ".+"')


class NoContainerError(Exception):
    """This machine cannot do it; the text is the reason and the way out, and the test is skipped."""


def archive(cache: Path) -> Path:
    """Gives the archive, fetched on the first call.

    Raises:
        NoContainerError: it cannot be fetched.
    """
    key = hashlib.sha256(f"{PACKAGES}{APT_OPTIONS}".encode()).hexdigest()[:12]
    file = cache / f"root-{key}.tar"
    if not file.exists():
        print("Fetching a Debian 12 (about a minute, 260 MB) …", file=sys.stderr, flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        _fetch(file)
    return file


def unpacked(cache: Path) -> Path:
    """Gives a folder with its files, for an overlay to lie on.

    Raises:
        NoContainerError: it cannot be fetched.
    """
    packed = archive(cache)
    root = packed.with_suffix("")
    if not root.exists():
        unfinished = packed.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        flags = ["--xattrs", "--xattrs-include=*", "--numeric-owner"]
        subprocess.run(["tar", "-C", str(unfinished), *flags, "-xpf", str(packed)], check=True)
        unfinished.rename(root)
    return root


def last_line(text: str) -> str:
    """Gives what a program said at the end."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


def _fetch(file: Path) -> None:
    unfinished = file.with_suffix(".unfinished.tar")
    options = [f"--aptopt={each}" for each in (*APT_OPTIONS, *_proxies())]
    command = ["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={PACKAGES}"]
    command += [*options, "--skip=check/signed-by", "bookworm", str(unfinished)]
    command += map(str, _sources())
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoContainerError(f"a Debian 12 cannot be fetched: {error}") from error
    if done.returncode != 0:
        raise NoContainerError(
            f"a Debian 12 cannot be fetched ({last_line(done.stderr)}); apt-get update must work here"
        )
    unfinished.rename(file)


def _sources() -> list[Path]:
    """Finds this machine's sources of Debian 12 itself; those of others are not needed."""
    files = [
        _APT / "sources.list",
        *sorted(_APT.glob("sources.list.d/*.list")),
        *sorted(_APT.glob("sources.list.d/*.sources")),
    ]
    found = [file for file in files if file.exists() and _is_of_debian(file.read_text())]
    if not found:
        raise NoContainerError(
            "this machine has no sources of Debian 12; put them into"
            " /etc/apt/sources.list.d/debian.sources"
        )
    return found


def _is_of_debian(text: str) -> bool:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    in_one_line = any(re.search(r"^deb .*\bbookworm\b.*\bmain\b", line) for line in lines)
    has_suite = any(re.search(r"^Suites:.*\bbookworm\b", line) for line in lines)
    has_main = any(re.search(r"^Components:.*\bmain\b", line) for line in lines)
    return in_one_line or (has_suite and has_main)


def _proxies() -> list[str]:
    told = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    return _PROXY.findall(told.stdout)


if __name__ == "__main__":
    try:
        print(archive(Path(sys.argv[1])))
    except NoContainerError as reason:
        sys.exit(str(reason))
