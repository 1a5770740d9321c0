"""What `config check` says about each mistake: the file, the line, the key and the way out."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pytest
from hypothesis import given, settings, strategies as st

from splynx_stripe.config import ConfigError
from tests.unit.config_folder import KEYS, LIVE_KEY, SECRET_KEY, WEBHOOK_SECRET, ConfigFolder


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path)


def one_problem(folder: ConfigFolder) -> str:
    problems = folder.problems()
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        (
            "lisen: {port: 1}",
            "config.yaml:1: lisen: there is no such setting. Did you mean 'listen'?",
        ),
        (
            "currency: EUR",
            "config.yaml:1: currency: there is no such setting. Move it to `partners.default`.",
        ),
        (
            "logging:\n  zzz: 1",
            "config.yaml:2: logging.zzz: there is no such setting. Remove it, or use one of: level.",
        ),
        (
            "listen:\n  port: http",
            (
                "config.yaml:2: listen.port: this must be a whole number."
                " Write digits only, without quotes."
            ),
        ),
        (
            "listen: {port: 99999}",
            "config.yaml:1: listen.port: this is too large. It must be 65535 or less.",
        ),
        (
            "settings:\n  change_payment_method: yes",
            (
                "config.yaml:2: settings.change_payment_method: this must be true or false."
                " Write true or false, without quotes."
            ),
        ),
        (
            "settings: {statement_grouping: months}",
            (
                "config.yaml:1: settings.statement_grouping: this is not one of the possible values."
                " Did you mean 'month'? Write 'month' or 'day'."
            ),
        ),
        (
            "settings: {payment_account: 7}",
            (
                "config.yaml:1: settings.payment_account: this must be text."
                ' Put it in quotes, such as "2024".'
            ),
        ),
        (
            "settings: {payment_types: card}",
            (
                "config.yaml:1: settings.payment_types: this must be a list."
                " Write [one] or [one, two]."
            ),
        ),
        (
            "settings:\n  payment_types: [card, ach, becs]",
            (
                "config.yaml:2: settings.payment_types: there are 2 bank types (ach, becs); a partner"
                " can have one. Keep one of them here and give the others to other partners under"
                " `partners:`."
            ),
        ),
        (
            "settings:\n  payment_types:\n    - card\n    - cash",
            (
                "config.yaml:4: settings.payment_types.1: this is not one of the possible values."
                " Write 'card', 'ach', 'becs' or 'pad'."
            ),
        ),
        (
            "settings: {payment_types: []}",
            (
                "config.yaml:1: settings.payment_types: no way to pay is left."
                " Name at least one, such as [card]."
            ),
        ),
        (
            "splynx: https://isp.example.net",
            (
                "config.yaml:1: splynx: this is a section."
                " Write its keys below it, indented by two spaces."
            ),
        ),
        (
            "public_url: http://isp.example.net/stripe",
            (
                "config.yaml:1: public_url: http is not safe here: cards, sessions and keys would"
                " cross the network unencrypted. Write https://isp.example.net/stripe (http is taken"
                " on loopback only)."
            ),
        ),
        (
            "public_url: isp.example.net",
            "config.yaml:1: public_url: this is not a web address. Write https://host/path.",
        ),
        (
            "public_url: https://isp.example.net:0x/",
            "config.yaml:1: public_url: this is not a web address. Write https://host/path.",
        ),
        (
            'settings:\n  message_template: "Pay {{ invoice }}"',
            (
                "config.yaml:2: settings.message_template: {{ invoice }} is not a placeholder."
                " Use only {{ customer.email }}, {{ type }}, {{ id }}, {{ date }}."
            ),
        ),
        (
            "partners: {default: {currency: eur}}",
            (
                "config.yaml:1: partners.default.currency: 'eur' is not a currency."
                " Did you mean 'EUR'? Write the three-letter code, such as EUR."
            ),
        ),
        (
            "partners: {default: {country: cz}}",
            (
                "config.yaml:1: partners.default.country: 'cz' is not a country."
                " Did you mean 'CZ'? Write the two-letter code, such as CZ."
            ),
        ),
        (
            "settings: {language: pt-BR}",
            (
                "config.yaml:1: settings.language: 'pt-BR' is not a language of our pages."
                " Did you mean 'pt'? Write one of cs, de, en, es, fr, pl, pt, uk."
            ),
        ),
        (
            "splynx: {timezone: Europe/Praha}",
            (
                "config.yaml:1: splynx.timezone: 'Europe/Praha' is not a time zone. Did you mean"
                " 'Europe/Prague'? Write a name such as Europe/Prague (`timedatectl list-timezones`)."
            ),
        ),
        (
            "partners:\n  main: {currency: EUR}",
            (
                "config.yaml:2: partners.main: this is not a partner."
                " Write `default` or the partner's id in Splynx, such as 2."
            ),
        ),
        (
            "partners: {0: {currency: EUR}}",
            (
                "config.yaml:1: partners.0: this is not a partner."
                " Write `default` or the partner's id in Splynx, such as 2."
            ),
        ),
        (
            "timing: {key_protects_for_h: 24}",
            "config.yaml:1: timing.key_protects_for_h: this is too large. It must be 23 or less.",
        ),
        (
            "listen:\n  host: 127.0.0.1\n  unix: /run/x.sock",
            (
                "config.yaml:3: listen.unix: there is a host or port beside the Unix socket."
                " Keep either `unix` or `host` and `port`."
            ),
        ),
        (
            "database: {url: mysql://x/y}",
            (
                "config.yaml:1: database.url: this is not the address of a database that we can use."
                " Write sqlite:////path/to/file.db or postgresql://user@host/name."
            ),
        ),
        (
            "partners:\n  default: {currency: EUR}\n  2: {payment_types: [ach]}",
            (
                "config.yaml:3: partners.2.payment_types: ach cannot take EUR."
                " It takes USD; remove ach for this partner."
            ),
        ),
        (
            "listen: {port: 1}\nlisten: {port: 2}",
            (
                "config.yaml:2: listen: the key is here twice; the first is on line 1."
                " Remove one of them."
            ),
        ),
        (
            "listen:\n  port: 1\n port: 2",
            (
                "config.yaml:3: this is not YAML: expected <block end>, but found '<block mapping"
                " start>'. Check the indentation, the colons and the quotes of this line and the one"
                " above."
            ),
        ),
        ("- a\n- b", "config.yaml:1: the file holds no keys. Write `key: value` on each line."),
        (
            "logging: {level: !!python/name:os.system debug}",
            "config.yaml:1: logging.level: a YAML tag is not allowed. Write the plain value.",
        ),
        (
            "partners: &all\n  default: *all",
            (
                "config.yaml:1: partners.default: an alias to itself is not allowed."
                " Write the plain value."
            ),
        ),
    ],
)
def test_each_mistake_is_told_with_file_line_key_and_way_out(
    folder: ConfigFolder, yaml: str, expected: str
) -> None:
    folder.write(yaml)

    assert one_problem(folder) == expected


def test_all_problems_of_all_files_are_told_at_once_in_reading_order(folder: ConfigFolder) -> None:
    folder.write(
        """
        public_url: http://isp.example.net/stripe
        settings:
          languages: en
          payment_types: [ach, pad]
        listen: {port: "80"}
        partners:
          default: {currency: EUR, publishable_key: pk_test_1, secret_key_file: gone.key}
        """
    )
    folder.drop_in("10-x.yaml", "logging: {level: loud}").drop_in("20-y.yaml", "a: [")

    keys = [problem.split(": ")[:2] for problem in folder.problems()]

    assert keys == [
        ["config.yaml:1", "public_url"],
        ["config.yaml:3", "settings.languages"],
        ["config.yaml:4", "settings.payment_types"],
        ["config.yaml:5", "listen.port"],
        ["config.yaml:7", "partners.default.secret_key_file"],
        ["config.d/10-x.yaml:1", "logging.level"],
        ["config.d/20-y.yaml:1", "this is not YAML"],
    ]


def test_a_missing_config_file_is_told_with_the_command_that_mends_it(folder: ConfigFolder) -> None:
    problem = one_problem(folder)

    assert problem.startswith("config.yaml: there is no such file. Install it with `apt-get")
    assert "splynx-stripe config check --config FILE" in problem


@pytest.mark.parametrize(
    "where", ["secret_key_file: {}", "secret_key: {}", "webhook_secret_file: [{}]"]
)
@pytest.mark.parametrize("secret", [SECRET_KEY, LIVE_KEY, WEBHOOK_SECRET])
def test_a_secret_in_the_yaml_is_refused_with_advice_to_rotate_it_and_not_printed(
    folder: ConfigFolder, where: str, secret: str
) -> None:
    folder.write(f"partners:\n  default:\n    {where.format(secret)}\n")

    problem = one_problem(folder)

    assert problem.startswith("config.yaml:3: partners.default.")
    assert "rotate it" in problem
    assert "into a file" in problem
    assert secret[8:] not in problem


def test_a_secret_in_place_of_a_key_or_in_broken_yaml_is_not_printed(folder: ConfigFolder) -> None:
    folder.write(f"{SECRET_KEY}: 1\n").drop_in("1.yaml", f'a: "{SECRET_KEY}\n')

    assert SECRET_KEY not in "".join(folder.problems())


def test_a_missing_secret_file_is_told_with_its_path(folder: ConfigFolder) -> None:
    folder.write(KEYS)

    assert one_problem(folder) == (
        "config.yaml:6: partners.default.secret_key_file: there is no file stripe.key. Put the"
        " secret and nothing else into it: `install -m 0640 -g splynx-stripe SECRET stripe.key`."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("  ", "the secret file stripe.key is empty."),
        ("sk_test_1\nsk_test_2", "the secret file stripe.key has spaces or lines."),
        ("sk_test_1é", "the secret file stripe.key is not plain text."),
        ("s" * 5000, "the secret file stripe.key is too long."),
        ("pk_test_private", "stripe.key does not hold a secret key of Stripe."),
        ("hunter2", "stripe.key does not hold a secret key of Stripe."),
    ],
)
def test_a_secret_file_that_holds_no_secret_key_is_told_without_its_content(
    folder: ConfigFolder, content: str, message: str
) -> None:
    folder.write(KEYS).secret("stripe.key", content)

    problem = one_problem(folder)

    assert problem.startswith(f"config.yaml:6: partners.default.secret_key_file: {message}")
    assert "hunter2" not in problem
    assert "private" not in problem


def test_a_secret_file_that_cannot_be_read_is_told_with_the_reason(folder: ConfigFolder) -> None:
    folder.write(KEYS)
    (folder.path / "stripe.key").mkdir()

    assert "the secret file stripe.key cannot be read: Is a directory." in one_problem(folder)


def test_a_secret_file_without_permission_is_told_with_the_command(
    folder: ConfigFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(KEYS).secret("stripe.key", mode=0)
    open_file = Path.open

    def open_as_others_do(file: Path, mode: str = "r") -> IO[Any]:
        """Root may open everything, so what another user would get is played."""
        if not file.stat().st_mode & 0o444:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
        return open_file(file, mode)

    monkeypatch.setattr(Path, "open", open_as_others_do)

    assert "cannot be read: Permission denied. Let the user" in one_problem(folder)


def test_keys_of_different_modes_are_refused(folder: ConfigFolder) -> None:
    folder.write(KEYS).secret("stripe.key", LIVE_KEY)

    assert one_problem(folder) == (
        "config.yaml:5: partners.default.publishable_key: this is a test key, but the secret key"
        " is a live key. Take both from the same mode of the same Stripe account."
    )


def test_a_webhook_secret_without_its_prefix_is_refused(folder: ConfigFolder) -> None:
    folder.write(KEYS + "    webhook_secret_file: [a, b]\n")
    folder.secret("stripe.key").secret("a", WEBHOOK_SECRET).secret("b", "hunter2")

    problem = one_problem(folder)

    assert (
        "config.yaml:7: partners.default.webhook_secret_file: b does not hold the sign" in problem
    )
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "publishable_key: pk_test_2\n    secret_key_file: b.key",
            "there is no currency, so nobody can be charged. Add partners.2.currency, such as EUR.",
        ),
        (
            "currency: EUR\n    secret_key_file: b.key",
            (
                "there is no publishable_key beside it; payment pages need it."
                " Add the publishable_key of the same Stripe account."
            ),
        ),
        (
            "webhook_secret_file: b.key",
            (
                "there is no secret_key_file beside it; the keys of an account belong together."
                " Add the secret_key_file of the same Stripe account, or remove this key."
            ),
        ),
    ],
)
def test_half_an_account_is_refused(folder: ConfigFolder, keys: str, expected: str) -> None:
    folder.write(f"partners:\n  2:\n    {keys}\n").secret("b.key")

    assert one_problem(folder).split(": ", 2)[2] == expected


def test_one_stripe_account_under_two_names_is_refused(folder: ConfigFolder) -> None:
    folder.write(KEYS + "  2: {publishable_key: pk_test_1, secret_key_file: copy.key}\n")
    folder.secret("stripe.key").secret("copy.key")

    assert one_problem(folder) == (
        "config.yaml:7: partners.2.secret_key_file: this is the same Stripe account as the one of"
        " partners.default. Keep the keys in one place: what stands under partners.default is"
        " shared by all partners that have no keys."
    )


def test_a_wrong_currency_is_not_also_told_as_missing(folder: ConfigFolder) -> None:
    folder.write(KEYS.replace("EUR", "Euro")).secret("stripe.key")

    assert "'Euro' is not a currency" in one_problem(folder)


def test_what_works_but_is_doubtful_is_a_warning(folder: ConfigFolder) -> None:
    folder.write(
        "listen: {host: 0.0.0.0}\n"
        "splynx: {url: https://isp.example.net}\n"
        "database: {url: 'postgresql://me:hunter2@db/x'}\n" + KEYS
    )
    folder.secret("stripe.key", mode=0o644).drop_in("10.yml", "a: 1")

    warnings = [
        str(warning).replace(f"{folder.path}/", "").split(". ")[0]
        for warning in folder.load().warnings
    ]

    assert warnings == [
        "config.d/10.yml: this file is not read",
        "config.yaml:10: partners.default.secret_key_file: other users can read or change stripe.key",
        "config.yaml:1: listen.host: the daemon listens beyond this machine, without TLS",
        (
            "config.yaml:2: splynx.timezone: not set, so days are those of UTC: payments near midnight"
            " get another day"
        ),
        "config.yaml:3: database.url: the password of the database is readable here",
    ]


WORDS = st.sampled_from(
    [
        *["partners", "default", "2", "settings", "payment_types", "currency", "listen", "port"],
        *["stripe", "requests_per_second", "total", "splynx", "url", "timing", "look_every_s"],
        *["secret_key_file", "webhook_secret_file", "publishable_key", "message_template", "x y"],
        *["", "~", "true", "1", "-5", "0.5", "1e9", "EUR", "[card, ach]", "{}", "[[]]", "{a: 1}"],
        *['"\\ud800"', "'{{'", "&a", "*a", "!!set {}", "? [1]", "|", "- a", "\t", "\x07", "%", "@"],
        *[
            "http://[x",
            "https://a:b@c/",
            "postgresql://[",
            "/dev/zero",
            "../..",
            "<<",
            "2024-01-01",
        ],
    ]
)
LINES = st.lists(
    st.tuples(st.sampled_from(["", "  ", "    "]), WORDS, st.sampled_from([": ", ":", " "]), WORDS),
    max_size=8,
)


@settings(deadline=None)
@given(LINES)
def test_whatever_is_written_gives_settings_or_problems_with_a_place_and_a_way_out(
    lines: list[tuple[str, str, str, str]],
) -> None:
    with TemporaryDirectory() as path:
        folder = ConfigFolder(Path(path))
        folder.main.write_text("\n".join("".join(line) for line in lines), encoding="utf-8")

        try:
            folder.load()
        except ConfigError as error:
            for problem in error.problems:
                assert problem.message
                assert problem.fix
