"""The small Stripe's OAuth (Connect, Standard accounts): consent page, tokens, taking it back.

Source: docs.stripe.com/connect/oauth-reference. A platform is a key with a `client_id`; every other
account of the same mode can be connected to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode

from aiohttp import web

from splynx_stripe.sandbox.faults import CONTROL_PREFIX
from splynx_stripe.sandbox.stripe.call import Call
from splynx_stripe.sandbox.stripe.state import Json, SandboxKey, StripeState

_CODE_LASTS = timedelta(minutes=5)
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>Sandbox Stripe</title><main><h1>Connect an account</h1>
<p>A platform asks to take payments with one of your accounts ({mode} mode).</p>
<form method="post"><label>Account <select name="account">{options}</select></label>
<button name="decision" value="allow">Connect this account</button>
<button name="decision" value="deny">Do not connect</button>
{hidden}</form></main></html>"""


@dataclass(slots=True)
class _Code:
    platform: SandboxKey
    account_id: str
    expires_at: datetime
    used: bool = False


class Connect:
    """The OAuth routes, and who is connected to which platform."""

    def __init__(self, state: StripeState, keys: dict[str, SandboxKey]) -> None:
        self._state = state
        self._by_secret = keys
        self._codes: dict[str, _Code] = {}

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/oauth/authorize", self.ask)
        app.router.add_post("/oauth/authorize", self.decide)
        app.router.add_post("/oauth/token", self.token)
        app.router.add_post("/oauth/deauthorize", self.deauthorize)
        app.router.add_post(f"{CONTROL_PREFIX}deauthorize", self.taken_back)

    def may_act_for(self, key: SandboxKey, account_id: str) -> bool:
        """Says whether a key may name this account in `Stripe-Account`."""
        return account_id in self._connected(key)

    async def ask(self, request: web.Request) -> web.Response:
        platform = self._platform(request.query.get("client_id", ""))
        options = "".join(
            f'<option value="{key.account_id}">{escape(key.account_id)}</option>'
            for key in self._accounts(platform)
        )
        hidden = "".join(
            f'<input type="hidden" name="{name}" value="{escape(request.query.get(name, ""))}">'
            for name in ("client_id", "redirect_uri", "state")
        )
        mode = "live" if platform.livemode else "test"
        page = _PAGE.format(mode=mode, options=options, hidden=hidden)
        return web.Response(text=page, content_type="text/html")

    async def decide(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        platform = self._platform(form.get("client_id", ""))
        answer = {"state": form.get("state", "")}
        if form.get("decision") == "allow":
            answer |= {"scope": "read_write", "code": self.code_for(platform, form["account"])}
        else:
            answer |= {
                "error": "access_denied",
                "error_description": "The user denied your request",
            }
        raise web.HTTPSeeOther(f"{form['redirect_uri']}?{urlencode(answer)}")

    def code_for(self, platform: SandboxKey, account_id: str) -> str:
        """Makes the code that a person's consent brings to the platform."""
        code = self._state.new_id("ac")
        self._codes[code] = _Code(platform, account_id, self._state.now() + _CODE_LASTS)
        return code

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        code = self._codes.get(form.get("code", ""))
        key = self._key(request, form)
        if key is None or not key.client_id:
            return _refused(401, "invalid_client", "No such API key.")
        if form.get("grant_type") != "authorization_code":
            return _refused(400, "unsupported_grant_type", "Not supported.")
        if code is None or code.platform.secret_key != key.secret_key:
            return _refused(400, "invalid_grant", "Authorization code does not exist.")
        if code.used:
            return _refused(400, "invalid_grant", "This authorization code has already been used.")
        if code.expires_at < self._state.now():
            return _refused(400, "invalid_grant", "Authorization code expired.")
        code.used = True
        return web.json_response(self._grant(key, code.account_id))

    def _grant(self, platform: SandboxKey, account_id: str) -> Json:
        self._connected(platform).add(account_id)
        (account,) = (it for it in self._accounts(platform) if it.account_id == account_id)
        mode = "live" if platform.livemode else "test"
        token = f"sk_{mode}_oauth{self._state.letters(24, 'oauth')}"
        self._by_secret[token] = replace(account, secret_key=token)
        return {
            "access_token": token,
            "livemode": platform.livemode,
            "refresh_token": f"rt_{self._state.letters(24, 'oauth')}",
            "token_type": "bearer",
            "stripe_publishable_key": account.publishable_key,
            "stripe_user_id": account_id,
            "scope": "read_write",
        }

    async def deauthorize(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        key = self._key(request, form)
        account_id = form.get("stripe_user_id", "")
        if key is None or key.client_id != form.get("client_id"):
            return _refused(401, "invalid_client", "No such application.")
        if account_id not in self._connected(key):
            return _refused(
                401,
                "invalid_client",
                f"This application is not connected to stripe account {account_id},"
                " or that account does not exist.",
            )
        self.end(key, account_id)
        return web.json_response({"stripe_user_id": account_id})

    async def taken_back(self, request: web.Request) -> web.Response:
        """Does what the account's owner does in the dashboard: `{"account": "acct_…"}`."""
        account_id = str((await request.json()).get("account"))
        ended = [
            platform
            for platform in self._state.options.keys
            if platform.client_id and account_id in self._connected(platform)
        ]
        for platform in ended:
            self.end(platform, account_id)
        return web.json_response({"ended": len(ended)})

    def end(self, platform: SandboxKey, account_id: str) -> None:
        """Ends a connection, and tells the platform's endpoints."""
        application: Json = {"id": platform.client_id, "object": "application", "name": "Platform"}
        book = self._state.book(account_id, livemode=platform.livemode)
        Call(self._state, book).emit("account.application.deauthorized", application)
        self._connected(platform).discard(account_id)
        for token, key in list(self._by_secret.items()):
            if "_oauth" in token and key.account_id == account_id:
                del self._by_secret[token]

    def _connected(self, platform: SandboxKey) -> set[str]:
        return self._state.connected.setdefault((platform.account_id, platform.livemode), set())

    def _platform(self, client_id: str) -> SandboxKey:
        for key in self._state.options.keys:
            if key.client_id and key.client_id == client_id:
                return key
        raise web.HTTPBadRequest(text=f"No application matches the client_id {client_id}.")

    def _accounts(self, platform: SandboxKey) -> list[SandboxKey]:
        accounts = {
            key.account_id: key
            for key in self._state.options.keys
            if key.livemode == platform.livemode and not key.client_id and key.permissions is None
        }
        return list(accounts.values())

    def _key(self, request: web.Request, form: Mapping[str, str]) -> SandboxKey | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._by_secret.get(given or form.get("client_secret", ""))


def _refused(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
