"""What people type into the forms of saved credentials, and what scripts send."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from splynx_stripe.domain.errors import MoneyError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.web.errors import NOT_UNDERSTOOD, PageError

_LONGEST_BODY = 8 * 1024
_LONGEST_AMOUNT = 12
_CODE = re.compile(r"SM[0-9A-Z]{4}")
_AMOUNTS = 2


@dataclass(frozen=True, slots=True)
class Proving:
    """What the customer found on the bank statement: two amounts in minor units, or a code."""

    amounts: Sequence[int] = ()
    code: str = ""


def read_proof(fields: Mapping[str, str], currency: str) -> Proving | None:
    """Reads the form; None when it holds neither two amounts nor a code. `32` means 0.32."""
    code = fields.get("code", "").replace(" ", "").upper()
    if code:
        return Proving(code=code) if _CODE.fullmatch(code) else None
    given = [fields.get(name, "").strip() for name in ("amount_1", "amount_2")]
    amounts = [_minor_units(text, currency) for text in given]
    found = [one for one in amounts if one is not None]
    return Proving(amounts=tuple(found)) if len(found) == _AMOUNTS else None


def _minor_units(text: str, currency: str) -> int | None:
    text = text.replace(",", ".")
    if not 0 < len(text) <= _LONGEST_AMOUNT:
        return None
    try:
        amount = Decimal(text)
        if "." not in text:  # people type the cents
            amount = amount.scaleb(-2)
        money = Money.from_decimal(amount, currency)
    except (InvalidOperation, MoneyError):
        return None
    return money.minor_units if money.is_chargeable else None


class SetupOrder(BaseModel):
    """What the script of the page sends when somebody presses "Save"."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    form_token: str
    kind: str
    agreed: bool = False

    @property
    def payment_kind(self) -> PaymentKind:
        """Gives the kind. Raises `PageError` for none of ours."""
        try:
            return PaymentKind(self.kind)
        except ValueError as error:
            raise PageError(NOT_UNDERSTOOD) from error


async def read_setup_order(request: web.Request) -> SetupOrder:
    """Reads the body. A plain form of another site cannot send JSON."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    if (request.content_length or 0) > _LONGEST_BODY:
        raise web.HTTPRequestEntityTooLarge(_LONGEST_BODY, request.content_length or 0)
    try:
        return SetupOrder.model_validate_json(await request.read())
    except ValidationError as error:
        raise PageError(NOT_UNDERSTOOD) from error
