"""The one place where errors become answers: pages for people, JSON for scripts and for Stripe.

Each says what happened, whether money was taken, and what to do, and has an id that is in the
log. Nothing of the error itself is shown.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from aiohttp import web
from aiohttp.typedefs import Handler

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.store.errors import StoreUnavailableError
from splynx_stripe.web.customer.links import portal_link
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.identity import CannotIdentifyError
from splynx_stripe.web.pages import Link, Notice, language_of_request, render_notice
from splynx_stripe.web.routing import WEBHOOK_ROUTE, route_name

log = logging.getLogger(__name__)

_SCRIPT_ROUTES = frozenset(
    {
        "pay-start",
        "result-status",
        "credentials-start",
        "admin-credentials-start",
        "links-api",
        "admin-run-progress",
        WEBHOOK_ROUTE,
    }
)
"""The routes that are asked by programs and answer in JSON."""

_REDIRECTS = range(300, 400)
_SERVER_ERROR = 500
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person is told, and with which status. `code` is for scripts."""

    status: int
    code: str
    title: str
    sentences: tuple[str, ...]
    retry_after_s: int = 0


class PageError(Exception):
    """A request that is refused for a reason that the person may know."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


NOTHING_TAKEN = later("No money was taken.")

CANNOT_IDENTIFY = Problem(
    503,
    "cannot_identify",
    later("We cannot check who you are right now"),
    (NOTHING_TAKEN, later("Please try again in a few minutes.")),
    retry_after_s=60,
)
UNREACHABLE = Problem(
    503,
    "unreachable",
    later("This is not possible right now"),
    (
        later("We could not reach the billing system."),
        NOTHING_TAKEN,
        later("Please try again in a few minutes."),
    ),
    retry_after_s=60,
)
UNKNOWN = Problem(
    503,
    "unknown",
    later("We did not get a clear answer"),
    (
        later("No card has been charged: that only happens after you confirm the payment."),
        later("Please open the page again. You cannot pay twice by doing so."),
    ),
    retry_after_s=10,
)
BROKEN = Problem(
    500,
    "broken",
    later("Something went wrong on our side"),
    (
        later("No card was charged by this page."),
        later("If you have just paid, please do not pay again: look at your invoices first."),
    ),
)
UNSTORED = Problem(
    503,
    "unstored",
    later("This is not possible right now"),
    (
        later("We cannot write anything down at the moment, so we did not begin."),
        later("No card was charged by this page."),
        later("If you have just paid, please do not pay again: look at your invoices first."),
    ),
    retry_after_s=60,
)
NOT_FOUND = Problem(
    404,
    "not_found",
    later("There is no such page"),
    (NOTHING_TAKEN, later("Please check the address, or open the link again.")),
)
WRONG_METHOD = Problem(
    405,
    "wrong_method",
    later("This address cannot be used like that"),
    (NOTHING_TAKEN, later("Please go back and open the payment page again.")),
)
TOO_LARGE = Problem(413, "too_large", later("The request was too large"), (NOTHING_TAKEN,))
NOT_UNDERSTOOD = Problem(
    400,
    "not_understood",
    later("The request was not understood"),
    (NOTHING_TAKEN, later("Please go back and open the payment page again.")),
)
TOO_MANY = Problem(
    429,
    "too_many",
    later("Too many tries"),
    (NOTHING_TAKEN, later("Please wait a minute and try again.")),
    retry_after_s=60,
)
NOT_YOURS = Problem(
    403,
    "not_yours",
    later("This page is not valid any more"),
    (
        later("It belongs to another sign-in, or its address was changed."),
        NOTHING_TAKEN,
        later("Please open your invoice again."),
    ),
)
NO_RECEIPT = Problem(
    404,
    "no_receipt",
    later("There is no receipt"),
    (
        later("The billing system has none for this payment, or cannot make it now."),
        later("Your payment is not affected by this."),
    ),
)
EXPIRED = Problem(
    410,
    "expired",
    later("This page was open for too long"),
    (
        later("For your safety it has expired. No money was taken by this page."),
        later("Please open your invoice again: it shows whether it is paid."),
    ),
)


_HTTP_PROBLEMS = {404: NOT_FOUND, 405: WRONG_METHOD, 413: TOO_LARGE}


@web.middleware
async def errors_as_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into an answer. The only broad `except` of the web edge."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status in _REDIRECTS:
            raise
        problem = _HTTP_PROBLEMS.get(error.status, replace(NOT_UNDERSTOOD, status=error.status))
        return _answer(request, problem, error)
    except PageError as error:
        return _answer(request, error.problem, error)
    except Exception as error:  # noqa: BLE001 - the border: nothing may reach a browser unexplained
        return _answer(request, _problem_of(error), error)


def _problem_of(error: Exception) -> Problem:
    match error:
        case CannotIdentifyError():
            return CANNOT_IDENTIFY
        case OutcomeUnknownError():
            return UNKNOWN
        case RetryableError() | RejectedError():
            return UNREACHABLE
        case StoreUnavailableError():
            return UNSTORED
        case _:
            return BROKEN


def _answer(request: web.Request, problem: Problem, error: Exception) -> web.Response:
    route = route_name(request)
    if route == WEBHOOK_ROUTE and problem.status >= _SERVER_ERROR:
        problem = replace(problem, status=_UNAVAILABLE, code="not_stored")  # Stripe tries again
    error_id = request.app[EDGE].deps.ids.token()[:10].upper()
    _log(route, problem, error, error_id)
    response = (
        _as_json(request, problem, error_id)
        if route in _SCRIPT_ROUTES
        else _as_page(request, problem, error_id)
    )
    if problem.retry_after_s:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    if isinstance(error, web.HTTPMethodNotAllowed):
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _log(route: str, problem: Problem, error: Exception, error_id: str) -> None:
    facts = {
        "error_id": error_id,
        "route": route,
        "status": problem.status,
        "reason": problem.code,
        "error": type(error).__name__,
    }
    if problem.status < _SERVER_ERROR:
        log.info("request.refused", extra=facts)
        return
    needs_person = problem is BROKEN or _is_of(error, NotPermittedError, BrokenInvariantError)
    level = logging.ERROR if needs_person else logging.WARNING
    log.log(level, "request.failed", extra=facts, exc_info=error)


def _is_of(error: BaseException, *families: type[Exception]) -> bool:
    """Says whether an error, or what it was made from, is of one of the families."""
    return isinstance(error, families) or isinstance(error.__cause__, families)


def _as_json(request: web.Request, problem: Problem, error_id: str) -> web.Response:
    language = language_of_request(request)
    title = language.say(problem.title)
    sentences = [language.say(text) for text in problem.sentences]
    body = {
        "state": problem.code,
        "message": " ".join((f"{title}.", *sentences)),
        "error_id": error_id,
    }
    return web.json_response(body, status=problem.status)


def _as_page(request: web.Request, problem: Problem, error_id: str) -> web.Response:
    language = language_of_request(request)
    notice = Notice(
        icon="warning",
        title=language.say(problem.title),
        sentences=tuple(language.say(text) for text in problem.sentences),
        links=(_way_on(request, problem, language),),
        error_id=error_id,
    )
    return render_notice(request, language, notice, status=problem.status)


def _way_on(request: web.Request, problem: Problem, language: Language) -> Link:
    """Leads to the same page, where waiting helps, else to where everything else is found."""
    if problem.retry_after_s and request.method == "GET":
        return Link(language.say(later("Try again")), request.path_qs)
    site = request.app[EDGE].site
    if request.path.startswith((f"{site.base}/admin", f"{site.base}/oauth")):
        return Link(language.say(later("Start")), f"{site.base}/admin/")
    return portal_link(site, language)
