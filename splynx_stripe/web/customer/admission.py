"""Whether a request that carries a ticket may do what it asks: signature, age, and session."""

from __future__ import annotations

import hmac

from aiohttp import web

from splynx_stripe.domain.collection import Route
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import EXPIRED, NOT_YOURS, PageError
from splynx_stripe.web.tickets import Purpose, Ticket, TicketError, TicketExpiredError


def admit(request: web.Request, text: str, purpose: Purpose) -> Ticket:
    """Reads the ticket; one of the portal only works in the session that it was made for.

    Raises:
        PageError: 403 or 410, with the sentence for the person.
    """
    edge = request.app[EDGE]
    try:
        ticket = edge.tickets.read(text, purpose, edge.deps.clock.now())
    except TicketExpiredError as error:
        raise PageError(EXPIRED) from error
    except TicketError as error:
        raise PageError(NOT_YOURS) from error
    if ticket.route is Route.PORTAL and not _is_same_session(request, ticket):
        raise PageError(NOT_YOURS)
    return ticket


def _is_same_session(request: web.Request, ticket: Ticket) -> bool:
    edge = request.app[EDGE]
    named, others = edge.identity.sessions(request.headers.get("Cookie", ""))
    marks = [edge.tickets.session_mark(session_id) for session_id in named + others]
    return any(hmac.compare_digest(mark, ticket.session) for mark in marks)
