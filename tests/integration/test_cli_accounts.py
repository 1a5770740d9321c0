"""The commands for Stripe accounts and webhooks: what they print, and with which code they exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from splynx_stripe.cli.main import main
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.sealing import new_key_line
from splynx_stripe.sandbox.stripe import StripeSandbox, StripeSandboxOptions
from splynx_stripe.sandbox.stripe.state import DEFAULT_KEYS
from tests.integration.accounts_stage import CONFIG, DEFAULT_ID, LIMITED
from tests.integration.test_cli_commands import OtherSide


@pytest.fixture
def side() -> Iterator[OtherSide]:
    options = StripeSandboxOptions(keys=(*DEFAULT_KEYS, LIMITED))
    side = OtherSide(stripe=StripeSandbox(clock=SystemClock(), options=options))
    thread = threading.Thread(target=lambda: asyncio.run(side.serve()), name="other-side")
    thread.start()
    assert side.ready.wait(timeout=20)
    yield side
    assert side.loop is not None
    assert side.stop is not None
    side.loop.call_soon_threadsafe(side.stop.set)
    thread.join(timeout=20)


class Terminal:
    """The administrator's folder and terminal."""

    def __init__(self, folder: Path, side: OtherSide, key: str = "sk_test_sandbox_default") -> None:
        self.folder = folder
        self.side = side
        for name, text in (
            ("stripe.secret", key),
            ("platform.secret", "sk_test_sandbox_platform"),
            ("encryption.key", new_key_line("k1")),
        ):
            file = folder / name
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")
        text = CONFIG.format(public_url="http://127.0.0.1:9/stripe", stripe_url=side.urls[1])
        text += f'database: {{url: "sqlite:///{folder}/store.db"}}\n'
        (folder / "config.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        config = str(self.folder / "config.yaml")
        return CliRunner().invoke(main, [*arguments, "--config", config])

    @property
    def endpoints(self) -> list[str]:
        book = self.side.stripe.state.book(DEFAULT_ID)
        return [str(it["url"]) for it in book.webhook_endpoints.values()]


@pytest.fixture
def terminal(tmp_path: Path, side: OtherSide) -> Terminal:
    return Terminal(tmp_path, side)


def test_accounts_check_says_who_each_account_is(terminal: Terminal) -> None:
    result = terminal.run("accounts", "check")

    assert result.exit_code == 0
    assert f"ok   default:test ({DEFAULT_ID}, Sandbox ISP, US, USD)" in result.stdout


def test_accounts_check_names_missing_permissions_and_so_does_doctor(
    tmp_path: Path, side: OtherSide
) -> None:
    terminal = Terminal(tmp_path, side, key="rk_test_sandbox_limited")
    checked = terminal.run("accounts", "check")
    examined = terminal.run("doctor")

    assert checked.exit_code == 1
    assert "the restricted key lacks Customers: Write. Without it no customer" in checked.stdout
    assert "BAD  the restricted key of default:test lacks Customers: Write." in examined.stdout
    assert "rk_test" not in checked.output + examined.output


def test_accounts_accept_refuses_where_nothing_changed(terminal: Terminal) -> None:
    result = terminal.run("accounts", "accept", "default")

    assert result.exit_code == 1
    assert "has not become that of another account" in result.stderr


def test_init_makes_the_endpoint_of_the_platform_too_and_keeps_its_secret_in_the_database(
    terminal: Terminal,
) -> None:
    first = terminal.run("webhooks", "init")
    second = terminal.run("webhooks", "init")
    book = terminal.side.stripe.state.book("acct_1SandboxPlatform")

    assert first.exit_code == second.exit_code == 0
    assert "connected accounts: http://127.0.0.1:9/stripe/webhook/" in first.stdout
    assert len(book.webhook_endpoints) == len(book.connect_endpoints) == 1
    assert not any(secret in first.output for secret in book.webhook_secrets.values())


def test_rotate_puts_a_new_endpoint_beside_the_old_one(terminal: Terminal) -> None:
    terminal.run("webhooks", "init")
    result = terminal.run("webhooks", "rotate", "default")

    assert result.exit_code == 0
    assert "stands at http://127.0.0.1:9/stripe/webhook/" in result.stdout
    assert len(terminal.endpoints) == 2
    assert len(set(terminal.endpoints)) == 1


def test_rotate_needs_an_account(terminal: Terminal) -> None:
    result = terminal.run("webhooks", "rotate", "7")

    assert result.exit_code == 1
    assert "no Stripe account of its own" in result.stderr


def test_tidy_lists_first_and_removes_when_told(terminal: Terminal) -> None:
    terminal.run("webhooks", "init")
    book = terminal.side.stripe.state.book(DEFAULT_ID)
    (ours,) = book.webhook_endpoints.values()
    stray = {**ours, "id": "we_stray", "url": "http://127.0.0.1:9/stripe/webhook/old"}
    book.webhook_endpoints["we_stray"] = stray
    book.webhook_secrets["we_stray"] = "whsec_stray"

    listed = terminal.run("webhooks", "tidy")
    kept = len(book.webhook_endpoints)
    removed = terminal.run("webhooks", "tidy", "--yes")

    assert "left over: http://127.0.0.1:9/stripe/webhook/old (we_stray)" in listed.stdout
    assert kept == 2
    assert "removed: http://127.0.0.1:9/stripe/webhook/old" in removed.stdout
    assert list(book.webhook_endpoints.values()) == [ours]


def test_at_stripes_limit_init_says_what_to_do(terminal: Terminal) -> None:
    book = terminal.side.stripe.state.book(DEFAULT_ID)
    for number in range(16):
        made = {
            "id": f"we_{number}",
            "object": "webhook_endpoint",
            "url": f"https://shop.example.net/{number}",
            "status": "enabled",
            "api_version": None,
            "enabled_events": ["*"],
            "created": 1,
        }
        book.webhook_endpoints[f"we_{number}"] = made

    examined = terminal.run("doctor")
    result = terminal.run("webhooks", "init")

    assert "BAD  default:test has 16 of the 16 endpoints" in examined.stdout
    assert result.exit_code == 1
    assert "Stripe allows 16 webhook endpoints per account" in result.stderr
    assert len(book.webhook_endpoints) == 16
