"""The last day: the package's own tests, remove, purge; and the day of the switch to this package."""

from __future__ import annotations

import re
from pathlib import Path

from stage import Stage

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/how-to/replace-the-closed-add-on.md"

KEPT = "/var/backups/splynx-stripe/closed-add-on"
SITE_FILE = "/etc/nginx/sites-available/splynx-stripe.addons"

_CLOSED_ADD_ON = f"""
rm -rf /tmp/closed && mkdir -p /tmp/closed/root && cd /tmp/closed/root
mkdir -p DEBIAN etc/cron.d etc/nginx/sites-available var/www/splynx/addons/splynx-stripe/web
printf '%s\\n' 'Package: splynx-stripe' 'Version: 99.1' 'Architecture: all' \
  'Maintainer: nobody <nobody@example.net>' 'Description: stands for the closed add-on' > DEBIAN/control
echo '* * * * * root true' > etc/cron.d/splynx-stripe
echo 'location /stripe {{ return 500; }}' > .{SITE_FILE}
echo '<?php' > var/www/splynx/addons/splynx-stripe/web/index.php
printf '%s\\n' /etc/cron.d/splynx-stripe {SITE_FILE} > DEBIAN/conffiles
dpkg-deb --root-owner-group -b . /tmp/closed/splynx-stripe_99.1_all.deb
"""


async def autopkgtest(stage: Stage) -> None:
    print("autopkgtest", flush=True)
    done = stage.box.try_run(
        "autopkgtest --no-built-binaries --output-dir /tmp/autopkgtest /srv/source -- null",
        timeout_s=300,
    )
    stage.check(
        "the package's own tests pass (autopkgtest)", done.returncode == 0, done.stdout[-3000:]
    )


async def remove(stage: Stage) -> None:
    box = stage.box
    print("remove", flush=True)
    box.run("apt-get remove -y splynx-stripe", timeout_s=120)
    stage.check(
        "remove stops the daemon and frees its address",
        "8085" not in box.run("ss -ltn") and not stage.is_active(),
    )
    stage.check(
        "it keeps settings, secrets and data",
        box.run(
            "ls /etc/splynx-stripe/config.yaml /etc/splynx-stripe/credentials/stripe.secret /var/lib/splynx-stripe/splynx-stripe.db"
        ),
    )
    stage.check(
        "and no program", not box.run("ls /usr/lib/splynx-stripe 2>/dev/null || true").strip()
    )


async def purge(stage: Stage) -> None:
    box = stage.box
    print("purge", flush=True)
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
    stage.check("purge leaves nothing but the final backup", not wrong, wrong)
    box.run("mkdir /tmp/back && tar -C /tmp/back -xzf /var/backups/splynx-stripe/final-*.tar.gz")
    stage.check(
        "which has the administrator's settings too", box.run("ls /tmp/back/config.d/10-test.yaml")
    )
    count = box.run("sqlite3 /tmp/back/splynx-stripe.db 'select count(*) from collections'").strip()
    stage.check(
        f"and that has all {count} collections, for root alone",
        int(count) > 1
        and box.run("stat -c %a /var/backups/splynx-stripe/final-*.tar.gz").strip() == "600",
        count,
    )


async def replace_the_closed_add_on(stage: Stage) -> None:
    """Installs over a package of the same name with a higher version, as Splynx's add-on is."""
    box = stage.box
    print("the closed add-on", flush=True)
    box.run(_CLOSED_ADD_ON)
    box.run("dpkg -i /tmp/closed/*.deb")
    stage.use("repo")
    said = box.run("apt-get update && apt-get install -y splynx-stripe", timeout_s=300)
    version = box.run("dpkg-query -W -f '${Version}' splynx-stripe")
    stage.check(
        "apt takes ours in the place of the closed add-on, whatever its version is",
        version == stage.package_version and stage.is_active(),
        (version, said),
    )
    stage.check(
        "the job of the closed add-on stops and its files are kept",
        not box.run("ls /etc/cron.d | grep splynx || true").strip()
        and len(box.run(f"ls {KEPT}").split()) == 2
        and "Next: nginx -t" in said,
        said,
    )
    stage.check(
        "nginx has our /stripe/ in the file where its was",
        "include snippets/splynx-stripe.conf;" in box.run(f"cat {SITE_FILE}"),
    )
    box.run(f"sed -i 's,include snippets.*,include {SITE_FILE};,' /etc/nginx/sites-enabled/isp")
    box.run("nginx -t && systemctl reload nginx")
    [pin] = re.findall(r"```\n(cat > /etc/apt/preferences[^`]*)```", DOCUMENT.read_text())
    policy = box.run(pin)
    stage.check(
        "pinned as the document says, apt takes it from our repository only",
        f"Candidate: {stage.package_version}" in policy and " 990" in policy,
        policy,
    )
    box.run("rm /etc/apt/preferences.d/splynx-stripe")
    box.run("dpkg --audit && apt-get purge -y splynx-stripe")
    stage.check(
        "the file in nginx goes at the purge",
        not box.run(f"ls {SITE_FILE} || true", check=False).startswith("/"),
    )
