"""The ways this Splynx says no, worded as the real one words them (reference 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from splynx_stripe.sandbox.splynx.options import ValidationForm

UNAUTHORIZED_MESSAGES = {
    "UNAUTHORIZED": "Unauthorized",
    "MISSED_AUTHORIZATION_HEADER": "Authorization header is missed",
    "INVALID_AUTH_TYPE": "Invalid auth type",
    "INVALID_USER": "Invalid user",
    "EMPTY_ACCESS_TOKEN": "Access token is empty",
    "EXPIRED_ACCESS_TOKEN": "Access token expired",
    "EXPIRED_REFRESH_TOKEN": "Refresh token expired",
    "TOKEN_BANNED": "Token is banned",
    "USER_AGENT_CHANGED": "User agent changed",
    "IP_CHANGED": "IP changed",
}
"""Only the one of EXPIRED_ACCESS_TOKEN is known; the others are worded like it."""


@dataclass(frozen=True, slots=True)
class AttributeProblem:
    """What is wrong with one attribute of a request."""

    attribute: str
    error: str


class ApiError(Exception):
    """The request is refused with an answer of status `code`; the state did not change."""

    def __init__(
        self,
        code: int,
        internal_code: str,
        message: str,
        problems: Sequence[AttributeProblem] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.internal_code = internal_code
        self.message = message
        self.problems = tuple(problems)

    def body(self, form: ValidationForm) -> Any:
        """Gives the body of the answer; `form` is that of failed validations."""
        if not self.problems:
            return _error(self.message, self.code, self.internal_code)
        if form == "C":
            return [{"field": item.attribute, "message": item.error} for item in self.problems]
        listed = [{"attribute": item.attribute, "error": item.error} for item in self.problems]
        return listed if form == "A" else _error(listed, self.code, self.internal_code)


class InvalidInputError(ApiError):
    """Validation failed (422); its body has three possible forms."""

    def __init__(self, problems: Sequence[AttributeProblem]) -> None:
        message = "; ".join(item.error for item in problems)
        super().__init__(422, "INVALID_INPUT_DATA", message, problems)


def _error(message: Any, code: int, internal_code: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "internal_code": internal_code}}


def unauthorized(internal_code: str) -> ApiError:
    return ApiError(401, internal_code, UNAUTHORIZED_MESSAGES[internal_code])


def forbidden() -> ApiError:
    return ApiError(403, "FORBIDDEN", "You don't have permission to do this action")


def not_own() -> ApiError:
    return ApiError(403, "NOT_ALLOWED_BY_USER_RESTRICTION", "Not allowed by user restriction")


def other_partner() -> ApiError:
    return ApiError(405, "NOT_ALLOWED_BY_PARTNER_RESTRICTION", "Not allowed by partner restriction")


def not_found() -> ApiError:
    return ApiError(404, "NOT_FOUND", "Not found")


def method_disabled() -> ApiError:
    return ApiError(405, "METHOD_DISABLED", "Method is disabled!")


def missing_id() -> ApiError:
    return ApiError(400, "BAD_REQUEST", "Missing required parameters: id.")


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BAD_REQUEST", message)


def server_error() -> ApiError:
    return ApiError(500, "SERVER_ERROR", "Internal server error")
