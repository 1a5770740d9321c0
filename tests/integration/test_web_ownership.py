"""What belongs to one customer or partner is neither shown to nor changed by another, at any address."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from splynx_stripe.flows.overview import Overview
from splynx_stripe.web.admin.guard import FORM_TOKEN
from tests.integration.security_house import (
    Address,
    House,
    whole_house,
)
from tests.integration.web_stage import (
    ANNA,
    BEN,
    CLIENT_SECRET,
    COMPANY,
    PAUL,
    TERMS,
)

FIGURES = re.compile(r" \S+$", re.MULTILINE)
"""What was counted or measured; any digits may be in it."""


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with whole_house(tmp_path, sqlite_url) as house:
        yield house


async def test_no_address_shows_a_customer_what_belongs_to_another(house: House) -> None:
    house.stage.overview.seen = Overview([], TERMS, COMPANY)
    house.stage.overview.past = []
    of_anna = ("202611000042", "%PDF of Anna", "4242", "6789", "Anna", CLIENT_SECRET, "pi_1")
    shown = []

    for address in house.addresses("GET"):
        for query in ("", "?item_id=202611000042", "?setup=set_9", "?id=17", "?customer=17"):
            if address.name.startswith("direct-pay"):
                continue  # a plain link shows its document to whoever has it
            answer = await house.stage.page(f"{address.path}{query}", session=BEN)
            text = answer.text.replace("item_id=202611000042", "")
            if address.path.endswith("/metrics"):
                text = FIGURES.sub("", text)
            shown += [(address.path, query, one) for one in of_anna if one in text]
            if address.is_office:
                assert answer.status == 302
            house.stage.clock.move(60)

    assert shown == []


@pytest.mark.parametrize(
    "path",
    [
        "credentials/cred_1/move",
        "credentials/cred_1/remove",
    ],
)
async def test_a_customer_changes_nothing_of_another(house: House, path: str) -> None:
    address = Address("POST", "", f"/stripe/{path}")
    token = {FORM_TOKEN: house.form_token(BEN), "move": "first"}

    answer = await house.post(address, token, session=BEN)

    assert answer.status == 404
    assert (house.saved.moves, house.saved.removed) == ([], [])


async def test_a_ticket_or_a_result_of_one_customer_is_of_no_use_to_another(house: House) -> None:
    ticket = await house.stage.pay_ticket(session=ANNA)
    started = await house.stage.start(ticket, session=ANNA)
    result = started.field("result_url")

    stolen = await house.stage.start(ticket, session=BEN)
    seen = await house.stage.page(result, session=BEN)
    state = await house.stage.page(result.replace("/result?", "/result/status?"), session=BEN)

    assert (stolen.status, seen.status, state.status) == (403, 403, 403)
    assert "202611000042" not in stolen.text + seen.text + state.text


PAULS_VIEW: Mapping[str, tuple[str, int]] = {
    "admin-base": ("", 302),
    "admin-home": ("", 200),
    "admin-logs": ("?from=", 200),
    "admin-logs-export": ("?from=", 200),
    "admin-timeline": ("", 404),
    "admin-links": ("?customer=17", 200),
    "admin-settings": ("?partner=default", 403),
    "admin-credentials-find": ("?id=17", 302),
    "admin-credentials": ("", 404),
    "admin-credentials-add": ("?kind=card", 404),
    "admin-credentials-result": ("?setup=set_9", 404),
    "admin-credentials-removal": ("", 404),
    "admin-accounts": ("", 200),
    "admin-recoveries": ("?customer=17", 200),
    "admin-rules": ("", 200),
    "admin-rules-edit": ("?rule=rule_1", 404),
    "admin-rules-forecast": ("", 200),
    "admin-charge": ("?of=run_1", 404),
    "admin-runs": ("", 200),
    "admin-run": ("", 404),
    "admin-run-progress": ("", 404),
    "admin-run-result": ("", 404),
    "oauth-callback": ("?state=x&code=y", 409),
}
"""Every page of the office, how an administrator of partner 2 asks it for things of partner 1."""

PAULS_FORMS: Mapping[str, tuple[Mapping[str, str], int]] = {
    "admin-links-make": ({"scope": "invoice", "which": "202611000042", "days": "3"}, 422),
    "admin-links-revoke": ({"customer": "17"}, 200),
    "admin-settings-save": ({"partner": "default"}, 403),
    "admin-settings-check": ({"partner": "1"}, 403),
    "admin-settings-trial": ({"partner": "default", "try": "stripe"}, 403),
    "admin-credentials-start": ({}, 404),
    "admin-credentials-prove": ({"code": "SM1234"}, 404),
    "admin-credentials-move": ({"move": "first"}, 404),
    "admin-credentials-remove": ({}, 404),
    "admin-credentials-link": ({}, 404),
    "admin-accounts-connect": ({"partner": "default"}, 403),
    "admin-accounts-disconnect": ({"partner": "default", "confirmed": "yes"}, 403),
    "admin-accounts-endpoints": ({"partner": "default", "confirmed": "yes"}, 403),
    "admin-accounts-test": ({"partner": "default"}, 403),
    "admin-accounts-webhook": ({"partner": "default"}, 403),
    "admin-accounts-rotate": ({"partner": "default"}, 403),
    "admin-accounts-release": ({"partner": "default"}, 403),
    "admin-recoveries-retry": ({"recovery": "rcv_1"}, 200),
    "admin-recoveries-stop": ({"recovery": "rcv_1"}, 200),
    "admin-rules-save": ({"id": "rule_1", "version": "1", "name": "x", "kind": "invoices"}, 422),
    "admin-rules-switch": ({"rule": "rule_1", "enabled": ""}, 404),
    "admin-rules-delete": ({"rule": "rule_1"}, 404),
    "admin-charge-plan": ({"again": "run_1"}, 404),
    "admin-charge-stop": ({"reason": "mine"}, 403),
    "admin-charge-resume": ({"note": "mine"}, 403),
    "admin-run-confirm": ({"seen": "ready"}, 404),
    "admin-run-pause": ({"confirmed": "yes"}, 404),
    "admin-run-resume": ({"confirmed": "yes"}, 404),
    "admin-run-cancel": ({"confirmed": "yes"}, 404),
}
OF_PARTNER_1 = ("202611000042", "Anna", "4242", "6789", "pi_1", "ch_1", "acct_1SandboxDefault")


async def test_an_administrator_of_a_partner_sees_nothing_of_another(house: House) -> None:
    pages = {one.name: one for one in house.addresses("GET") if one.is_office}
    assert set(pages) == set(PAULS_VIEW), "a new page needs its line in PAULS_VIEW"
    seen = {}

    for name, (query, _) in PAULS_VIEW.items():
        answer = await house.stage.page(f"{pages[name].path}{query}", session=PAUL)
        seen[name] = (query, answer.status)
        assert [(name, one) for one in OF_PARTNER_1 if one in answer.text] == []

    assert seen == PAULS_VIEW


async def test_an_administrator_of_a_partner_changes_nothing_of_another(house: House) -> None:
    forms = {one.name: one for one in house.addresses("POST") if one.is_office}
    del forms["links-api"]
    assert set(forms) == set(PAULS_FORMS), "a new form needs its line in PAULS_FORMS"
    before, seen = await house.traces(), {}

    for name, (fields, _) in PAULS_FORMS.items():
        token = {FORM_TOKEN: house.form_token(PAUL)}
        answer = await house.post(forms[name], {**fields, **token}, session=PAUL)
        seen[name] = (fields, answer.status)
        assert [(name, one) for one in OF_PARTNER_1[1:] if one in answer.text] == []

    assert seen == PAULS_FORMS
    changed = await house.traces()
    assert changed[1:] == before[1:]
    assert (await house.stage.page(f"/stripe/pay/{house.link.token}")).status == 200
