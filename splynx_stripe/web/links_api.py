"""The way for programs to make payment links: one POST with a key, answered in JSON.

A key is made by `splynx-stripe links api-key`. It makes links and does nothing else. It must not
travel in the clear, so it is only believed over TLS or on this machine.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from json import JSONDecodeError
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from splynx_stripe.domain.link import LONGEST_LIFETIME, LinkScope, MadeLink
from splynx_stripe.flows.links import LinkOrder, Maker
from splynx_stripe.web.customer.signed_link import link_url
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.errors import TOO_MANY, PageError
from splynx_stripe.web.limits import client_address, is_forwarded, is_local

log = logging.getLogger(__name__)

_LONGEST_BODY = 8 * 1024
_LONGEST_KEY = 128
_BEARER = "Bearer "

_Number = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Id = Annotated[int, Field(gt=0, lt=2**63)]
_Days = Annotated[int, Field(ge=1, le=LONGEST_LIFETIME.days)]


class _Order(BaseModel):
    """The body: exactly one of the four, and for how many days."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    invoice: _Number | None = None
    proforma: _Number | None = None
    customer: _Id | None = None
    save_card: _Id | None = None
    days: _Days | None = None

    @model_validator(mode="after")
    def _is_one(self) -> _Order:
        given = (self.invoice, self.proforma, self.customer, self.save_card)
        if sum(each is not None for each in given) != 1:
            raise ValueError("Name exactly one of invoice, proforma, customer and save_card.")
        return self

    def order(self) -> LinkOrder:
        """Gives what the flow is asked for."""
        lifetime = None if self.days is None else timedelta(days=self.days)
        if self.save_card is not None:
            return LinkOrder(LinkScope.CREDENTIAL, customer_id=self.save_card, lifetime=lifetime)
        if self.customer is not None:
            return LinkOrder(LinkScope.CUSTOMER, customer_id=self.customer, lifetime=lifetime)
        if self.invoice is not None:
            return LinkOrder(LinkScope.INVOICE, number=self.invoice, lifetime=lifetime)
        return LinkOrder(LinkScope.PROFORMA, number=self.proforma or "", lifetime=lifetime)


async def make_link_by_program(request: web.Request) -> web.Response:
    """Makes a link for a program that has a key: 201 with `url`, `id` and `expires_at`."""
    if not _is_confidential(request):
        return _refusal(403, "not_secure", "Use https. The key may have been read on its way.")
    maker = await _maker(request)
    if maker is None:
        return _refusal(401, "wrong_key", "The key is unknown or revoked. No link was made.")
    if request.app[EDGE].link_limits.orders.wait_s(maker.actor):
        raise PageError(TOO_MANY)
    order = await _order(request)
    if isinstance(order, str):
        return _refusal(422, "not_understood", f"{order} No link was made.")
    made = await request.app[EDGE].deps.links.make(order, maker)
    if made is None:
        text = "Splynx has no such document or customer, or the key may not see it."
        return _refusal(404, "not_found", f"{text} No link was made.")
    return web.json_response(_answer(request, made), status=201)


def _is_confidential(request: web.Request) -> bool:
    """Says whether nobody on the way can have read the key."""
    if not is_local(request):
        return request.secure
    return not is_forwarded(request) or request.headers.get("X-Forwarded-Proto") == "https"


async def _maker(request: web.Request) -> Maker | None:
    """Finds whom the key stands for. Wrong keys from one address are limited, right ones are not."""
    edge = request.app[EDGE]
    header = request.headers.get("Authorization", "")
    key = header[len(_BEARER) :].strip() if header.startswith(_BEARER) else ""
    maker = await edge.deps.links.maker_of_key(key[:_LONGEST_KEY]) if key else None
    if maker is None and edge.link_limits.refusals.wait_s(client_address(request)):
        raise PageError(TOO_MANY)
    return maker


async def _order(request: web.Request) -> LinkOrder | str:
    """Reads the body; a sentence where it is not understood."""
    if request.content_type != "application/json":
        return "Send JSON, with Content-Type application/json."
    if (request.content_length or 0) > _LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(_LONGEST_BODY, request.content_length or 0)
    try:
        return _Order.model_validate_json(await request.read()).order()
    except (ValidationError, JSONDecodeError):
        most = LONGEST_LIFETIME.days
        return (
            'Send {"invoice": "number"}, {"proforma": "number"}, {"customer": id} or'
            f' {{"save_card": customer id}}, and optionally "days" from 1 to {most}.'
        )


def _answer(request: web.Request, made: MadeLink) -> dict[str, str]:
    return {
        "url": link_url(request.app[EDGE].site, made.token),
        "id": made.link.id,
        "expires_at": made.link.expires_at.isoformat(timespec="seconds"),
    }


def _refusal(status: int, code: str, message: str) -> web.Response:
    log.info("links.order_refused", extra={"status": status, "reason": code})
    headers = {"WWW-Authenticate": "Bearer"} if status == web.HTTPUnauthorized.status_code else {}
    return web.json_response({"state": code, "message": message}, status=status, headers=headers)
