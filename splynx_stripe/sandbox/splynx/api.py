"""The API below `/api/2.0/`: finds who is calling, finds the endpoint, words refusals."""

from __future__ import annotations

from collections.abc import Callable

from splynx_stripe.sandbox.splynx import wire
from splynx_stripe.sandbox.splynx.auth import TokenEndpoints, authenticate
from splynx_stripe.sandbox.splynx.billing_info import BillingInfoEndpoints
from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Principal
from splynx_stripe.sandbox.splynx.catalogue import resources
from splynx_stripe.sandbox.splynx.downloads import DownloadEndpoints
from splynx_stripe.sandbox.splynx.errors import (
    ApiError,
    forbidden,
    method_disabled,
    missing_id,
    not_found,
    not_own,
)
from splynx_stripe.sandbox.splynx.payment_accounts import PaymentAccountEndpoints
from splynx_stripe.sandbox.splynx.permissions import allows
from splynx_stripe.sandbox.splynx.resources import ResourceEndpoints
from splynx_stripe.sandbox.splynx.rows import JsonObject
from splynx_stripe.sandbox.splynx.state import ApiKey, SplynxState

CUSTOMER_CONFIG = {
    ("main", "cap"),
    ("main", "cards"),
    ("main", "portal"),
    ("main", "system"),
}
"""What portal customers may read of `config/config` (3.15)."""

Special = Callable[[ApiCall, Principal, str | None], ApiAnswer]


class SplynxApi:
    """Answers API calls on one state."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state
        self._tokens = TokenEndpoints(state)
        self._resources = resources(state)
        self._endpoints = ResourceEndpoints(state)
        accounts = PaymentAccountEndpoints(state)
        self._specials: dict[str, Special] = {
            "admin/customers/customer-payment-accounts": accounts.answer,
            "admin/customers/customer-payment-account-data": accounts.all_data,
            "admin/customers/billing-info": BillingInfoEndpoints(state).answer,
            "admin/config/config": self._config,
            "admin/config/download": DownloadEndpoints(state).answer,
            "admin/config/modules": self._modules,
        }

    def answer(self, call: ApiCall) -> ApiAnswer:
        """Answers a call; a refusal is an answer too."""
        try:
            return self._answer(call)
        except ApiError as error:
            return ApiAnswer(error.code, error.body(self._state.options.validation_form))

    def _answer(self, call: ApiCall) -> ApiAnswer:
        if call.path == "admin/api/check" and call.method == "GET":
            return self._check(call)
        if call.path.startswith("admin/auth/tokens") or call.path == "admin/auth/sessions":
            return self._tokens.answer(call)
        principal = authenticate(self._state, call.caller)
        if call.path.startswith(("portal/", "admin/auth/")) and isinstance(principal.user, ApiKey):
            raise forbidden()
        collection, row_id = self._split(call.path)
        if special := self._specials.get(collection):
            return special(call, principal, row_id)
        resource = self._resources.get(collection)
        if resource is None:
            raise method_disabled()
        if collection == "admin/config/mail" and row_id and row_id.endswith("--send"):
            return self._send_mail(call, principal, row_id.removesuffix("--send"))
        if collection == "admin/customers/customer-notes" and row_id:
            row_id = row_id.rpartition("--")[2]
        return self._endpoints.answer(resource, row_id, call, principal)

    def _split(self, path: str) -> tuple[str, str | None]:
        """Splits a path into collection and id."""
        if path in self._resources or path in self._specials:
            return path, None
        collection, _, row_id = path.rpartition("/")
        return collection, row_id

    def _check(self, call: ApiCall) -> ApiAnswer:
        if call.query.get("checkAuth") in ("1", "true"):
            authenticate(self._state, call.caller)
        same_server = int(call.caller.ip.startswith("127."))
        body = {"status": "ok", "message": "API is valid", "same_server": same_server}
        return ApiAnswer(200, body)

    def _send_mail(self, call: ApiCall, principal: Principal, row_id: str) -> ApiAnswer:
        """Sends at once. Which action this needs is unknown; here it is that of queueing."""
        if call.method != "GET":
            raise method_disabled()
        if not allows(principal.permissions, "admin\\config\\Mail", "add"):
            raise forbidden()
        mail = self._state.mails.get(int(row_id)) if row_id.isdigit() else None
        if mail is None:
            raise not_found()
        wire.apply(mail, {"status": "sent", "datetime_sent": self._state.timestamp()})
        return ApiAnswer(200)

    def _config(self, call: ApiCall, principal: Principal, row_id: str | None) -> ApiAnswer:
        """Reads and writes settings: the partner's own value, else the Default partner's."""
        if row_id is not None or call.method not in ("GET", "PUT"):
            raise method_disabled()
        action = "index" if call.method == "GET" else "update"
        if not allows(principal.permissions, "admin\\config\\Config", action):
            raise forbidden()
        module, path = str(call.query.get("module", "")), str(call.query.get("path", ""))
        if principal.customer_id is not None and (module, path) not in CUSTOMER_CONFIG:
            raise not_own()
        partner = str(call.query.get("partner_id", "0"))
        partner_id = int(partner) if partner.isdigit() else 0
        if call.method == "PUT":
            return self._write_config(call.body, (module, path, partner_id))
        default = self._state.config.get((module, path, 0), {})
        values = {**default, **self._state.config.get((module, path, partner_id), {})}
        key = call.query.get("key")
        return ApiAnswer(200, {key: values.get(key)} if isinstance(key, str) else values)

    def _write_config(self, values: JsonObject, place: tuple[str, str, int]) -> ApiAnswer:
        if not self._state.options.put_ignored:
            self._state.config.setdefault(place, {}).update(values)
        return ApiAnswer(202)

    def _modules(self, call: ApiCall, principal: Principal, name: str | None) -> ApiAnswer:
        if call.method != "GET":
            raise missing_id() if call.method == "PUT" and name is None else method_disabled()
        action = "index" if name is None else "view"
        if not allows(principal.permissions, "admin\\config\\Modules", action):
            raise forbidden()
        rows = [wire.as_json(row, self._state.options) for row in self._state.modules]
        if name is None:
            return ApiAnswer(200, rows)
        found = [row for row in rows if row["module"] == name]
        if not found:
            raise not_found()
        return ApiAnswer(200, found[0])
