"""The addresses of the pages of auto charge."""

from __future__ import annotations

from aiohttp import web

from splynx_stripe.web.admin.rules import (
    delete_rule,
    forecast_page,
    rule_page,
    rules_page,
    save_rule,
    switch_rule,
)


def add_rule_routes(router: web.UrlDispatcher, base: str) -> None:
    """Adds them below `base`."""
    address = f"{base}/admin/auto-charge"
    router.add_get(address, rules_page, name="admin-rules")
    router.add_get(f"{address}/rule", rule_page, name="admin-rules-edit")
    router.add_get(f"{address}/forecast", forecast_page, name="admin-rules-forecast")
    router.add_post(f"{address}/save", save_rule, name="admin-rules-save")
    router.add_post(f"{address}/switch", switch_rule, name="admin-rules-switch")
    router.add_post(f"{address}/delete", delete_rule, name="admin-rules-delete")
