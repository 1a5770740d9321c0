"""Disks that fill up, break or are read-only, for the files of a database."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SIZE_MB = 8
_PIECE = 65_536


class SmallDisk:
    """A file system of a few megabytes that belongs to one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leaves not one byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (_PIECE, 4096, 1):
                _write_until_full(file.fileno(), size)

    def make_room(self) -> None:
        """Takes away what filled it."""
        self._ballast.unlink()

    def make_read_only(self) -> None:
        """Is what a kernel does with a disk that it does not trust any more."""
        _mount("-o", "remount,ro", str(self.folder))

    def make_writable(self) -> None:
        """Is what an administrator does after a repair."""
        _mount("-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mounts one. Who may not mount skips the test: a full disk cannot be pretended."""
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=700", "splynx-stripe-test", str(folder))
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def let_no_file_grow(pid: int, beyond: int) -> None:
    """Lets each write of a process beyond so many bytes of a file fail with an I/O error."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (beyond, most))


def let_files_grow(pid: int) -> None:
    """Takes that back."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def _write_until_full(descriptor: int, size: int) -> None:
    piece = bytes(size)
    try:
        while True:
            os.write(descriptor, piece)
    except OSError:
        return


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
