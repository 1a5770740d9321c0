"""`setup`: tests first, writes afterwards, keeps secrets apart, and can be run again."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest
import yaml
from click.testing import CliRunner, Result

from splynx_stripe.cli.main import main
from splynx_stripe.cli.splynx_script import SplynxScript, SplynxScriptError
from splynx_stripe.config import load_settings
from tests.integration.test_cli_commands import OtherSide

SECRETS = ("sandbox-secret", "sk_test_sandbox_default", "whsec_")


@pytest.fixture
def servers() -> Iterator[OtherSide]:
    side = OtherSide()
    thread = Thread(target=lambda: asyncio.run(side.serve()), name="servers")
    thread.start()
    assert side.ready.wait(timeout=20)
    yield side
    assert side.loop is not None
    assert side.stop is not None
    side.loop.call_soon_threadsafe(side.stop.set)
    thread.join(timeout=20)


@dataclass(frozen=True)
class Administrator:
    """Somebody with a fresh installation in front of them."""

    etc: Path
    servers: OtherSide

    def options(self, *, stripe_key: str = "sk_test_sandbox_default") -> list[str]:
        given = {
            "--splynx-url": f"{self.servers.urls[0]}/",
            "--api-key": "sandbox-key",
            "--api-secret-file": self._file("api", "sandbox-secret"),
            "--publishable-key": "pk_test_sandbox_default",
            "--secret-key-file": self._file("stripe", stripe_key),
            "--currency": "EUR",
            "--country": "CZ",
            "--public-url": "http://127.0.0.1:9/stripe",
            "--timezone": "Europe/Prague",
        }
        return [word for pair in given.items() for word in pair]

    def setup(self, *arguments: str, typed: str = "") -> Result:
        command = ["setup", "--config", str(self.etc / "config.yaml")]
        command += ["--splynx-folder", str(self.etc / "no-splynx"), *arguments]
        return CliRunner().invoke(main, command, input=typed, catch_exceptions=False)

    def written(self) -> set[str]:
        return {
            str(path.relative_to(self.etc)) for path in self.etc.rglob("*") if path.is_file()
        } - {"config.yaml", "config.d/10-test.yaml"}

    def _file(self, name: str, text: str) -> str:
        file = self.etc.parent / f"{name}.pasted"
        file.write_text(text + "\n")
        return str(file)


@pytest.fixture
def administrator(tmp_path: Path, servers: OtherSide) -> Administrator:
    etc = tmp_path / "etc"
    (etc / "config.d").mkdir(parents=True)
    (tmp_path / "var").mkdir()
    (etc / "config.yaml").write_text("# nothing yet\n")
    stripe = servers.urls[1]
    (etc / "config.d" / "10-test.yaml").write_text(
        f'stripe: {{api_base: "{stripe}", connect_base: "{stripe}"}}\n'
        f'database: {{url: "sqlite:///{tmp_path}/var/store.db"}}\n'
    )
    return Administrator(etc, servers)


def test_a_fresh_installation_is_connected_by_options_alone(administrator: Administrator) -> None:
    done = administrator.setup("--yes", *administrator.options())

    assert done.exit_code == 0, done.output
    settings = load_settings(administrator.etc / "config.yaml", credentials_dir=None)
    assert settings.connected
    [keys] = settings.accounts().values()
    assert keys.webhook_secrets
    assert settings.warnings == ()
    assert settings.key_file.sealer().has_key
    assert "Entry points" in done.output
    assert "include snippets/splynx-stripe.conf" in done.output


def test_secrets_are_in_files_for_their_owner_alone_and_nowhere_else(
    administrator: Administrator,
) -> None:
    """I12."""
    done = administrator.setup("--yes", *administrator.options())

    credentials = administrator.etc / "credentials"
    assert {file.name for file in credentials.iterdir()} == {
        "splynx.secret",
        "stripe.secret",
        "webhook-default-test.secret",
    }
    assert {stat.S_IMODE(file.stat().st_mode) for file in credentials.iterdir()} == {0o600}
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o700
    text = (administrator.etc / "config.d" / "50-setup.yaml").read_text() + done.output
    assert not any(secret in text for secret in SECRETS)


def test_with_a_platform_no_keys_are_asked_for_and_the_way_to_connect_is_shown(
    administrator: Administrator,
) -> None:
    (administrator.etc / "platform.secret").write_text("sk_test_sandbox_default\n")
    (administrator.etc / "platform.secret").chmod(0o600)
    (administrator.etc / "config.d" / "20-platform.yaml").write_text(
        'stripe: {connect_client_id: "ca_sandbox", platform_secret_key_file: "platform.secret"}\n'
    )
    options = administrator.options()
    for option in ("--publishable-key", "--secret-key-file"):
        place = options.index(option)
        del options[place : place + 2]

    done = administrator.setup("--yes", "--connect", *options)

    assert "http://127.0.0.1:9/stripe/admin/accounts" in done.output
    written = yaml.safe_load((administrator.etc / "config.d" / "50-setup.yaml").read_text())
    assert written["partners"]["default"] == {"currency": "EUR", "country": "CZ"}
    assert done.exit_code == 1


def test_connecting_needs_a_platform(administrator: Administrator) -> None:
    done = administrator.setup("--yes", "--connect", *administrator.options())

    assert done.exit_code == 2
    assert "stripe.connect_client_id" in done.output
    assert administrator.written() == set()


def test_a_key_that_stripe_refuses_changes_nothing(administrator: Administrator) -> None:
    done = administrator.setup("--yes", *administrator.options(stripe_key="sk_test_wrong"))

    assert done.exit_code == 1
    assert "Nothing was changed." in done.output
    assert administrator.written() == set()


def test_it_can_be_run_again_without_options_and_keeps_everything(
    administrator: Administrator,
) -> None:
    administrator.setup("--yes", *administrator.options())
    before = (administrator.etc / "config.d" / "50-setup.yaml").read_text()

    again = administrator.setup("--yes")

    assert again.exit_code == 0, again.output
    assert (administrator.etc / "config.d" / "50-setup.yaml").read_text() == before


def test_one_value_can_be_changed_by_running_it_again(administrator: Administrator) -> None:
    administrator.setup("--yes", *administrator.options())

    administrator.setup("--yes", "--country", "SK")

    written = yaml.safe_load((administrator.etc / "config.d" / "50-setup.yaml").read_text())
    assert written["partners"]["default"]["country"] == "SK"
    assert written["partners"]["default"]["currency"] == "EUR"


def test_without_answers_it_names_every_option_that_is_lacking(
    administrator: Administrator,
) -> None:
    done = administrator.setup("--yes")

    assert done.exit_code == 2
    for option in ("--splynx-url", "--api-key", "--api-secret-file", "--secret-key-file"):
        assert option in done.output


def test_a_person_is_asked_and_may_correct_a_mistake(administrator: Administrator) -> None:
    typed = [
        f"{administrator.servers.urls[0]}/",
        "sandbox-key",
        "sandbox-secret",
        "http://127.0.0.1:9/stripe",
        "sk_test_not_a_publishable_key",
        "pk_test_sandbox_default",
        "sk_test_sandbox_default",
        "EUR",
        "CZ",
    ]

    done = administrator.setup(typed="\n".join(typed) + "\n")

    assert "it begins with pk_test_ or pk_live_" in done.output
    assert load_settings(administrator.etc / "config.yaml", credentials_dir=None).connected


def test_a_missing_permission_is_named_and_the_rest_is_done(administrator: Administrator) -> None:
    state = administrator.servers.splynx.state
    key = state.api_keys["sandbox-key"]
    state.api_keys["poor-key"] = replace(
        key,
        id=99,
        key="poor-key",
        permissions=key.permissions - {("admin\\finance\\Payments", "index")},
    )
    options = administrator.options()
    options[options.index("sandbox-key")] = "poor-key"

    done = administrator.setup("--yes", *options)

    assert done.exit_code == 1
    assert "BAD  missing permission: api\\admin\\finance\\Payments index" in done.output
    assert "Allow it in Splynx: Administration" in done.output
    assert load_settings(administrator.etc / "config.yaml", credentials_dir=None).connected


SCRIPT = """#!/bin/sh
printf "%s\\n" "$*" >> "$(dirname "$0")/calls"
case $1 in
  add-or-get-api-key) echo 7 ;;
  get-api-key-and-secret) echo 0123456789abcdef0123456789abcdef,fedcba9876543210fedcba9876543210 ;;
esac
"""


def splynx_with(tmp_path: Path, script: str) -> SplynxScript:
    path = tmp_path / "splynx" / "system" / "script" / "addon"
    path.parent.mkdir(parents=True)
    path.write_text(script)
    path.chmod(0o755)
    found = SplynxScript.of(tmp_path / "splynx")
    assert found is not None
    return found


def test_splynx_own_script_makes_the_key_and_is_told_every_permission(tmp_path: Path) -> None:
    script = splynx_with(tmp_path, SCRIPT)

    made = script.make_key([(r"api\admin\finance\Payments", "add")], "127.0.0.1")

    assert made.key == "0123456789abcdef0123456789abcdef"
    assert made.secret.reveal() == "fedcba9876543210fedcba9876543210"
    calls = script.path.with_name("calls").read_text().splitlines()
    assert calls == [
        "add-or-get-api-key --title=splynx-stripe",
        "get-api-key-and-secret --id=7",
        "api-key-white-list --id=7 --list=127.0.0.1",
        r"set-api-key-permission --id=7 --controller=api\admin\finance\Payments --action=add --rule=allow",
    ]


@pytest.mark.parametrize("script", ["#!/bin/sh\necho broken\n", "#!/bin/sh\nexit 3\n"])
def test_a_script_that_does_not_do_it_is_told_without_what_it_printed(
    tmp_path: Path, script: str
) -> None:
    with pytest.raises(SplynxScriptError) as caught:
        splynx_with(tmp_path, script).make_key([], "127.0.0.1")

    assert "add-or-get-api-key" in str(caught.value)
    assert "broken" not in str(caught.value)


def test_where_there_is_no_splynx_there_is_no_script(tmp_path: Path) -> None:
    assert SplynxScript.of(tmp_path) is None
