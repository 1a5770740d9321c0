"""Puts what the settings page has stored between the files and the built-in defaults.

    | asked for | 1            | 2         | 3                | 4        | 5            | 6        |
    | partner 2 | partners.2   | page of 2 | partners.default | settings | page default | built in |
    | default   | partners.default | settings | page default | built in |          |          |

So the files win over the page for the same partner, and a partner's own value, from wherever, wins
over what it would inherit. A stored value that cannot be is left out and told. Where falling back
would take money in another currency or with another account, nobody is charged instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import JsonValue, ValidationError

from splynx_stripe.config.accounts import (
    MODE_OF_PUBLISHABLE,
    SECRET_KEY_FORM,
    WEBHOOK_PREFIX,
    AccountKeys,
    SectionAccount,
)
from splynx_stripe.config.business import PartnerSection
from splynx_stripe.config.checks import (
    TOP_UP_KEYS,
    check_bank_type,
    check_guardrails,
    check_top_up,
)
from splynx_stripe.config.document import DEFAULT_PARTNER
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.guardrails import GUARDRAIL_KEYS
from splynx_stripe.config.page_values import PAGE_KEYS, PageValues
from splynx_stripe.config.problems import Problem
from splynx_stripe.config.settings import FROM_PAGE, Settings
from splynx_stripe.config.validation import wording
from splynx_stripe.domain.page_setting import SECRET_PAGE_KEYS
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.sentence import sentence

_PLAIN_KEYS = tuple(key for key in PAGE_KEYS if key not in SECRET_PAGE_KEYS)
_FIXES_ON_THE_PAGE: Mapping[str, str] = {
    "Name at least one, such as [card].": sentence("Choose at least one."),
    "Write a value, or remove the key.": sentence("Enter a value, or choose the one above."),
}
"""What to do where the words for the files would not fit."""

_OF_ACCOUNT = frozenset({"publishable_key", *SECRET_PAGE_KEYS})


def with_page_values(written: Settings, values: PageValues) -> Settings:
    """Gives the settings in force; what is stored but impossible becomes warnings of theirs.

    Args:
        written: What `load_settings` gave.
        values: What the page has stored.
    """
    settings, problems = checked_page_values(written, values)
    return replace(settings, warnings=(*written.warnings, *problems))


def checked_page_values(written: Settings, values: PageValues) -> tuple[Settings, list[Problem]]:
    """Gives the settings in force, and everything that is wrong with what the page has stored."""
    findings = Findings(FROM_PAGE, {})
    for (section, key), why in values.unreadable.items():
        findings.problem(
            ("partners", section, key), why, sentence("Set it again on the settings page.")
        )
    page = {name: _section(name, values, findings) for name in sorted(values.sections)}
    settings = replace(written, page=page)
    settings = settings.with_accounts(_accounts(written, values, findings))
    for name, held in page.items():
        if held.model_fields_set & {"payment_types", "currency"}:
            check_bank_type(name, settings.resolution(name), findings)
        if held.model_fields_set & {"currency", *TOP_UP_KEYS}:
            check_top_up(name, settings.resolution(name), findings)
        if held.model_fields_set & {"currency", *GUARDRAIL_KEYS}:
            check_guardrails(name, settings.resolution(name), findings)
    return settings, findings.problems


def _section(name: str, values: PageValues, findings: Findings) -> PartnerSection:
    """Gives the values that can be; a currency that cannot be is none, never another one."""
    taken: dict[str, Any] = {}
    for key, value in values.values.get(name, {}).items():
        if key not in _PLAIN_KEYS:
            continue  # a setting of another version of this program
        valid = _taken(name, key, value, findings)
        if valid is not None:
            taken[key] = valid
        elif key == "currency":
            taken[key] = ""
    if (name, "currency") in values.unreadable:
        taken["currency"] = ""
    # Each value was validated by itself.
    return PartnerSection.model_construct(set(taken), **taken)


def _taken(name: str, key: str, value: JsonValue, findings: Findings) -> object:
    """Gives a value as its setting has it; None after telling what is wrong with it."""
    try:
        return getattr(PartnerSection.model_validate_json(json.dumps({key: value})), key)
    except ValidationError as error:
        path = ("partners", name, key)
        message, fix = wording(error.errors(include_url=False)[0], path)
        findings.problem(path, message, _FIXES_ON_THE_PAGE.get(fix, fix))
        return None


def _accounts(
    written: Settings, values: PageValues, findings: Findings
) -> dict[str, SectionAccount | None]:
    accounts: dict[str, SectionAccount | None] = {}
    for name in sorted(values.sections, key=lambda it: (it != DEFAULT_PARTNER, it)):
        has_parts = _OF_ACCOUNT & {
            *values.values.get(name, {}),
            *values.secrets.get(name, {}),
            *(key for section, key in values.unreadable if section == name),
        }
        if has_parts and name not in written.section_accounts:
            account = _account(name, values, findings)
            known = {**written.section_accounts, **accounts}
            accounts[name] = account if _is_unshared(name, account, known, findings) else None
    return accounts


def _account(name: str, values: PageValues, findings: Findings) -> SectionAccount | None:
    path = ("partners", name)
    secrets = values.secrets.get(name, {})
    publishable = values.values.get(name, {}).get("publishable_key", "")
    if any((name, key) in values.unreadable for key in _OF_ACCOUNT):
        return None
    secret_key = secrets.get("secret_key")
    if secret_key is None or not publishable:
        missing = "publishable_key" if secret_key else "secret_key"
        findings.problem(
            (*path, missing),
            sentence("the keys of an account belong together, and this one is missing."),
            sentence(
                "Enter Public Key and Secret Key of the same Stripe account, or take back both."
            ),
        )
        return None
    problems = len(findings.problems)
    form = SECRET_KEY_FORM.fullmatch(secret_key.reveal())
    for key, secret in secrets.items():
        _check_secret(name, key, secret, findings)
    publishable_form = MODE_OF_PUBLISHABLE.match(str(publishable))
    if form and publishable_form and publishable_form.group(1) != form.group(1):
        findings.problem(
            (*path, "publishable_key"),
            sentence(
                "this is a %(mode)s key, but the secret key is a %(other)s key.",
                mode=publishable_form.group(1),
                other=form.group(1),
            ),
            sentence("Take both from the same mode of the same Stripe account."),
        )
    if form is None or publishable_form is None or len(findings.problems) > problems:
        return None
    webhook = secrets.get("webhook_secret")
    keys = AccountKeys(secret_key, str(publishable), (webhook,) if webhook else ())
    account = StripeAccount(name=name, livemode=form.group(1) == "live")
    return SectionAccount(account, keys, origin=FROM_PAGE)


def _check_secret(section: str, key: str, secret: Secret, findings: Findings) -> None:
    path = ("partners", section, key)
    if key == "secret_key" and not SECRET_KEY_FORM.fullmatch(secret.reveal()):
        findings.problem(
            path,
            sentence("this is not a secret key of Stripe."),
            sentence(
                "It begins with sk_test_, sk_live_, rk_test_ or rk_live_; copy it from Stripe:"
                " Developers, API keys."
            ),
        )
    if key == "webhook_secret" and not secret.reveal().startswith(WEBHOOK_PREFIX):
        findings.problem(
            path,
            sentence("this is not the signing secret of a webhook."),
            sentence(
                "It begins with whsec_; copy it from Stripe: Developers, Webhooks, the endpoint."
            ),
        )


def _is_unshared(
    name: str,
    account: SectionAccount | None,
    known: Mapping[str, SectionAccount | None],
    findings: Findings,
) -> bool:
    # Two names for one account would look after each payment twice (invariant I8).
    for other, found in known.items():
        if account and found and found.keys.secret_key == account.keys.secret_key:
            findings.problem(
                ("partners", name, "secret_key"),
                sentence("this is the same Stripe account as the one of the Default partner.")
                if other == DEFAULT_PARTNER
                else sentence(
                    "this is the same Stripe account as the one of partner %(partner)s.",
                    partner=other,
                ),
                sentence(
                    "Keep the keys in one place: what the Default partner has is shared by all"
                    " partners that have no keys."
                ),
            )
            return False
    return True
