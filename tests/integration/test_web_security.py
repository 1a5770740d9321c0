"""What holds for every address together: owners, partners, forms, ways out, frames, stored text.

The tests walk the router, so an address that is added later is tested, or has to be named here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from splynx_stripe.domain.splynx import DocumentKind
from splynx_stripe.flows.pay import PaymentView, Standing
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.customer.plain_link import REFUSAL_STEP_S
from splynx_stripe.web.edge import (
    STARTS_PER_DEBT,
    STRANGERS_PER_ADDRESS,
    VIEWS_PER_ADDRESS,
    VIEWS_PER_SESSION,
)
from splynx_stripe.web.identity import KNOWN_FOR_S
from tests.integration.security_house import (
    EVIL,
    EVIL_ORIGIN,
    OUR_ORIGIN,
    Address,
    House,
    whole_house,
    write_evil_everywhere,
)
from tests.integration.web_stage import (
    ANNA,
    BEN,
    CLIENT_SECRET,
    COMPANY,
    DUE,
    INVOICE,
    OLGA,
    PAUL,
    TERMS,
    Answer,
    check_page,
)

OPEN_POSTS = {
    "webhook": "signed by Stripe; no browser sends it",
    "pay-start": "the ticket in its body is the token of its page",
    "begin-top-up": "changes nothing: it leads to a payment page, also from Splynx's dashboard",
    "links-api": "the key in a header is what counts; cookies are not looked at",
}
"""The addresses that take a POST without a form token, and why they may."""


@pytest.fixture
async def house(tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    async with whole_house(tmp_path, sqlite_url) as house:
        yield house


async def test_every_form_refuses_another_site_a_missing_token_and_another_session(
    house: House,
) -> None:
    guarded = [one for one in house.addresses("POST") if one.name not in OPEN_POSTS]
    before = await house.traces()
    wrong = []

    for address in guarded:
        session = address.session
        token = {FORM_TOKEN: house.token_of(address)}
        other = {FORM_TOKEN: house.form_token(PAUL if session == OLGA else BEN)}
        answers = [
            await house.post(address, token, session=session, headers={"Origin": EVIL_ORIGIN}),
            await house.post(
                address, token, session=session, headers={"Sec-Fetch-Site": "cross-site"}
            ),
            await house.post(address, {FORM_TOKEN: ""}, session=session),
            await house.post(address, other, session=session),
        ]
        if {answer.status for answer in answers} != {403}:
            wrong.append((address.name, [answer.status for answer in answers]))

    assert wrong == []
    assert len(guarded) >= 20
    assert await house.traces() == before


async def test_the_same_forms_are_believed_when_they_are_ours(house: House) -> None:
    """Without this, the refusals above could have any other reason."""
    guarded = [one for one in house.addresses("POST") if one.name not in OPEN_POSTS]

    page = await house.stage.page("/stripe/admin/customers/17/credentials", session=OLGA)
    seals = {
        field["name"]: field["value"]
        for field in page.document.all("input")
        if field.get("name") in {"chance", "seal"}
    }

    def more(address: Address) -> dict[str, str]:
        return seals if address.name == "admin-credentials-link" else {}

    statuses = {
        address.name: (
            await house.post(
                address,
                {FORM_TOKEN: house.token_of(address), "partner": "default", **more(address)},
                session=address.session,
                headers={"Origin": OUR_ORIGIN, "Sec-Fetch-Site": "same-origin"},
            )
        ).status
        for address in guarded
    }

    assert {name: status for name, status in statuses.items() if status == 403} == {}


async def test_the_forms_that_need_no_token_are_harmless_to_a_foreign_site(house: House) -> None:
    by_name = {one.name: one for one in house.addresses("POST") if one.name in OPEN_POSTS}
    foreign = {"Origin": EVIL_ORIGIN}
    before = await house.traces()

    pressed = await house.stage.start(
        await house.stage.pay_ticket(session=ANNA), session=ANNA, headers=foreign
    )
    statuses = {
        name: (await house.post(address, {"amount": "5"}, session=OLGA, headers=foreign)).status
        for name, address in by_name.items()
    }

    assert set(statuses) == set(OPEN_POSTS)
    assert pressed.status == 403
    assert CLIENT_SECRET not in pressed.text
    assert statuses["links-api"] == 401
    assert statuses["webhook"] == 400
    assert statuses["begin-top-up"] == 303
    assert await house.traces() == before


async def test_no_parameter_leads_to_another_site(house: House) -> None:
    ways_out = []
    names = ("return", "return_url", "next", "url", "redirect", "item_id", "ticket", "done", "id")

    for address in house.addresses("GET"):
        for target in (EVIL_ORIGIN, "//evil.example", "/\\evil.example", "javascript:alert(1)"):
            query = "&".join(f"{name}={target}" for name in names)
            for session in ("", address.session):
                answer = await house.stage.page(f"{address.path}?{query}", session=session)
                ways_out += _ways_out(answer)
            house.stage.clock.move(60)

    assert ways_out == []


async def test_an_address_with_two_slashes_or_a_backslash_leads_nowhere_else(house: House) -> None:
    for path in (
        "/stripe//evil.example",
        "/stripe/\\evil.example",
        "/stripe/%2f",
    ):
        answer = await house.stage.page(path, session=ANNA)
        assert answer.status == 404
        assert "Location" not in answer.headers

    top_up = Address("POST", "begin-top-up", "/stripe/")
    for amount in ("//evil.example", "\r\nLocation: //evil.example", "https://evil.example"):
        answer = await house.post(top_up, {"amount": amount}, session=ANNA)
        assert _ways_out(answer) == []
        assert answer.headers["Location"].startswith("/stripe/top-up?item_id=")


def _ways_out(answer: Answer) -> list[str]:
    """Gives where an answer leads that is neither ours nor Splynx's sign-in with a way back to us."""
    location = answer.headers.get("Location", "")
    found = [location] if location else []
    found += re.findall(r'(?:href|action|src)="([^"]*evil[^"]*)"', answer.text)
    found += re.findall(r'(?:href|action|src)="(javascript:[^"]*)"', answer.text)
    return [one for one in found if not _is_ours(one)]


def _is_ours(location: str) -> bool:
    parts = urlsplit(location)
    if parts.scheme or parts.netloc:
        back = parse_qs(parts.query).get("return", ["/stripe/"])[0]
        return f"{parts.scheme}://{parts.netloc}" == OUR_ORIGIN and back.startswith("/stripe/")
    return location.startswith(("/stripe/", "?before=")) and "\\" not in parts.path


async def test_no_page_can_be_framed_by_a_foreign_site(house: House) -> None:
    for address in house.addresses("GET"):
        for session in ("", address.session):
            answer = await house.stage.page(address.path, session=session)
            assert answer.status < 500, address.path
            policy = answer.headers["Content-Security-Policy"]
            assert f"frame-ancestors 'self' {OUR_ORIGIN}" in policy.split("; "), address.path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_way_back_from_stripe_works_once_and_in_its_session_only(house: House) -> None:
    other = "other" * 6
    house.stage.viewers.sessions[other] = replace(
        house.stage.viewers.sessions[OLGA], administrator_id=9
    )

    used = await _way_back_from_stripe(house)
    first = await house.stage.page(used, session=OLGA)
    again = await house.stage.page(used, session=OLGA)
    await house.accounts.take_up()
    of_nobody = await house.stage.page(await _way_back_from_stripe(house, "3"))
    of_another = await house.stage.page(await _way_back_from_stripe(house, "3"), session=other)

    assert (first.status, again.status) == (303, 409)
    assert (of_nobody.status, of_another.status) == (302, 409)
    assert "code=" not in again.text + of_another.text + of_nobody.headers["Location"]


async def _way_back_from_stripe(house: House, partner: str = "2") -> str:
    """Presses Connect, agrees at Stripe, and gives the address to which Stripe sends the browser."""
    connect = Address("POST", "admin-accounts-connect", "/stripe/admin/accounts/connect")
    token = {FORM_TOKEN: house.form_token(OLGA), "partner": partner}
    page = await house.post(connect, token, session=OLGA)
    links = [it.get("href", "") for it in page.document.all("a")]
    state, code = house.accounts.consent(next(it for it in links if "/oauth/authorize" in it))
    return f"/stripe/oauth/callback?state={state}&code={code}"


async def test_refused_links_look_alike_and_ask_alike(house: House) -> None:
    """An unknown number, and one whose partner grants no plain links."""
    known = DocumentKind.INVOICE, "202611000099", False
    house.stage.pay.views[known] = PaymentView(Standing.NOT_ALLOWED, INVOICE, DUE, TERMS, COMPANY)
    answers, took = [], []

    for number in ("202611000099", "999999999999", "1"):
        began, asked = house.stage.clock.monotonic(), len(house.stage.pay.asked)
        answers.append(await house.stage.page(f"/stripe/direct-pay-invoice?item_id={number}"))
        took.append(house.stage.clock.monotonic() - began)
        assert len(house.stage.pay.asked) - asked == 1

    assert {answer.status for answer in answers} == {404}
    assert len({_without_chance(answer.text) for answer in answers}) == 1
    names = [sorted(set(answer.headers) - {"Date"}) for answer in answers]
    assert names == [names[0]] * 3
    assert took == [REFUSAL_STEP_S] * 3
    assert COMPANY.name not in answers[0].text


def _without_chance(text: str) -> str:
    return re.sub(r'nonce="[^"]*"', "", text)


async def test_testing_cards_is_held_back_and_locks_no_honest_customer_out(house: House) -> None:
    plain = "/stripe/direct-pay-invoice?item_id=202611000042"
    ticket = await house.stage.pay_ticket()

    views = [(await house.stage.page(plain)).status for _ in range(VIEWS_PER_ADDRESS.burst + 5)]
    starts = [(await house.stage.start(ticket)).status for _ in range(STARTS_PER_DEBT.burst + 5)]

    assert views.count(200) < VIEWS_PER_ADDRESS.burst
    assert starts.count(200) == STARTS_PER_DEBT.burst
    portal_ticket = await house.stage.pay_ticket(session=ANNA)
    assert (await house.stage.start(portal_ticket, session=ANNA)).status == 200
    by_link = await house.stage.page(f"/stripe/pay/{house.link.token}")
    signed = by_link.document.attribute("payment", "data-ticket")
    assert (await house.stage.start(signed)).status == 200
    house.stage.clock.move(VIEWS_PER_ADDRESS.period_s)
    assert (await house.stage.page(plain)).status == 200


async def test_a_flood_of_invented_sessions_locks_out_nobody_behind_the_same_address(
    house: House,
) -> None:
    """A street behind one address: Anna, an administrator, and a neighbour who makes up sessions."""
    invoice, office = "/stripe/pay-invoice?item_id=202611000042", "/stripe/admin/"
    for page, session in ((invoice, ANNA), (office, OLGA)):
        assert (await house.stage.page(page, session=session)).status == 200

    flood = [
        (await house.stage.page(invoice, session=f"{number:026}")).status
        for number in range(STRANGERS_PER_ADDRESS.burst + 20)
    ]

    assert flood[-1] == 429
    house.stage.clock.move(KNOWN_FOR_S + 1)  # Splynx has to be asked about Anna again
    again = [
        (await house.stage.page(invoice, session=f"{number:026}")).status
        for number in range(STRANGERS_PER_ADDRESS.burst + 20)
    ]
    assert again[-1] == 429
    for page, session in ((invoice, ANNA), ("/stripe/", ANNA), (office, OLGA)):
        assert (await house.stage.page(page, session=session)).status == 200
    portal_ticket = await house.stage.pay_ticket(session=ANNA)
    assert (await house.stage.start(portal_ticket, session=ANNA)).status == 200


async def test_one_session_cannot_load_pages_without_end_and_holds_back_only_itself(
    house: House,
) -> None:
    mine = [
        (await house.stage.page("/stripe/", session=ANNA)).status
        for _ in range(VIEWS_PER_SESSION.burst + 5)
    ]

    assert mine.count(429) >= 4
    assert (await house.stage.page("/stripe/", session=BEN)).status == 200


async def test_saving_cards_one_after_the_other_is_held_back(house: House) -> None:
    start = Address("POST", "credentials-start", "/stripe/credentials/start")
    token = {FORM_TOKEN: house.form_token(ANNA)}

    statuses = [(await house.post(start, token, session=ANNA)).status for _ in range(15)]

    assert statuses.count(200) == STARTS_PER_DEBT.burst
    assert statuses[-1] == 429


async def test_what_others_have_written_stays_text_on_every_page(house: House) -> None:
    await write_evil_everywhere(house)
    pages, with_text = [], []

    for address in house.addresses("GET"):
        for query in ("", "?item_id=evil", "?item_id=1", "?kind=card&setup=set_9", "?from=&q=%3Cb"):
            path = address.path.replace("nosuchtoken", house.link.token)
            answer = await house.stage.page(f"{path}{query}", session=address.session)
            house.stage.clock.move(60)
            assert answer.status < 500, path
            if "html" not in answer.headers.get("Content-Type", ""):
                continue
            check_page(answer)
            assert not answer.document.all("img"), path
            assert "<script>alert" not in answer.text, path
            pages.append(path)
            if "alert(1)" in answer.text:
                with_text.append(address.name)

    saving = await house.stage.page(f"/stripe/pay/{house.saving_link.token}")
    assert "alert(1)" in check_page(saving)
    assert not saving.document.all("img")
    assert len(set(pages)) > 25
    shown_on = {
        *("home", "widget", "history", "direct-pay-invoice", "pay-invoice", "signed-link"),
        *("credentials", "credentials-removal"),
        *("admin-credentials", "admin-timeline", "admin-logs", "admin-links", "admin-settings"),
        *("admin-home", "admin-charge", "admin-runs", "admin-run", "admin-rules"),
    }
    assert shown_on <= set(with_text)


async def test_what_somebody_types_into_an_address_or_a_form_stays_text(house: House) -> None:
    forms = [one for one in house.addresses("POST") if one.name not in {"webhook", "links-api"}]
    for address in forms:
        token = {FORM_TOKEN: house.form_token(address.session), "partner": "default"}
        typed = dict.fromkeys(("which", "days", "amount", "move", "try", "payment_account"), EVIL)
        answer = await house.post(address, typed | token, session=address.session)
        assert "<script>alert" not in answer.text or _is_json(answer), address.name
    for path in (
        "admin/credentials?id=",
        "admin/logs?q=",
        "admin/links?customer=",
        "top-up?item_id=",
    ):
        answer = await house.stage.page(
            f"/stripe/{path}%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            session=OLGA if path.startswith("admin") else ANNA,
        )
        assert "<script>alert" not in answer.text, path


def _is_json(answer: Answer) -> bool:
    return answer.headers.get("Content-Type", "").startswith("application/json")
