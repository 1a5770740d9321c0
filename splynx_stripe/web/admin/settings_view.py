"""What the settings page shows: each setting with its value, where it comes from, and its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from splynx_stripe.config import Settings
from splynx_stripe.config.business import PartnerSection
from splynx_stripe.config.document import DEFAULT_PARTNER
from splynx_stripe.config.settings import FROM_PAGE
from splynx_stripe.domain.page_setting import PageSetting, PageSettingChange
from splynx_stripe.flows.page_settings import SectionStanding
from splynx_stripe.kit.sentence import said
from splynx_stripe.web.admin.logs_words import actor_words, moment
from splynx_stripe.web.admin.settings_fields import (
    ACCOUNT_FIELDS,
    BANK_TYPES,
    FIELDS,
    GROUPS,
    LABELS,
    NO,
    YES,
    Control,
    FieldGroup,
    SettingField,
    in_words,
    options,
)
from splynx_stripe.web.admin.settings_form import (
    ACCOUNT,
    HAD,
    OWN,
    WAS,
    as_text,
    entered_value,
)
from splynx_stripe.web.i18n import Language


@dataclass(frozen=True, slots=True)
class FieldView:
    """One setting as the template draws it.

    `own` says whether "Own value" is chosen, `place` where a file sets it (then it is locked),
    `inherited` what holds without an own value, `note` where the value in force comes from.
    """

    key: str
    label: str
    hint: str
    control: str
    value: str
    was: str
    options: Sequence[tuple[str, str]]
    own: bool
    had: str
    place: str
    inherited: str
    note: str
    wrong: str
    stored: bool = False

    @property
    def described_by(self) -> str:
        """Gives the ids of what explains the control."""
        ids = [f"hint-{self.key}", f"wrong-{self.key}"]
        return " ".join(ids)


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group of settings, and the button that tries it out."""

    name: str
    title: str
    fields: Sequence[FieldView]
    trial: str
    trial_label: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """The keys of the section's Stripe account: own ones, or the Default partner's."""

    own: bool
    had: str
    place: str
    note: str
    fields: Sequence[FieldView]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change, in words."""

    at: str
    who: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PageView:
    """Builds the page of one section. `entered` is what a form that was refused had."""

    section: str
    standing: SectionStanding
    language: Language
    entered: Mapping[str, str] | None = None
    wrong: Mapping[str, str] | None = None

    @property
    def is_default(self) -> bool:
        """Says whether it is the Default partner's page."""
        return self.section == DEFAULT_PARTNER

    def groups(self) -> list[GroupView]:
        """Gives all groups but the account's keys."""
        return [self._group(group) for group in GROUPS]

    def account(self) -> AccountView:
        """Gives the keys of the account."""
        settings, place = self._settings, self._settings.written_at(self.section, "secret_key")
        own = any(self._is_stored(field.key) for field in ACCOUNT_FIELDS)
        had = _yes(own)
        if self.entered is not None:
            own = self.entered.get(OWN + ACCOUNT) == YES
            had = self.entered.get(HAD + ACCOUNT, had)
        say = self.language.say
        found = settings.section_accounts.get(self.section)
        if place:
            note = say("Set in %(place)s; change it there.", place=place)
        elif found is not None and found.origin != FROM_PAGE:
            note = say("In force: the account that is connected by OAuth 2.0.")
        elif found is not None:
            note = say("In force: the keys that are stored here.")
        elif self.is_default or DEFAULT_PARTNER not in settings.section_accounts:
            note = say("No keys are set, so nobody can pay yet.")
        else:
            note = say("In force: the Default partner's Stripe account.")
        return AccountView(
            own, had, place, note, [self._account_field(one) for one in ACCOUNT_FIELDS]
        )

    def history(self) -> list[HistoryLine]:
        """Gives the newest changes of this section."""
        return [self._history_line(change) for change in self.standing.history]

    @property
    def _settings(self) -> Settings:
        return self.standing.settings

    @property
    def _zone(self) -> ZoneInfo:
        """Gives the time zone of Splynx, by whose clock the office works."""
        return ZoneInfo(self._settings.splynx.timezone)

    def _group(self, group: FieldGroup) -> GroupView:
        say = self.language.say
        return GroupView(
            group.name,
            say(group.title),
            [self._field(field) for field in group.fields],
            group.trial,
            say(group.trial_label) if group.trial_label else "",
        )

    def _field(self, field: SettingField) -> FieldView:
        place = self._settings.written_at(self.section, field.key)
        own = self._is_stored(field.key)
        value = self._own_value(field.key) if own else self._in_force(field.key)
        was, had = as_text(value), _yes(own)
        if self.entered is not None and not place and OWN + field.key in self.entered:
            was = self.entered.get(WAS + field.key, was)
            had = self.entered.get(HAD + field.key, had)
            own = self.entered[OWN + field.key] == YES
            value = entered_value(field, self.entered)
        text = as_text(value)
        return FieldView(
            key=field.key,
            label=self.language.say(field.label),
            hint=self.language.say(field.hint),
            control=field.control.value,
            value=text,
            was=was,
            options=self._options(field, text),
            own=own,
            had=had,
            place=place,
            inherited=in_words(field, self._inherited(field.key), self.language),
            note=self._note(field, place, own=own),
            wrong=self._wrong(field.key),
        )

    def _account_field(self, field: SettingField) -> FieldView:
        value = was = ""
        if field.control is not Control.SECRET:
            value = was = as_text(self._own_value(field.key))
            if self.entered is not None:
                value = self.entered.get(field.key, value)
                was = self.entered.get(WAS + field.key, was)
        return FieldView(
            key=field.key,
            label=self.language.say(field.label),
            hint=self.language.say(field.hint),
            control=field.control.value,
            value=value,
            was=was,
            options=(),
            own=True,
            had="",
            place=self._settings.written_at(self.section, "secret_key"),
            inherited="",
            note=self._stored_note(field),
            wrong=self._wrong(field.key),
            stored=self._is_stored(field.key),
        )

    def _options(self, field: SettingField, text: str) -> list[tuple[str, str]]:
        say = self.language.say
        match field.control:
            case Control.SWITCH:
                return [(YES, say("On")), (NO, say("Off"))]
            case Control.PAYMENT_TYPES:
                return [(value, say(name)) for value, name in BANK_TYPES.items()]
            case Control.CHOICE:
                none = [] if text or field.words else [("", say("not set"))]
                return none + options(field, self.language, text)
            case _:
                return []

    def _note(self, field: SettingField, place: str, *, own: bool) -> str:
        say = self.language.say
        if place:
            return say("Set in %(place)s; change it there.", place=place)
        stored = self.standing.rows.get(field.key)
        if own and stored is not None and stored.is_set:
            return self._changed_note(stored)
        return "" if own else self._inherited_note(field.key)

    def _inherited_note(self, key: str) -> str:
        """Says where an inherited value stands, when it is not built in."""
        holder = self._settings.resolution(DEFAULT_PARTNER).holder(key)
        if self.is_default or holder is None:
            return ""
        if holder[0] == "page":
            return self.language.say("The Default partner's value is set on its page.")
        place = self._settings.resolution(DEFAULT_PARTNER).origin(key)
        return self.language.say("The Default partner's value is set in %(place)s.", place=place)

    def _stored_note(self, field: SettingField) -> str:
        stored = self.standing.rows.get(field.key)
        if stored is None or not stored.is_set:
            return ""
        if field.control is Control.SECRET:
            note = self.language.say("A value is stored; leave this empty to keep it.")
            return f"{note} {self._changed_note(stored)}"
        return self._changed_note(stored)

    def _changed_note(self, stored: PageSetting) -> str:
        return self.language.say(
            "Set here by %(who)s on %(day)s.",
            who=actor_words(stored.changed_by, self.language),
            day=self.language.date(stored.changed_at.astimezone(self._zone).date()),
        )

    def _wrong(self, key: str) -> str:
        return said((self.wrong or {}).get(key, ""), self.language.say)

    def _is_stored(self, key: str) -> bool:
        row = self.standing.rows.get(key)
        return row is not None and row.is_set

    def _own_value(self, key: str) -> JsonValue:
        row = self.standing.rows.get(key)
        return _parsed(row.value) if row is not None and row.value else None

    def _in_force(self, key: str) -> JsonValue:
        return _json(self._settings.resolution(self.section).value(key))

    def _inherited(self, key: str) -> JsonValue:
        """Gives what would hold without an own value: the Default partner's, or the built-in one."""
        if self.is_default:
            # Whatever stands in a file is locked, so below the page there is only the built-in.
            return _json(PartnerSection.model_fields[key].default)
        return _json(self._settings.resolution(DEFAULT_PARTNER).value(key))

    def _history_line(self, change: PageSettingChange) -> HistoryLine:
        label = LABELS.get(change.key, change.key)
        return HistoryLine(
            moment(change.changed_at, self._zone, self.language),
            actor_words(change.changed_by, self.language),
            self.language.say(label),
            self._history_value(change.key, change.before),
            self._history_value(change.key, change.after),
        )

    def _history_value(self, key: str, text: str) -> str:
        say = self.language.say
        if not text:
            return say("none of its own")
        field = FIELDS.get(key)
        if text == "***":
            return say("a secret")
        value = _parsed(text)
        return in_words(field, value, self.language) if field else as_text(value)


def _yes(value: bool) -> str:  # noqa: FBT001 - there is nothing else to say
    return YES if value else NO


def _parsed(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def _json(value: object) -> JsonValue:
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else str(value)
