"""The settings page: who may see and change what, what is refused, and what is never shown."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from splynx_stripe.domain.page_setting import PageSetting
from splynx_stripe.kit.clock import SystemClock
from splynx_stripe.kit.ids import RandomIds
from splynx_stripe.store.store import SqlStore, open_store
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.admin.settings_fields import ACCOUNT_FIELDS, FIELDS
from splynx_stripe.web.settings_desk import SettingsDesk
from tests.integration.settings_stage import FakeTrials, desk_of, written_settings
from tests.integration.store_builders import attempt, collection
from tests.integration.web_stage import (
    ANNA,
    OLGA,
    PAUL,
    Answer,
    Stage,
    check_page,
    open_stage,
)

SECRET_KEY = "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"
PAGE = "/stripe/admin/settings"


@dataclass
class Office:
    """The stage, and the desk behind it."""

    stage: Stage
    desk: SettingsDesk
    store: SqlStore
    changed: list[str]

    async def page(self, partner: str = "default", session: str = OLGA) -> Answer:
        return await self.stage.page(f"{PAGE}?partner={partner}", session=session)

    async def form(self, partner: str = "default", session: str = OLGA) -> dict[str, str]:
        """Opens the page and gives what a browser would send, as it stands."""
        return form_of(await self.page(partner, session))

    async def sends(
        self,
        fields: Mapping[str, str],
        *,
        session: str = OLGA,
        to: str = "save",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        cookie = {"Cookie": f"PHPSESSID={session}", **(headers or {})}
        async with self.stage.client.post(
            f"{PAGE}/{to}", data=dict(fields), headers=cookie, allow_redirects=False
        ) as response:
            return Answer(response.status, await response.text(), dict(response.headers))

    async def saves(
        self, changes: Mapping[str, str], partner: str = "default", session: str = OLGA
    ) -> Answer:
        """Opens the page, enters own values, and presses Save."""
        fields = await self.form(partner, session)
        return await self.sends(fields | entering(changes), session=session)

    async def rows(self) -> dict[tuple[str, str], PageSetting]:
        rows = await self.store.read(lambda unit: unit.page_settings())
        return {(row.section, row.key): row for row in rows if row.is_set}


def entering(changes: Mapping[str, str]) -> dict[str, str]:
    own = {f"own.{key.partition('.')[0]}": "yes" for key in changes}
    account = {field.key for field in ACCOUNT_FIELDS}
    if account & set(changes):
        own["own.account"] = "yes"
    return {**changes, **own}


def form_of(answer: Answer) -> dict[str, str]:
    """Takes the fields of the settings form from a page as a browser does."""
    text = answer.text[answer.text.index('<form id="settings"') :]
    text = text[: text.index("</form>")]
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        chosen = attributes["type"] not in {"radio", "checkbox"} or " checked" in tag
        if "name" in attributes and chosen and " disabled" not in tag:
            fields[attributes["name"]] = attributes.get("value", "").replace("&#39;", "'")
    for name, options in re.findall(r'<select[^>]* name="([^"]*)"(.*?)</select>', text, re.DOTALL):
        selected = re.search(r'value="([^"]*)" selected', options)
        first = re.search(r'value="([^"]*)"', options)
        found = selected or first
        fields[name] = found[1] if found else ""
    areas = re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>([^<]*)<', text)
    fields |= dict(areas)
    return fields


@pytest.fixture
async def office(store: SqlStore, tmp_path: Path) -> AsyncIterator[Office]:
    async with sitting(store, tmp_path) as office:
        yield office


class sitting:  # noqa: N801 - used like a function
    """Opens an office whose files say `text`."""

    def __init__(
        self,
        store: SqlStore,
        folder: Path,
        text: str = "",
        *,
        with_key: bool = True,
        language: str = "en",
    ) -> None:
        self._store, self._folder, self._text, self._with_key = store, folder, text, with_key
        self._language = language

    async def __aenter__(self) -> Office:
        changed: list[str] = []
        written = written_settings(self._folder, self._text, with_key=self._with_key)
        desk = desk_of(self._store, written, SystemClock(), lambda: changed.append("changed"))
        self._opened = open_stage(
            lambda deps: replace(
                deps, settings=desk, site=replace(deps.site, language=self._language)
            )
        )
        return Office(await self._opened.__aenter__(), desk, self._store, changed)

    async def __aexit__(self, *error: object) -> None:
        await self._opened.__aexit__(None, None, None)


async def test_the_page_shows_every_setting_with_its_label(office: Office) -> None:
    answer = await office.page()

    assert answer.status == 200
    text = check_page(answer)
    for field in (*FIELDS.values(), *ACCOUNT_FIELDS):
        assert field.label in text, field.key
    for title in ("Common", "Payments", "Customers", "Stripe credentials", "Splynx URL"):
        assert title in text


async def test_a_form_that_is_sent_as_it_stands_changes_nothing(office: Office) -> None:
    answer = await office.sends(await office.form())

    assert answer.status == 303
    assert answer.headers["Location"].endswith("saved=0")
    assert await office.rows() == {}
    assert office.changed == []


async def test_what_is_saved_is_in_force_and_in_the_history(office: Office) -> None:
    answer = await office.saves({"language": "cs", "payment_types.bank": "ach", "currency": "USD"})

    assert answer.status == 303
    assert answer.headers["Location"] == f"{PAGE}?partner=default&saved=3"
    rows = await office.rows()
    assert rows["default", "language"].value == '"cs"'
    assert rows["default", "language"].changed_by == "admin:1"
    assert json.loads(rows["default", "payment_types"].value) == ["card", "ach"]
    standing = await office.desk.page.standing("default")
    assert standing.settings.business(7).payment_types == ("card", "ach")
    assert office.changed == ["changed"]
    text = check_page(await office.page())
    assert "Cards, ACH Direct Debit (USA)" in text
    assert "Administrator 1" in text


async def test_every_change_is_in_the_audit_log_with_who_and_from_what_to_what(
    office: Office,
) -> None:
    await office.saves({"statement_grouping": "day"})
    await office.saves({"statement_grouping": "month"})

    entries = await office.store.read(lambda unit: unit.recent_audit(limit=2))
    assert [(one.event, one.actor) for one in entries] == [("settings.changed", "admin:1")] * 2
    assert entries[0].facts == {
        "section": "default",
        "key": "statement_grouping",
        "before": '"day"',
        "after": '"month"',
    }


async def test_a_value_can_be_taken_back_so_that_it_is_inherited_again(office: Office) -> None:
    await office.saves({"language": "cs"}, "2")
    fields = await office.form("2")
    assert fields["own.language"] == "yes"

    answer = await office.sends(fields | {"own.language": "no"})

    assert answer.status == 303
    assert await office.rows() == {}
    standing = await office.desk.page.standing("2")
    assert standing.settings.business(2).language == "en"


async def test_a_value_that_is_typed_without_being_chosen_is_not_dropped_in_silence(
    office: Office,
) -> None:
    fields = await office.form("2")

    answer = await office.sends(fields | {"payment_account": "Kaze"})

    assert answer.status == 422
    assert "choose “Own value”" in answer.document.text
    assert answer.document.attribute("field-payment_account", "value") == "Kaze"


@pytest.mark.parametrize(
    ("changes", "key", "sentence"),
    [
        ({"payment_account": ""}, "payment_account", "This is empty."),
        ({"message_template": "{{ name }}"}, "message_template", "is not a placeholder"),
        ({"currency": "XXQ"}, "currency", "is not a currency"),
        ({"payment_types.bank": "ach", "currency": "EUR"}, "payment_types", "Ach cannot take EUR"),
        ({"publishable_key": "pk_test_1"}, "secret_key", "belong together"),
        ({"publishable_key": "sk_1", "secret_key": SECRET_KEY}, "publishable_key", "not a publish"),
        ({"publishable_key": "pk_live_1", "secret_key": SECRET_KEY}, "publishable_key", "live key"),
        ({"publishable_key": "pk_test_1", "secret_key": "hunter2"}, "secret_key", "not a secret"),
    ],
)
async def test_what_cannot_be_is_said_beside_its_field_and_nothing_is_saved(
    office: Office, changes: Mapping[str, str], key: str, sentence: str
) -> None:
    answer = await office.saves(changes)

    assert answer.status == 422
    check_page(answer)
    assert answer.document.attribute(f"field-{key}", "aria-invalid") == "true"
    shown = answer.text[answer.text.index(f'id="wrong-{key}"') :].partition("</p>")[0]
    assert sentence in shown
    assert await office.rows() == {}
    assert "hunter2" not in answer.text


async def test_secrets_are_sealed_and_never_shown_again(office: Office, tmp_path: Path) -> None:
    keys = {"publishable_key": "pk_test_1", "secret_key": SECRET_KEY, "webhook_secret": "whsec_9x"}

    assert (await office.saves({**keys, "currency": "EUR"})).status == 303

    rows = await office.rows()
    assert rows["default", "secret_key"].sealed.startswith("v1:k1:")
    assert rows["default", "secret_key"].value == ""
    page = await office.page()
    audit = await office.store.read(lambda unit: unit.recent_audit(limit=50))
    for text in (page.text, repr(audit), repr(rows), repr(await office.desk.page.standing("2"))):
        assert SECRET_KEY not in text
        assert "whsec_9x" not in text
    standing = await office.desk.page.standing("2")
    terms = standing.settings.terms(2)
    assert terms is not None
    assert terms.account.key == "default:test"
    account_keys = standing.settings.accounts()[terms.account]
    assert account_keys.secret_key.reveal() == SECRET_KEY
    assert [one.reveal() for one in account_keys.webhook_secrets] == ["whsec_9x"]


async def test_a_stored_secret_stays_when_its_field_is_left_empty(office: Office) -> None:
    await office.saves({"publishable_key": "pk_test_1", "secret_key": SECRET_KEY})

    answer = await office.saves({"language": "de"})

    assert answer.status == 303
    assert answer.headers["Location"].endswith("saved=1")
    assert ("default", "secret_key") in await office.rows()


async def test_without_an_encryption_key_secrets_are_refused_and_the_rest_works(
    store: SqlStore, tmp_path: Path
) -> None:
    async with sitting(store, tmp_path, with_key=False) as office:
        refused = await office.saves({"publishable_key": "pk_test_1", "secret_key": SECRET_KEY})
        saved = await office.saves({"language": "de"})

    assert refused.status == 422
    assert "no encryption key" in refused.document.text
    assert saved.status == 303


async def test_what_a_file_sets_is_locked_with_its_place(store: SqlStore, tmp_path: Path) -> None:
    text = "settings: {language: de}\npartners:\n  2:\n    statement_grouping: day\n"
    async with sitting(store, tmp_path, text) as office:
        page, of_two = await office.page(), await office.page("2")
        forced = await office.form("2") | {"own.statement_grouping": "yes"}
        forced["statement_grouping"] = "month"
        answer = await office.sends(forced | {"own.language": "yes", "language": "cs"})

    assert "disabled" in tag_of(page, "field-language")
    assert "Set in config.yaml:1; change it there." in page.document.text
    assert "disabled" not in tag_of(of_two, "field-language")
    assert "Set in config.yaml:4; change it there." in of_two.document.text
    assert "The Default partner's value is set in config.yaml:1." in of_two.document.text
    assert answer.status == 303
    rows = await office.rows()
    assert set(rows) == {("2", "language")}


def tag_of(answer: Answer, element_id: str) -> str:
    found = re.search(rf'<[a-z]+ id="{element_id}"[^>]*>', answer.text)
    assert found is not None
    return found[0]


async def test_of_two_who_change_the_same_setting_the_later_is_told(office: Office) -> None:
    first, second = await office.form(), await office.form()
    await office.sends(first | entering({"language": "cs"}))

    answer = await office.sends(second | entering({"language": "de", "country": "AT"}))

    assert answer.status == 409
    assert "“Language” was changed by Administrator 1 meanwhile." in answer.document.text
    assert {key for _, key in await office.rows()} == {"language"}
    assert 'value="de" selected' in answer.text
    again = await office.sends(form_of(answer))
    assert again.status == 303
    assert (await office.rows())["default", "language"].value == '"de"'


async def test_two_who_change_different_settings_do_not_disturb_each_other(office: Office) -> None:
    first, second = await office.form(), await office.form()
    await office.sends(first | entering({"language": "cs"}))

    answer = await office.sends(second | entering({"country": "AT"}))

    assert answer.status == 303
    assert {key for _, key in await office.rows()} == {"language", "country"}


async def test_an_administrator_of_one_partner_sees_and_changes_only_that_one(
    office: Office,
) -> None:
    own = await office.stage.page(PAGE, session=PAUL)
    assert own.status == 200
    assert 'name="partner" value="2"' in own.text
    assert "Northwind" not in own.text

    for partner in ("default", "1"):
        assert (await office.page(partner, PAUL)).status == 403
        fields = form_of(own) | {"partner": partner} | entering({"language": "cs"})
        for to in ("save", "check", "try"):
            assert (await office.sends(fields, session=PAUL, to=to)).status == 403

    assert (await office.saves({"language": "cs"}, "2", PAUL)).status == 303
    assert set(await office.rows()) == {("2", "language")}


@pytest.mark.parametrize("partner", ["3", "0", "x", "default/..", "99999999999"])
async def test_a_partner_that_splynx_does_not_have_is_not_found(
    office: Office, partner: str
) -> None:
    assert (await office.page(partner)).status == 404


async def test_where_splynx_does_not_list_partners_their_number_is_enough(office: Office) -> None:
    trials = office.desk.trials
    assert isinstance(trials, FakeTrials)
    trials.known = None

    assert (await office.page("7")).status == 200


@pytest.mark.parametrize("to", ["save", "check", "try"])
async def test_a_form_without_our_token_or_from_elsewhere_is_refused(
    office: Office, to: str
) -> None:
    fields = await office.form() | entering({"language": "cs"})

    without = {name: value for name, value in fields.items() if name != FORM_TOKEN}
    assert (await office.sends(without, to=to)).status == 403
    foreign = {"Origin": "https://evil.example"}
    assert (await office.sends(fields, to=to, headers=foreign)).status == 403
    assert (await office.sends(fields, session=ANNA, to=to)).status == 302
    assert await office.rows() == {}


async def test_the_check_says_what_is_wrong_and_saves_nothing(office: Office) -> None:
    fields = await office.form() | entering({"payment_account": " ", "secret_key": "x"})

    answer = await office.sends(fields, to="check")

    assert answer.status == 200
    wrong = json.loads(answer.text)
    assert set(wrong) == {"payment_account", "publishable_key"}
    assert await office.rows() == {}


async def test_a_trial_uses_what_was_entered_without_saving_it(office: Office) -> None:
    trials = office.desk.trials
    assert isinstance(trials, FakeTrials)
    entered = entering({"payment_account": "New", "publishable_key": "pk_test_1"})
    fields = await office.form() | entered | {"secret_key": SECRET_KEY, "try": "stripe"}

    answer = await office.sends(fields, to="try")

    assert answer.status == 200
    assert "The secret key works" in check_page(answer)
    assert SECRET_KEY not in answer.text
    [(kind, settings, section)] = trials.tried
    assert (kind, section) == ("stripe", "default")
    assert settings.business(1).payment_account == "New"
    [keys] = settings.accounts().values()
    assert keys.secret_key.reveal() == SECRET_KEY
    assert await office.rows() == {}


async def test_the_message_template_is_shown_filled_in(office: Office) -> None:
    fields = await office.form() | entering({"message_template": "{{ type }} {{ id }}!"})

    answer = await office.sends(
        fields | {"try": "message"}, to="try", headers={"Accept": "application/json"}
    )

    assert json.loads(answer.text) == {
        "wrong": {},
        "lines": [{"well": True, "text": "invoice 202611000042!", "mend": ""}],
    }


async def test_an_impossible_stored_value_is_told_and_does_no_harm(office: Office) -> None:
    row = PageSetting("2", "statement_grouping", '"year"', "", 1, SystemClock().now(), "admin:9")
    await office.store.run(lambda unit: unit.save_page_setting(row))
    await office.store.run(lambda unit: unit.raise_settings_version())

    answer = await office.page("2")

    assert answer.status == 200
    assert "left out because it cannot be" in answer.document.text
    assert (await office.saves({"language": "de"}, "2")).status == 303


async def test_stored_html_is_shown_as_text(office: Office) -> None:
    await office.saves({"payment_account": "<script>alert(1)</script>"})

    answer = await office.page()

    assert "<script>alert" not in answer.text


async def test_a_change_of_one_daemon_is_seen_by_another(store_url: str, tmp_path: Path) -> None:
    one = open_store(store_url, clock=SystemClock(), ids=RandomIds())
    other = open_store(store_url, clock=SystemClock(), ids=RandomIds())
    async with sitting(one, tmp_path) as office:
        before = await other.read(lambda unit: unit.settings_version())
        await office.saves({"language": "cs"})
        after = await other.read(lambda unit: unit.settings_version())

    assert (before, after) == (0, 1)
    await one.close()
    await other.close()


async def test_keys_with_which_payments_are_under_way_cannot_be_taken_back(office: Office) -> None:
    keys = {"publishable_key": "pk_test_1", "secret_key": SECRET_KEY}
    await office.saves({**keys, "currency": "EUR"})
    await office.store.run(lambda unit: unit.add_collection(collection()))
    await office.store.run(lambda unit: unit.add_attempt(attempt()))

    answer = await office.sends(await office.form() | {"own.account": "no", "publishable_key": ""})
    replaced = await office.saves({"secret_key": SECRET_KEY + "New"})

    assert answer.status == 422
    assert "1 payments are under way with these keys" in answer.document.text
    assert replaced.status == 303
