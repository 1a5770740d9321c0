"""Rendering: a template, a language, and the few things that every page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp_jinja2
import jinja2
from aiohttp import web

from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, accepted_languages
from splynx_stripe.web.security import NONCE


@dataclass(frozen=True, slots=True)
class Link:
    """A link that a page offers; `leaves_frame` breaks out of Splynx's modal window."""

    text: str
    url: str
    leaves_frame: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """A page that says one thing: an icon, a title, sentences, and where to go from here."""

    icon: str
    title: str
    sentences: tuple[str, ...]
    links: tuple[Link, ...] = ()
    error_id: str = ""


def set_up_templates(app: web.Application) -> None:
    """Prepares the templates. What a template does not know is an error, never an empty place."""
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("splynx_stripe.web", "templates"),
        extensions=["jinja2.ext.i18n"],
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # an installed template does not change; looking costs a stat for each
    )


def language_of_request(request: web.Request) -> Language:
    """Chooses the language by what the browser asks for."""
    header = request.headers.get("Accept-Language", "")
    return request.app[EDGE].languages.best(accepted_languages(header))


def render(
    request: web.Request,
    template: str,
    language: Language,
    context: Mapping[str, object],
    *,
    status: int = 200,
) -> web.Response:
    """Renders a page."""
    edge = request.app[EDGE]
    shared: dict[str, object] = {
        "language": language,
        "say": language.say,
        "asset": edge.assets.url,
        "nonce": _new_nonce(request),
        "base": edge.site.base,
        "company": "",
        "is_test": False,
    }
    response = aiohttp_jinja2.render_template(
        template, request, shared | dict(context), status=status
    )
    response.headers["Content-Language"] = language.tag
    return response


def _new_nonce(request: web.Request) -> str:
    """Makes the nonce of a page, which `protect` puts into the page's policy."""
    request[NONCE] = nonce = request.app[EDGE].deps.ids.token()
    return nonce


def render_notice(
    request: web.Request,
    language: Language,
    notice: Notice,
    *,
    status: int = 200,
    company: str = "",
) -> web.Response:
    """Renders a page that says one thing."""
    context = {"notice": notice, "company": company}
    return render(request, "notice.html", language, context, status=status)
