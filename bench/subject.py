"""The daemon under measurement: the installed program with settings, secrets and a store of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select

from bench.processes import free_port, running, until
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.engine import parse_url, reader_engine
from splynx_stripe.store.migrate import migrate
from splynx_stripe.store.store import open_store
from splynx_stripe.store.tables import inbox

ACCOUNT = StripeAccount("default", livemode=False)
WEBHOOK_SECRET = "whsec_bench"  # noqa: S105 - it protects nothing
_SECRETS = {
    "splynx": "sandbox-secret",
    "stripe": "sk_test_sandbox_default",
    "webhook": WEBHOOK_SECRET,
}


@dataclass(slots=True)
class Subject:
    """One daemon. Where nothing is said, Splynx and Stripe are addresses that nobody answers on."""

    folder: Path
    database_url: str
    splynx_url: str = "http://127.0.0.1:9"
    stripe_url: str = "http://127.0.0.1:9"
    webhook_secret: str = WEBHOOK_SECRET
    level: str = "info"
    port: int = field(default_factory=free_port)

    @property
    def output(self) -> Path:
        """Gives the file with what the daemon logs."""
        return self.folder / "daemon.log"

    @property
    def webhook_path(self) -> str:
        """Gives the path of the webhook, which is made from the store's own key."""
        return f"/stripe/webhook/{asyncio.run(_installation(self.database_url)).endpoint_name(ACCOUNT)}"

    def prepare(self, *, with_store: bool = True) -> None:
        """Writes the settings and secrets and, unless told otherwise, migrates the store."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in {**_SECRETS, "webhook": self.webhook_secret}.items():
            file = self.folder / f"{name}.secret"
            file.touch(mode=0o600)
            file.write_text(text)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self._settings()))
        if with_store:
            migrate(self.database_url, clock=SystemClock())

    @contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
        """Runs the daemon; gives its process and how many seconds it took to be ready."""
        command = [sys.executable, "-m", "splynx_stripe", "serve", "--config"]
        began = time.perf_counter()
        with running([*command, str(self.folder / "config.yaml")], self.output) as process:
            until(self._is_ready, f"the daemon to be ready, see {self.output}", every_s=0.002)
            yield process, time.perf_counter() - began

    def backlog(self) -> int:
        """Gives how many stored events are not handled yet."""
        engine = reader_engine(parse_url(self.database_url))
        try:
            with engine.connect() as connection:
                waiting = select(func.count()).where(inbox.c.state == "received")
                return int(connection.execute(waiting).scalar_one())
        finally:
            engine.dispose()

    def events(self) -> int:
        """Gives how many events are stored."""
        engine = reader_engine(parse_url(self.database_url))
        try:
            with engine.connect() as connection:
                return int(connection.execute(select(func.count(inbox.c.id))).scalar_one())
        finally:
            engine.dispose()

    def _is_ready(self) -> bool:
        return "daemon.ready" in self.output.read_text(errors="replace")

    def _settings(self) -> dict[str, Any]:
        return {
            "listen": {"host": "127.0.0.1", "port": self.port},
            "public_url": f"http://127.0.0.1:{self.port}/stripe",
            "splynx": {
                "url": f"{self.splynx_url}/",
                "api_key": "sandbox-key",
                "api_secret_file": "splynx.secret",
                "timezone": "Europe/Prague",
            },
            "database": {"url": self.database_url},
            "stripe": {
                "api_base": self.stripe_url,
                "connect_base": self.stripe_url,
                "js_url": f"{self.stripe_url}/v3/",
            },
            "settings": {"grant_access_to_unauthorized_customers": True},
            "partners": {
                "default": {
                    "currency": "EUR",
                    "country": "CZ",
                    "publishable_key": "pk_test_sandbox_default",
                    "secret_key_file": "stripe.secret",
                    "webhook_secret_file": "webhook.secret",
                }
            },
            "timing": {"polling_interval_s": 300},
            "logging": {"level": self.level},
        }


async def _installation(url: str) -> Installation:
    store = open_store(url, clock=SystemClock(), ids=RandomIds())
    try:
        return await store.read(lambda unit: unit.installation())
    finally:
        await store.close()
