"""The form of charge runs shows Splynx's own names, and can do without them."""

from __future__ import annotations

from datetime import timedelta

from splynx_stripe.daemon.filter_names import SplynxFilterNames
from splynx_stripe.gateways.splynx.remembered import KEPT_S
from splynx_stripe.web.charge_desk import FilterNames
from tests.contract.splynx_gateway_rig import splynx_rig

_LOCATIONS = "admin/administration/locations"


async def test_partners_locations_and_payment_methods_have_names() -> None:
    async with splynx_rig() as rig:
        names = await SplynxFilterNames(rig.gateway, rig.clock).names()

    assert names.partners == {1: "Main", 2: "Kaze Net"}
    assert names.locations == {1: "Prague", 2: "Osaka"}
    assert names.payment_methods is not None
    assert names.payment_methods[2] == "Bank transfer"


async def test_names_are_asked_for_once_a_minute() -> None:
    async with splynx_rig() as rig:
        source = SplynxFilterNames(rig.gateway, rig.clock)

        for _ in range(3):
            await source.names()
        before = rig.count("GET", _LOCATIONS)
        rig.clock.moment += timedelta(seconds=KEPT_S)
        await source.names()

        assert (before, rig.count("GET", _LOCATIONS)) == (1, 2)


async def test_what_splynx_does_not_tell_is_left_out_and_asked_again_next_time() -> None:
    async with splynx_rig() as rig:
        source = SplynxFilterNames(rig.gateway, rig.clock)
        rig.sandbox.state.api_keys["sandbox-key"].permissions -= {
            ("admin\\administration\\Locations", "index")
        }

        forbidden = await source.names()
        rig.sandbox.state.api_keys["sandbox-key"].permissions |= {
            ("admin\\administration\\Locations", "index")
        }
        allowed = await source.names()

    assert (forbidden.partners, forbidden.locations) == ({1: "Main", 2: "Kaze Net"}, None)
    assert allowed.locations == {1: "Prague", 2: "Osaka"}


async def test_a_splynx_that_is_down_keeps_nobody_from_the_form() -> None:
    async with splynx_rig() as rig:
        source = SplynxFilterNames(rig.gateway, rig.clock)
        rig.spoil("*", ".*", when="before", action="status", status=500, times=-1)

        assert await source.names() == FilterNames()
