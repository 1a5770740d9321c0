"""The names of our routes, as logs and metrics call them."""

from __future__ import annotations

from aiohttp import web

WEBHOOK_ROUTE = "webhook"


def route_name(request: web.Request) -> str:
    """Names the route of a request: one of a small, fixed set of words."""
    return request.match_info.route.name or "unmatched"
