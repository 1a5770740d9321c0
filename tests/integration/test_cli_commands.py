"""The commands for people: what they print, with which code they exit, and that they help."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from splynx_stripe.cli.main import main
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.sandbox.faults import FaultRule
from splynx_stripe.sandbox.splynx import SplynxSandbox
from splynx_stripe.sandbox.stripe import StripeSandbox
from tests.integration.flow_house import open_house
from tests.integration.flow_town import MINUTE, PAYMENTS, open_town

REFUSED = '{"error": {"code": 422, "message": "Validation failed", "internal_code": "VALIDATION"}}'


@dataclass
class OtherSide:
    """Both sandboxes, served by a thread of their own while a command runs in this one."""

    splynx: SplynxSandbox = field(default_factory=lambda: SplynxSandbox(clock=SystemClock()))
    stripe: StripeSandbox = field(default_factory=lambda: StripeSandbox(clock=SystemClock()))
    urls: list[str] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    stop: asyncio.Event | None = None
    loop: asyncio.AbstractEventLoop | None = None

    async def serve(self) -> None:
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as stack:
            for app in (self.splynx.app(), self.stripe.app()):
                runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
                stack.push_async_callback(runner.cleanup)
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                self.urls.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
            self.ready.set()
            await self.stop.wait()


@pytest.fixture
def other_side() -> Iterator[OtherSide]:
    side = OtherSide()
    thread = threading.Thread(target=lambda: asyncio.run(side.serve()), name="other-side")
    thread.start()
    assert side.ready.wait(timeout=20)
    yield side
    assert side.loop is not None
    assert side.stop is not None
    side.loop.call_soon_threadsafe(side.stop.set)
    thread.join(timeout=20)


@dataclass(frozen=True)
class Office:
    """The administrator's folder and terminal."""

    folder: Path
    splynx_url: str = "http://127.0.0.1:1"
    stripe_url: str = "http://127.0.0.1:1"

    def write(self, more: str = "", *, payment_method: str = "Credit card") -> None:
        for name, text in (("splynx", "sandbox-secret"), ("stripe", "sk_test_sandbox_default")):
            file = self.folder / f"{name}.secret"
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")
        text = f"""
public_url: http://127.0.0.1:9/stripe
splynx:
  url: "{self.splynx_url}/"
  api_key: sandbox-key
  api_secret_file: splynx.secret
  timezone: Europe/Prague
database: {{url: "sqlite:///{self.folder}/store.db"}}
stripe: {{api_base: "{self.stripe_url}", connect_base: "{self.stripe_url}"}}
settings: {{credit_card_payment_method: {payment_method}}}
partners:
  default:
    currency: EUR
    country: CZ
    publishable_key: pk_test_sandbox_default
    secret_key_file: stripe.secret
{more}"""
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        config = ("--config", str(self.folder / "config.yaml"))
        return CliRunner().invoke(
            main, [*arguments, *config], env={"CREDENTIALS_DIRECTORY": ""}, catch_exceptions=False
        )


@pytest.fixture
def office(tmp_path: Path, sqlite_url: str) -> Office:
    """A configured office whose database is there and empty; nobody answers."""
    made = Office(tmp_path)
    made.write()
    return made


@pytest.fixture
def connected(office: Office, other_side: OtherSide) -> Office:
    made = Office(office.folder, *other_side.urls)
    made.write()
    return made


async def _pay_an_invoice(folder: Path, *, splynx_refuses: bool) -> None:
    url = f"sqlite:///{folder}/store.db"
    async with open_town() as town, open_house(town, url) as house:
        if splynx_refuses:
            town.spoil_splynx(PAYMENTS, "POST", status=422, body=REFUSED)
        start = await house.press_pay()
        await town.enter_card(start.client_secret)
        await house.deliver_webhooks()
        await house.pass_time(MINUTE)


def test_the_story_of_a_debt_is_told_by_its_number_or_any_of_its_ids(office: Office) -> None:
    asyncio.run(_pay_an_invoice(office.folder, splynx_refuses=False))

    story = office.run("payments", "show", "202611000042")

    assert story.exit_code == 0
    assert "Now: paid and booked." in story.stdout
    collection = story.stdout.split("[")[1].split("]")[0]
    intent = story.stdout.split("Stripe took 172.50 EUR (")[1].split(")")[0]
    for reference in (collection, intent):
        assert office.run("payments", "show", reference).stdout == story.stdout


def test_a_debt_that_nobody_tried_to_pay_is_said_to_be_unknown(office: Office) -> None:
    story = office.run("payments", "show", "999")

    assert (story.exit_code, story.stdout) == (1, "")
    assert "Nothing is known about 999" in story.stderr


def test_events_are_shown_newest_first_and_no_more_than_asked_for(office: Office) -> None:
    asyncio.run(_pay_an_invoice(office.folder, splynx_refuses=False))

    shown = office.run("events", "--limit", "2").stdout.splitlines()

    assert [line.split()[2] for line in shown] == ["statement.recorded", "payment.booked"]


def test_open_cases_are_shown_with_what_to_do_and_exit_code_1(office: Office) -> None:
    assert office.run("cases").exit_code == 0
    asyncio.run(_pay_an_invoice(office.folder, splynx_refuses=True))

    shown = office.run("cases")

    assert shown.exit_code == 1
    assert "#1 effect_refused (open) since 2026-11-24" in shown.stdout
    assert "The money was taken and is safe" in shown.stdout
    assert (
        "Needs a person (effect_refused)" in office.run("payments", "show", "202611000042").stdout
    )


def test_a_database_that_cannot_be_read_is_a_sentence_and_exit_code_3(office: Office) -> None:
    (office.folder / "store.db").write_bytes(b"not a database" * 100)

    shown = office.run("events")

    assert shown.exit_code == 3
    assert shown.stderr.startswith("The database cannot be ")
    assert shown.stderr.endswith(" Nothing was changed.\n")


def test_the_webhook_is_made_once_and_its_secret_kept_from_others(
    connected: Office, other_side: OtherSide
) -> None:
    """I12: Stripe tells the secret only once."""
    first = connected.run("webhooks", "init")
    second = connected.run("webhooks", "init")

    assert (first.exit_code, second.exit_code) == (0, 0)
    file = connected.folder / "credentials" / "webhook-default-test.secret"
    secret = file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret.startswith("whsec_")
    assert f"webhook_secret_file: {file}" in first.stdout
    assert "exists already" in second.stdout
    assert secret not in first.output + second.output
    assert len(other_side.stripe.state.book().webhook_endpoints) == 1


def test_a_webhook_that_could_not_be_made_is_a_sentence_and_exit_code_1(office: Office) -> None:
    result = office.run("webhooks", "init")

    assert result.exit_code == 1
    assert result.stderr.startswith("The webhook was not made: ")


def test_doctor_says_what_works_and_what_to_do_about_the_rest(connected: Office) -> None:
    found = connected.run("doctor")

    assert "ok   the database opens and is up to date" in found.stdout
    assert "ok   Splynx answers at" in found.stdout
    assert "ok   payment method 'Credit card' exists in Splynx" in found.stdout
    assert "may not use" not in found.stdout
    assert "ok   0 open cases" in found.stdout
    assert "BAD  default:test has no webhook" in found.stdout
    assert "→ Run `splynx-stripe webhooks init`." in found.stdout
    assert found.exit_code == 1


def test_doctor_is_content_when_all_is_well(connected: Office) -> None:
    connected.run("webhooks", "init")
    connected.write("    webhook_secret_file: credentials/webhook-default-test.secret\n")

    found = connected.run("doctor")

    assert "BAD" not in found.stdout, found.stdout
    assert found.exit_code == 0


def test_doctor_names_a_missing_permission_and_a_missing_payment_method(
    connected: Office, other_side: OtherSide
) -> None:
    connected.write(payment_method="Plastic")
    key = other_side.splynx.state.api_keys["sandbox-key"]
    key.permissions = frozenset(
        permission for permission in key.permissions if "Payments" not in str(permission)
    )

    found = connected.run("doctor")

    assert r"BAD  the API key may not use api\admin\finance\Payments" in found.stdout
    assert "BAD  payment method 'Plastic' exists in Splynx" in found.stdout
    assert found.exit_code == 1


def test_doctor_survives_two_silent_systems(office: Office) -> None:
    found = office.run("doctor")

    assert "BAD  Splynx at http://127.0.0.1:1/ does not answer as it should" in found.stdout
    assert "BAD  Stripe account default:test cannot be used" in found.stdout
    assert found.exit_code == 1


def test_doctor_names_a_wrong_stripe_key_without_showing_it(
    connected: Office, other_side: OtherSide
) -> None:
    """I12."""
    error = {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}
    other_side.stripe.faults.add(
        FaultRule("*", "/v1/.*", "status", "before", status=401, body=json.dumps(error), times=-1)
    )

    found = connected.run("doctor")

    assert "BAD  Stripe account default:test cannot be used" in found.stdout
    assert "sk_test_sandbox_default" not in found.output


def test_a_closed_case_tells_no_more_and_keeps_what_was_found(office: Office) -> None:
    asyncio.run(_pay_an_invoice(office.folder, splynx_refuses=True))

    closed = office.run("close-case", "1", "--note", "Entered by hand.")

    assert (closed.exit_code, closed.stdout) == (0, "Case 1 is closed.\n")
    assert office.run("cases").exit_code == 0
    assert "Entered by hand." in office.run("cases", "--all").stdout
    told = office.run("payments", "list").stdout
    assert "Case 1 (effect_refused) was closed: Entered by hand." in told


def test_a_refused_booking_is_carried_out_again_when_a_person_says_so(office: Office) -> None:
    asyncio.run(_pay_an_invoice(office.folder, splynx_refuses=True))

    closed = office.run("close-case", "1", "--note", "Splynx is mended.", "--retry")

    assert closed.stdout == "Case 1 is closed. It is tried again now.\n"
    assert office.run("cases").exit_code == 0


def test_a_case_that_is_not_there_is_said_to_be_so(office: Office) -> None:
    closed = office.run("close-case", "7", "--note", "x", "--retry")

    assert closed.exit_code == 1
    assert "There is no open case 7. Nothing was changed." in closed.stderr
