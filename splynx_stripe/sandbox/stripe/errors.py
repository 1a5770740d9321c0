"""Says no the way Stripe does: status, type, code, sentence, and the object it is about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from splynx_stripe.sandbox.faults import FaultRule

Json = dict[str, Any]

SERVER_ERROR_BODY = json.dumps(
    {
        "error": {
            "message": "An unknown error occurred. Please retry, and contact us at"
            " https://support.stripe.com/ if it goes on.",
            "type": "api_error",
        }
    }
)
"""What a 500 of Stripe looks like."""


class StripeError(Exception):
    """An answer that is an error.

    `execution_begun` is false for what Stripe refuses before it starts to work: such an answer
    is not kept under the idempotency key (docs.stripe.com/api/idempotent_requests).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        execution_begun: bool = True,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.execution_begun = execution_begun
        self.headers = dict(headers or {})
        self.body: Json = {"message": message, "type": kind}
        self.body.update({name: it for name, it in (fields or {}).items() if it is not None})

    def answer(self, request_id: str, *, livemode: bool) -> Json:
        """Gives the JSON body, with the links that Stripe adds."""
        error = dict(self.body)
        if code := error.get("code"):
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        mode = "" if livemode else "test/"
        error["request_log_url"] = f"https://dashboard.stripe.com/{mode}logs/{request_id}"
        return {"error": error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A request that cannot be fulfilled in the present state of things."""
    return StripeError(400, message, fields={"param": param, "code": code})


def bad_parameter(message: str, *, param: str | None, code: str | None = None) -> StripeError:
    """A request that is wrong in itself; Stripe does not begin to execute it."""
    return StripeError(400, message, execution_begun=False, fields={"param": param, "code": code})


def missing_parameter(name: str) -> StripeError:
    return bad_parameter(f"Missing required param: {name}.", param=name, code="parameter_missing")


def resource_missing(
    kind: str, wanted: str, *, param: str, by_path: bool, other_mode: str = ""
) -> StripeError:
    """No such thing, 404 when the path named it, 400 when a parameter did.

    `other_mode` is "live" or "test" when the other mode of the account has an object of this id.
    """
    message = f"No such {kind}: '{wanted}'"
    if other_mode:
        used = "test" if other_mode == "live" else "live"
        message += (
            f"; a similar object exists in {other_mode} mode, but a {used} mode key was used to"
            " make this request."
        )
    return StripeError(
        404 if by_path else 400, message, fields={"code": "resource_missing", "param": param}
    )


def unexpected_state(message: str, intent: Json) -> StripeError:
    """The intent is in a status in which this cannot be done; the intent is in the answer."""
    return StripeError(
        400,
        message,
        fields={"code": f"{intent['object']}_unexpected_state", intent["object"]: intent},
    )


def no_api_key() -> StripeError:
    return StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization"
        " header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See"
        " https://stripe.com/docs/api#authentication for details.",
        execution_begun=False,
    )


def wrong_api_key(key: str) -> StripeError:
    masked = f"{key[:8]}{'*' * (len(key) - 12)}{key[-4:]}" if len(key) > 16 else "*" * len(key)
    return StripeError(401, f"Invalid API Key provided: {masked}", execution_begun=False)


def secret_key_required() -> StripeError:
    return StripeError(
        401,
        "This API call cannot be made with a publishable API key. Please use a secret API key."
        " You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.",
        fields={"code": "secret_key_required"},
        execution_begun=False,
    )


def foreign_account(account: str) -> StripeError:
    return StripeError(
        403,
        f"The provided key does not have access to account '{account}' (or that account does not"
        " exist). Application access may have been revoked.",
        fields={"code": "account_invalid"},
        execution_begun=False,
    )


def permission_missing(key: str, permission: str, account: str) -> StripeError:
    return StripeError(
        403,
        f"The provided key '{key[:8]}{'*' * 12}{key[-4:]}' does not have the required permissions"
        f" for this endpoint on account '{account}'. Having the '{permission}' permission would"
        " allow this request to continue.",
        execution_begun=False,
    )


def unknown_url(method: str, path: str) -> StripeError:
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we"
        " can help at https://support.stripe.com/.",
        execution_begun=False,
    )


def rate_limited(reason: str) -> StripeError:
    return StripeError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here"
        " https://stripe.com/docs/rate-limits.",
        fields={"code": "rate_limit"},
        execution_begun=False,
        headers={"Stripe-Rate-Limited-Reason": reason},
    )


def lock_timeout(path: str, *, method: str = "POST", times: int = 1) -> FaultRule:
    """A fault: Stripe could not lock the object in time. Nothing happened, repeat is safe."""
    error = {
        "code": "lock_timeout",
        "message": "This object cannot be accessed right now because another API request or"
        " Stripe process is currently accessing it. If you see this error intermittently, retry"
        " the request.",
        "type": "invalid_request_error",
    }
    return FaultRule(
        method=method,
        path=path,
        action="status",
        when="before",
        status=429,
        body=json.dumps({"error": error}),
        headers={"Stripe-Should-Retry": "true"},
        times=times,
    )
