"""The command `setup`: connects Splynx and Stripe, tests both first, and can be run again."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from splynx_stripe.cli.config_commands import fail_with_problems
from splynx_stripe.cli.encryption import make_key_file
from splynx_stripe.cli.options import config_option
from splynx_stripe.cli.setup_answers import Answers, Asking
from splynx_stripe.cli.setup_files import (
    CREDENTIALS,
    FILE,
    SECRET_FILES,
    copy_of_settings,
    give_back,
    write_settings,
)
from splynx_stripe.cli.splynx_script import SPLYNX_FOLDER, SplynxScript, SplynxScriptError
from splynx_stripe.cli.webhooks import make_webhooks, webhook_secret_name
from splynx_stripe.config import DEFAULT_CONFIG_PATH, ConfigError, Settings, load_settings
from splynx_stripe.config.merging import read_merged
from splynx_stripe.daemon.gateways import client_session, splynx_gateway, stripe_gateway
from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotFoundError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.gateways.splynx.permissions import READ_PERMISSIONS
from splynx_stripe.gateways.splynx.resources import (
    CUSTOMER_BILLING,
    CUSTOMER_PAYMENT_ACCOUNTS,
    INVOICES,
    MAIL,
    PAYMENTS,
    PROFORMA_INVOICES,
    STATEMENT_RECORDS,
    STATEMENTS,
)
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.kit.secret import Secret
from splynx_stripe.store.errors import NewerSchemaError, OlderSchemaError, StoreUnavailableError
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import SqlStore, open_store

WRITE_PERMISSIONS = (
    (PAYMENTS, "add"),
    (STATEMENTS, "add"),
    (STATEMENT_RECORDS, "add"),
    (INVOICES, "update"),
    (PROFORMA_INVOICES, "update"),
    (CUSTOMER_PAYMENT_ACCOUNTS, "update"),
    (CUSTOMER_PAYMENT_ACCOUNTS, "delete"),
    (CUSTOMER_BILLING, "update"),
    (MAIL, "add"),
)
"""What cannot be tried without changing something in Splynx."""

_REFUSALS = (RejectedError, RetryableError, OutcomeUnknownError, BrokenInvariantError)
_NO_STORE = (NewerSchemaError, OlderSchemaError, StoreUnavailableError)
_UNIT = "splynx-stripe.service"
_PLATFORM_KEYS = ("connect_client_id", "connect_test_client_id")

_BY_HAND = """\
To do by hand in Splynx (its API cannot):
  1. Config → Integrations → Modules list → splynx_stripe_addon. If it is not there: Add, with
     Module "splynx_stripe_addon", Title "Splynx Stripe Add-On", Type "Add-on".
  2. There: Edit → Entry points status for portal → Enabled.
  3. There: Entry points → "+", for each of these:
       Name stripe_pay_invoice_point, Type Action link, Place Portal, Model Invoices, URL /stripe/pay-invoice
       Name stripe_pay_request_point, Type Action link, Place Portal, Model Requests, URL /stripe/pay-request
       Name stripe_payments_point, Type Menu link, Place Portal, Root Finance, URL /stripe/
       Name stripe_office_point, Type Menu link, Place Admin, Root Finance, URL /stripe/admin/
       (more, and the dashboard: docs/how-to/portal-pages.md)
  4. Administration → API keys → the key → permissions. These could not be tried; allow them:
{permissions}
In nginx, inside the https server block of {host}:
     include snippets/splynx-stripe.conf;
     then: nginx -t && systemctl reload nginx
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What the trial found out. Both sides accept the keys, or there would be no result."""

    notes: tuple[str, ...]
    accounts: tuple[StripeAccount, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """The options of the command, as they were given."""

    values: dict[str, str | None]
    secret_files: dict[str, Path | None]
    timezone: str | None
    splynx_folder: Path
    unattended: bool
    connects: bool


class SetupError(Exception):
    """A key or an address does not work. Nothing was written; the text says what to mend."""


@click.command()
@config_option
@click.option("--splynx-url", help="Address of Splynx, such as https://isp.example.net/")
@click.option("--api-key", help="Key of the API key in Splynx.")
@click.option("--api-secret-file", type=click.Path(path_type=Path), help="File with its secret.")
@click.option("--publishable-key", help="Publishable key of Stripe, pk_…")
@click.option("--secret-key-file", type=click.Path(path_type=Path), help="File with sk_… or rk_…")
@click.option("--currency", help="What customers of the Default partner pay in, such as EUR.")
@click.option("--country", help="Country of the Stripe account, such as CZ.")
@click.option("--public-url", help="Address of our pages [default: SPLYNX-URL/stripe]")
@click.option("--timezone", help="Time zone of Splynx [default: this machine's].")
@click.option(
    "--splynx-folder",
    type=click.Path(path_type=Path),
    default=SPLYNX_FOLDER,
    show_default=True,
    help="Where Splynx is installed, if it is on this machine.",
)
@click.option("--connect", is_flag=True, help="Connect Stripe by OAuth on our page, without keys.")
@click.option("--yes", is_flag=True, help="Ask nothing: take options, else what is set already.")
def setup(  # noqa: PLR0913 - one parameter per option
    *,
    config_path: Path,
    api_secret_file: Path | None,
    secret_key_file: Path | None,
    timezone: str | None,
    splynx_folder: Path,
    connect: bool,
    yes: bool,
    **values: str | None,
) -> None:
    """Connect Splynx and Stripe. Safe to run again at any time.

    Tests the keys and each permission first; nothing is written when a key does not work. Exit
    code 1 when something is left to mend.
    """
    given = Given(
        values,
        {"api_secret": api_secret_file, "secret_key": secret_key_file},
        timezone,
        splynx_folder,
        yes,
        connect,
    )
    try:
        notes = _set_up(config_path, given)
    except ConfigError as error:
        fail_with_problems(error)
    except SetupError as error:
        raise click.ClickException(f"{error} Nothing was changed.") from error
    except SplynxScriptError as error:
        raise click.ClickException(
            f"{error} No settings were written. Make the key by hand (Administration → API keys →"
            " Add) and give it with --api-key and --api-secret-file."
        ) from error
    sys.exit(1 if notes else 0)


def _set_up(config_path: Path, given: Given) -> Sequence[str]:
    """Does all of it; gives what is left to mend."""
    answers = _answers(config_path, given)
    with tempfile.TemporaryDirectory(prefix="splynx-stripe-setup-") as folder:
        trial = copy_of_settings(config_path, Path(folder))
        write_settings(trial, answers)
        settings = load_settings(trial, credentials_dir=None)
        tried = asyncio.run(_try(settings))
    webhook = _known_webhook(config_path, tried.accounts)
    write_settings(config_path, answers, webhook)
    notes = [*tried.notes, *_make_webhooks(config_path, answers)]
    if answers.connects:
        notes.append(
            f"Open {answers.values['public_url']}/admin/accounts as an administrator of Splynx and press"
            " Connect; then Init webhook. Nobody can pay before that."
        )
    settings = load_settings(config_path, credentials_dir=None)
    make_key_file(settings.key_file)
    give_back(Path(settings.database.url.removeprefix("sqlite:///")))
    _restart(config_path)
    _summarize(config_path, settings, notes)
    return notes


def _answers(config_path: Path, given: Given) -> Answers:
    present, _ = read_merged(config_path)
    asking = Asking(present.data, unattended=given.unattended)
    credentials = config_path.parent / CREDENTIALS
    values: dict[str, str] = {}
    secrets: dict[str, Secret] = {}

    def know_value(name: str, proposal: str = "") -> None:
        values[name] = asking.value(name, given.values[name], proposal=proposal)

    def know_secret(name: str) -> None:
        is_known = (credentials / SECRET_FILES[name]).exists()
        secret = asking.secret(name, given.secret_files[name], is_known=is_known)
        if secret is not None:
            secrets[name] = secret

    know_value("splynx_url")
    if not _key_from_script(given, values, secrets, asking):
        know_value("api_key")
        know_secret("api_secret")
    splynx_url = values["splynx_url"].rstrip("/")
    know_value("public_url", f"{splynx_url}/stripe" if splynx_url else "")
    if given.connects:
        _require_platform(asking)
    else:
        know_value("publishable_key")
        know_secret("secret_key")
    know_value("currency")
    know_value("country")
    asking.finish()
    timezone = given.timezone or asking.present(("splynx", "timezone")) or _timezone_here()
    return Answers(values, timezone, secrets, connects=given.connects)


def _require_platform(asking: Asking) -> None:
    if not any(asking.present(("stripe", key)) for key in _PLATFORM_KEYS):
        raise click.UsageError(
            "--connect needs a Connect platform of yours: `stripe.connect_client_id` and"
            " `stripe.platform_secret_key_file` (docs/how-to/stripe-accounts.md). Without one, give"
            " the keys of the Stripe account."
        )


def _key_from_script(
    given: Given, values: dict[str, str], secrets: dict[str, Secret], asking: Asking
) -> bool:
    """Lets Splynx's own script make the API key, where there is one and nobody gave a key."""
    script = SplynxScript.of(given.splynx_folder)
    if script is None or given.values["api_key"] or asking.present(("splynx", "api_key")):
        return False
    question = f"Splynx is on this machine. Make the API key with {script.path}?"
    if not given.unattended and not click.confirm(question, default=True):
        return False
    wanted = [
        (resource.controller, action) for resource, action in READ_PERMISSIONS + WRITE_PERMISSIONS
    ]
    made = script.make_key(wanted, _own_addresses(values["splynx_url"]))
    values["api_key"], secrets["api_secret"] = made.key, made.secret
    click.echo(f"{script.path} has made the API key, with {len(wanted)} permissions.")
    return True


async def _try(settings: Settings) -> Tried:
    """Uses the keys on both sides without changing anything there.

    Raises:
        SetupError: one of them is not accepted, or the other side cannot be reached.
    """
    clock = SystemClock()
    try:
        migrate(settings.database.url, clock=clock)
        store = open_store(settings.database.url, clock=clock, ids=RandomIds())
    except _NO_STORE as error:
        raise SetupError(str(error)) from error
    try:
        notes = [*await _try_splynx(settings, store), *await _try_stripe(settings)]
    finally:
        await store.close()
        give_back(Path(settings.database.url.removeprefix("sqlite:///")))
    return Tried(tuple(notes), tuple(settings.accounts()))


async def _try_splynx(settings: Settings, store: SqlStore) -> list[str]:
    async with client_session() as session:
        gateway = splynx_gateway(settings, session, store, SystemClock())
        try:
            await gateway.check()
            missing = await gateway.probe_permissions()
        except _REFUSALS as error:
            raise SetupError(f"Splynx at {settings.splynx.url}: {error}") from error
        notes = [
            f"The API key may not use {name}. Allow it in Splynx: {_PERMISSIONS_PAGE}"
            for name in missing
        ]
        method = settings.document.settings.credit_card_payment_method
        if not missing:
            try:
                await gateway.payment_method_id(method)
            except NotFoundError as error:
                notes.append(str(error))
    click.echo(f"ok   Splynx accepts the key at {settings.splynx.url}")
    for name in missing:
        click.echo(f"BAD  missing permission: {name}")
    return notes


_PERMISSIONS_PAGE = "Administration → API keys → the key → permissions."


async def _try_stripe(settings: Settings) -> list[str]:
    notes = []
    async with client_session() as session:
        gateway = stripe_gateway(settings, session, SystemClock())
        for account in settings.accounts():
            try:
                status = await gateway.account_status(account)
            except _REFUSALS as error:
                raise SetupError(f"Stripe, account {account.key}: {error}") from error
            click.echo(f"ok   Stripe accepts the key of {status.id} ({account.key})")
            if not status.charges_enabled:
                notes.append(
                    f"Stripe account {status.id} may not charge yet: finish its activation in the"
                    " Stripe dashboard."
                )
    return notes


def _make_webhooks(config_path: Path, answers: Answers) -> list[str]:
    """Makes the endpoints in Stripe and writes the secret of ours into the settings."""
    folder = config_path.parent / CREDENTIALS
    settings = load_settings(config_path, credentials_dir=None)
    try:
        made = asyncio.run(make_webhooks(settings, folder))
    except _REFUSALS as error:
        return [
            f"The webhook was not made: {error} Payments are found by polling meanwhile; run this again."
        ]
    write_settings(
        config_path, answers, _known_webhook(config_path, [each.account for each in made])
    )
    notes = []
    for each in made:
        click.echo(f"ok   webhook {each.url}")
        if not (folder / webhook_secret_name(each.account)).exists():
            notes.append(
                f"The webhook {each.url} was made before and its secret is not here. Run:"
                f" splynx-stripe webhooks rotate {each.account.name}"
            )
    return notes


def _known_webhook(config_path: Path, accounts: Sequence[StripeAccount]) -> str:
    """Names the file with the signing secret of the Default partner's endpoint, if there is one."""
    names = [webhook_secret_name(account) for account in accounts if account.name == "default"]
    folder = config_path.parent / CREDENTIALS
    return next((name for name in names if (folder / name).exists()), "")


def _restart(config_path: Path) -> None:
    """Hands the new secrets to the daemon; the socket keeps those who come meanwhile."""
    if config_path != DEFAULT_CONFIG_PATH or not Path("/run/systemd/system").is_dir():
        return
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        return
    done = subprocess.run([systemctl, "restart", _UNIT], check=False)  # noqa: S603 - fixed words
    if done.returncode == 0:
        click.echo(f"ok   {_UNIT} was restarted")
    else:
        click.echo(f"BAD  {_UNIT} did not restart: journalctl -u splynx-stripe -n 20", err=True)


def _summarize(config_path: Path, settings: Settings, notes: Sequence[str]) -> None:
    host = urlsplit(settings.public_url).hostname or "Splynx"
    permissions = "\n".join(
        f"       {resource.controller} {action}" for resource, action in WRITE_PERMISSIONS
    )
    click.echo(
        f"\nWritten: {config_path.parent / 'config.d' / FILE} and secrets in {CREDENTIALS}/.\n"
    )
    click.echo(_BY_HAND.format(permissions=permissions, host=host))
    for note in notes:
        click.echo(f"To mend: {note}")
    click.echo("Then check everything: splynx-stripe doctor")


def _timezone_here() -> str:
    place = Path("/etc/localtime").resolve().parts
    if "zoneinfo" in place:
        return "/".join(place[place.index("zoneinfo") + 1 :])
    return "UTC"


def _own_addresses(splynx_url: str) -> str:
    """Gives the addresses from which we reach Splynx: loopback, and the one the route takes."""
    parts = urlsplit(splynx_url)
    known = {"127.0.0.1"}
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
            route.connect((parts.hostname or "127.0.0.1", parts.port or 443))  # sends nothing
            known.add(str(route.getsockname()[0]))
    except OSError:
        pass  # a name that does not resolve yet: the trial says so
    return ",".join(sorted(known))
