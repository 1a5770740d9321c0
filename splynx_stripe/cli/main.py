"""The program `splynx-stripe`: all commands in one place."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click
from typing_extensions import override

from splynx_stripe import __version__

COMMANDS = {
    "setup": "splynx_stripe.cli.setup:setup",
    "doctor": "splynx_stripe.cli.doctor:doctor",
    "logs": "splynx_stripe.cli.logs:logs",
    "payments": "splynx_stripe.cli.books:payments_group",
    "recoveries": "splynx_stripe.cli.recoveries:recoveries_group",
    "charge": "splynx_stripe.cli.charge:charge_group",
    "stop-charging": "splynx_stripe.cli.charge_stop:stop_charging",
    "resume-charging": "splynx_stripe.cli.charge_stop:resume_charging",
    "links": "splynx_stripe.cli.links:links_group",
    "events": "splynx_stripe.cli.books:events",
    "cases": "splynx_stripe.cli.books:cases",
    "close-case": "splynx_stripe.cli.books:close_case",
    "config": "splynx_stripe.cli.config_commands:config_group",
    "encryption": "splynx_stripe.cli.encryption:encryption_group",
    "accounts": "splynx_stripe.cli.accounts:accounts_group",
    "webhooks": "splynx_stripe.cli.webhooks:webhooks_group",
    "credentials": "splynx_stripe.cli.credentials:credentials_group",
    "rules": "splynx_stripe.cli.rules:rules_group",
    "sync": "splynx_stripe.cli.sync:sync_group",
    "serve": "splynx_stripe.cli.serve:serve",
    "sandbox": "splynx_stripe.cli.demo:sandbox",
    "demo": "splynx_stripe.cli.demo:demo",
}
"""Name, and module:object. Loaded when asked for: the daemon needs neither the sandbox nor tables."""

_WITH_THE_SANDBOX = frozenset({"sandbox", "demo"})


class Commands(click.Group):
    """Loads a command when it is asked for, in the order in which a new user needs them."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name in _WITH_THE_SANDBOX and find_spec("splynx_stripe.sandbox") is None:
            return _in_another_package(cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command), f"{COMMANDS[cmd_name]} is not a command"  # noqa: S101 - our own table
        return command


def _in_another_package(name: str) -> click.Command:
    @click.command(name, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1)
    def command(arguments: tuple[str, ...]) -> None:
        """Is in the package splynx-stripe-sandbox."""
        del arguments  # whatever they are
        raise click.ClickException(
            f"`{name}` is in a package of its own: apt-get install splynx-stripe-sandbox"
        )

    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="splynx-stripe")
def main() -> None:
    """Connects the ISP billing system Splynx with Stripe.

    Nothing is charged twice, nothing is lost. After the installation, run `splynx-stripe setup`.
    """
