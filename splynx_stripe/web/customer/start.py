"""The answer to "Pay": the PaymentIntent's client secret for the browser, or why there is none.

No money moves here. The browser confirms with Stripe, which is when the card is charged.
"""

from __future__ import annotations

from json import JSONDecodeError

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from splynx_stripe.domain.collection import Route
from splynx_stripe.flows.pay import PaymentStart, Standing
from splynx_stripe.web.customer.admission import admit
from splynx_stripe.web.customer.links import result_path
from splynx_stripe.web.customer.wording import wording_for_page
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import NOT_UNDERSTOOD, NOT_YOURS, TOO_MANY, PageError
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.security import is_foreign
from splynx_stripe.web.tickets import Purpose, Ticket

_LONGEST_BODY = 8 * 1024
AMOUNT_CHANGED = "amount_changed"
"""The state of an answer whose amount is not the one that the page showed."""


class _Order(BaseModel):
    """The body of the request."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    ticket: str
    save: bool = False


async def start_payment(request: web.Request) -> web.Response:
    """Starts, or joins, the payment that the ticket is for."""
    edge = request.app[EDGE]
    if is_foreign(request, edge.site):
        raise PageError(NOT_YOURS)
    order = await _order(request)
    ticket = admit(request, order.ticket, Purpose.PAY)
    await _must_be_logged_in(request, ticket)
    if edge.starts.wait_s(f"{ticket.actor}/{ticket.payable.key}"):
        raise PageError(TOO_MANY)
    start = await edge.deps.pay.start(
        ticket.payable,
        ticket.route,
        ticket.actor,
        # Only a customer who is logged in can consent to future charges.
        saves_method=order.save and ticket.route is Route.PORTAL,
    )
    language = edge.languages.best([ticket.language])
    result = edge.tickets.write(ticket, Purpose.RESULT, edge.deps.clock.now())
    body = _answer(start, ticket, language) | {"result_url": result_path(edge.site, result)}
    return web.json_response(body)


async def _order(request: web.Request) -> _Order:
    if request.content_type != "application/json":  # a plain form of another site cannot send it
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > _LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(_LONGEST_BODY, request.content_length or 0)
    try:
        return _Order.model_validate_json(await request.read())
    except (ValidationError, JSONDecodeError) as error:
        raise PageError(NOT_UNDERSTOOD) from error


async def _must_be_logged_in(request: web.Request, ticket: Ticket) -> None:
    """Makes sure that the portal session still belongs to the customer of the ticket."""
    if ticket.route is not Route.PORTAL:
        return
    customer = await request.app[EDGE].identity.customer(request.headers.get("Cookie", ""))
    if customer is None or customer.customer_id != ticket.payable.customer_id:
        raise PageError(NOT_YOURS)


def _answer(start: PaymentStart, ticket: Ticket, language: Language) -> dict[str, str]:
    if start.standing is not Standing.PAYABLE:
        words = wording_for_page(start.standing)
        sentences = [language.say(text) for text in words.sentences]
        message = " ".join([f"{language.say(words.title)}.", *sentences])
        return {"state": start.standing.value, "message": message}
    if start.amount is not None and start.amount != ticket.amount:
        # Nobody pays an amount that they have not seen.
        text = later("The amount has changed to %(amount)s. No money was taken. Please look again.")
        message = language.say(text, amount=language.money(start.amount))
        return {"state": AMOUNT_CHANGED, "message": message}
    return {
        "state": start.standing.value,
        "message": "",
        "client_secret": start.client_secret,
    }
