"""Where customer pages lead to: Splynx's portal, its sign-in, and our own pages."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.web.deps import Site
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.pages import Link


def page_path(site: Site, entrance: str, item: str) -> str:
    """Gives the path of a payment page."""
    return f"{site.base}/{entrance}?{urlencode({'item_id': item})}"


def result_path(site: Site, ticket: str) -> str:
    """Gives the path of a result page."""
    return f"{site.base}/result?{urlencode({'ticket': ticket})}"


def result_status_path(site: Site, ticket: str) -> str:
    """Gives the path where the script of a result page asks for news."""
    return f"{site.base}/result/status?{urlencode({'ticket': ticket})}"


def sign_in_url(site: Site, entrance: str, item: str) -> str:
    """Gives Splynx's sign-in page, which leads back to a page of ours and to nowhere else."""
    return f"{site.portal_url}login/?return={quote(page_path(site, entrance, item), safe='')}"


def portal_link(site: Site, language: Language, kind: PayableKind = PayableKind.INVOICE) -> Link:
    """Leads to the customer's documents in the portal, out of the modal window."""
    if kind is PayableKind.TOP_UP:
        text, page = later("Back to my payments"), "payments/list"
    elif kind is PayableKind.PROFORMA:
        text, page = later("Back to my proforma invoices"), "requests"
    else:
        text, page = later("Back to my invoices"), "invoices"
    return Link(language.say(text), f"{site.portal_url}finance/{page}", leaves_frame=True)
