"""What settings mean for customers, shown before they are saved: messages, and what pages offer.

Nobody outside is asked for it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from splynx_stripe.config import Settings
from splynx_stripe.config.document import DEFAULT_PARTNER
from splynx_stripe.config.failed_payments import notice_rules
from splynx_stripe.domain.errors import TemplateError
from splynx_stripe.domain.message_template import MessageFacts, render_message
from splynx_stripe.domain.notice import Channel, Notice, NoticeKind
from splynx_stripe.domain.splynx import Company
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.failure_ports import NoticeContext
from splynx_stripe.web.deps import Site
from splynx_stripe.web.i18n import Language, Languages, later
from splynx_stripe.web.notice_words import WrittenNotices
from splynx_stripe.web.settings_desk import TrialLine

_EXAMPLE = MessageFacts("jane@example.net", "invoice", "202611000042", date(2026, 11, 24))
_EXAMPLE_MINOR_UNITS = 4990
_MOMENT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_COMPANY = "…"
_ANYBODY = 0
"""No partner of Splynx has this number, so it stands for whoever has nothing of their own."""


def message_example(template: str) -> list[TrialLine]:
    """Fills the message template in."""
    try:
        return [TrialLine(True, render_message(template, _EXAMPLE))]
    except TemplateError as error:
        return [TrialLine(False, str(error))]


def customers_example(
    settings: Settings, section: str, public_url: str, language: Language
) -> list[TrialLine]:
    """Says what customers of a section could do with these settings."""
    say = language.say
    terms = settings.terms(_ANYBODY if section == DEFAULT_PARTNER else int(section))
    if terms is None or not terms.payment_kinds:
        return [
            TrialLine(
                False,
                say(later("Nobody of this partner can pay online.")),
                say(
                    later(
                        "It needs a Stripe account, a currency, and a payment type that takes this"
                        " currency in this country."
                    )
                ),
            )
        ]
    kinds = ", ".join(say(kind.english_name) for kind in terms.payment_kinds)
    lines = [
        say(
            later("Customers pay in %(currency)s with: %(kinds)s"),
            currency=terms.currency,
            kinds=kinds,
        ),
        _direct_links(terms, public_url, language),
        say(later("The payment form offers to save what they pay with."))
        if terms.offers_to_save
        else say(later("The payment form does not offer to save what they pay with.")),
        _top_ups(terms, language),
    ]
    return [TrialLine(True, text) for text in lines]


def notice_example(
    settings: Settings, section: str, site: Site, languages: Languages
) -> list[TrialLine]:
    """Shows what a customer is told when a payment has failed, in the section's language."""
    resolution = settings.resolution(section)
    rules = notice_rules(resolution.business())
    facts = {
        "debt": "invoice",
        "number": _EXAMPLE.id,
        "amount": str(_EXAMPLE_MINOR_UNITS),
        "currency": str(resolution.value("currency")) or "EUR",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
    }
    notice = Notice(
        *("example", "example", NoticeKind.PAYMENT_FAILED, Channel.MAIL, 1, 1, _MOMENT, _MOMENT),
        facts=facts,
    )
    context = NoticeContext(
        Company(_COMPANY, "", "", ""), rules, f"{site.public_url}/pay/…", "2026-11-27"
    )
    message = WrittenNotices(site, languages).compose(notice, context)
    return [
        TrialLine(
            rules.tells_failures,
            later("Customers are told of failed payments."),
            later("Switch on “Failed payment notifications”."),
        ),
        TrialLine(True, message.subject),
        TrialLine(True, f"{rules.intro} {message.text}".strip()),
    ]


def _direct_links(terms: Terms, public_url: str, language: Language) -> str:
    if not terms.grants_access_to_unauthorized:
        return language.say(later("Plain payment links lead to the sign-in of the portal."))
    address = f"{public_url}/direct-pay-invoice?item_id={_EXAMPLE.id}"
    return language.say(
        later("Whoever has such a link pays without signing in: %(address)s"), address=address
    )


def _top_ups(terms: Terms, language: Language) -> str:
    if terms.top_up is None:
        return language.say(later("Nobody can top up a balance."))
    return language.say(
        later("A balance can be topped up with %(least)s to %(most)s."),
        least=language.money(terms.top_up.minimum),
        most=language.money(terms.top_up.maximum),
    )
