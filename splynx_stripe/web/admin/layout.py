"""The frame of the office's pages: title, menu, and what every page there has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, accepted_languages, later
from splynx_stripe.web.identity import Office
from splynx_stripe.web.pages import render


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A page in the menu: its route's name, its title, and the routes that belong to it."""

    route: str
    title: str
    has_below: frozenset[str] = frozenset()


_CHARGE_PAGES = frozenset(
    {
        *("admin-charge-plan", "admin-charge-stop", "admin-charge-resume"),
        *("admin-runs", "admin-run", "admin-run-confirm"),
        *("admin-run-pause", "admin-run-resume", "admin-run-cancel"),
    }
)

MENU: tuple[MenuItem, ...] = (
    MenuItem("admin-home", later("Start")),
    MenuItem("admin-charge", later("Charge"), _CHARGE_PAGES),
    MenuItem("admin-logs", later("Logs")),
    MenuItem("admin-recoveries", later("Failed payments")),
    MenuItem("admin-links", later("Payment links")),
    MenuItem("admin-credentials-find", later("Saved cards")),
    MenuItem("admin-rules", later("Auto charge")),
    MenuItem("admin-settings", later("Settings")),
    MenuItem("admin-accounts", later("Stripe accounts")),
)
"""The pages of the office, in the order of the menu."""


def office_language(request: web.Request) -> Language:
    """Chooses the language of the office: what the settings say, then what the browser asks for."""
    edge = request.app[EDGE]
    accepted = accepted_languages(request.headers.get("Accept-Language", ""))
    return edge.languages.best([edge.site.language, *accepted])


def render_office(
    request: web.Request,
    office: Office,
    template: str,
    context: Mapping[str, object],
    *,
    status: int = 200,
) -> web.Response:
    """Renders a page of the office; `template` extends `admin/base.html`."""
    edge = request.app[EDGE]
    language = office_language(request)
    here = request.match_info.route.name
    shared = {
        "menu": [
            {
                "title": language.say(item.title),
                "url": str(request.app.router[item.route].url_for()),
                "is_here": here == item.route or here in item.has_below,
            }
            for item in MENU
        ],
        "form_token_name": FORM_TOKEN,
        "form_token": edge.tickets.form_token(office.session_id),
    }
    return render(request, template, language, shared | dict(context), status=status)
