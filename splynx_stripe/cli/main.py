"""The program `splynx-stripe`: all commands in one place."""

from __future__ import annotations

import click

from splynx_stripe import __version__
from splynx_stripe.cli.books import cases, close_case, events, payments_group
from splynx_stripe.cli.config_commands import config_group
from splynx_stripe.cli.demo import demo, sandbox
from splynx_stripe.cli.doctor import doctor
from splynx_stripe.cli.serve import serve
from splynx_stripe.cli.webhooks import webhooks_group


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="splynx-stripe")
def main() -> None:
    """Connects the ISP billing system Splynx with Stripe.

    Nothing is charged twice, nothing is lost.
    """


for command in (
    serve,
    config_group,
    doctor,
    webhooks_group,
    payments_group,
    events,
    cases,
    close_case,
    sandbox,
    demo,
):
    main.add_command(command)
