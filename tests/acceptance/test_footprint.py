"""How much room and time an idle daemon takes: printed, with limits that only catch a mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splynx_stripe.kit.clock import SystemClock
from tests.acceptance.daemon_process import UNMEASURED
from tests.acceptance.town import Town

_FAR_TOO_MUCH_MB = 300
_FAR_TOO_LONG_S = 20


async def test_an_idle_daemon_is_small_and_quickly_ready(
    quiet_town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SystemClock()
    begun = clock.monotonic()
    await quiet_town.start(environment=UNMEASURED)
    ready_s = clock.monotonic() - begun

    resident_mb = _resident_mb(quiet_town.daemon.pid)
    with capsys.disabled():
        print(f"\nidle daemon: {resident_mb:.0f} MB resident, ready after {ready_s:.1f} s")  # noqa: T201 - a figure for people
    assert resident_mb < _FAR_TOO_MUCH_MB
    assert ready_s < _FAR_TOO_LONG_S


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
