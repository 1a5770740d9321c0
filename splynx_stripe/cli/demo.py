"""The commands `sandbox` and `demo`: a small ISP and a small Stripe to try everything on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiohttp
import click

from splynx_stripe.cli.smoke import smoke
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.logs import set_up_logging
from splynx_stripe.kit.sealing import new_key_line
from splynx_stripe.kit.tasks import Supervisor
from splynx_stripe.sandbox.run import run_sandbox

T = TypeVar("T")
DataSize = Literal["small", "medium", "large"]

_HOST = "127.0.0.1"
_READY_S = 20.0

_CONFIG = """\
# Written by `splynx-stripe demo`: everything is on this machine and nothing is real money.
listen: {{host: 127.0.0.1, port: {addon_port}}}
public_url: {splynx_url}/stripe
splynx:
  url: {splynx_url}/
  api_key: sandbox-key
  api_secret_file: splynx.secret
  timezone: Europe/Prague
database: {{url: "sqlite:///{folder}/demo.db"}}
stripe:
  api_base: {stripe_url}
  connect_base: {stripe_url}
  js_url: {stripe_url}/v3/
  connect_client_id: ca_SandboxPlatform
  platform_secret_key_file: platform.secret
settings: {{grant_access_to_unauthorized_customers: true}}
partners:
  default:
    currency: EUR
    country: CZ
    publishable_key: pk_test_sandbox_default
    secret_key_file: stripe.secret
{webhook}  2: {{currency: JPY, country: JP}}
timing: {{polling_interval_s: 10}}
logging: {{level: warning}}
"""


@dataclass(frozen=True, slots=True)
class Town:
    """A running demo: where its parts answer, and the daemon's settings."""

    splynx_url: str
    stripe_url: str
    config_path: Path

    @property
    def addon_url(self) -> str:
        """Gives the address of our pages, behind the sandbox's own front door as behind nginx."""
        return f"{self.splynx_url}/stripe"


data_option = click.option(
    "--data",
    type=click.Choice(["small", "medium", "large"]),
    default="small",
    show_default=True,
    help="How many customers: 8, 500 or 20,000.",
)
seed_option = click.option("--seed", default=1, show_default=True, help="Same seed, same data.")


@click.command()
@click.option("--splynx-port", default=8080, show_default=True, help="Port of the small Splynx.")
@click.option("--stripe-port", default=8082, show_default=True, help="Port of the small Stripe.")
@click.option(
    "--addon-url", help="Where the daemon answers; served below /stripe/ of the small Splynx."
)
@data_option
@seed_option
def sandbox(
    *, splynx_port: int, stripe_port: int, addon_url: str | None, data: DataSize, seed: int
) -> None:
    """Run a small Splynx and a small Stripe on loopback until Ctrl-C. State is in memory."""
    set_up_logging("info")
    click.echo(
        f"Splynx: http://{_HOST}:{splynx_port}/   API key sandbox-key, secret sandbox-secret"
    )
    click.echo(
        f"Stripe: http://{_HOST}:{stripe_port}/   sk_test_sandbox_default, pk_test_sandbox_default"
    )

    async def run() -> None:
        await run_sandbox(
            host=_HOST,
            splynx_port=splynx_port,
            stripe_port=stripe_port,
            data=data,
            seed=seed,
            addon_url=addon_url,
            clock=SystemClock(),
            stop=_stop_on_signals(),
        )

    _run_or_say_why(run())


@click.command()
@click.option("--smoke", "as_smoke", is_flag=True, help="Pay by program, check the books, end.")
@click.option("--port", default=8080, show_default=True, help="First of three ports to use.")
@data_option
@seed_option
def demo(*, as_smoke: bool, port: int, data: DataSize, seed: int) -> None:
    """Run sandbox and daemon together and print the links to open; until Ctrl-C."""
    set_up_logging("warning")
    status = _run_or_say_why(_demo(as_smoke=as_smoke, port=port, data=data, seed=seed))
    sys.exit(status)


async def _demo(*, as_smoke: bool, port: int, data: DataSize, seed: int) -> int:
    stop = _stop_on_signals()
    async with demo_town(port=port, data=data, seed=seed) as town:
        if as_smoke:
            return await smoke(
                splynx_url=town.splynx_url,
                addon_url=town.addon_url,
                stripe_url=town.stripe_url,
                config_path=town.config_path,
            )
        click.echo(_welcome(town))
        await stop.wait()
    return 0


@asynccontextmanager
async def demo_town(*, port: int, data: DataSize, seed: int) -> AsyncIterator[Town]:
    """Starts sandbox and daemon in a folder of their own, and takes both down at the end."""
    stop = asyncio.Event()
    addon_url = f"http://{_HOST}:{port + 5}"
    with tempfile.TemporaryDirectory(prefix="splynx-stripe-demo-") as folder:
        async with Supervisor() as tasks:
            town = Town(
                f"http://{_HOST}:{port}", f"http://{_HOST}:{port + 2}", Path(folder) / "config.yaml"
            )
            running = tasks.start(
                "sandbox",
                run_sandbox(
                    host=_HOST,
                    splynx_port=port,
                    stripe_port=port + 2,
                    data=data,
                    seed=seed,
                    addon_url=addon_url,
                    clock=SystemClock(),
                    stop=stop,
                ),
            )
            await _answers(f"{town.stripe_url}/_sandbox/ledger", running)
            await _prepare(town, addon_port=port + 5)
            try:
                async with _daemon(town):
                    await _answers(f"{addon_url}/stripe/healthz", running)
                    yield town
            finally:
                stop.set()
                await running


async def _prepare(town: Town, *, addon_port: int) -> None:
    """Writes settings and secrets and makes the webhook, as an administrator would."""
    folder = town.config_path.parent
    for name, text in (
        ("splynx.secret", "sandbox-secret"),
        ("stripe.secret", "sk_test_sandbox_default"),
        ("platform.secret", "sk_test_sandbox_platform"),
        ("encryption.key", new_key_line("demo")),
    ):
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(text)
    _write_config(town, addon_port, webhook="")
    process = await asyncio.create_subprocess_exec(
        *_ourselves("webhooks", "init", "--config", str(town.config_path)),
        stdout=asyncio.subprocess.DEVNULL,
    )
    if await process.wait() != 0:
        raise click.ClickException("The webhook could not be made in the small Stripe.")
    secret = "credentials/webhook-default-test.secret"  # noqa: S105 - a file's name
    _write_config(town, addon_port, webhook=f"    webhook_secret_file: {secret}\n")


def _write_config(town: Town, addon_port: int, *, webhook: str) -> None:
    town.config_path.write_text(
        _CONFIG.format(
            addon_port=addon_port,
            splynx_url=town.splynx_url,
            stripe_url=town.stripe_url,
            folder=town.config_path.parent,
            webhook=webhook,
        )
    )


@asynccontextmanager
async def _daemon(town: Town) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *_ourselves("serve", "--config", str(town.config_path)), start_new_session=True
    )
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


def _ourselves(*arguments: str) -> list[str]:
    if Path(sys.argv[0]).name == "splynx-stripe":  # the package's launcher, which knows the way
        return [sys.argv[0], *arguments]
    return [sys.executable, "-m", "splynx_stripe", *arguments]


async def _answers(url: str, running: asyncio.Task[None]) -> None:
    """Waits until `url` answers, or fails with what stopped the sandbox."""
    clock = SystemClock()
    deadline = clock.monotonic() + _READY_S
    async with aiohttp.ClientSession() as session:
        while clock.monotonic() < deadline:
            if running.done():
                await running
            try:
                async with session.get(url) as answer:
                    if answer.ok:
                        return
            except aiohttp.ClientError:
                await clock.sleep(0.05)
    raise click.ClickException(f"{url} did not answer within {_READY_S:.0f} seconds.")


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _run_or_say_why(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except OSError as error:
        raise click.ClickException(
            f"{error}. If a port is taken, choose others (--port, --splynx-port, --stripe-port)."
        ) from error


def _welcome(town: Town) -> str:
    """Says what can be opened, and with which cards."""
    return f"""
A small ISP with a small Stripe is running. Nothing here is real money.

  Portal            {town.splynx_url}/portal/      customer17 / sandbox  (also customer18, customer21)
  Unpaid invoice    {town.addon_url}/pay-invoice?item_id=202611000042      (log in to the portal first)
  Direct link       {town.addon_url}/direct-pay-invoice?item_id=202611000042
  Admin             {town.splynx_url}/admin/       admin / sandbox

  Test cards, any future date and any CVC:
    4242 4242 4242 4242   works
    4000 0025 0000 3155   asks for 3-D Secure
    4000 0000 0000 9995   declined: insufficient funds
    4000 0000 0001 9994   can be saved; declined when it is charged without the customer

  The story of a debt:  splynx-stripe payments show 202611000042 --config {town.config_path}

Ctrl-C ends it all and forgets everything.
"""
