"""Liveness, readiness and metrics, for whoever is on this machine and nobody else."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import generate_latest

from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.limits import is_forwarded, is_local

_UNAVAILABLE = 503


async def healthz(request: web.Request) -> web.Response:
    """Says that the process answers. It asks nobody else, so it cannot hang on them."""
    _only_from_this_machine(request)
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Says whether the daemon can do its work, and if not, why not.

    The emergency stop is a note: people can pay, and a proxy must go on sending them here.
    """
    _only_from_this_machine(request)
    deps = request.app[EDGE].deps
    reasons = await deps.readiness()
    notes = await deps.notes()
    status = _UNAVAILABLE if reasons else 200
    answer = {"ready": not reasons, "reasons": reasons, "notes": notes}
    return web.json_response(answer, status=status)


async def metrics(request: web.Request) -> web.Response:
    """Gives the figures in Prometheus' text format."""
    _only_from_this_machine(request)
    body = generate_latest(request.app[EDGE].metrics.registry)
    return web.Response(
        body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _only_from_this_machine(request: web.Request) -> None:
    """Refuses others as if there were nothing here; nginx on this machine passes on others."""
    if not is_local(request) or is_forwarded(request):
        raise web.HTTPNotFound
