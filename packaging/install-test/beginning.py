"""The first day: installing, setting up, a payment, the journal, a change of the settings."""

from __future__ import annotations

import json
import re

from outside import JOHN, SITE, SPLYNX, STRIPE, ledger, status
from stage import FIRST, SECRETS, UNIT, Stage

from splynx_stripe.sandbox.visitor import Visitor

MAX_EXPOSURE = 1.2

_COMPLETE = """
source /usr/share/bash-completion/completions/splynx-stripe
COMP_WORDS=(splynx-stripe ""); COMP_CWORD=1; _splynx_stripe_completion splynx-stripe
echo "${COMPREPLY[@]}"; grep -q '#compdef splynx-stripe' /usr/share/zsh/vendor-completions/_splynx-stripe
"""

_TEST_SETTINGS = f"""
stripe: {{api_base: "{STRIPE}", connect_base: "{STRIPE}", js_url: "{STRIPE}/v3/"}}
settings: {{grant_access_to_unauthorized_customers: true}}
timing: {{polling_interval_s: 10}}
"""


async def install(stage: Stage) -> None:
    box = stage.box
    print("install", flush=True)
    box.run("cp /srv/repo/splynx-stripe.gpg /usr/share/keyrings/")
    stage.use("repo")
    said = box.run("apt-get update && apt-get install -y splynx-stripe", timeout_s=300)
    stage.check(
        "apt-get installs from the signed repository, without the internet",
        "WARNING" not in said,
        said,
    )
    stage.check("the service is active", stage.is_active())
    status = box.run(f"systemctl status {UNIT} --no-pager")
    stage.check(
        "systemctl status says that nothing is connected yet",
        "not connected: run splynx-stripe setup" in status,
        status,
    )
    stage.check(
        "its log names the next command",
        'next="splynx-stripe setup"' in box.run(f"journalctl -u {UNIT} --no-pager"),
    )
    score = box.run(f"systemd-analyze security {UNIT} --no-pager | tail -n 1")
    found = re.search(r": ([0-9.]+) ", score)
    stage.check(
        f"systemd-analyze security gives at most {MAX_EXPOSURE}: {found and found[1]}",
        found and float(found[1]) <= MAX_EXPOSURE,
        score,
    )
    mistakes = box.run(f"systemd-analyze verify --man=no {UNIT} 2>&1 | grep splynx-stripe || true")
    stage.check("the units have no mistakes", not mistakes.strip(), mistakes)
    stage.check(
        "it runs as its own user, in a folder of its own",
        box.run("stat -c '%U %a' /var/lib/splynx-stripe").split() == ["splynx-stripe", "700"],
    )
    stage.check(
        "secrets have a folder for root alone",
        box.run("stat -c '%U %a' /etc/splynx-stripe/credentials").split() == ["root", "700"],
    )
    stage.check(
        "the encryption key is there, for root and the daemon's group",
        box.run("stat -c '%U %G %a' /etc/splynx-stripe/encryption.key").split()
        == ["root", "splynx-stripe", "640"],
    )
    manual = box.run("zcat /usr/share/man/man1/splynx-stripe.1.gz")
    completed = box.run(_COMPLETE)
    names = box.run("splynx-stripe --help").partition("Commands:")[2]
    commands = [line.split()[0] for line in names.splitlines() if re.match(r"  \S", line)]
    stage.check(
        f"manual and completion know all {len(commands)} commands",
        len(commands) > 5
        and all(name.replace("-", r"\-") in manual or name in manual for name in commands)
        and set(commands) <= set(completed.split()),
        (commands, completed),
    )
    stage.check(
        "the sandbox is another package, and the command says so",
        "apt-get install splynx-stripe-sandbox" in box.run("splynx-stripe sandbox", check=False),
    )
    box.run("apt-get install -y splynx-stripe-sandbox && splynx-stripe-sandbox --help")
    stage.check("that package installs too", "Stripe" in box.run("splynx-stripe-sandbox --help"))


async def set_up(stage: Stage) -> None:
    box = stage.box
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
    stage.check(
        "setup refuses a key that Stripe does not know, and changes nothing",
        refused.returncode == 1
        and "Nothing was changed" in refused.stdout
        and not box.run("ls -A /etc/splynx-stripe/credentials").strip(),
        refused.stdout,
    )
    box.run("echo sk_test_sandbox_default > /root/s2")
    said = box.run(command)
    stage.check(
        "setup connects both sides, makes the webhook and prints the click paths",
        "ok   webhook" in said and "Entry points" in said,
        said,
    )
    modes = box.run("stat -c '%n %U %a' /etc/splynx-stripe/credentials/*").splitlines()
    stage.check(
        "three secrets are written, for root alone",
        len(modes) == 3 and all(line.endswith(" root 600") for line in modes),
        modes,
    )
    stage.check(
        "no secret is in the YAML",
        not SECRETS.search(box.run("cat /etc/splynx-stripe/config.d/50-setup.yaml")),
    )
    stage.check("the daemon serves", "serving" in box.run(f"systemctl show -P StatusText {UNIT}"))
    ready = box.run("curl -sm 10 http://127.0.0.1:8085/stripe/readyz")
    stage.check("and is ready", json.loads(ready)["ready"], ready)
    owners = set(box.run("stat -c '%U' /var/lib/splynx-stripe/*").split())
    stage.check(
        "the files of the database belong to the daemon", owners == {"splynx-stripe"}, owners
    )
    again = box.run("splynx-stripe setup --yes")
    stage.check("setup can be run again without any option", "ok   Stripe accepts" in again, again)
    doctor = box.try_run("splynx-stripe doctor")
    stage.check("doctor finds everything well", doctor.returncode == 0, doctor.stdout)


async def put_nginx_in_front(stage: Stage) -> None:
    box = stage.box
    print("nginx", flush=True)
    box.run(
        "install -D -m 644 /srv/tls/cert.pem /etc/ssl/certs/isp.example.net.pem; install -m 600 /srv/tls/key.pem /etc/ssl/private/isp.example.net.key"
    )
    box.run(
        "cp /usr/share/doc/splynx-stripe/examples/nginx/server.conf /etc/nginx/sites-enabled/isp; rm -f /etc/nginx/sites-enabled/default"
    )
    box.run("nginx -t && systemctl restart nginx")
    outside = await status(f"{SITE}/stripe/metrics")
    stage.check(
        "nginx serves our pages over TLS, and the metrics to nobody", outside == 404, outside
    )
    inside = box.run("curl -sm 10 http://127.0.0.1:8085/stripe/metrics")
    stage.check(
        "Prometheus on this machine gets them", "splynx_stripe_http_requests_total" in inside
    )


async def pay(stage: Stage) -> None:
    print("pay", flush=True)
    followed = "timeout 60 splynx-stripe logs --follow --customer 17 --event payment.booked"
    box = stage.box
    box.run(f"({followed} > /tmp/followed 2>&1 </dev/null &)")
    async with Visitor(splynx_url=SITE, addon_url=f"{SITE}/stripe", stripe_url=STRIPE) as john:
        await john.log_in(JOHN)
        page = await john.open(f"pay-invoice?item_id={FIRST}")
        stage.check(
            "a customer sees the payment page through nginx with TLS",
            page.status == 200 and page.ticket,
            page.status,
        )
        state, secret = await john.press_pay(page)
        confirmed = await john.confirm(page, secret, "4242424242424242")
        stage.check(
            "and pays",
            (state, confirmed.status) == ("payable", "succeeded"),
            (state, confirmed),
        )
    await stage.until_booked("the invoice is Paid in Splynx, with one payment")
    invoice = next(row for row in (await ledger(SPLYNX))["invoices"] if row["number"] == FIRST)
    stage.check("the invoice says paid", invoice["status"] == "paid", invoice)
    await stage.wait_for("following", lambda: "payment.booked" in box.run("cat /tmp/followed"))
    stage.check("splynx-stripe logs --follow shows it as it happens", True)
    figures = box.run("curl -sm 10 http://127.0.0.1:8085/stripe/metrics")
    counted = re.findall(
        r"^splynx_stripe_webhook_events_total.*payment_intent.succeeded.*",
        figures,
        re.MULTILINE,
    )
    stage.check("Stripe's webhook arrived through nginx with TLS", counted, figures[-500:])


async def read_the_journal(stage: Stage) -> None:
    box = stage.box
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
    stage.check("the journal finds a payment by field", "payment.booked" in events, events)
    stage.check("and its customer", {row["CUSTOMER"] for row in rows} == {str(JOHN)})
    shown = box.run(f"splynx-stripe logs --customer {JOHN} --event payment.booked --since 1h")
    stage.check("splynx-stripe logs shows it", intent in shown, shown)
    story = box.run(f"splynx-stripe payments show {FIRST}")
    stage.check("payments show tells its story", "paid and booked" in story, story)
    stage.check_no_secret()


async def reload(stage: Stage) -> None:
    """Changes the settings, well and badly."""
    box = stage.box
    print("reload", flush=True)
    before = stage.pid()
    box.run(f"systemctl reload {UNIT}")
    await stage.wait_for(
        "reload", lambda: "daemon.reloaded" in box.run(f"journalctl -u {UNIT} --no-pager")
    )
    stage.check("reload keeps the process", stage.pid() == before and stage.is_active())
    box.run("echo 'no_such_key: 1' > /etc/splynx-stripe/config.d/90-mistake.yaml")
    failed = box.try_run(f"systemctl reload {UNIT}")
    told = box.run(f"journalctl -u {UNIT} -n 20 --no-pager")
    stage.check(
        "systemctl reload fails when the YAML has a mistake, and the journal says where it is",
        failed.returncode != 0 and "90-mistake.yaml:1: no_such_key" in told,
        f"{failed.stdout}\n{told}",
    )
    box.run(f"systemctl kill --kill-who=main -s HUP {UNIT}")
    await stage.wait_for(
        "refusal",
        lambda: "reload.refused" in box.run(f"journalctl -u {UNIT} -p err --no-pager"),
    )
    ready = json.loads(box.run("curl -sm 10 http://127.0.0.1:8085/stripe/readyz"))
    said = box.run(f"systemctl show -P StatusText {UNIT}")
    stage.check(
        "the old settings stay, and systemctl status says so",
        ready["ready"] and stage.pid() == before and "settings of before" in said,
        (ready, said),
    )
    refused = box.try_run("splynx-stripe config check")
    stage.check(
        "config check names it",
        refused.returncode == 2 and "no_such_key" in refused.stdout,
        refused.stdout,
    )
    box.run(f"rm /etc/splynx-stripe/config.d/90-mistake.yaml && systemctl reload {UNIT}")
    await stage.wait_for(
        "serving", lambda: box.run(f"systemctl show -P StatusText {UNIT}").strip() == "serving"
    )
