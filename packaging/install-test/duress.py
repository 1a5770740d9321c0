"""Hard days: restarts and upgrades under load, a frozen process, the way back to an older version."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from load import Load
from outside import JOHN, SITE, SPLYNX, STRIPE, ledger, new_invoice, succeeded
from stage import DATABASE, UNIT, Stage

from splynx_stripe.sandbox.visitor import Visitor

NAMES = ("splynx-stripe", "splynx-stripe-sandbox")
APT = "apt-get install -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
NEXT_SCHEMA = "9999"
"""The database's form of the next version that `packaging/next-version.sh` makes."""

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/how-to/upgrade-and-roll-back.md"

_KNOWN_INTENTS = "'select intent_id from attempts'"
_INTENTS_OF_EVENTS = (
    "select distinct json_extract(cast(body as text), '$.data.object.id') from inbox"
)


async def restart_under_load(stage: Stage) -> None:
    print("restart under load", flush=True)
    before = stage.pid()
    async with stage.load() as load:
        for _ in range(2):
            await asyncio.to_thread(stage.box.run, f"systemctl restart {UNIT}")
            await asyncio.sleep(1.5)
    stage.check_load("restarting", load)
    stage.check("the process is another one", stage.pid() != before)
    await stage.until_booked("all money taken meanwhile is booked once")


async def start_with_a_mistake(stage: Stage) -> None:
    """Somebody restarts the daemon with a mistake in the YAML, and mends it while others wait."""
    box = stage.box
    print("a mistake at the start", flush=True)
    box.run("echo 'no_such_key: 1' > /etc/splynx-stripe/config.d/90-mistake.yaml")
    box.run(f"systemctl restart {UNIT}", check=False)
    shown = box.run(f"systemctl status {UNIT} --no-pager", check=False)
    logged = box.run(f"journalctl -u {UNIT} -p err -n 3 --no-pager")
    stage.check(
        "systemctl status and the journal say why it does not start",
        "does not start" in shown and "90-mistake.yaml:1: no_such_key" in logged,
        f"{shown}\n{logged}",
    )
    async with asyncio.TaskGroup() as tasks:
        asking = asyncio.to_thread(box.run, "curl -sm 40 http://127.0.0.1:8085/stripe/healthz")
        asked = tasks.create_task(asking)
        await asyncio.sleep(1)
        box.run("rm /etc/splynx-stripe/config.d/90-mistake.yaml")
    stage.check("who comes meanwhile waits until it is mended", asked.result().strip() == "ok")


async def freeze(stage: Stage) -> None:
    box = stage.box
    print("watchdog", flush=True)
    box.run(
        f"mkdir -p /run/systemd/system/{UNIT}.d && printf '[Service]\\nWatchdogSec=5s\\nRestartSec=1s\\n' > /run/systemd/system/{UNIT}.d/quick.conf && systemctl daemon-reload && systemctl restart {UNIT}"
    )
    before = stage.pid()
    box.run(f"kill -STOP {before}")
    await stage.wait_for(
        "a new process", lambda: stage.pid() not in {before, "0"} and stage.is_active()
    )
    result = box.run(f"journalctl -u {UNIT} --no-pager | grep -i 'watchdog' | tail -n 1")
    stage.check("a frozen daemon is replaced by the watchdog", "watchdog" in result.lower(), result)
    stage.check(
        "and serves again", "ok" in box.run("curl -sm 10 http://127.0.0.1:8085/stripe/healthz")
    )
    box.run(
        f"rm /run/systemd/system/{UNIT}.d/quick.conf && systemctl daemon-reload && systemctl restart {UNIT}"
    )


async def upgrade_under_load(stage: Stage) -> None:
    box = stage.box
    print("upgrade under load", flush=True)
    box.run("echo '# A line of the administrator.' >> /etc/splynx-stripe/config.yaml")
    stage.use("next")
    box.run("apt-get update")
    command = f"{APT} {' '.join(NAMES)}"
    async with stage.load() as load:
        await asyncio.to_thread(box.run, command, timeout_s=300)
        await asyncio.sleep(1.5)
    stage.check_load("upgrading", load)
    version = box.run("splynx-stripe --version")
    stage.check(
        "the new version runs",
        f"{stage.version}+next1" in version
        and f"version={stage.version}+next1"
        in box.run(f"journalctl -u {UNIT} --no-pager | grep daemon.ready | tail -n 1"),
        version,
    )
    stage.check(
        "the administrator's settings are kept",
        "A line of the administrator" in box.run("cat /etc/splynx-stripe/config.yaml"),
    )
    await stage.until_booked("all money taken meanwhile is booked once")
    cases = box.try_run("splynx-stripe cases")
    stage.check("nothing needs a person", cases.returncode == 0, cases.stdout)
    later = Load()
    await later.pay(SITE, STRIPE, iter([await new_invoice() for _ in range(3)]))
    stage.check("customers pay with the new version", later.payments == 3, later.errors)
    await stage.until_booked("and that is booked too")
    stage.check(
        "the database was copied before the new version changed its form",
        box.run(f"stat -c '%U %a' {DATABASE}.before-{NEXT_SCHEMA}").split()
        == ["splynx-stripe", "600"],
    )
    stage.check_no_error()
    stage.check_no_secret()


async def roll_back(stage: Stage) -> None:
    """Goes back over a change of the database's form, by the commands of the document."""
    box = stage.box
    print("roll back", flush=True)
    stage.use("repo")
    back = " ".join(f"{name}={stage.package_version}" for name in NAMES)
    box.run(f"apt-get update && {APT} --allow-downgrades {back}", timeout_s=300)
    await stage.wait_for(
        "a refusal", lambda: "daemon.not_started" in box.run(f"journalctl -u {UNIT} --no-pager")
    )
    shown = box.run(
        f"systemctl status {UNIT} --no-pager; journalctl -u {UNIT} -p err -n 3 --no-pager",
        check=False,
    )
    stage.check(
        "the older version refuses the newer database, and says what to do",
        not stage.is_active()
        and f"schema {NEXT_SCHEMA}" in shown
        and "restore the backup" in shown,
        shown,
    )
    before = await succeeded()
    said = box.run(f"REVISION={NEXT_SCHEMA}\n{_commands_of_the_document()}", timeout_s=180)
    stage.check(
        "after the commands of the document it serves again",
        stage.is_active() and stage.version in box.run("splynx-stripe --version"),
        said,
    )
    known = set(box.run(f"sqlite3 {DATABASE} {_KNOWN_INTENTS}").split())
    forgotten = before - known
    stage.check(
        f"the copy does not know {len(forgotten)} payments that the newer version took", forgotten
    )
    await stage.wait_for(
        "reading Stripe's list anew",
        lambda: (
            forgotten
            <= set(box.run(f'sqlite3 {DATABASE} "{_INTENTS_OF_EVENTS}"', timeout_s=20).split())
        ),
    )
    stage.check("each of them is found again in Stripe's list of events", True)
    await stage.until_booked("every payment is in Splynx, and once")
    await _look_at_one_of(stage, forgotten)
    box.run("splynx-stripe doctor", check=False)
    stage.check_no_error()


async def _look_at_one_of(stage: Stage, forgotten: set[str]) -> None:
    """A document that the newer version was paid for is not offered for payment again."""
    books = await ledger(SPLYNX)
    paid = {row["id"] for row in books["payments"] if row["receipt_number"] in forgotten}
    number = next(row["number"] for row in books["invoices"] if row.get("payment_id") in paid)
    async with Visitor(splynx_url=SITE, addon_url=f"{SITE}/stripe", stripe_url=STRIPE) as john:
        await john.log_in(JOHN)
        page = await john.open(f"pay-invoice?item_id={number}")
    stage.check(
        "what was paid meanwhile cannot be paid again", not page.ticket, (number, page.status)
    )


def _commands_of_the_document() -> str:
    """Gives the block of commands that an administrator would copy."""
    text = DOCUMENT.read_text()
    [block] = re.findall(r"```sh\n([^`]*splynx-stripe\.db\.before[^`]*)```", text)
    return f"set -e\n{block}"
