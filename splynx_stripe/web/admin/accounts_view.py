"""What the page of Stripe accounts shows of each section, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from splynx_stripe.config.document import DEFAULT_PARTNER
from splynx_stripe.domain.connection import AccountProfile, ConnectionState
from splynx_stripe.flows.account_overview import AccountView
from splynx_stripe.flows.account_rooms import Refusal
from splynx_stripe.kit.sentence import said
from splynx_stripe.web.admin.accounts_words import REFUSALS
from splynx_stripe.web.admin.logs_words import moment
from splynx_stripe.web.i18n import Language, later

_SLOW_S = 120.0
"""From here on a delivery is called slow; Stripe needs seconds."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a panel; `tone` is "", "good", "care" or "bad"."""

    title: str
    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One section on the page."""

    section: str
    title: str
    mode: str
    standing: str
    tone: str
    facts: Sequence[Fact]
    missing: Sequence[str]
    advice: Sequence[str]
    can_test: bool
    can_connect: bool
    can_disconnect: bool
    can_release: bool
    can_init: bool
    can_rotate: bool
    can_tidy: bool


def section_title(language: Language, section: str) -> str:
    """Names a section."""
    if section == DEFAULT_PARTNER:
        return language.say(later("Default partner"))
    return language.say(later("Partner %(number)s"), number=section)


def panel_of(
    view: AccountView, language: Language, timezone: tzinfo, *, connectable: bool, sees_all: bool
) -> Panel:
    """Puts one section into words."""
    say = language.say
    standing, tone = _standing(view)
    has_account = view.account is not None
    connection = view.connection
    # The endpoint of connected accounts is shared by all of them.
    owns_webhook = has_account and (sees_all or not view.is_connected)
    return Panel(
        section=view.section,
        title=section_title(language, view.section),
        mode=_mode(view, language),
        standing=say(standing),
        tone=tone,
        facts=[*_identity(view, language), *_events(view, language, timezone)],
        missing=view.profile.missing if view.profile and has_account else (),
        advice=[*_advice(view, language)],
        can_test=has_account,
        can_connect=connectable and view.can_be_connected,
        can_disconnect=view.is_connected,
        can_release=connection is not None and not connection.is_usable,
        can_init=owns_webhook and not view.has_webhook,
        can_rotate=owns_webhook and view.has_webhook,
        can_tidy=owns_webhook,
    )


def _standing(view: AccountView) -> tuple[str, str]:
    profile, connection = view.profile, view.connection
    if view.held is None and connection is not None and not connection.is_usable:
        if connection.state is ConnectionState.ENDED:
            return later("Access was taken back at Stripe"), "bad"
        return later("Disconnected"), "care"
    if view.account is None:
        return (later("Cannot be used"), "bad") if view.is_unusable else (later("No account"), "")
    if profile is None:
        return later("Not asked yet"), ""
    return _of_profile(profile)


def _of_profile(profile: AccountProfile) -> tuple[str, str]:
    if profile.is_another:
        return later("Another account: not used"), "bad"
    if profile.trouble:
        return later("Needs attention"), "bad"
    if profile.missing:
        return later("Permissions are missing"), "care"
    return later("Takes payments"), "good"


def _mode(view: AccountView, language: Language) -> str:
    account = view.account or (view.connection.account if view.connection else None)
    if account is None:
        return ""
    return language.say(later("Live") if account.livemode else later("Test mode"))


def _identity(view: AccountView, language: Language) -> Sequence[Fact]:
    say, profile = language.say, view.profile
    facts = [Fact(say(later("Authentication")), say(_authentication(view)))]
    held = view.connection.stripe_account_id if view.connection else ""
    account_id = profile.stripe_account_id if profile and profile.stripe_account_id else held
    if account_id:
        facts.append(Fact(say(later("Account")), account_id))
    if profile is None or not profile.stripe_account_id:
        return facts
    enabled = profile.charges_enabled
    yes, no = later("yes"), later("no")
    return [
        *facts,
        Fact(say(later("Name")), profile.name or "-"),
        Fact(say(later("Country")), profile.country or "-"),
        Fact(say(later("Currency")), profile.currency or "-"),
        Fact(
            say(later("May take payments")), say(yes if enabled else no), "" if enabled else "bad"
        ),
    ]


def _authentication(view: AccountView) -> str:
    if view.is_connected or (view.connection is not None and view.held is None):
        return later("OAuth 2.0")
    if view.account is None:
        return later("none")
    if view.is_restricted:
        return later("restricted API key")
    return later("secret API key")


def _events(view: AccountView, language: Language, timezone: tzinfo) -> Sequence[Fact]:
    came, say = view.deliveries, language.say
    if came is None:
        return ()
    source = later("webhook, and polling") if view.has_webhook else later("polling only")
    facts = [
        Fact(say(later("Events come by")), say(source), "" if view.has_webhook else "care"),
    ]
    if view.has_webhook:
        facts.append(Fact(say(later("Webhook")), view.webhook_url))
    if came.last_webhook_at is not None:
        delay_s = came.last_delay_s or 0.0
        text = say(
            later("%(moment)s, after %(seconds)s s"),
            moment=moment(came.last_webhook_at, timezone, language),
            seconds=f"{delay_s:.0f}",
        )
        facts.append(Fact(say(later("Last by webhook")), text, "care" if delay_s > _SLOW_S else ""))
    if came.last_poll_at is not None:
        facts.append(
            Fact(say(later("Last by polling")), moment(came.last_poll_at, timezone, language))
        )
    if view.has_webhook:
        tone = "bad" if view.lost else ""
        facts.append(Fact(say(later("Events lost in 24 hours")), str(view.lost), tone))
    return facts


def _advice(view: AccountView, language: Language) -> Sequence[str]:
    say, advice = language.say, []
    profile = view.profile
    if profile is not None and profile.trouble and view.account is not None:
        advice.append(profile.trouble)  # a sentence of the gateway's, in English like the logs
    if profile is not None and profile.is_another:
        advice.append(
            say(
                later(
                    "The key was that of %(before)s and is now that of %(now)s. Nobody is charged"
                    " with it. Put the old key back, or run: splynx-stripe accounts accept"
                    " %(partner)s"
                ),
                before=profile.pinned_id,
                now=profile.stripe_account_id,
                partner=view.section,
            )
        )
    if view.contradiction:
        advice.append(said(view.contradiction, say))
    if view.account is None and view.connection is not None and view.connection.is_usable:
        advice.append(say(REFUSALS[Refusal.NO_PLATFORM]))
    if view.lost:
        advice.append(
            say(
                later(
                    "Polling found these events, so no payment is lost, but the webhook did not"
                    " bring them. In Stripe, look under Developers, Webhooks at the failed"
                    " deliveries of this address: is it reached from outside, does the certificate"
                    " hold? If its secret is wrong, press Rotate."
                )
            )
        )
    if view.is_rotating:
        advice.append(
            say(
                later(
                    "A webhook is being replaced: the old one and the new one are both believed"
                    " until the new one has delivered."
                )
            )
        )
    return advice
