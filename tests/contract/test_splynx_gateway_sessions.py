"""Who looks at a page is told by Splynx; ambiguity is nobody (I8)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.splynx import Viewer
from splynx_stripe.sandbox.splynx.state import Session
from tests.contract.splynx_gateway_rig import TOKENS_PATH, SplynxRig, splynx_rig

SESSION_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def rig() -> AsyncIterator[SplynxRig]:
    async with splynx_rig() as running:
        yield running


async def test_a_portal_customer_is_recognised(rig: SplynxRig) -> None:
    rig.log_in_browser(SESSION_ID, Session(kind="customer", user_id=18))

    assert await rig.gateway.viewer_of_session(SESSION_ID) == Viewer(customer_id=18)


async def test_an_administrator_among_several_has_no_known_id(rig: SplynxRig) -> None:
    rig.log_in_browser(SESSION_ID, Session(kind="administrator", user_id=1))

    assert await rig.gateway.viewer_of_session(SESSION_ID) == Viewer(administrator_id=0)


async def test_the_only_administrator_is_known_by_id(rig: SplynxRig) -> None:
    rig.sandbox.state.administrators.remove(rig.sandbox.state.administrators[2])
    rig.log_in_browser(SESSION_ID, Session(kind="administrator", user_id=1))

    assert await rig.gateway.viewer_of_session(SESSION_ID) == Viewer(administrator_id=1)


@pytest.mark.parametrize(
    ("partners", "visible"), [((2, 2), 2), ((0, 2), 0), ((1, 2), 0), ((0, 0), 0)]
)
async def test_who_sees_administrators_of_one_partner_only_belongs_to_it(
    rig: SplynxRig, partners: tuple[int, int], visible: int
) -> None:
    rows = json.dumps(
        [{"id": number, "partner_id": partner} for number, partner in enumerate(partners, 1)]
    )
    rig.log_in_browser(SESSION_ID, Session(kind="administrator", user_id=1))
    path = "admin/administration/administrators"
    rig.spoil("GET", path, action="status", when="before", status=200, body=rows)

    assert await rig.gateway.viewer_of_session(SESSION_ID) == Viewer(
        administrator_id=0, partner_id=visible
    )


async def test_an_unknown_session_is_nobody(rig: SplynxRig) -> None:
    assert await rig.gateway.viewer_of_session(SESSION_ID) is None


@pytest.mark.parametrize("session_id", ["", "short", "x" * 129, "0123456789abcdef/../../0123"])
async def test_what_is_no_session_id_is_not_even_asked(rig: SplynxRig, session_id: str) -> None:
    assert await rig.gateway.viewer_of_session(session_id) is None
    assert rig.exchanges == []


@pytest.mark.parametrize("rows", ["[]", '[{"id":17},{"id":18}]'])
async def test_who_does_not_see_exactly_one_customer_is_nobody(rig: SplynxRig, rows: str) -> None:
    rig.log_in_browser(SESSION_ID, Session(kind="customer", user_id=18))
    rig.spoil(
        "GET", "admin/customers/customer", action="status", when="before", status=200, body=rows
    )

    assert await rig.gateway.viewer_of_session(SESSION_ID) is None


async def test_staff_that_sees_one_customer_is_not_that_customer(rig: SplynxRig) -> None:
    rig.log_in_browser(SESSION_ID, Session(kind="customer", user_id=18))
    granted = (
        '{"access_token":"t","access_token_expiration":4102444800,"refresh_token":"r",'
        '"refresh_token_expiration":4102444800,'
        '"permissions":{"admin\\\\customers\\\\Customer":{"index":"allow","add":"allow"}}}'
    )
    rig.spoil("POST", TOKENS_PATH, action="status", when="before", status=201, body=granted)

    assert await rig.gateway.viewer_of_session(SESSION_ID) is None


@pytest.mark.parametrize("path", [TOKENS_PATH, "admin/customers/customer"])
@pytest.mark.parametrize(
    "spoilt",
    [{"action": "drop", "times": 2}, {"action": "truncate"}, {"action": "status", "status": 500}],
)
async def test_a_splynx_that_cannot_be_asked_makes_nobody_a_stranger(
    rig: SplynxRig, path: str, spoilt: dict[str, object]
) -> None:
    rig.log_in_browser(SESSION_ID, Session(kind="customer", user_id=18))
    rig.spoil("*", path, when="after", **spoilt)

    with pytest.raises(RetryableError):
        await rig.gateway.viewer_of_session(SESSION_ID)
