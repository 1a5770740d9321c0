"""Files, settings page and defaults: which value is in force, and what a bad one does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from pydantic import JsonValue

from splynx_stripe.config import PageValues, Settings, load_settings, with_page_values
from splynx_stripe.config.business import BUSINESS_KEYS
from splynx_stripe.config.page_values import PAGE_KEYS, read_page_values
from splynx_stripe.domain.page_setting import PageSetting, sealing_place
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.sealing import Sealer, new_key_line
from splynx_stripe.kit.secret import Secret
from tests.unit.config_folder import KEYS, LIVE_KEY, SECRET_KEY, ConfigFolder

LANGUAGES = ("cs", "de", "fr", "es", "pl", "uk")
BUILT_IN = "en"


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path).secret("stripe.key")


def page(**sections: dict[str, JsonValue]) -> PageValues:
    """Makes page values; a partner's section is written `_2`."""
    return PageValues({name.removeprefix("_"): values for name, values in sections.items()})


places = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(LANGUAGES)
        for name in ("yaml_2", "page_2", "yaml_default", "yaml_settings", "page_default")
    },
)


def _loaded(folder: Path, found: dict[str, str]) -> Settings:
    document: dict[str, object] = {}
    if "yaml_settings" in found:
        document["settings"] = {"language": found["yaml_settings"]}
    document["partners"] = {
        section: {"language": found[f"yaml_{section}"]}
        for section in ("2", "default")
        if f"yaml_{section}" in found
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    values: dict[str, dict[str, JsonValue]] = {
        section: {"language": found[f"page_{section}"]}
        for section in ("2", "default")
        if f"page_{section}" in found
    }
    written = load_settings(folder / "config.yaml", credentials_dir=None)
    return with_page_values(written, PageValues(values))


@given(found=places)
@hypothesis_settings(
    max_examples=64, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_files_win_over_the_page_and_a_partner_over_what_it_inherits(
    tmp_path: Path, found: dict[str, str]
) -> None:
    settings = _loaded(tmp_path, found)

    of_two = ("yaml_2", "page_2", "yaml_default", "yaml_settings", "page_default")
    of_default = ("yaml_default", "yaml_settings", "page_default")
    first_of_two = next((found[place] for place in of_two if place in found), BUILT_IN)
    first_of_default = next((found[place] for place in of_default if place in found), BUILT_IN)
    assert settings.business(2).language == first_of_two
    assert settings.business(None).language == first_of_default
    assert settings.business(7).language == first_of_default
    assert bool(settings.written_at("2", "language")) == ("yaml_2" in found)
    assert bool(settings.written_at("default", "language")) == (
        not {"yaml_default", "yaml_settings"}.isdisjoint(found)
    )


_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    values=st.dictionaries(
        st.sampled_from(["default", "2", "3"]),
        st.dictionaries(st.sampled_from([*PAGE_KEYS, "gone"]), _json),
    ),
    secrets=st.dictionaries(
        st.sampled_from(["default", "2"]),
        st.dictionaries(
            st.sampled_from(["secret_key", "webhook_secret"]),
            st.sampled_from([SECRET_KEY, LIVE_KEY, "x", ""]).map(Secret),
        ),
    ),
)
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_stored_the_settings_can_be_used_and_show_no_secret(
    tmp_path: Path, values: dict[str, dict[str, JsonValue]], secrets: dict[str, dict[str, Secret]]
) -> None:
    written = ConfigFolder(tmp_path).secret("stripe.key").write("partners: {3: {}}").load()

    settings = with_page_values(written, PageValues(values, secrets))

    for partner in (1, 2, 3):
        settings.terms(partner)
        shown = [str(one) for one in (*settings.explain(partner), *settings.warnings)]
        assert not any(key in text for key in (SECRET_KEY, LIVE_KEY) for text in shown)
    assert settings.business(2).payment_types


def test_a_value_of_the_page_says_so(folder: ConfigFolder) -> None:
    settings = with_page_values(folder.write(KEYS).load(), page(_2={"language": "cs"}))

    rows = {key: (value, origin) for key, value, origin in settings.explain(2)}
    assert rows["language"] == ("cs", "settings page")
    assert rows["currency"] == ("EUR", "config.yaml:3")
    assert settings.partner_sections() == ["default", "2"]


def test_an_impossible_value_is_left_out_with_a_warning(folder: ConfigFolder) -> None:
    written = folder.write(KEYS).load()

    settings = with_page_values(written, page(_2={"statement_grouping": "year", "language": "cs"}))

    assert settings.business(2).statement_grouping == "month"
    assert settings.business(2).language == "cs"
    [warning] = settings.warnings
    assert str(warning).startswith("settings page: partners.2.statement_grouping: ")


def test_with_a_currency_that_cannot_be_nobody_is_charged_in_another(folder: ConfigFolder) -> None:
    settings = with_page_values(folder.write(KEYS).load(), page(_2={"currency": "EURO"}))

    assert settings.terms(2) is None
    assert settings.terms(3) is not None


def test_with_keys_that_cannot_be_nobody_is_charged_with_another_account(
    folder: ConfigFolder,
) -> None:
    written = folder.write(KEYS).load()
    of_two = {"publishable_key": "pk_test_2"}

    no_secret = with_page_values(written, page(_2=dict(of_two)))
    wrong = with_page_values(
        written, PageValues({"2": dict(of_two)}, {"2": {"secret_key": Secret(LIVE_KEY)}})
    )
    closed = with_page_values(
        written, PageValues({"2": dict(of_two)}, unreadable={("2", "secret_key"): "no key."})
    )

    for settings in (no_secret, wrong, closed):
        assert settings.terms(2) is None
        assert settings.terms(3) is not None
        assert settings.warnings


def test_an_account_of_the_page_is_the_partners_own(folder: ConfigFolder) -> None:
    written = folder.write(KEYS).load()
    secrets = {"2": {"secret_key": Secret(LIVE_KEY), "webhook_secret": Secret("whsec_2")}}

    settings = with_page_values(
        written, PageValues({"2": {"publishable_key": "pk_live_2"}}, secrets)
    )

    terms = settings.terms(2)
    assert terms is not None
    assert terms.account.key == "2:live"
    assert settings.accounts()[terms.account].webhook_secrets == (Secret("whsec_2"),)
    rows = {key: (value, origin) for key, value, origin in settings.explain(2)}
    assert rows["secret_key_file"] == ("***", "settings page")


def test_keys_in_a_file_win_over_those_of_the_page(folder: ConfigFolder) -> None:
    written = folder.write(KEYS).load()
    stored = PageValues(
        {"default": {"publishable_key": "pk_live_9"}}, {"default": {"secret_key": Secret(LIVE_KEY)}}
    )

    settings = with_page_values(written, stored)

    [keys] = settings.accounts().values()
    assert keys.publishable_key == "pk_test_1"


def test_the_same_keys_twice_are_not_two_accounts(folder: ConfigFolder) -> None:
    stored = PageValues(
        {"2": {"publishable_key": "pk_test_1"}}, {"2": {"secret_key": Secret(SECRET_KEY)}}
    )

    settings = with_page_values(folder.write(KEYS).load(), stored)

    assert len(settings.accounts()) == 1
    assert settings.terms(2) is None
    assert "same Stripe account" in str(settings.warnings[0])


def test_an_account_that_cannot_be_used_now_is_not_replaced_by_the_default_one(
    folder: ConfigFolder,
) -> None:
    settings = folder.write(KEYS).load()

    assert settings.with_accounts({"2": None}).terms(2) is None
    found = settings.section_accounts["default"]
    assert settings.with_accounts({"default": None}).section_accounts["default"] is found


def test_further_webhook_secrets_are_believed_beside_the_known_ones(folder: ConfigFolder) -> None:
    settings = folder.write(KEYS).load()
    [account] = settings.accounts()
    more = (Secret("whsec_a"), Secret("whsec_b"))

    settings = settings.with_webhook_secrets({account: more}).with_webhook_secrets({account: more})

    assert settings.accounts()[account].webhook_secrets == more


def test_stored_rows_are_read_and_what_does_not_open_is_told() -> None:
    sealer, other = Sealer(Secret(new_key_line("a"))), Sealer(Secret(new_key_line("b")))
    place = sealing_place("2", "secret_key")
    now = SystemClock().now()
    rows = [
        PageSetting("2", "language", json.dumps("cs"), "", 1, now, "admin:1"),
        PageSetting("2", "country", "", "", 1, now, "admin:1"),
        PageSetting("2", "secret_key", "", sealer.seal("sk", place), 1, now, "admin:1"),
        PageSetting("2", "webhook_secret", "", other.seal("x", place), 1, now, "admin:1"),
        PageSetting("3", "language", "{", "", 1, now, "admin:1"),
    ]

    values = read_page_values(rows, sealer)

    assert values.values == {"2": {"language": "cs"}}
    assert values.secrets["2"]["secret_key"].reveal() == "sk"
    assert set(values.unreadable) == {("2", "webhook_secret"), ("3", "language")}
    assert values.sections == {"2", "3"}


@pytest.mark.parametrize(
    ("key", "value", "is_fine"),
    [
        ("language", "cs", True),
        ("language", "Czech", False),
        ("payment_types", ["card", "ach"], True),
        ("payment_types", ["ach", "pad"], False),
        ("top_up_amounts", [], True),
        ("top_up_amounts", ["20", "5000"], False),
    ],
)
def test_a_value_is_judged_as_in_the_files(
    folder: ConfigFolder, key: str, value: JsonValue, *, is_fine: bool
) -> None:
    written = folder.write(KEYS.replace("EUR", "USD")).load()

    settings = with_page_values(written, page(_2={key: value, "currency": "USD"}))

    assert (settings.warnings == ()) is is_fine


def test_every_business_setting_can_be_made_on_the_page() -> None:
    assert set(BUSINESS_KEYS) < set(PAGE_KEYS)
