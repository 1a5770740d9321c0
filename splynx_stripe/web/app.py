"""The web application: all routes, below the base path of the public address."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.access_log import QuerylessAccessLogger
from splynx_stripe.web.admin.home import admin_home
from splynx_stripe.web.customer.home import home
from splynx_stripe.web.customer.payment_page import ENTRANCES, payment_page
from splynx_stripe.web.customer.result import result_page, result_status
from splynx_stripe.web.customer.start import start_payment
from splynx_stripe.web.deps import Site, ViewerSource, WebDeps, WebhookEndpoint
from splynx_stripe.web.edge import EDGE, build_edge
from splynx_stripe.web.errors import errors_as_answers
from splynx_stripe.web.health import healthz, metrics, readyz
from splynx_stripe.web.pages import set_up_templates
from splynx_stripe.web.routing import WEBHOOK_ROUTE, route_name
from splynx_stripe.web.security import NONCE, protect
from splynx_stripe.web.webhook import MAX_BODY_BYTES, REFUSALS, RefusalLog, webhook

__all__ = [
    "QuerylessAccessLogger",
    "Site",
    "ViewerSource",
    "WebDeps",
    "WebhookEndpoint",
    "create_app",
]


def create_app(deps: WebDeps) -> web.Application:
    """Builds the application. Run it with `access_log_class=QuerylessAccessLogger`."""
    app = web.Application(middlewares=[errors_as_answers], client_max_size=MAX_BODY_BYTES)
    app[EDGE] = build_edge(deps)
    app[REFUSALS] = RefusalLog(deps.clock)
    set_up_templates(app)
    app.on_response_prepare.append(_finish)
    _add_routes(app, deps.site.base)
    return app


def _add_routes(app: web.Application, base: str) -> None:
    router = app.router
    if base:
        router.add_get(base, _to_home, name="base")
    router.add_get(f"{base}/", home, name="home")
    for entrance in ENTRANCES:
        router.add_get(f"{base}/{entrance.name}", payment_page(entrance), name=entrance.name)
    router.add_post(f"{base}/pay/start", start_payment, name="pay-start")
    router.add_get(f"{base}/result", result_page, name="result")
    router.add_get(f"{base}/result/status", result_status, name="result-status")
    router.add_get(f"{base}/admin", _to_admin_home, name="admin-base")
    router.add_get(f"{base}/admin/", admin_home, name="admin-home")
    router.add_post(f"{base}/webhook/{{endpoint}}", webhook, name=WEBHOOK_ROUTE)
    router.add_get(f"{base}/healthz", healthz, name="healthz")
    router.add_get(f"{base}/readyz", readyz, name="readyz")
    router.add_get(f"{base}/metrics", metrics, name="metrics")
    router.add_get(f"{base}/static/{{digest}}/{{name}}", _static, name="static")


async def _to_home(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"{request.app[EDGE].site.base}/")


async def _to_admin_home(request: web.Request) -> web.Response:
    raise web.HTTPFound(f"{request.app[EDGE].site.base}/admin/")


async def _static(request: web.Request) -> web.Response:
    match = request.match_info
    return request.app[EDGE].assets.answer(match["digest"], match["name"])


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    """Protects and counts every answer, whoever made it."""
    edge = request.app[EDGE]
    protect(response, edge.site, request.get(NONCE, ""))
    edge.metrics.answered(route_name(request), response.status)
