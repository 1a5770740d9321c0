"""Learns from Splynx whose browser session a page is asked with.

A token made from the session acts as that person but does not name them (`reference/splynx-api.md`
1.4 and section 7 row 2): a customer is who sees exactly one customer, an administrator is
who may list administrators. Whatever else fits both or neither is nobody.
"""

from __future__ import annotations

import logging
import re

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from splynx_stripe.domain.splynx import Viewer
from splynx_stripe.gateways.splynx import errors, wire
from splynx_stripe.gateways.splynx.api import understood
from splynx_stripe.gateways.splynx.auth import token_credential
from splynx_stripe.gateways.splynx.client import Credential, SplynxClient
from splynx_stripe.gateways.splynx.resources import (
    ADMINISTRATORS,
    CUSTOMERS,
    TOKENS,
    Call,
    Resource,
)
from splynx_stripe.gateways.splynx.wire import Row

log = logging.getLogger(__name__)

UNKNOWN_ADMINISTRATOR = 0
"""The id of an administrator of whom Splynx does not say which one it is."""

_ENOUGH_TO_COUNT = 2
_MANY = 100
"""Administrators that are looked at: nearly all ISPs have fewer."""

_SESSION_ID = re.compile(r"[0-9A-Za-z,-]{16,128}")
"""PHP's session ids; anything else is not worth a request."""


class SessionReader:
    """Answers "who is this?" for a session id. Keeps nothing."""

    def __init__(self, client: SplynxClient) -> None:
        self._client = client

    async def viewer(self, session_id: str) -> Viewer | None:
        """Gives the customer or administrator, or None for nobody that we can be sure of.

        Raises:
            RetryableError: Splynx could not be asked.
        """
        if _SESSION_ID.fullmatch(session_id) is None:
            return None
        try:
            credential, is_staff = await self._logged_in(session_id)
        except RejectedError as error:
            log.info("splynx.session_refused", extra={"code": error.code})
            return None
        except OutcomeUnknownError as error:
            raise RetryableError("Splynx did not answer who is logged in. Ask again.") from error
        return await self._who(credential, is_staff=is_staff)

    async def _logged_in(self, session_id: str) -> tuple[Credential, bool]:
        """Gives the person's token, and whether it has permissions that only staff has."""
        login = Call(TOKENS, "add", body={"auth_type": "session", "session_id": session_id})
        answer = await self._client.exchange(login, None)
        if not answer.is_success:
            raise errors.refusal(login, answer, (session_id,))
        grant = understood(login, answer, wire.grant)
        is_staff = understood(login, answer, wire.has_staff_permissions)
        return token_credential(grant.access_token), is_staff

    async def _who(self, credential: Credential, *, is_staff: bool) -> Viewer | None:
        administrators = await self._visible(ADMINISTRATORS, credential, _MANY)
        if administrators:
            return Viewer(
                administrator_id=_only_id(administrators) or UNKNOWN_ADMINISTRATOR,
                partner_id=_only_partner(administrators),
            )
        if is_staff:
            log.warning("splynx.viewer_ambiguous", extra={"reason": "staff without administrators"})
            return None
        customer_id = _only_id(await self._visible(CUSTOMERS, credential, _ENOUGH_TO_COUNT))
        if customer_id is None:
            log.warning("splynx.viewer_ambiguous", extra={"reason": "not exactly one customer"})
            return None
        return Viewer(customer_id=customer_id)

    async def _visible(self, resource: Resource, credential: Credential, limit: int) -> list[Row]:
        """Lists the first rows that the person may see; none when that is not permitted."""
        call = Call(resource, "index", query=wire.page_query({}, limit=limit, offset=0))
        answer = await self._client.exchange(call, credential)
        if answer.is_success:
            return understood(call, answer, wire.rows)
        error = errors.refusal(call, answer, credential.confidential)
        if isinstance(error, RejectedError):
            return []
        raise error


def _only_id(rows: list[Row]) -> int | None:
    if len(rows) != 1:
        return None
    try:
        return wire.identifier(rows[0], "id")
    except wire.WireError as error:
        raise BrokenInvariantError("Splynx shows a person without an id.") from error


def _only_partner(administrators: list[Row]) -> int:
    """Gives the one partner whose administrators are visible; 0 where that says nothing.

    Whoever is bound to a partner sees nobody of another one, nor those who belong to none.
    """
    partners = {wire.optional_identifier(row, "partner_id") for row in administrators}
    return partners.pop() if len(partners) == 1 else 0
