"""What the settings mean once they are valid: merging, secrets, partners, terms and origins."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta
from pathlib import Path

import pytest

from splynx_stripe.config import Settings
from splynx_stripe.domain.statement import StatementGrouping
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.domain.timing import Timing
from tests.unit.config_folder import KEYS, LIVE_KEY, SECRET_KEY, WEBHOOK_SECRET, ConfigFolder

SPLYNX = """
public_url: https://isp.example.net/stripe/
splynx: {url: https://isp.example.net, api_key: k, api_secret_file: splynx.secret, timezone: UTC}
"""


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path).secret("stripe.key").secret("splynx.secret", "hunter2")


def two_accounts(folder: ConfigFolder) -> Settings:
    folder.write(
        SPLYNX
        + """
settings: {language: de, statement_grouping: day, payment_account: All}
partners:
  default: {currency: EUR, country: CZ, publishable_key: pk_test_1, secret_key_file: stripe.key,
            webhook_secret_file: [old.secret, new.secret], payment_account: Default's}
  2: {currency: USD, publishable_key: pk_live_2, secret_key_file: two.key, language: en}
  3: {payment_account: Three's}
"""
    )
    folder.secret("two.key", LIVE_KEY)
    folder.secret("old.secret", WEBHOOK_SECRET).secret("new.secret", WEBHOOK_SECRET + "2")
    return folder.load()


def test_a_fresh_install_is_valid_and_says_what_is_missing(folder: ConfigFolder) -> None:
    settings = folder.write("# nothing yet\n").load()

    assert not settings.connected
    assert settings.accounts() == {}
    assert settings.terms(1) is None
    assert settings.timing() == Timing()
    assert settings.polling_interval == timedelta(seconds=60)
    assert [sentence.split("`")[1] for sentence in settings.missing] == [
        "public_url",
        "splynx.url",
        "splynx.api_key",
        "splynx.api_secret_file",
        "currency",
    ]


def test_sections_whose_keys_are_all_commented_out_are_empty(folder: ConfigFolder) -> None:
    settings = folder.write("listen:\nsplynx:\n  url:\npartners:\n  default:\n  2:\n").load()

    assert settings.listen.port == 8085
    assert settings.explain_general()[0] == ("listen.host", "127.0.0.1", "default")


def test_with_addresses_keys_and_currency_it_is_connected(folder: ConfigFolder) -> None:
    settings = folder.write(SPLYNX + KEYS).load()

    assert settings.connected
    assert settings.public_url == "https://isp.example.net/stripe"
    assert settings.splynx.url == "https://isp.example.net/"
    assert settings.splynx_api_secret is not None
    assert settings.splynx_api_secret.reveal() == "hunter2"
    assert settings.warnings == ()


def test_http_is_taken_on_loopback(folder: ConfigFolder) -> None:
    for host in ("127.0.0.1:8085", "localhost", "[::1]:1"):
        settings = folder.write(f"public_url: http://{host}/stripe").load()
        assert settings.public_url == f"http://{host}/stripe"


def test_files_of_config_d_win_in_the_order_of_their_names(folder: ConfigFolder) -> None:
    folder.write("settings: {language: en, payment_types: [card, ach]}\nlisten: {port: 1}")
    folder.drop_in("20.yaml", "settings: {language: cs}").drop_in(
        "10.yaml", "settings:\n  language: de\n  payment_types: [card]"
    )
    folder.drop_in("30.yaml~", "settings: {language: fr}").drop_in(".40.yaml", "listen: {port: 2}")

    settings = folder.load()

    origins = {key: (value, origin) for key, value, origin in settings.explain()}
    assert origins["language"] == ("cs", "config.d/20.yaml:1")
    assert origins["payment_types"] == (["card"], "config.d/10.yaml:3")
    assert ("listen.port", 1, "config.yaml:2") in settings.explain_general()


def test_norway_is_a_country_and_not_false(folder: ConfigFolder) -> None:
    folder.write(KEYS.replace("CZ", "NO"))

    terms = folder.load().terms(1)

    assert terms is not None
    assert terms.country == "NO"


def test_a_partner_takes_its_own_value_then_defaults_then_settings_then_built_in(
    folder: ConfigFolder,
) -> None:
    settings = two_accounts(folder)

    second, third, unknown = settings.terms(2), settings.terms(3), settings.terms(77)

    assert second is not None
    assert third is not None
    assert unknown is not None
    assert [second.language, third.language] == ["en", "de"]
    assert [second.payment_account, third.payment_account] == ["Default's", "Three's"]
    assert [second.currency, third.currency, unknown.currency] == ["USD", "EUR", "EUR"]
    assert [second.country, third.country] == ["CZ", "CZ"]
    assert second.statement_grouping is StatementGrouping.DAY
    assert second.credit_card_payment_method == "Credit card"
    assert settings.business(3).payment_account == "Three's"
    assert unknown.partner_id == 77


def test_a_partner_with_keys_has_its_own_account_and_takes_no_key_of_another(
    folder: ConfigFolder,
) -> None:
    settings = two_accounts(folder)

    second, third = settings.terms(2), settings.terms(3)

    assert second is not None
    assert third is not None
    assert second.account == StripeAccount("2", livemode=True)
    assert third.account == StripeAccount("default", livemode=False)
    assert [second.publishable_key, third.publishable_key] == ["pk_live_2", "pk_test_1"]
    assert settings.accounts()[second.account].webhook_secrets == ()


def test_several_webhook_secrets_are_in_force_at_once(folder: ConfigFolder) -> None:
    keys = two_accounts(folder).accounts()[StripeAccount("default", livemode=False)]

    assert keys.secret_key.reveal() == SECRET_KEY
    assert [secret.reveal() for secret in keys.webhook_secrets] == [
        WEBHOOK_SECRET,
        WEBHOOK_SECRET + "2",
    ]


def test_a_partner_without_keys_or_currency_cannot_be_charged(folder: ConfigFolder) -> None:
    folder.write("partners: {default: {currency: EUR}, 2: {country: US}}")

    settings = folder.load()

    assert settings.terms(1) is None
    assert settings.terms(2) is None


def test_a_systemd_credential_is_taken_before_a_file_of_the_same_name(
    folder: ConfigFolder, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    ConfigFolder(credentials).secret("stripe.key", SECRET_KEY + "Credential", mode=0o400)
    folder.write(KEYS)

    settings = folder.load(credentials_dir=credentials)

    [keys] = settings.accounts().values()
    assert keys.secret_key.reveal() == SECRET_KEY + "Credential"
    assert settings.warnings == ()


def test_no_secret_shows_in_any_print_dump_or_copy(folder: ConfigFolder) -> None:
    settings = two_accounts(folder)

    shown = "".join(
        [
            repr(settings),
            str(settings),
            settings.document.model_dump_json(),
            repr(settings.accounts()),
            repr(copy.copy(settings)),
            repr([settings.explain(2), settings.explain(), settings.explain_general()]),
            pickle.dumps(dict(settings.accounts())).decode("latin-1"),
        ]
    )

    for secret in (SECRET_KEY, LIVE_KEY, WEBHOOK_SECRET, "hunter2"):
        assert secret not in shown
    assert ("secret_key_file", "two.key (***)", "config.yaml:8") in settings.explain(2)


def test_a_database_password_is_masked(folder: ConfigFolder) -> None:
    settings = folder.write("database: {url: 'postgresql://me:hunter2@db/x'}").load()

    assert ("database.url", "postgresql://me:***@db/x", "config.yaml:1") in (
        settings.explain_general()
    )
    assert "hunter2" not in repr(settings)


def test_timing_is_given_in_the_units_of_its_names(folder: ConfigFolder) -> None:
    settings = folder.write(
        "timing: {look_every_s: 0.5, key_protects_for_h: 2, polling_interval_s: 7}"
    ).load()

    assert settings.timing() == Timing(
        look_every=timedelta(milliseconds=500), key_protects_for=timedelta(hours=2)
    )
    assert settings.polling_interval == timedelta(seconds=7)
