"""`setup` when something is in its way: nothing is half written, and each trouble names its cure."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from click.testing import Result

from splynx_stripe.cli import setup as command
from splynx_stripe.config import load_settings
from tests.integration.test_cli_setup import SCRIPT, Administrator, administrator, servers

__all__ = ["administrator", "servers"]
"""The fixtures of the other page of the same story."""


def without(options: list[str], *names: str) -> list[str]:
    pairs = zip(options[::2], options[1::2], strict=True)
    return [word for name, value in pairs if name not in names for word in (name, value)]


def set_up_beside_splynx(administrator: Administrator, script: str) -> Result:
    """Runs it where Splynx itself is, without a key: its own script is to make one."""
    path = administrator.etc / "splynx" / "system" / "script" / "addon"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    path.chmod(0o755)
    options = without(administrator.options(), "--api-key", "--api-secret-file")
    folder = ("--splynx-folder", str(administrator.etc / "splynx"))
    return administrator.setup("--yes", *options, *folder)


def settings_written(administrator: Administrator) -> set[str]:
    return {name for name in administrator.written() if not name.startswith("splynx/")}


def test_a_key_that_splynx_script_made_is_tried_before_anything_is_written(
    administrator: Administrator,
) -> None:
    done = set_up_beside_splynx(administrator, SCRIPT)

    assert "has made the API key, with" in done.output
    assert done.exit_code == 1, "this Splynx does not know the key"
    assert "Nothing was changed." in done.output
    assert settings_written(administrator) == set()
    calls = (administrator.etc / "splynx" / "system" / "script" / "calls").read_text()
    assert "--list=127.0.0.1" in calls, "the key is good from where we are, and nowhere else"


def test_a_script_that_fails_leaves_the_way_by_hand(administrator: Administrator) -> None:
    done = set_up_beside_splynx(administrator, "#!/bin/sh\nexit 3\n")

    assert done.exit_code == 1
    assert "No settings were written. Make the key by hand" in done.output
    assert settings_written(administrator) == set()


def test_a_webhook_whose_secret_is_lost_is_told_with_its_cure(administrator: Administrator) -> None:
    administrator.setup("--yes", *administrator.options())
    (administrator.etc / "credentials" / "webhook-default-test.secret").unlink()
    leftover = administrator.etc / "config.d" / "50-setup.yaml"
    lines = leftover.read_text().splitlines()
    leftover.write_text("\n".join(line for line in lines if "webhook" not in line) + "\n")

    again = administrator.setup("--yes")

    assert again.exit_code == 1
    assert "its secret is not here" in again.output
    assert "splynx-stripe webhooks rotate default" in again.output


def test_without_a_timezone_the_machines_is_taken(administrator: Administrator) -> None:
    done = administrator.setup("--yes", *without(administrator.options(), "--timezone"))

    assert done.exit_code == 0, done.output
    settings = load_settings(administrator.etc / "config.yaml", credentials_dir=None)
    assert settings.splynx.timezone in available_timezones()


@pytest.mark.parametrize(
    ("exit_code", "says"),
    [(0, "ok   splynx-stripe.service was restarted"), (1, "BAD  splynx-stripe.service did not")],
)
def test_the_daemon_gets_the_new_secrets_by_a_restart(
    administrator: Administrator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exit_code: int,
    says: str,
) -> None:
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\nexit {exit_code}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(command, "DEFAULT_CONFIG_PATH", administrator.etc / "config.yaml")

    def there(path: object) -> Path:
        return tmp_path if path == "/run/systemd/system" else Path(str(path))

    monkeypatch.setattr(command, "Path", there)

    done = administrator.setup("--yes", *administrator.options())

    assert says in done.output
    assert (tmp_path / "asked").read_text() == "restart splynx-stripe.service\n"
