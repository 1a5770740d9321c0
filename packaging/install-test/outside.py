"""What is outside the package: the small Splynx, the small Stripe and nginx, as they are reached."""

from __future__ import annotations

from typing import Any

import aiohttp

SPLYNX, STRIPE, SITE = "http://127.0.0.1:8080", "http://127.0.0.1:8082", "https://127.0.0.1"
JOHN = 17
"""The customer who pays."""


async def new_invoice() -> str:
    body = {"customer_id": JOHN, "total": "12.10"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{SPLYNX}/_sandbox/invoices", json=body) as answer,
    ):
        made = await answer.json()
    return str(made["number"])


async def ledger(base: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{base}/_sandbox/ledger") as answer:
        rows: dict[str, Any] = await answer.json()
    return rows


async def status(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def succeeded() -> set[str]:
    """Gives the PaymentIntents for which Stripe took money."""
    intents = (await ledger(STRIPE))["payment_intents"]
    return {str(row["id"]) for row in intents if row["status"] == "succeeded"}
