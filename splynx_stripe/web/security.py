"""What browsers are told to refuse: the security headers of every answer, and foreign requests."""

from __future__ import annotations

from functools import lru_cache

from aiohttp import web

from splynx_stripe.web.deps import Site, origin_of

NONCE = web.RequestKey("nonce", str)
"""The nonce of this request, where it is answered with a page; the page's scripts carry it."""

_NONCE_PLACE = "{nonce}"
_STRIPE_JS_HOST = "https://js.stripe.com"


def content_security_policy(site: Site, nonce: str) -> str:
    """Writes the policy of one page: our own files, Stripe's origins, and nothing else.

    Without a nonce, which answers that are no pages do not have, nothing inline runs at all.
    Stripe's list: docs.stripe.com/security/guide, "Content Security Policy".
    """
    return _policy(site).replace(_NONCE_PLACE, f"'nonce-{nonce}' " if nonce else "")


@lru_cache(maxsize=8)
def _policy(site: Site) -> str:
    """Writes what is the same in every policy: webhooks need it thousands of times a minute."""
    js_origin = origin_of(site.stripe_js_url)
    frames = [js_origin, "https://hooks.stripe.com"]
    scripts = [f"{_NONCE_PLACE}{js_origin}"]
    if js_origin == _STRIPE_JS_HOST:
        scripts.append("https://*.js.stripe.com")
        frames.append("https://*.js.stripe.com")
    splynx_origin = origin_of(site.splynx_url)
    directives = {
        "default-src": ["'none'"],
        "script-src": scripts,
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "https://*.stripe.com"],
        "connect-src": ["'self'", site.stripe_api_origin],
        "frame-src": frames,
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'self'", splynx_origin],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def protect(response: web.StreamResponse, site: Site, nonce: str) -> None:
    """Sets the headers. There is no X-Frame-Options: it cannot name Splynx's origin."""
    headers = response.headers
    headers["Content-Security-Policy"] = content_security_policy(site, nonce)
    headers["Referrer-Policy"] = "same-origin"  # result addresses carry a ticket
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Permissions-Policy"] = _permissions(site)
    headers.setdefault("Cache-Control", "no-store")


@lru_cache(maxsize=8)
def _permissions(site: Site) -> str:
    return f'payment=(self "{origin_of(site.stripe_js_url)}")'


def is_foreign(request: web.Request, site: Site) -> bool:
    """Says whether a browser names another site as the origin of a request.

    Old browsers name none; the ticket protects those.
    """
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None and fetch_site != "same-origin":
        return True
    origin = request.headers.get("Origin")
    return origin is not None and origin != site.origin
