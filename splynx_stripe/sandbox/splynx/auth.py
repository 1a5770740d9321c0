"""Three ways to prove who is calling: signature, token, HTTP Basic (reference, section 1)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from typing import Any

from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Caller, Principal
from splynx_stripe.sandbox.splynx.errors import (
    forbidden,
    method_disabled,
    not_found,
    unauthorized,
)
from splynx_stripe.sandbox.splynx.permissions import CUSTOMER_PERMISSIONS, as_json
from splynx_stripe.sandbox.splynx.rows import Administrator, Customer, JsonObject
from splynx_stripe.sandbox.splynx.state import ApiKey, Session, SplynxState, Token, UserKind

ACCESS_TOKEN_LIFE_S = 30 * 60
REFRESH_TOKEN_LIFE_S = 30 * 24 * 3600

_SPLYNX_EA = re.compile(r"Splynx-EA\s*\((.*)\)\s*")


def signature_of(key: str, secret: str, nonce: str) -> str:
    """Gives what the signature of this nonce has to be (1.2)."""
    return hmac.new(secret.encode(), f"{nonce}{key}".encode(), "sha256").hexdigest().upper()


def authenticate(state: SplynxState, caller: Caller) -> Principal:
    """Finds out who is calling.

    Raises:
        ApiError: 401, with the internal code that says why.
    """
    if not caller.authorization:
        raise unauthorized("MISSED_AUTHORIZATION_HEADER")
    if caller.authorization.startswith("Basic "):
        return _by_basic(state, caller.authorization.removeprefix("Basic "))
    if match := _SPLYNX_EA.fullmatch(caller.authorization):
        given = dict(part.partition("=")[::2] for part in match[1].split("&"))
        if "access_token" in given:
            return _by_token(state, given["access_token"], caller)
        return principal_of(state, check_signature(state, given))
    raise unauthorized("UNAUTHORIZED")


def principal_of(
    state: SplynxState, user: ApiKey | Session, *, by_token: bool = False
) -> Principal:
    """Says what a user may do."""
    if isinstance(user, ApiKey):
        return Principal(user, user.permissions, user.partner_id, by_token=by_token)
    if user.kind == "administrator":
        administrator = state.administrators[user.user_id]
        return Principal(user, partner_id=administrator.partner_id, by_token=by_token)
    return Principal(user, CUSTOMER_PERMISSIONS, customer_id=user.user_id, by_token=by_token)


def check_signature(state: SplynxState, given: dict[str, Any]) -> ApiKey:
    """Finds the key that signed, and uses the nonce up.

    Raises:
        ApiError: 401 for an unknown key, a wrong signature, or a nonce that is not above the last.
    """
    key = state.api_keys.get(str(given.get("key", "")))
    nonce, signature = str(given.get("nonce", "")), str(given.get("signature", ""))
    if key is None or not nonce.isdigit():
        raise unauthorized("UNAUTHORIZED")
    if state.options.lower_case_signature:
        signature = signature.upper()
    if not hmac.compare_digest(
        signature.encode(), signature_of(key.key, key.secret, nonce).encode()
    ):
        raise unauthorized("UNAUTHORIZED")
    checked = state.options.check_nonce if key.check_nonce is None else key.check_nonce
    if checked and int(nonce) <= key.last_nonce:
        raise unauthorized("UNAUTHORIZED")
    key.last_nonce = int(nonce)
    return key


def _by_basic(state: SplynxState, encoded: str) -> Principal:
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise unauthorized("UNAUTHORIZED") from error
    key = state.api_keys.get(name)
    if key is None or not hmac.compare_digest(key.secret.encode(), secret.encode()):
        raise unauthorized("UNAUTHORIZED")
    unsecure = state.options.unsecure_auth if key.unsecure_auth is None else key.unsecure_auth
    if not unsecure:
        raise unauthorized("UNAUTHORIZED")
    return principal_of(state, key)


def _by_token(state: SplynxState, access_token: str, caller: Caller) -> Principal:
    if not access_token:
        raise unauthorized("EMPTY_ACCESS_TOKEN")
    token = state.tokens.get(access_token)
    if token is None:
        raise unauthorized("UNAUTHORIZED")
    _check_binding(token, caller)
    if state.clock.now().timestamp() >= token.access_expires_at:
        raise unauthorized("EXPIRED_ACCESS_TOKEN")
    return principal_of(state, token.user, by_token=True)


def _check_binding(token: Token, caller: Caller) -> None:
    if token.banned:
        raise unauthorized("TOKEN_BANNED")
    if token.user_agent != caller.user_agent:
        raise unauthorized("USER_AGENT_CHANGED")
    if token.ip != caller.ip:
        raise unauthorized("IP_CHANGED")


class TokenEndpoints:
    """`admin/auth/…` (1.3)."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state
        self._logins: dict[str, Callable[[JsonObject], ApiKey | Session]] = {
            "api_key": lambda body: check_signature(state, body),
            "session": self._by_session,
            "admin": lambda body: self._by_password("administrator", body),
            "customer": lambda body: self._by_password("customer", body),
        }

    def answer(self, call: ApiCall) -> ApiAnswer:
        """Answers a call whose path starts with `admin/auth/`."""
        match call.path.split("/")[2:]:
            case ["tokens"] if call.method == "POST":
                return self._log_in(call)
            case ["tokens", refresh_token] if call.method == "GET":
                return self._renew(refresh_token, call.caller)
            case ["tokens", refresh_token] if call.method == "DELETE":
                self._by_refresh_token(refresh_token).banned = True
                return ApiAnswer(204)
            case ["sessions"] if call.method == "POST":
                return self._make_session(call)
            case _:
                raise method_disabled()

    def _log_in(self, call: ApiCall) -> ApiAnswer:
        login = self._logins.get(str(call.body.get("auth_type", "")))
        if login is None:
            raise unauthorized("INVALID_AUTH_TYPE")
        user = login(call.body)
        now = int(self._state.clock.now().timestamp())
        token = Token(
            access_token=self._state.new_token(),
            access_expires_at=now + ACCESS_TOKEN_LIFE_S,
            refresh_token=self._state.new_token(),
            refresh_expires_at=now + REFRESH_TOKEN_LIFE_S,
            user=user,
            user_agent=call.caller.user_agent,
            ip=call.caller.ip,
        )
        self._state.tokens[token.access_token] = token
        permissions = as_json(principal_of(self._state, user).permissions)
        return ApiAnswer(201, {**_shown(token), "permissions": permissions})

    def _renew(self, refresh_token: str, caller: Caller) -> ApiAnswer:
        token = self._by_refresh_token(refresh_token)
        _check_binding(token, caller)
        now = int(self._state.clock.now().timestamp())
        if now >= token.refresh_expires_at:
            raise unauthorized("EXPIRED_REFRESH_TOKEN")
        del self._state.tokens[token.access_token]
        token.access_token = self._state.new_token()
        token.access_expires_at = now + ACCESS_TOKEN_LIFE_S
        self._state.tokens[token.access_token] = token
        return ApiAnswer(200, _shown(token))

    def _by_refresh_token(self, refresh_token: str) -> Token:
        for token in self._state.tokens.values():
            if token.refresh_token == refresh_token:
                return token
        raise not_found()

    def _make_session(self, call: ApiCall) -> ApiAnswer:
        principal = authenticate(self._state, call.caller)
        if not principal.by_token or isinstance(principal.user, ApiKey):
            raise forbidden()
        session_id = self._state.new_token()
        self._state.sessions[session_id] = principal.user
        return ApiAnswer(201, {"session_id": session_id, "csrf_token": self._state.new_token()})

    def _by_session(self, body: JsonObject) -> Session:
        session = self._state.sessions.get(str(body.get("session_id", "")))
        if session is None:
            raise unauthorized("INVALID_USER")
        return session

    def _by_password(self, kind: UserKind, body: JsonObject) -> Session:
        login, password = str(body.get("login", "")), str(body.get("password", ""))
        user = find_user(self._state, kind, login, password)
        if user is None:
            raise unauthorized("UNAUTHORIZED")
        return Session(kind=kind, user_id=user.id)


def find_user(
    state: SplynxState, kind: UserKind, login: str, password: str
) -> Customer | Administrator | None:
    """Finds who has this login and password; the portal lets blocked customers in too."""
    users = state.customers if kind == "customer" else state.administrators
    for user in users:
        if user.login == login and user.password and user.password == password:
            return user if getattr(user, "status", "") != "disabled" else None
    return None


def _shown(token: Token) -> JsonObject:
    return {
        "access_token": token.access_token,
        "access_token_expiration": token.access_expires_at,
        "refresh_token": token.refresh_token,
        "refresh_token_expiration": token.refresh_expires_at,
    }
