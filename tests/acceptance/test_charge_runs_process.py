"""The real daemon and the real commands: a run is planned, confirmed, carried out, and stopped."""

from __future__ import annotations

import json
import re

import aiohttp

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import Credential, CredentialOwner, CredentialState
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import open_store
from tests.acceptance.daemon_process import command
from tests.acceptance.ledgers import INVOICE
from tests.acceptance.town import ACCOUNT, KEYS, Town
from tests.acceptance.waiting import until_so

ANNA = 17
_RUN = re.compile(r"run_[0-9a-f]+")


async def _at_stripe(session: aiohttp.ClientSession, path: str, **form: str) -> str:
    async with session.post(path, data=form) as answer:
        return str((await answer.json())["id"])


async def _save_card(town: Town) -> None:
    """Anna has saved a card some time ago."""
    headers = {"Authorization": f"Bearer {KEYS.secret_key}"}
    async with aiohttp.ClientSession(f"{town.stripe_url}/", headers=headers) as session:
        customer = await _at_stripe(session, "v1/customers", name="Anna")
        card = {"number": "4242424242424242", "exp_month": "12", "exp_year": "2034", "cvc": "123"}
        form = {f"card[{name}]": value for name, value in card.items()}
        method = await _at_stripe(session, "v1/payment_methods", type="card", **form)
        await _at_stripe(session, f"v1/payment_methods/{method}/attach", customer=customer)
    now = SystemClock().now()
    saved = Credential(
        id="cred_1",
        owner=CredentialOwner(ACCOUNT, 1, ANNA, customer),
        payment_method_id=method,
        kind=PaymentKind.CARD,
        state=CredentialState.USABLE,
        position=0,
        consent=Consent(now, ConsentWay.ONLINE, f"customer:{ANNA}"),
        saved_at=now,
        card=CardFace("visa", "4242", 2034, 12),
    )
    store = open_store(town.settings["database"]["url"], clock=SystemClock(), ids=RandomIds())
    await store.run(lambda unit: unit.add_credential(saved))
    await store.close()


async def _run(town: Town, *arguments: str) -> tuple[int, str]:
    return await command(*arguments, "--config", str(town.config_path))


async def test_a_run_is_planned_by_the_daemon_confirmed_at_the_console_and_booked(
    any_town: Town,
) -> None:
    town = any_town
    await _save_card(town)

    code, planned = await _run(town, "charge", "plan", "invoices", "--number", INVOICE.number)
    assert code == 0, planned
    assert "to be charged" in planned
    run_id = _RUN.findall(planned)[0]
    code, confirmed = await _run(town, "charge", "confirm", run_id)
    assert code == 0, confirmed

    async def is_done() -> bool:
        return "done" in (await _run(town, "charge", "show", run_id))[1]

    await town.assert_agree(INVOICE)
    await until_so(is_done, lambda: town.daemon.output[-3000:])
    code, result = await _run(town, "charge", "result", run_id)
    assert code == 0
    assert f"{INVOICE.number},172.50,EUR,charge,,succeeded,172.50,pi_" in result
    assert await town.daemon.stop() == 0


async def test_a_stop_is_told_by_readyz_and_the_doctor_and_keeps_a_run_from_charging(
    town: Town,
) -> None:
    await _save_card(town)
    _, planned = await _run(town, "charge", "plan", "invoices", "--number", INVOICE.number)
    run_id = _RUN.findall(planned)[0]

    code, _ = await _run(town, "stop-charging", "--reason", "wrong prices")
    refused = await _run(town, "charge", "confirm", run_id)
    status, body = await town.daemon.get("/stripe/readyz")
    _, examined = await _run(town, "doctor")

    assert (code, refused[0]) == (0, 1)
    assert "wrong prices" in refused[1]
    assert status == 200
    assert "wrong prices" in json.loads(body)["notes"][0]
    assert "unattended charging is stopped" in examined
    assert town.foreign.problems_of(INVOICE) != []  # nobody has paid it
