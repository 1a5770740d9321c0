"""What is tried in the container, from the first `apt-get install` to the last `purge`.

Runs in the network of the container, where the small Splynx, the small Stripe, nginx and the daemon
meet on one loopback. `run.py` starts it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from container import Container
from load import Load, addresses
from outside import JOHN, SITE, SPLYNX, STRIPE, ledger, new_invoice, status

from splynx_stripe.sandbox.visitor import Visitor

UNIT = "splynx-stripe.service"
SECRETS = re.compile(r"sandbox-secret|sk_test_\w+|whsec_\w+|(?:pi|seti)_\w+_secret_[A-Za-z0-9]+")
FIRST, SECOND = "202611000042", "202611000043"
MAX_EXPOSURE = 1.2

_SOURCE = "deb [signed-by=/usr/share/keyrings/splynx-stripe.gpg] file:/srv/{repo} bookworm main"
_TEST_SETTINGS = f"""
stripe: {{api_base: "{STRIPE}", connect_base: "{STRIPE}", js_url: "{STRIPE}/v3/"}}
settings: {{grant_access_to_unauthorized_customers: true}}
timing: {{polling_interval_s: 10}}
"""


@dataclass
class Scenario:
    """The checks, in their order. Each one prints a line; the first that fails ends it."""

    box: Container
    version: str
    only: frozenset[str] = frozenset()
    passed: int = 0
    took: list[str] = field(default_factory=list)

    async def run(self) -> int:
        """Does everything; gives the number of checks passed."""
        steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self.install,
            self.set_up,
            self.put_nginx_in_front,
            self.pay,
            self.read_the_journal,
            self.reload,
            self.restart_under_load,
            self.freeze,
            self.upgrade_under_load,
            self.autopkgtest,
            self.remove,
            self.purge,
        )
        for step in steps:
            if self.only and step.__name__ not in self.only:
                continue
            started = time.monotonic()
            await step()
            self.took.append(f"{step.__name__} {time.monotonic() - started:.0f} s")
        return self.passed

    def check(self, promise: str, kept: object, detail: object = "") -> None:
        """Counts a promise that is kept; stops at one that is not."""
        if not kept:
            raise AssertionError(f"{promise}: {detail}")
        self.passed += 1
        print(f"  ok  {promise}", flush=True)

    async def install(self) -> None:
        box = self.box
        print("install", flush=True)
        box.run("cp /srv/repo/splynx-stripe.gpg /usr/share/keyrings/")
        self._use("repo")
        said = box.run("apt-get update && apt-get install -y splynx-stripe", timeout_s=300)
        self.check(
            "apt-get installs from the signed repository, without the internet",
            "WARNING" not in said,
            said,
        )
        self.check("the service is active", self._is_active())
        status = box.run(f"systemctl status {UNIT} --no-pager")
        self.check(
            "systemctl status says that nothing is connected yet",
            "not connected: run splynx-stripe setup" in status,
            status,
        )
        self.check(
            "its log names the next command",
            'next="splynx-stripe setup"' in box.run(f"journalctl -u {UNIT} --no-pager"),
        )
        score = box.run(f"systemd-analyze security {UNIT} --no-pager | tail -n 1")
        found = re.search(r": ([0-9.]+) ", score)
        self.check(
            f"systemd-analyze security gives at most {MAX_EXPOSURE}: {found and found[1]}",
            found and float(found[1]) <= MAX_EXPOSURE,
            score,
        )
        mistakes = box.run(
            f"systemd-analyze verify --man=no {UNIT} 2>&1 | grep splynx-stripe || true"
        )
        self.check("the units have no mistakes", not mistakes.strip(), mistakes)
        self.check(
            "it runs as its own user, in a folder of its own",
            box.run("stat -c '%U %a' /var/lib/splynx-stripe").split() == ["splynx-stripe", "700"],
        )
        self.check(
            "secrets have a folder for root alone",
            box.run("stat -c '%U %a' /etc/splynx-stripe/credentials").split() == ["root", "700"],
        )
        self.check(
            "the manual is there",
            box.run(
                "ls /usr/share/man/man1/splynx-stripe.1.gz /usr/share/man/man5/splynx-stripe.yaml.5.gz /usr/share/bash-completion/completions/splynx-stripe"
            ),
        )
        self.check(
            "the sandbox is another package, and the command says so",
            "apt-get install splynx-stripe-sandbox"
            in box.run("splynx-stripe sandbox", check=False),
        )
        box.run("apt-get install -y splynx-stripe-sandbox && splynx-stripe-sandbox --help")
        self.check("that package installs too", "Stripe" in box.run("splynx-stripe-sandbox --help"))

    async def set_up(self) -> None:
        box = self.box
        print("setup", flush=True)
        box.run(f"cat > /etc/splynx-stripe/config.d/10-test.yaml <<'END'\n{_TEST_SETTINGS}\nEND")
        box.run(
            "install -m 600 /dev/null /root/s1; install -m 600 /dev/null /root/s2; echo sandbox-secret > /root/s1; echo sk_test_wrong > /root/s2"
        )
        command = (
            f"splynx-stripe setup --yes --splynx-url {SPLYNX}/ --api-key sandbox-key --api-secret-file /root/s1"
            f" --publishable-key pk_test_sandbox_default --secret-key-file /root/s2 --currency EUR --country CZ"
            f" --public-url {SITE}/stripe --timezone Europe/Prague"
        )
        refused = box.try_run(command)
        self.check(
            "setup refuses a key that Stripe does not know, and changes nothing",
            refused.returncode == 1
            and "Nothing was changed" in refused.stdout
            and not box.run("ls -A /etc/splynx-stripe/credentials").strip(),
            refused.stdout,
        )
        box.run("echo sk_test_sandbox_default > /root/s2")
        said = box.run(command)
        self.check(
            "setup connects both sides, makes the webhook and prints the click paths",
            "ok   webhook" in said and "Entry points" in said,
            said,
        )
        modes = box.run("stat -c '%n %U %a' /etc/splynx-stripe/credentials/*").splitlines()
        self.check(
            "three secrets are written, for root alone",
            len(modes) == 3 and all(line.endswith(" root 600") for line in modes),
            modes,
        )
        self.check(
            "no secret is in the YAML",
            not SECRETS.search(box.run("cat /etc/splynx-stripe/config.d/50-setup.yaml")),
        )
        self.check(
            "the daemon serves", "serving" in box.run(f"systemctl show -P StatusText {UNIT}")
        )
        ready = box.run("curl -sm 10 http://127.0.0.1:8085/stripe/readyz")
        self.check("and is ready", json.loads(ready)["ready"], ready)
        owners = set(box.run("stat -c '%U' /var/lib/splynx-stripe/*").split())
        self.check(
            "the files of the database belong to the daemon", owners == {"splynx-stripe"}, owners
        )
        again = box.run("splynx-stripe setup --yes")
        self.check(
            "setup can be run again without any option", "ok   Stripe accepts" in again, again
        )
        doctor = box.try_run("splynx-stripe doctor")
        self.check("doctor finds everything well", doctor.returncode == 0, doctor.stdout)

    async def put_nginx_in_front(self) -> None:
        box = self.box
        print("nginx", flush=True)
        box.run(
            "install -D -m 644 /srv/tls/cert.pem /etc/ssl/certs/isp.example.net.pem; install -m 600 /srv/tls/key.pem /etc/ssl/private/isp.example.net.key"
        )
        box.run(
            "cp /usr/share/doc/splynx-stripe/examples/nginx/server.conf /etc/nginx/sites-enabled/isp; rm -f /etc/nginx/sites-enabled/default"
        )
        box.run("nginx -t && systemctl restart nginx")
        outside = await status(f"{SITE}/stripe/metrics")
        self.check(
            "nginx serves our pages over TLS, and the metrics to nobody", outside == 404, outside
        )
        inside = box.run("curl -sm 10 http://127.0.0.1:8085/stripe/metrics")
        self.check(
            "Prometheus on this machine gets them", "splynx_stripe_http_requests_total" in inside
        )

    async def pay(self) -> None:
        print("pay", flush=True)
        async with Visitor(splynx_url=SITE, addon_url=f"{SITE}/stripe", stripe_url=STRIPE) as john:
            await john.log_in(JOHN)
            page = await john.open(f"pay-invoice?item_id={FIRST}")
            self.check(
                "a customer sees the payment page through nginx with TLS",
                page.status == 200 and page.ticket,
                page.status,
            )
            state, secret = await john.press_pay(page)
            confirmed = await john.confirm(page, secret, "4242424242424242")
            self.check(
                "and pays",
                (state, confirmed.status) == ("payable", "succeeded"),
                (state, confirmed),
            )
        await self._until_booked("the invoice is Paid in Splynx, with one payment")
        invoice = next(row for row in (await ledger(SPLYNX))["invoices"] if row["number"] == FIRST)
        self.check("the invoice says paid", invoice["status"] == "paid", invoice)
        figures = self.box.run("curl -sm 10 http://127.0.0.1:8085/stripe/metrics")
        counted = re.findall(
            r"^splynx_stripe_webhook_events_total.*payment_intent.succeeded.*",
            figures,
            re.MULTILINE,
        )
        self.check("Stripe's webhook arrived through nginx with TLS", counted, figures[-500:])

    async def read_the_journal(self) -> None:
        box = self.box
        print("journal", flush=True)
        [intent] = [
            row["id"]
            for row in (await ledger(STRIPE))["payment_intents"]
            if row["status"] == "succeeded"
        ]
        rows = [
            json.loads(line)
            for line in box.run(f"journalctl PAYMENT={intent} -o json --no-pager").splitlines()
        ]
        events = [row["EVENT"] for row in rows]
        self.check("the journal finds a payment by field", "payment.booked" in events, events)
        self.check("and its customer", {row["CUSTOMER"] for row in rows} == {str(JOHN)})
        shown = box.run(f"splynx-stripe logs --customer {JOHN} --event payment.booked --since 1h")
        self.check("splynx-stripe logs shows it", intent in shown, shown)
        story = box.run(f"splynx-stripe payments show {FIRST}")
        self.check("payments show tells its story", "paid and booked" in story, story)
        self._check_no_secret()

    async def reload(self) -> None:
        box = self.box
        print("reload", flush=True)
        before = self._pid()
        box.run(f"systemctl reload {UNIT}")
        await self._wait_for(
            "reload", lambda: "daemon.reloaded" in box.run(f"journalctl -u {UNIT} --no-pager")
        )
        self.check("reload keeps the process", self._pid() == before and self._is_active())
        box.run("echo 'no_such_key: 1' > /etc/splynx-stripe/config.d/90-mistake.yaml")
        box.run(f"systemctl reload {UNIT}")
        await self._wait_for(
            "refusal",
            lambda: "reload.refused" in box.run(f"journalctl -u {UNIT} -p err --no-pager"),
        )
        ready = json.loads(box.run("curl -sm 10 http://127.0.0.1:8085/stripe/readyz"))
        self.check(
            "a mistake in the YAML is logged, and the old settings stay",
            ready["ready"] and self._pid() == before,
            ready,
        )
        refused = box.try_run("splynx-stripe config check")
        self.check(
            "config check names it",
            refused.returncode == 2 and "no_such_key" in refused.stdout,
            refused.stdout,
        )
        box.run("rm /etc/splynx-stripe/config.d/90-mistake.yaml")

    async def restart_under_load(self) -> None:
        print("restart under load", flush=True)
        before = self._pid()
        async with self._load() as load:
            for _ in range(2):
                await asyncio.to_thread(self.box.run, f"systemctl restart {UNIT}")
                await asyncio.sleep(1.5)
        self._check_load("restarting", load)
        self.check("the process is another one", self._pid() != before)
        await self._until_booked("all money taken meanwhile is booked once")

    async def freeze(self) -> None:
        box = self.box
        print("watchdog", flush=True)
        box.run(
            f"mkdir -p /run/systemd/system/{UNIT}.d && printf '[Service]\\nWatchdogSec=5s\\nRestartSec=1s\\n' > /run/systemd/system/{UNIT}.d/quick.conf && systemctl daemon-reload && systemctl restart {UNIT}"
        )
        before = self._pid()
        box.run(f"kill -STOP {before}")
        await self._wait_for(
            "a new process", lambda: self._pid() not in {before, "0"} and self._is_active()
        )
        result = box.run(f"journalctl -u {UNIT} --no-pager | grep -i 'watchdog' | tail -n 1")
        self.check(
            "a frozen daemon is replaced by the watchdog", "watchdog" in result.lower(), result
        )
        self.check(
            "and serves again", "ok" in box.run("curl -sm 10 http://127.0.0.1:8085/stripe/healthz")
        )
        box.run(
            f"rm /run/systemd/system/{UNIT}.d/quick.conf && systemctl daemon-reload && systemctl restart {UNIT}"
        )

    async def upgrade_under_load(self) -> None:
        box = self.box
        print("upgrade under load", flush=True)
        box.run("echo '# A line of the administrator.' >> /etc/splynx-stripe/config.yaml")
        self._use("next")
        box.run("apt-get update")
        names = ("splynx-stripe", "splynx-stripe-sandbox")
        apt = "apt-get install -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
        command = f"{apt} {' '.join(names)}"
        async with self._load() as load:
            await asyncio.to_thread(box.run, command, timeout_s=300)
            await asyncio.sleep(1.5)
        self._check_load("upgrading", load)
        version = box.run("splynx-stripe --version")
        self.check(
            "the new version runs",
            f"{self.version}+next1" in version
            and f"version={self.version}+next1"
            in box.run(f"journalctl -u {UNIT} --no-pager | grep daemon.ready | tail -n 1"),
            version,
        )
        self.check(
            "the administrator's settings are kept",
            "A line of the administrator" in box.run("cat /etc/splynx-stripe/config.yaml"),
        )
        await self._until_booked("all money taken meanwhile is booked once")
        cases = box.try_run("splynx-stripe cases")
        self.check("nothing needs a person", cases.returncode == 0, cases.stdout)
        self._use("repo")
        back = " ".join(f"{name}={self.version}" for name in names)
        box.run(f"apt-get update && {apt} --allow-downgrades {back}", timeout_s=300)
        self._check_no_error()
        self.check(
            "the way back to the version before works",
            self._is_active() and self.version in box.run("splynx-stripe --version"),
        )
        self._check_no_secret()

    async def autopkgtest(self) -> None:
        print("autopkgtest", flush=True)
        done = self.box.try_run(
            "autopkgtest --no-built-binaries --output-dir /tmp/autopkgtest /srv/source -- null",
            timeout_s=300,
        )
        self.check(
            "the package's own tests pass (autopkgtest)", done.returncode == 0, done.stdout[-3000:]
        )

    async def remove(self) -> None:
        box = self.box
        print("remove", flush=True)
        box.run("apt-get remove -y splynx-stripe", timeout_s=120)
        self.check(
            "remove stops the daemon and frees its address",
            "8085" not in box.run("ss -ltn") and not self._is_active(),
        )
        self.check(
            "it keeps settings, secrets and data",
            box.run(
                "ls /etc/splynx-stripe/config.yaml /etc/splynx-stripe/credentials/stripe.secret /var/lib/splynx-stripe/splynx-stripe.db"
            ),
        )
        self.check(
            "and no program", not box.run("ls /usr/lib/splynx-stripe 2>/dev/null || true").strip()
        )

    async def purge(self) -> None:
        box = self.box
        print("purge", flush=True)
        box.run("rm /etc/splynx-stripe/config.d/10-test.yaml")
        box.run("apt-get purge -y splynx-stripe splynx-stripe-sandbox")
        left = box.run(
            "find / -xdev -path /proc -prune -o -path /sys -prune -o -name '*splynx*' -print 2>/dev/null | grep -v -e ^/srv -e ^/var/log/ -e ^/var/lib/apt -e ^/var/cache/apt -e ^/tmp/ || true"
        ).split()
        allowed = (
            "/var/backups/splynx-stripe",
            "/usr/share/keyrings/splynx-stripe.gpg",
            "/etc/apt/sources.list.d/splynx-stripe.list",
            "/run/systemd/transient",
        )
        wrong = [path for path in left if not path.startswith(allowed)]
        self.check("purge leaves nothing but the final backup", not wrong, wrong)
        box.run(
            "mkdir /tmp/back && tar -C /tmp/back -xzf /var/backups/splynx-stripe/final-*.tar.gz"
        )
        count = box.run(
            "sqlite3 /tmp/back/splynx-stripe.db 'select count(*) from collections'"
        ).strip()
        self.check(
            f"and that has all {count} collections, for root alone",
            int(count) > 1
            and box.run("stat -c %a /var/backups/splynx-stripe/final-*.tar.gz").strip() == "600",
            count,
        )

    @asynccontextmanager
    async def _load(self) -> AsyncIterator[Load]:
        numbers = iter([await new_invoice() for _ in range(40)])
        load, somebody = Load(), addresses()
        link = f"{SITE}/stripe/direct-pay-invoice?item_id={SECOND}"
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(load.look(link, somebody))
            for _ in range(2):
                tasks.create_task(load.pay(SITE, STRIPE, numbers))
            await asyncio.sleep(1)
            try:
                yield load
            finally:
                load.stop.set()

    def _check_load(self, doing: str, load: Load) -> None:
        text = f"{doing} under load: {load.requests} requests and {load.payments} payments, 0 errors, slowest {load.slowest_s:.1f} s"
        self.check(
            text,
            not load.errors and load.requests > 20 and load.payments > 0,
            load.errors[:5] or (load.requests, load.payments),
        )

    async def _until_booked(self, promise: str) -> None:
        taken: set[str] = set()
        ours: list[str] = []
        for _ in range(300):
            taken = {
                row["id"]
                for row in (await ledger(STRIPE))["payment_intents"]
                if row["status"] == "succeeded"
            }
            booked = [row["receipt_number"] for row in (await ledger(SPLYNX))["payments"]]
            ours = [number for number in booked if str(number).startswith("pi_")]
            if set(ours) >= taken:
                self.check(promise, sorted(ours) == sorted(taken), (len(ours), len(taken)))
                return
            await asyncio.sleep(0.5)
        late = taken - set(ours)
        stories = [
            self.box.try_run(f"splynx-stripe payments show {intent}").stdout for intent in late
        ]
        stories += [self.box.try_run("splynx-stripe cases").stdout]
        raise AssertionError(
            f"{promise}: not all is booked after 150 s: {late}\n" + "\n".join(stories)
        )

    async def _wait_for(self, what: str, is_so: Callable[[], bool]) -> None:
        for _ in range(120):
            if is_so():
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{what} did not come within a minute")

    def _check_no_error(self) -> None:
        """Errors mean that a person must look: there are none but the mistake we made ourselves."""
        rows = self.box.run("journalctl -p err -t splynx-stripe -o json --no-pager").splitlines()
        wrong = [row for row in map(json.loads, rows) if row.get("EVENT") != "reload.refused"]
        shown = "\n".join(f"{row['MESSAGE']}\n{row.get('TRACEBACK', '')}" for row in wrong)
        self.check("the log has no error", not wrong, shown)

    def _check_no_secret(self) -> None:
        told = self.box.run("journalctl -o export --no-pager -u splynx-stripe | tr '\\n' ' '")
        found = SECRETS.findall(told)
        self.check("no secret is in the journal", not found, found)

    def _use(self, repo: str) -> None:
        self.box.run(
            f"echo {shlex.quote(_SOURCE.format(repo=repo))} > /etc/apt/sources.list.d/splynx-stripe.list"
        )

    def _is_active(self) -> bool:
        return self.box.try_run(f"systemctl is-active {UNIT}").stdout.strip() == "active"

    def _pid(self) -> str:
        return self.box.run(f"systemctl show -P MainPID {UNIT}").strip()
