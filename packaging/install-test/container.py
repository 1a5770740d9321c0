"""A booted Debian 12 with systemd, in a container that is thrown away afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from debian_root import NoContainerError, last_line, unpacked

_BOOT_S = 60
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_POWER_OFF = signal.SIGRTMIN + 4
_WAY_OUT = "run it on a machine or virtual machine of its own, or in a privileged container"


class Container:
    """One container. `boot()` it, `run()` commands in it, `close()` it whatever happens."""

    def __init__(self, cache: Path, binds: dict[Path, str]) -> None:
        self._cache = cache
        self._binds = binds
        self.name = f"splynx-stripe-{os.getpid()}"
        self._place = cache / self.name
        self._root = self._place / "merged"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._console = self._place / "console.log"
        self.init_pid = 0

    @property
    def root(self) -> Path:
        """Gives the folder of its files."""
        return self._root

    def boot(self) -> None:
        """Makes the files and boots.

        Raises:
            NoContainerError: containers do not work here.
        """
        if os.geteuid() != 0:
            raise NoContainerError("it needs root; run it as root")
        lower = unpacked(self._cache)
        for name in ("up", "work", "merged"):
            (self._place / name).mkdir(parents=True, exist_ok=True)
        self._mount(lower)
        for source in self._root.glob("etc/apt/sources.list*/*"):
            source.unlink()  # the internet is not there
        (self._root / "etc/apt/sources.list").unlink(missing_ok=True)
        # It is thrown away: a power cut may damage it.
        (self._root / "etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n")
        self._start()
        self._wait_until_running()

    def run(self, command: str, *, timeout_s: float = 120, check: bool = True) -> str:
        """Runs a shell command in it and gives what it printed (stdout and stderr)."""
        done = self.try_run(command, timeout_s=timeout_s)
        if check and done.returncode != 0:
            raise AssertionError(
                f"`{command}` ended with {done.returncode}:\n{done.stdout[-3000:]}"
            )
        return done.stdout

    def try_run(self, command: str, *, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Runs a shell command in it, whatever its exit code is."""
        environment = [
            "env",
            "-i",
            _PATH,
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive",
        ]
        return subprocess.run(
            ["nsenter", "-t", str(self.init_pid), "-a", "--", *environment, "bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def close(self) -> None:
        """Ends it and removes everything of it."""
        if self._nspawn is not None and self._nspawn.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init_pid or self._nspawn.pid, _POWER_OFF)
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        if os.path.ismount(self._root):
            subprocess.run(["umount", "--lazy", str(self._root)], check=False)
        _remove_cgroups(self.name)
        shutil.rmtree(self._place, ignore_errors=True)

    def _mount(self, lower: Path) -> None:
        layers = f"lowerdir={lower},upperdir={self._place}/up,workdir={self._place}/work"
        done = subprocess.run(
            ["mount", "-t", "overlay", self.name, "-o", layers, str(self._root)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NoContainerError(
                f"overlay file systems cannot be mounted ({last_line(done.stderr)}); {_WAY_OUT}"
            )

    def _start(self) -> None:
        command = ["systemd-nspawn", "-q", "-D", str(self._root), "-M", self.name, "--boot"]
        # Without a service manager outside; alone with its own loopback, so that nothing of this
        # machine is in the way, and nothing of the internet is needed.
        command += ["--register=no", "--keep-unit", "--private-network", "--console=read-only"]
        command += ["--link-journal=no", "--resolv-conf=off"]
        command += [f"--bind-ro={source}:{target}" for source, target in self._binds.items()]
        environment = os.environ | {
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            "SYSTEMD_NSPAWN_LOCK": "0",
        }
        group = _cgroup_root() / self.name
        try:
            group.mkdir(exist_ok=True)
        except OSError as error:
            raise NoContainerError(
                f"no control group can be made ({error.strerror}); {_WAY_OUT}"
            ) from error
        joined = f'echo $$ > "{group}/cgroup.procs" && exec "$@"'
        with self._console.open("wb") as console:
            self._nspawn = subprocess.Popen(
                ["bash", "-c", joined, "nspawn", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=environment,
                start_new_session=True,
            )

    def _wait_until_running(self) -> None:
        deadline = time.monotonic() + _BOOT_S
        state = ""
        while time.monotonic() < deadline:
            self.init_pid = self.init_pid or self._find_init()
            if self._nspawn is not None and self._nspawn.poll() is not None:
                break
            if self.init_pid:
                state = self.try_run("systemctl is-system-running").stdout.strip()
                if state in {"running", "degraded"}:
                    return
            time.sleep(0.2)
        said = last_line(self._console.read_text(errors="replace"))
        raise NoContainerError(
            f"systemd-nspawn does not boot here ({state or 'no init'}: {said}); {_WAY_OUT}"
        )

    def _find_init(self) -> int:
        """Finds the container's process 1: the child of nspawn."""
        if self._nspawn is None:
            return 0
        found = subprocess.run(
            ["pgrep", "-P", str(self._nspawn.pid)], capture_output=True, text=True, check=False
        )
        first = found.stdout.split()
        return int(first[0]) if first else 0


def _cgroup_root() -> Path:
    unified = Path("/sys/fs/cgroup/unified")
    return unified if unified.is_dir() else Path("/sys/fs/cgroup")


def _remove_cgroups(name: str) -> None:
    for root in (
        Path("/sys/fs/cgroup/unified"),
        Path("/sys/fs/cgroup/systemd"),
        Path("/sys/fs/cgroup"),
    ):
        group = root / name
        if not group.is_dir():
            continue
        folders = sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True)
        for folder in [*folders, group]:
            with contextlib.suppress(OSError):
                folder.rmdir()
