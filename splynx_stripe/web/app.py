"""The web application: all routes, below the base path of the public address."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.access_log import QuerylessAccessLogger
from splynx_stripe.web.admin.accounts import (
    account_action,
    accounts_page,
    connect_account,
    disconnect_account,
    stray_endpoints,
)
from splynx_stripe.web.admin.home import admin_home
from splynx_stripe.web.admin.links import links_page, make_link, revoke_links
from splynx_stripe.web.admin.logs import logs_export, logs_page
from splynx_stripe.web.admin.recoveries import recoveries_page, stop_recovery, try_recovery
from splynx_stripe.web.admin.settings import (
    check_settings,
    save_settings,
    settings_page,
    try_settings,
)
from splynx_stripe.web.admin.timeline import timeline_page
from splynx_stripe.web.charge_routes import add_charge_routes
from splynx_stripe.web.credential_routes import add_credential_routes
from splynx_stripe.web.customer.overview import (
    begin_top_up,
    chosen_documents,
    history_page,
    overview_page,
    receipt,
    several_page,
    top_up_page,
    widget_page,
)
from splynx_stripe.web.customer.payment_page import ENTRANCES
from splynx_stripe.web.customer.plain_link import entrance_page
from splynx_stripe.web.customer.result import result_page, result_status
from splynx_stripe.web.customer.signed_link import signed_link
from splynx_stripe.web.customer.start import start_payment
from splynx_stripe.web.deps import Site, ViewerSource, WebDeps, WebhookEndpoint
from splynx_stripe.web.edge import EDGE, build_edge
from splynx_stripe.web.errors import errors_as_answers
from splynx_stripe.web.health import healthz, metrics, readyz
from splynx_stripe.web.links_api import make_link_by_program
from splynx_stripe.web.oauth import oauth_callback
from splynx_stripe.web.pages import set_up_templates
from splynx_stripe.web.routing import WEBHOOK_ROUTE, route_name
from splynx_stripe.web.rule_routes import add_rule_routes
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
    router.add_get(f"{base}/", overview_page, name="home")
    router.add_post(f"{base}/", begin_top_up, name="begin-top-up")
    router.add_get(f"{base}/widget", widget_page, name="widget")
    router.add_get(f"{base}/pay-chosen", chosen_documents, name="pay-chosen")
    router.add_get(f"{base}/pay-several", several_page, name="pay-several")
    router.add_get(f"{base}/top-up", top_up_page, name="top-up")
    router.add_get(f"{base}/history", history_page, name="history")
    router.add_get(f"{base}/receipts/{{payment_id:[0-9]{{1,18}}}}", receipt, name="receipt")
    for entrance in ENTRANCES:
        router.add_get(f"{base}/{entrance.name}", entrance_page(entrance), name=entrance.name)
    router.add_post(f"{base}/pay/start", start_payment, name="pay-start")
    router.add_get(f"{base}/pay/{{token:(?!start$)[^/]+}}", signed_link, name="signed-link")
    router.add_get(f"{base}/result", result_page, name="result")
    router.add_get(f"{base}/result/status", result_status, name="result-status")
    router.add_get(f"{base}/admin", _to_admin_home, name="admin-base")
    router.add_get(f"{base}/admin/", admin_home, name="admin-home")
    router.add_get(f"{base}/admin/logs", logs_page, name="admin-logs")
    router.add_get(f"{base}/admin/logs.csv", logs_export, name="admin-logs-export")
    router.add_get(f"{base}/admin/timeline/{{collection}}", timeline_page, name="admin-timeline")
    router.add_get(f"{base}/admin/recoveries", recoveries_page, name="admin-recoveries")
    router.add_post(f"{base}/admin/recoveries/try", try_recovery, name="admin-recoveries-retry")
    router.add_post(f"{base}/admin/recoveries/stop", stop_recovery, name="admin-recoveries-stop")
    router.add_get(f"{base}/admin/links", links_page, name="admin-links")
    router.add_post(f"{base}/admin/links/make", make_link, name="admin-links-make")
    router.add_post(f"{base}/admin/links/revoke", revoke_links, name="admin-links-revoke")
    router.add_post(f"{base}/admin/api/links", make_link_by_program, name="links-api")
    router.add_get(f"{base}/admin/settings", settings_page, name="admin-settings")
    router.add_post(f"{base}/admin/settings/save", save_settings, name="admin-settings-save")
    router.add_post(f"{base}/admin/settings/check", check_settings, name="admin-settings-check")
    router.add_post(f"{base}/admin/settings/try", try_settings, name="admin-settings-trial")
    for add_routes in (add_credential_routes, add_rule_routes, add_charge_routes):
        add_routes(router, base)
    _add_accounts(router, base)
    router.add_post(f"{base}/webhook/{{endpoint}}", webhook, name=WEBHOOK_ROUTE)
    router.add_get(f"{base}/healthz", healthz, name="healthz")
    router.add_get(f"{base}/readyz", readyz, name="readyz")
    router.add_get(f"{base}/metrics", metrics, name="metrics")
    router.add_get(f"{base}/static/{{digest}}/{{name}}", _static, name="static")


def _add_accounts(router: web.UrlDispatcher, base: str) -> None:
    address = f"{base}/admin/accounts"
    router.add_get(address, accounts_page, name="admin-accounts")
    router.add_post(f"{address}/connect", connect_account, name="admin-accounts-connect")
    router.add_post(f"{address}/disconnect", disconnect_account, name="admin-accounts-disconnect")
    router.add_post(f"{address}/endpoints", stray_endpoints, name="admin-accounts-endpoints")
    for name in ("test", "webhook", "rotate", "release"):
        router.add_post(f"{address}/{name}", account_action(name), name=f"admin-accounts-{name}")
    router.add_get(f"{base}/oauth/callback", oauth_callback, name="oauth-callback")


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
