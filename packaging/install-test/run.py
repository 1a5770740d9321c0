"""`make install-test`: installs the packages on a fresh Debian 12 with systemd and uses them.

Last line: `install-test: N checks passed`. Where the machine cannot run containers it says why,
`install-test: skipped: …`, and ends with 0 (with --required: 1).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from container import Container
from debian_root import NoContainerError, unpacked

TOP = Path(__file__).resolve().parents[2]
CACHE = TOP / ".cache" / "install-test"
_BEGAN = time.monotonic()
_MODEST = 10
_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of setns(2)."""


def main() -> int:
    """Builds what is missing, boots, tries everything, and takes all down again."""
    options = _options()
    sys.path.insert(0, str(TOP))
    try:
        if os.geteuid() != 0:
            raise NoContainerError("it needs root; run it as root")  # noqa: TRY301 - before anything is installed
        version = _prepared(options.debs, has_time=options.wait)
        passed = _in_a_container(version, frozenset(options.steps.split(",")) - {""})
    except NoContainerError as error:
        print(f"install-test: skipped: {error}")
        return 1 if options.required else 0
    except AssertionError as error:
        print(f"  NOT {error}")
        print("install-test: failed")
        return 1
    print(f"({time.monotonic() - _BEGAN:.0f} s)")
    print(f"install-test: {passed} checks passed")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debs", type=Path, help="built packages [default: build them]")
    parser.add_argument("--required", action="store_true", help="being skipped is a failure")
    parser.add_argument("--steps", default="", help="only these, separated by commas")
    parser.add_argument(
        "--wait", action="store_true", help="prepare, then wait for a line of input"
    )
    return parser.parse_args()


def _prepared(debs: Path | None, *, has_time: bool) -> str:
    """Fetches and builds what is missing, gives the version.

    With time it gives way to others meanwhile, and then waits until it is told to go on.
    """
    if has_time:
        os.setpriority(os.PRIO_PROCESS, 0, _MODEST)
    _script("packaging/needs.sh", "test")
    version = _prepare(debs or _built())
    unpacked(CACHE)
    if has_time:
        # Where root may not do that there is no container either, and `boot` says so.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        print(f"(prepared after {time.monotonic() - _BEGAN:.0f} s)", flush=True)
        if not sys.stdin.readline():
            raise AssertionError("nobody waits for the outcome any more")
    return version


def _built() -> Path:
    """Gives the packages of `make deb`, or our own from before; builds them when the source is newer."""
    for folder in (TOP / "dist", CACHE / "debs"):
        built = [file.stat().st_mtime for file in folder.glob("splynx-stripe*.deb")]
        if len(built) == len(("splynx-stripe", "splynx-stripe-sandbox")) and _source_age() < min(
            built
        ):
            return folder
    folder = CACHE / "debs"
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.setdefault("DEB_BUILD_OPTIONS", "fast")
    print("Building the packages (about a minute) …", flush=True)
    _script("packaging/deb.sh", str(folder))
    return folder


def _source_age() -> float:
    """Gives the time of the last change of what goes into the packages."""
    files = [TOP / name for name in ("requirements.lock", "README.md", "CHANGELOG.md")]
    for name in ("splynx_stripe", "debian", "systemd", "etc", "packaging", "docs"):
        files += (TOP / name).rglob("*")
    return max(
        file.stat().st_mtime
        for file in files
        if "__pycache__" not in file.parts and "install-test" not in file.parts and file.is_file()
    )


def _prepare(debs: Path) -> str:
    """Makes the next version, both repositories and a certificate; gives the version."""
    for name in ("next-debs", "repo", "next", "tls", "source"):
        shutil.rmtree(CACHE / name, ignore_errors=True)
    _script("packaging/next-version.sh", str(debs), str(CACHE / "next-debs"))
    _script("packaging/repo.sh", str(debs), str(CACHE / "repo"))
    _script("packaging/repo.sh", str(CACHE / "next-debs"), str(CACHE / "next"))
    shutil.copytree(TOP / "debian", CACHE / "source" / "debian")
    _make_certificate(CACHE / "tls")
    deb = next(debs.glob("splynx-stripe_*.deb"))
    told = subprocess.run(
        ["dpkg-deb", "-f", str(deb), "Version"], capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


def _script(path: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(TOP / path), *arguments],
        cwd=TOP,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{path} failed:\n{done.stdout[-3000:]}")


def _make_certificate(folder: Path) -> None:
    folder.mkdir(parents=True)
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=isp.example.net",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _in_a_container(version: str, only: frozenset[str]) -> int:
    binds = {CACHE / name: f"/srv/{name}" for name in ("repo", "next", "tls", "source")}
    box = Container(CACHE, binds)
    try:
        box.boot()
        _enter_network(box.init_pid)
        # Before aiohttp is imported: it makes its TLS context at once.
        os.environ["SSL_CERT_FILE"] = str(CACHE / "tls" / "cert.pem")
        from scenario import play  # noqa: PLC0415 - for the same reason
        from stage import Stage  # noqa: PLC0415

        with _sandbox():
            try:
                return asyncio.run(play(Stage(box, version), only))
            except AssertionError:
                print(
                    box.try_run(
                        "journalctl -u splynx-stripe -u nginx --no-pager | tail -n 40"
                    ).stdout
                )
                raise
    finally:
        box.close()


def _enter_network(pid: int) -> None:
    """Moves this process to the container's loopback; its children follow."""
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _NEW_NETWORK) != 0:
            raise NoContainerError(
                f"its network cannot be entered: {os.strerror(ctypes.get_errno())}"
            )
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _sandbox() -> Iterator[None]:
    command = [
        sys.executable,
        "-m",
        "splynx_stripe",
        "sandbox",
        "--addon-url",
        "http://127.0.0.1:8085",
    ]
    with (CACHE / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=TOP, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
