"""What the `config` commands print and with which code they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from splynx_stripe.cli.config_commands import config_group
from tests.unit.config_folder import KEYS, SECRET_KEY, ConfigFolder


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path).secret("stripe.key")


def run(folder: ConfigFolder, *arguments: str) -> Result:
    environment = {"SPLYNX_STRIPE_CONFIG": str(folder.main), "CREDENTIALS_DIRECTORY": ""}
    return CliRunner().invoke(config_group, arguments, env=environment)


def test_check_prints_every_problem_on_stderr_and_exits_with_2(folder: ConfigFolder) -> None:
    folder.write("lisen: 1\nsettings: {language: english}")

    result = run(folder, "check")

    assert result.exit_code == 2
    assert result.stdout == ""
    first, second, last = result.stderr.splitlines()
    assert first.startswith(f"{folder.main}:1: lisen: ")
    assert second.startswith(f"{folder.main}:2: settings.language: ")
    assert last == "2 problems. Nothing was changed."


def test_check_of_a_valid_file_names_the_accounts(folder: ConfigFolder) -> None:
    folder.write(
        "public_url: https://isp.example.net/stripe\n"
        "splynx: {url: https://isp.example.net/, api_key: k, api_secret_file: s}\n" + KEYS
    ).secret("s", "x", mode=0o604)

    result = run(folder, "check")

    assert result.exit_code == 0
    assert result.stdout.endswith("is valid; Stripe accounts: default:test.\n")
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == ["warning", "warning"]


def test_check_of_a_fresh_install_succeeds_and_says_what_to_set(folder: ConfigFolder) -> None:
    result = run(folder.write(""), "check")

    assert result.exit_code == 0
    assert "nothing is connected yet" in result.stdout
    assert "  - Set `splynx.url`" in result.stdout


def test_the_option_wins_over_the_environment(folder: ConfigFolder, tmp_path: Path) -> None:
    folder.write("broken: [")
    other = tmp_path / "other.yaml"
    other.write_text("{}", encoding="utf-8")

    assert run(folder, "check", "--config", str(other)).exit_code == 0


def test_show_prints_a_line_per_value_with_its_origin(folder: ConfigFolder) -> None:
    folder.write(KEYS + "  2: {language: cs}\n")

    lines = run(folder, "show").stdout.splitlines()

    assert "general\tlisten.port\t8085\tdefault" in lines
    assert "partner default\tcurrency\tEUR\tconfig.yaml:3" in lines
    assert "partner 2\tlanguage\tcs\tconfig.yaml:7" in lines
    assert "partner 2\tsecret_key_file\tstripe.key (***)\tconfig.yaml:6" in lines
    assert SECRET_KEY not in "".join(lines)


def test_show_on_a_terminal_prints_tables(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splynx_stripe.cli.config_commands.on_terminal", lambda: True)

    output = run(folder.write(KEYS), "show", "--partner", "2").stdout

    assert "partner 2" in output
    assert "statement_grouping" in output
    assert "listen" not in output


def test_show_as_json_is_read_by_programs(folder: ConfigFolder) -> None:
    folder.write(KEYS)

    shown = json.loads(run(folder, "show", "--json").stdout)

    assert shown["general"]["listen.port"] == {"value": 8085, "from": "default"}
    assert shown["partners"]["default"]["payment_types"]["value"] == ["card"]
    assert SECRET_KEY not in json.dumps(shown)


def test_show_of_a_broken_file_exits_with_2(folder: ConfigFolder) -> None:
    assert run(folder.write("x: 1"), "show").exit_code == 2
