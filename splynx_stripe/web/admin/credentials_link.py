"""The office makes a link by which a customer saves a payment method, and has it mailed.

The page that shows the button has decided on the link's token already, so a second press, or a
page that is loaded again, leads to the same link and sends no second e-mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from aiohttp import web

from splynx_stripe.domain.link import LinkScope, LinkState, MadeLink
from splynx_stripe.domain.mail import Mail, first_address
from splynx_stripe.flows.credentials import CredentialsView
from splynx_stripe.flows.links import LinkOrder, MailStanding, Maker
from splynx_stripe.web.admin.credentials_door import here_of, office_form
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import moment
from splynx_stripe.web.customer.signed_link import link_url
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_FOUND, NOT_YOURS, PageError
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.identity import Office

CHANCE, SEAL = "chance", "seal"
"""The fields of the form: the token to be, and the proof that a page of ours has thought of it."""

_CHANCE = re.compile(r"[0-9a-f]{32}")
_ALREADY = later("The link was made before, and no other e-mail was sent now.")
_NO_MORE = later("This link is not valid any more. Go back to the list and make a new one.")
_NO_ADDRESS = later("The customer has no e-mail address in Splynx. Please copy the link.")
_MAILED: Mapping[MailStanding, str] = {
    MailStanding.QUEUED: later("An e-mail with the link is on its way to the customer."),
    MailStanding.REFUSED: later(
        "Splynx did not take the e-mail: nothing was sent. Its API key needs the permission to add"
        " e-mails (Config, Mail). Please copy the link."
    ),
    MailStanding.NOT_REACHED: later(
        "Splynx could not be reached: nothing was sent. Please copy the link."
    ),
    MailStanding.UNKNOWN: later(
        "Splynx did not say whether it took the e-mail. Please look into its list of e-mails before"
        " you send the link again."
    ),
}


def link_form(request: web.Request, office: Office, view: CredentialsView) -> dict[str, object]:
    """Gives what the button needs."""
    edge = request.app[EDGE]
    chance = edge.deps.ids.token()
    return {
        "link_fields": {CHANCE: chance, SEAL: _seal(request, office, view, chance)},
        "can_mail": bool(first_address(view.customer.email)),
    }


async def make_saving_link(request: web.Request) -> web.Response:
    """Makes the link, shows it now and never again, and hands an e-mail to Splynx where asked."""
    office, view, fields = await office_form(request)
    chance, edge = fields.get(CHANCE, ""), request.app[EDGE]
    seal = fields.get(SEAL, "")
    is_ours = edge.tickets.is_form_token(seal, _sealed(office, view, chance))
    if _CHANCE.fullmatch(chance) is None or not is_ours:
        raise PageError(NOT_YOURS)
    maker = Maker(office.actor, office.partner_id)
    order = LinkOrder(LinkScope.CREDENTIAL, customer_id=view.customer.id, chance=chance)
    made = await edge.deps.links.make(order, maker)
    if made is None:
        raise PageError(NOT_FOUND)
    language = office_language(request)
    sentence = _NO_MORE
    is_valid = made.link.state(edge.deps.clock.now()) is LinkState.VALID
    if is_valid and not made.is_new:
        sentence = _ALREADY
    elif is_valid:
        sentence = await _mailed(request, view, made, maker) if fields.get("way") == "mail" else ""
    context = {
        "customer": view.customer,
        "here": here_of(request, view),
        "made_url": link_url(edge.site, made.token) if is_valid else "",
        "expires_at": moment(made.link.expires_at, edge.site.timezone, language),
        "sentence": language.say(sentence) if sentence else "",
        "mood": "good" if sentence == _MAILED[MailStanding.QUEUED] else "care",
    }
    return render_office(request, office, "admin/credentials_link.html", context)


async def _mailed(request: web.Request, view: CredentialsView, made: MadeLink, maker: Maker) -> str:
    """Hands the e-mail to Splynx and gives the sentence about it."""
    recipient = first_address(view.customer.email)
    if not recipient:
        return _NO_ADDRESS
    edge = request.app[EDGE]
    language = edge.languages.best([view.terms.language] if view.terms else [])
    company, url = view.company.name, link_url(edge.site, made.token)
    last_day = language.date(made.link.expires_at.astimezone(edge.site.timezone).date())
    mail = Mail(
        customer_id=view.customer.id,
        recipient=recipient,
        subject=language.say(later("Save a payment method for %(company)s"), company=company),
        html=_html(language, company, url, last_day),
    )
    return _MAILED[await edge.deps.links.send(made.link, mail, maker)]


def _html(language: Language, company: str, url: str, last_day: str) -> str:
    ask = language.say(
        later(
            "With this link you can save a card or bank account for your invoices of %(company)s:"
        ),
        company=company,
    )
    until = language.say(
        later("It works once, until %(day)s. No money is taken when you save it."), day=last_day
    )
    unasked = language.say(
        later("If you did not expect this e-mail, you need not do anything: nothing is saved then.")
    )
    link = f'<a href="{escape(url)}">{escape(url)}</a>'
    paragraphs = (escape(ask), link, escape(until), escape(unasked))
    return "".join(f"<p>{text}</p>" for text in paragraphs)


def _seal(request: web.Request, office: Office, view: CredentialsView, chance: str) -> str:
    return request.app[EDGE].tickets.form_token(_sealed(office, view, chance))


def _sealed(office: Office, view: CredentialsView, chance: str) -> str:
    """Binds the token to be to the session and the customer."""
    return f"{office.session_id}:link:{view.customer.id}:{chance}"
