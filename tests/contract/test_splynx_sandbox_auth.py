"""The sandbox lets in and keeps out as reference section 1 says."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from tests.contract.splynx_sandbox_run import RunningSplynx, running_splynx, signed


@pytest.fixture
async def splynx() -> AsyncIterator[RunningSplynx]:
    async with running_splynx() as running:
        yield running


def basic(name: str) -> str:
    return "Basic " + base64.b64encode(f"{name}-key:{name}-secret".encode()).decode()


async def test_a_nonce_works_once_and_never_again(splynx: RunningSplynx) -> None:
    first = await splynx.call("GET", "admin/finance/payments", authorization=signed(500))
    replayed = await splynx.call("GET", "admin/finance/payments", authorization=signed(500))
    older = await splynx.call("GET", "admin/finance/payments", authorization=signed(499))
    newer = await splynx.call("GET", "admin/finance/payments", authorization=signed(501))

    assert [first.status, replayed.status, older.status, newer.status] == [200, 401, 401, 200]


async def test_a_nonce_may_repeat_when_the_key_does_not_check_it(splynx: RunningSplynx) -> None:
    splynx.sandbox.options.check_nonce = False

    for _ in range(2):
        answer = await splynx.call("GET", "admin/finance/payments", authorization=signed(500))
        assert answer.status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        signed(7).replace("signature=", "signature=0"),
        signed(7).lower().replace("splynx-ea", "Splynx-EA"),
        signed(7, key="unknown-key"),
        signed(7, secret="wrong"),
        "Bearer something",
    ],
)
async def test_a_wrong_signature_is_unauthorized(splynx: RunningSplynx, authorization: str) -> None:
    answer = await splynx.call("GET", "admin/finance/payments", authorization=authorization)

    assert (answer.status, answer.internal_code) == (401, "UNAUTHORIZED")


async def test_a_missing_header_has_its_own_code(splynx: RunningSplynx) -> None:
    answer = await splynx.call("GET", "admin/finance/payments", authorization="")

    assert answer.internal_code == "MISSED_AUTHORIZATION_HEADER"


async def test_basic_works_only_for_keys_with_unsecure_access(splynx: RunningSplynx) -> None:
    path = "admin/finance/payments"

    assert (await splynx.call("GET", path, authorization=basic("sandbox"))).status == 401
    assert (await splynx.call("GET", path, authorization=basic("office"))).status == 200


async def test_a_token_made_with_an_api_key_acts_as_the_key(splynx: RunningSplynx) -> None:
    given = dict(part.split("=") for part in signed(9)[len("Splynx-EA (") : -1].split("&"))
    token = await splynx.token(
        auth_type="api_key",
        key=given["key"],
        nonce=int(given["nonce"]),
        signature=given["signature"],
    )

    answer = await splynx.call("GET", "admin/finance/payments", authorization=token)

    assert answer.status == 200


async def test_a_token_lives_thirty_minutes_and_can_be_renewed_and_revoked(
    splynx: RunningSplynx,
) -> None:
    login = {"auth_type": "customer", "login": "customer17", "password": "sandbox"}
    made = await splynx.call("POST", "admin/auth/tokens", body=login, authorization="")
    refresh_path = f"admin/auth/tokens/{made.body['refresh_token']}"

    async def invoices(access_token: str) -> str:
        header = f"Splynx-EA (access_token={access_token})"
        answer = await splynx.call("GET", "admin/finance/invoices", authorization=header)
        return "ok" if answer.status == 200 else answer.internal_code

    assert await invoices(made.body["access_token"]) == "ok"
    splynx.clock.moment += timedelta(minutes=30)
    assert await invoices(made.body["access_token"]) == "EXPIRED_ACCESS_TOKEN"
    renewed = await splynx.call("GET", refresh_path, authorization="")
    assert "permissions" not in renewed.body
    assert await invoices(renewed.body["access_token"]) == "ok"
    assert (await splynx.call("DELETE", refresh_path, authorization="")).status == 204
    assert await invoices(renewed.body["access_token"]) == "TOKEN_BANNED"


async def test_a_token_is_bound_to_user_agent_and_address(splynx: RunningSplynx) -> None:
    token = await splynx.customer(17)

    async with aiohttp.ClientSession(headers={"User-Agent": "somebody else"}) as other:
        agent = await splynx.call("GET", "admin/finance/invoices", authorization=token, http=other)
    connector = aiohttp.TCPConnector(local_addr=("127.0.0.9", 0))
    async with aiohttp.ClientSession(connector=connector) as elsewhere:
        address = await splynx.call(
            "GET", "admin/finance/invoices", authorization=token, http=elsewhere
        )

    assert agent.internal_code == "USER_AGENT_CHANGED"
    assert address.internal_code == "IP_CHANGED"


@pytest.mark.parametrize(
    ("login", "code"),
    [
        ({}, "INVALID_AUTH_TYPE"),
        ({"auth_type": "session", "session_id": "nothing"}, "INVALID_USER"),
        ({"auth_type": "customer", "login": "customer17", "password": "guess"}, "UNAUTHORIZED"),
        ({"auth_type": "customer", "login": "admin", "password": "sandbox"}, "UNAUTHORIZED"),
    ],
)
async def test_a_bad_login_gets_no_token(
    splynx: RunningSplynx, login: dict[str, str], code: str
) -> None:
    answer = await splynx.call("POST", "admin/auth/tokens", body=login, authorization="")

    assert (answer.status, answer.internal_code) == (401, code)


async def test_a_customer_sees_own_rows_and_nobody_elses(splynx: RunningSplynx) -> None:
    token = await splynx.customer(17)

    async def get(path: str, **query: str) -> tuple[int, object]:
        answer = await splynx.call("GET", path, query=query or None, authorization=token)
        return answer.status, answer.body

    status, rows = await get("admin/customers/customer")
    assert status == 200
    assert isinstance(rows, list)
    assert [row["id"] for row in rows] == [17]
    for path in ("invoices", "proforma-invoices", "payments", "transactions"):
        _, rows = await get(f"admin/finance/{path}", **{"main_attributes[customer_id]": "18"})
        assert rows == []
        _, rows = await get(f"admin/finance/{path}")
        assert isinstance(rows, list)
        assert {row["customer_id"] for row in rows} == {17}
    assert (await get("admin/finance/invoices/1044"))[0] == 403
    assert (await get("admin/customers/customer/18"))[0] == 403
    assert (await get("admin/customers/customer-billing/18"))[0] == 403
    assert (await get("admin/customers/customer-payment-accounts", id="18--1"))[0] == 403
    assert (await get("admin/administration/administrators"))[0] == 403


async def test_a_customer_cannot_make_a_payment(splynx: RunningSplynx) -> None:
    token = await splynx.customer(17)

    answer = await splynx.call(
        "POST",
        "admin/finance/payments",
        body={"customer_id": 17, "amount": "1.0000"},
        authorization=token,
    )

    assert answer.internal_code == "FORBIDDEN"
    assert len([row for row in splynx.sandbox.state.payments if row.added_by == "api"]) == 0


async def test_an_administrator_lists_administrators_and_an_addon_key_may_not(
    splynx: RunningSplynx,
) -> None:
    path = "admin/administration/administrators"
    token = await splynx.token(auth_type="admin", login="admin", password="sandbox")

    assert len((await splynx.call("GET", path, authorization=token)).body) == 2
    assert (await splynx.call("GET", path)).internal_code == "FORBIDDEN"


async def test_a_user_of_one_partner_does_not_reach_the_other(splynx: RunningSplynx) -> None:
    token = await splynx.token(auth_type="admin", login="kaze", password="sandbox")

    listed = await splynx.call("GET", "admin/finance/invoices", authorization=token)
    view = await splynx.call("GET", "admin/finance/invoices/1042", authorization=token)

    assert {row["customer_id"] for row in listed.body} == {21, 22}
    assert (view.status, view.internal_code) == (405, "NOT_ALLOWED_BY_PARTNER_RESTRICTION")


async def test_portal_calls_are_forbidden_to_api_keys(splynx: RunningSplynx) -> None:
    for path in ("portal/dashboard", "admin/auth/trusted-devices"):
        assert (await splynx.call("GET", path)).internal_code == "FORBIDDEN"


async def test_the_check_call_needs_no_login(splynx: RunningSplynx) -> None:
    answer = await splynx.call("GET", "admin/api/check", authorization="")

    assert answer.body["message"] == "API is valid"
