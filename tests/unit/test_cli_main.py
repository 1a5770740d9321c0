"""The program's front: its commands in order, and the ones that are in a package of their own."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from splynx_stripe.cli import main as front
from splynx_stripe.cli.main import COMMANDS, main


def test_help_lists_the_commands_in_the_order_in_which_they_are_needed() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output

    places = [shown.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)


def test_an_unknown_command_is_refused() -> None:
    refused = CliRunner().invoke(main, ["charge-everybody"])

    assert refused.exit_code == 2
    assert "No such command 'charge-everybody'" in refused.output


@pytest.mark.parametrize("name", ["demo", "sandbox"])
def test_without_the_sandboxs_package_its_commands_name_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_module: str) -> None:
        return None

    monkeypatch.setattr(front, "find_spec", nothing)

    refused = CliRunner().invoke(main, [name, "--smoke"])

    assert refused.exit_code == 1
    assert "apt-get install splynx-stripe-sandbox" in refused.output
