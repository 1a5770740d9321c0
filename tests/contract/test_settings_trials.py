"""The trials of the settings page, on the sandboxes: what works is said, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from splynx_stripe.config import PageValues, Settings, load_settings, with_page_values
from splynx_stripe.daemon.settings_trials import OutsideTrials
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.secret import Secret
from tests.contract.splynx_gateway_rig import splynx_rig
from tests.contract.stripe_sandbox_running import SECRET_KEY, running

PARTNERS = "admin/administration/partners"


def settings_of(folder: Path, text: str = "") -> Settings:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load_settings(folder / "config.yaml", credentials_dir=None)


async def test_splynx_is_asked_for_reach_permissions_and_names(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "partners: {2: {credit_card_payment_method: Plastic}}")
    async with splynx_rig() as rig:
        key = rig.sandbox.state.api_keys["sandbox-key"]
        key.permissions = frozenset(
            one for one in key.permissions if not one[0].endswith("Partners")
        )
        trials = OutsideTrials(rig.gateway, SystemClock())

        of_default = await trials.splynx(settings, "default")
        of_two = await trials.splynx(settings, "2")
        partners = await trials.partners()

    assert of_default[0].text.startswith("Splynx answers at")
    assert any("may not use api\\admin\\administration\\Partners" in one.text for one in of_default)
    assert any("“Credit card” exists" in one.text and one.well for one in of_default)
    assert any("“Stripe” exists" in one.text and one.well for one in of_default)
    [missing] = [one for one in of_two if "Plastic" in one.text]
    assert not missing.well
    assert "Choose one of" in missing.mend
    assert partners is None


async def test_splynx_is_asked_for_its_partners_once_a_minute() -> None:
    async with splynx_rig() as rig:
        trials = OutsideTrials(rig.gateway, rig.clock)
        first = [await trials.partners() for _ in range(3)]
        asked = rig.count("GET", PARTNERS)

    assert first == [{1: "Main", 2: "Kaze Net"}] * 3
    assert asked == 1


async def test_a_splynx_that_does_not_answer_is_a_line_not_an_error(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    async with splynx_rig() as rig:
        gateway = rig.another_gateway(url="http://127.0.0.1:1/")
        silent, unknown = OutsideTrials(gateway, rig.clock), OutsideTrials(None, rig.clock)

        [refused] = await silent.splynx(settings, "default")
        [missing] = await unknown.splynx(settings, "default")
        partners = [await silent.partners(), await unknown.partners()]

    assert not refused.well
    assert refused.text == "Splynx does not answer as it should"
    assert "setup" in missing.mend
    assert partners == [None, None]


@pytest.mark.parametrize(
    ("secret_key", "works"), [(SECRET_KEY, True), ("sk_test_" + "wrong", False)]
)
async def test_stripe_is_asked_with_the_keys_that_were_entered(
    tmp_path: Path, secret_key: str, *, works: bool
) -> None:
    async with running() as stripe:
        written = settings_of(tmp_path, f"stripe: {{api_base: '{stripe.base}'}}")
        entered = PageValues(
            {"default": {"publishable_key": "pk_test_1"}},
            {"default": {"secret_key": Secret(secret_key)}},
        )
        trials = OutsideTrials(None, SystemClock())

        lines = await trials.stripe(with_page_values(written, entered), "default")
        [none] = await trials.stripe(written, "default")

    assert lines[0].well is works
    assert secret_key not in repr(lines)
    assert ("test mode" in lines[0].text) is works
    assert none.text == "There is no Stripe account for this partner."
