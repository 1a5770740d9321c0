"""The sandbox Splynx as one web application."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from splynx_stripe.kit.clock import Clock
from splynx_stripe.sandbox.faults import FaultInjector, add_control_routes
from splynx_stripe.sandbox.splynx.admin import AdminPages
from splynx_stripe.sandbox.splynx.api import SplynxApi
from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Caller
from splynx_stripe.sandbox.splynx.control import SandboxControl
from splynx_stripe.sandbox.splynx.errors import bad_request, server_error
from splynx_stripe.sandbox.splynx.options import SplynxSandboxOptions
from splynx_stripe.sandbox.splynx.portal import PortalPages
from splynx_stripe.sandbox.splynx.proxy import AddonProxy
from splynx_stripe.sandbox.splynx.search import nested
from splynx_stripe.sandbox.splynx.seed_data import fill
from splynx_stripe.sandbox.splynx.state import SplynxState

API_PREFIX = "/api/2.0/"
MAX_BODY_BYTES = 20 * 1024 * 1024
"""Splynx takes uploads of 20 MB (2.1)."""

SANDBOX_FOLDER = Path(__file__).resolve().parent.parent

Observer = Callable[[str, str, Any, int, Any], None]
"""Called with method, path below the API, query or JSON body, status, and the answer's body."""


class SplynxSandbox:
    """A small Splynx: its API, its portal and administration, and the add-on behind it.

    Serve `app()` in this process or another. `state` may be read and changed at any time.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int = 1,
        data: Literal["small", "medium", "large"] = "small",
        options: SplynxSandboxOptions | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.options = options or SplynxSandboxOptions()
        self.state = SplynxState(clock=clock, options=self.options, seed=seed)
        fill(self.state, data)
        self.faults = FaultInjector(clock, json.dumps(server_error().body("B")))
        self.observer = observer
        self._api = SplynxApi(self.state)
        self._proxy = AddonProxy(self.options)

    def app(self) -> web.Application:
        """Makes the web application."""
        app = web.Application(
            middlewares=[_spoiled_by(self.faults)], client_max_size=MAX_BODY_BYTES
        )
        aiohttp_jinja2.setup(
            app,
            loader=jinja2.FileSystemLoader(SANDBOX_FOLDER / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        add_control_routes(app, self.faults)
        SandboxControl(self.state).add_routes(app)
        app.router.add_route("*", API_PREFIX + "{path:.*}", self._handle_api)
        PortalPages(self.state).add_routes(app)
        AdminPages(self.state).add_routes(app)
        app.router.add_get("/_sandbox/splynx.css", _stylesheet)
        app.router.add_route("*", "/stripe", self._proxy.handle)
        app.router.add_route("*", "/stripe/{path:.*}", self._proxy.handle)
        app.on_cleanup.append(self._on_cleanup)
        return app

    async def close(self) -> None:
        """Lets go of what the sandbox holds open. The application's own clean-up does it too."""
        await self._proxy.close()

    async def _on_cleanup(self, _app: web.Application) -> None:
        await self.close()

    async def _handle_api(self, request: web.Request) -> web.Response:
        raw = await request.read()
        path = request.match_info["path"].strip("/")
        query = nested(request.query.items())
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        if isinstance(body, dict):
            caller = Caller(
                authorization=request.headers.get("Authorization", ""),
                user_agent=request.headers.get("User-Agent", ""),
                ip=request.remote or "",
            )
            answer = self._api.answer(ApiCall(request.method, path, query, body, caller))
        else:
            error = bad_request("Invalid JSON.")
            answer = ApiAnswer(error.code, error.body(self.options.validation_form))
        if self.observer is not None:
            sent = body if request.method in ("POST", "PUT") else dict(request.query)
            self.observer(request.method, path, sent, answer.status, answer.body)
        return _response(answer)


def _spoiled_by(faults: FaultInjector) -> Middleware:
    @web.middleware
    async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await faults.middleware(request, handler)

    return spoil


def _response(answer: ApiAnswer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    text = json.dumps(answer.body, separators=(",", ":"))
    return web.Response(
        status=answer.status,
        text=text,
        headers=answer.headers,
        content_type="application/json",
    )


async def _stylesheet(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(SANDBOX_FOLDER / "static" / "splynx.css")
