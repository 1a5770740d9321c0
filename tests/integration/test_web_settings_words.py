"""What the settings page says about mistakes and contradictions, in the administrator's language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markupsafe import escape

from splynx_stripe.domain.page_setting import PageSetting
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.store.store import SqlStore
from tests.integration.test_web_settings import SECRET_KEY, entering, sitting
from tests.integration.web_stage import check_page
from tests.unit.config_folder import KEYS


async def test_what_is_wrong_is_said_in_the_administrators_language(
    store: SqlStore, tmp_path: Path
) -> None:
    """The reason, the way out and the facts in them; on the page and as a field is left."""
    wanted = {
        "currency": "'XXQ' není měna. Napište třípísmenný kód, například EUR.",
        "publishable_key": "Toto není veřejný klíč.",
        "payment_account": "Toto je prázdné. Zadejte hodnotu, nebo zvolte tu nad ní.",
    }
    changes = {"currency": "XXQ", "payment_account": "", "publishable_key": "sk_1"}
    async with sitting(store, tmp_path, language="cs") as office:
        fields = await office.form() | entering({**changes, "secret_key": SECRET_KEY})

        checked = json.loads((await office.sends(fields, to="check")).text)
        refused = await office.sends(fields)

    for key, sentence in wanted.items():
        assert checked[key].startswith(sentence), checked[key]
        assert escape(sentence) in refused.text, key


async def test_what_is_stored_and_cannot_be_is_told_in_the_administrators_language(
    store: SqlStore, tmp_path: Path
) -> None:
    row = PageSetting("2", "currency", '"EURO"', "", 1, SystemClock().now(), "admin:0")
    await store.run(lambda unit: unit.save_page_setting(row))
    await store.run(lambda unit: unit.raise_settings_version())

    async with sitting(store, tmp_path, language="cs") as office:
        answer = await office.page("2")

    assert escape("'EURO' není měna.") in answer.text
    assert "Administrátor" in answer.text


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        (
            {"grant_access_to_unauthorized_customers": "yes", "top_up_amounts": "20, 50"},
            (
                "Customers pay in EUR with: Card",
                "without signing in: https://isp.example.net/stripe/direct-pay-invoice?item_id=",
                "The payment form does not offer to save",
                "A balance can be topped up with €1.00 to €1,000.00.",
            ),
        ),
        (
            {"offer_to_save_payment_credentials": "yes", "top_up_amounts": ""},
            (
                "Plain payment links lead to the sign-in",
                "The payment form offers to save",
                "Nobody can top up",
            ),
        ),
    ],
)
async def test_what_customers_could_do_is_shown_before_anything_is_saved(
    store: SqlStore, tmp_path: Path, changes: dict[str, str], sentences: tuple[str, ...]
) -> None:
    (tmp_path / "stripe.key").touch(mode=0o600)
    (tmp_path / "stripe.key").write_text(SECRET_KEY, encoding="utf-8")
    async with sitting(store, tmp_path, KEYS) as office:
        fields = await office.form() | entering(changes) | {"try": "customers"}

        text = check_page(await office.sends(fields, to="try"))

        assert await office.rows() == {}
    for sentence in sentences:
        assert sentence in text


async def test_what_a_customer_is_told_of_a_failed_payment_is_shown_in_the_customers_language(
    store: SqlStore, tmp_path: Path
) -> None:
    async with sitting(store, tmp_path) as office:
        entered = {"language": "de", "currency": "EUR", "notification_intro": "Servus!"}
        fields = await office.form() | entering(entered) | {"try": "notice"}

        answer = await office.sends(fields, to="try")

        assert await office.rows() == {}
    text = check_page(answer)
    assert "Servus!" in text
    assert "202611000042" in text
    assert "49,90\N{NO-BREAK SPACE}€" in answer.text
    assert "27. November 2026" in text
    assert "Switch on “Failed payment notifications”." in text


async def test_a_partner_that_nobody_can_pay_is_told_what_it_needs(
    store: SqlStore, tmp_path: Path
) -> None:
    async with sitting(store, tmp_path) as office:
        fields = await office.form() | {"try": "customers"}

        text = check_page(await office.sends(fields, to="try"))

    assert "Nobody of this partner can pay online. It needs a Stripe account" in text


async def test_the_choice_of_authentication_that_contradicts_what_is_there_is_told(
    store: SqlStore, tmp_path: Path
) -> None:
    async with sitting(store, tmp_path) as office:
        await office.saves({"authentication_type": "oauth"})

        text = check_page(await office.page())

    assert "No account is connected yet. Connect the account under Stripe accounts" in text
    assert "Stored, but left out" not in text
