"""Splynx's ways to tell customers something: e-mail, text message, portal (reference 3.20).

None of them is idempotent, and Splynx offers no key: after an unknown outcome nobody can tell whether the
message is in its queue. Whoever calls decides; notices are not sent again then.
"""

from __future__ import annotations

from splynx_stripe.domain.mail import Mail, PortalMessage, TextMessage
from splynx_stripe.gateways.splynx.api import SplynxApi
from splynx_stripe.gateways.splynx.resources import MAIL, SEND_DOCUMENTS, SMS


class MessageCalls:
    """Hands messages to Splynx."""

    def __init__(self, api: SplynxApi) -> None:
        self._api = api

    async def queue_mail(self, mail: Mail) -> None:
        """Hands an e-mail to Splynx's queue. To the office (customer 0) it belongs to no customer."""
        body: dict[str, object] = {
            "type": "add-on",
            "subject": mail.subject,
            "recipient": mail.recipient,
            "message": mail.html,
        }
        if mail.customer_id:
            body["customer_id"] = mail.customer_id
        await self._api.add(MAIL, body)

    async def queue_text(self, message: TextMessage) -> None:
        """Hands a text message to Splynx's queue."""
        body: dict[str, object] = {
            "type": "add-on",
            "recipient": message.recipient,
            "message": message.text,
            "customer_id": message.customer_id,
        }
        await self._api.add(SMS, body)

    async def post_to_portal(self, message: PortalMessage) -> None:
        """Puts a message into a customer's portal."""
        body: dict[str, object] = {
            "type": "customer-portal",
            "document_type": "empty",
            "id": message.customer_id,
            "subject": message.subject,
            "message": message.html,
        }
        await self._api.add(SEND_DOCUMENTS, body)
