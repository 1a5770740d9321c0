"""The access log: one line per request, without what addresses and headers may carry in secret."""

from __future__ import annotations

import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from typing_extensions import override

from splynx_stripe.web.routing import WEBHOOK_ROUTE, route_name


class QuerylessAccessLogger(AbstractAccessLogger):
    """Logs method, route, status and duration. Queries hold tickets and Stripe's client secrets.

    An event that was stored is logged at `debug` only: the inbox remembers it better, and a burst
    of thousands would make journald drop other lines (`RateLimitBurst=` in journald.conf(5)).
    The route is logged and not the path, because the path of a webhook is meant to be unguessable.
    """

    @override
    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        route = route_name(request) if isinstance(request, web.Request) else "unmatched"
        taken = route == WEBHOOK_ROUTE and response.status == HTTPStatus.OK
        level = logging.DEBUG if taken else logging.INFO
        if not self.logger.isEnabledFor(level):
            return
        self.logger.log(
            level,
            "http.answered",
            extra={
                "method": request.method,
                "route": route,
                "status": response.status,
                "duration_ms": round(time * 1000),
            },
        )
