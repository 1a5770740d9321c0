"""Reads the form of the settings page: what was chosen and typed, as changes of settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from splynx_stripe.config import Settings
from splynx_stripe.domain.page_setting import SECRET_PAGE_KEYS, PageSetting
from splynx_stripe.kit.secret import Secret
from splynx_stripe.web.admin.settings_fields import (
    ACCOUNT_FIELDS,
    FIELDS,
    YES,
    Control,
    SettingField,
)
from splynx_stripe.web.i18n import later

OWN = "own."
"""Before a setting's key: the name of the choice between an own and an inherited value."""

HAD = "had."
"""Before a setting's key: which of the two was chosen when the page was shown."""

WAS = "was."
"""Before a setting's key: which value the page showed."""

ACCOUNT = "account"
"""What stands for a setting's key there where the keys of an account are meant."""

_ACCOUNT_KEYS = frozenset(field.key for field in ACCOUNT_FIELDS)

_SECRET_KEYS = frozenset(SECRET_PAGE_KEYS)

ENTER_KEYS = later("Enter Public Key and Secret Key of the Stripe account.")
CHOOSE_OWN = later("To use this value, choose “Own value” above it.")


@dataclass(frozen=True, slots=True)
class Entered:
    """What was entered: changes, and what is wrong before anything is checked."""

    changes: Mapping[str, JsonValue | Secret]
    wrong: Mapping[str, str]


def read_form(
    fields: Mapping[str, str], section: str, written: Settings, rows: Mapping[str, PageSetting]
) -> Entered:
    """Reads all settings that can be changed for this section; the others are not looked at."""
    changes: dict[str, JsonValue | Secret] = {}
    wrong: dict[str, str] = {}
    for key, field in FIELDS.items():
        if OWN + key not in fields or written.written_at(section, key):
            continue
        is_edited = as_text(entered_value(field, fields)) != fields.get(WAS + key)
        if fields[OWN + key] == fields.get(HAD + key) and not is_edited:
            continue  # as the page showed it; somebody else may have changed it meanwhile
        if fields[OWN + key] == YES:
            changes[key] = entered_value(field, fields)
        else:
            changes[key] = None
            if is_edited and WAS + key in fields:
                wrong[key] = CHOOSE_OWN
    if OWN + ACCOUNT in fields and not written.written_at(section, "secret_key"):
        _read_account(fields, rows, changes, wrong)
    return Entered(changes, wrong)


def entered_value(field: SettingField, fields: Mapping[str, str]) -> JsonValue:
    """Gives what the controls of a setting say."""
    text = fields.get(field.key, "").replace("\r\n", "\n").strip()
    match field.control:
        case Control.SWITCH:
            return text == YES
        case Control.PAYMENT_TYPES:
            card = ["card"] if fields.get(f"{field.key}.card") == YES else []
            bank = fields.get(f"{field.key}.bank", "")
            return [*card, *([bank] if bank else [])]
        case Control.LIST:
            return [*filter(None, re.split(r"[,;\s]+", text))]
        case _:
            return text


def as_text(value: object) -> str:
    """Writes a value as it is compared with what the page showed."""
    if isinstance(value, bool):
        return YES if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value or "")


def _read_account(
    fields: Mapping[str, str],
    rows: Mapping[str, PageSetting],
    changes: dict[str, JsonValue | Secret],
    wrong: dict[str, str],
) -> None:
    stored = {key for key, row in rows.items() if key in _ACCOUNT_KEYS and row.is_set}
    texts = {field.key: fields.get(field.key, "").strip() for field in ACCOUNT_FIELDS}
    if fields[OWN + ACCOUNT] != YES:
        if fields.get(HAD + ACCOUNT) == YES:
            changes |= dict.fromkeys(stored)
        typed = {key for key, text in texts.items() if text and key not in stored - _SECRET_KEYS}
        wrong |= dict.fromkeys(typed, CHOOSE_OWN)
        return
    if not stored and not any(texts.values()):
        wrong["publishable_key"] = ENTER_KEYS
        return
    for key, text in texts.items():
        if key in _SECRET_KEYS:
            changes |= {key: Secret(text)} if text else {}
        elif text != fields.get(WAS + key, ""):
            changes[key] = text or None
