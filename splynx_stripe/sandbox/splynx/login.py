"""Logging in and out with a browser, for portal and administration alike."""

from __future__ import annotations

from urllib.parse import quote

import aiohttp_jinja2
from aiohttp import web
from yarl import URL

from splynx_stripe.sandbox.splynx.auth import find_user
from splynx_stripe.sandbox.splynx.state import Session, SplynxState, UserKind

HOME: dict[UserKind, str] = {"customer": "/portal/", "administrator": "/admin/"}


def local_path(wanted: str, default: str) -> str:
    """Gives `wanted` when it is a path of this server, else `default`: no open redirect."""
    printable = wanted.isprintable() and "\\" not in wanted
    local = wanted.startswith("/") and not wanted.startswith("//")
    return wanted if local and printable else default


class Login:
    """The login of one kind of user."""

    def __init__(self, state: SplynxState, kind: UserKind) -> None:
        self._state = state
        self._kind = kind
        self._home = HOME[kind]

    def add_routes(self, app: web.Application) -> None:
        for path in (f"{self._home}login", f"{self._home}login/"):
            app.router.add_get(path, self._show)
            app.router.add_post(path, self._log_in)
        app.router.add_get(f"{self._home}logout", self._log_out)

    def user_id(self, request: web.Request) -> int:
        """Gives who is looking.

        Raises:
            HTTPFound: to the login page, which leads back here.
        """
        session = self._state.sessions.get(self._cookie(request))
        if session is None or session.kind != self._kind:
            back = quote(request.path_qs, safe="")
            raise web.HTTPFound(URL(f"{self._home}login?return={back}", encoded=True))
        return session.user_id

    def _cookie(self, request: web.Request) -> str:
        return request.cookies.get(self._state.options.session_cookie, "")

    async def _show(self, request: web.Request) -> web.Response:
        return self._page(request, error="")

    def _page(self, request: web.Request, *, error: str) -> web.Response:
        context = {
            "kind": self._kind,
            "action": request.path_qs,
            "error": error,
            "hint": "customer17" if self._kind == "customer" else "admin",
        }
        return aiohttp_jinja2.render_template("splynx_login.html", request, context)

    async def _log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        login, password = str(form.get("login", "")), str(form.get("password", ""))
        user = find_user(self._state, self._kind, login, password)
        if user is None:
            return self._page(request, error="Login or password is wrong.")
        session_id = self._state.new_token()
        self._state.sessions[session_id] = Session(kind=self._kind, user_id=user.id)
        answer = web.Response(
            status=302,
            headers={"Location": local_path(request.query.get("return", ""), self._home)},
        )
        answer.set_cookie(
            self._state.options.session_cookie, session_id, path="/", httponly=True, samesite="Lax"
        )
        return answer

    async def _log_out(self, request: web.Request) -> web.Response:
        self._state.sessions.pop(self._cookie(request), None)
        answer = web.Response(status=302, headers={"Location": f"{self._home}login"})
        answer.del_cookie(self._state.options.session_cookie, path="/")
        return answer
