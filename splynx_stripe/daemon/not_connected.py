"""What stands in for the flows until the settings are complete: it refuses, and says what is missing."""

from __future__ import annotations

from typing import NoReturn

from splynx_stripe.config import Settings
from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.mail import Mail
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Document, DocumentKind, Receipt, SplynxCustomer, Viewer
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.flows.overview import History, Overview
from splynx_stripe.flows.pay import DocumentQuery, PaymentStart, PaymentView


class NotConnected:
    """Stands in for payments, inbox and viewers until the settings are complete."""

    def __init__(self, settings: Settings) -> None:
        self._sentence = f"Not connected yet: {settings.missing[0]}"

    def _refuse(self) -> NoReturn:
        raise RetryableError(self._sentence)

    async def view_for_customer(self, query: DocumentQuery, customer_id: int) -> PaymentView:
        self._refuse()

    async def view_for_link(self, query: DocumentQuery) -> PaymentView:
        self._refuse()

    async def start(
        self, payable: Payable, route: Route, actor: str, *, saves_method: bool = False
    ) -> PaymentStart:
        self._refuse()

    async def outcome(self, payable: Payable, actor: str) -> PaymentView:
        self._refuse()

    async def overview(self, customer_id: int) -> Overview:
        self._refuse()

    async def several(self, customer_id: int, choice: str) -> PaymentView:
        self._refuse()

    async def top_up(self, customer_id: int, amount_text: str, token: str) -> PaymentView:
        self._refuse()

    async def history(self, customer_id: int, *, before: str, limit: int) -> History:
        self._refuse()

    async def receipt(self, customer_id: int, splynx_payment_id: int) -> Receipt | None:
        self._refuse()

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        self._refuse()

    async def viewer_of_session(self, session_id: str) -> Viewer | None:
        self._refuse()

    async def find_document(self, kind: DocumentKind, number: str) -> Document | None:
        self._refuse()

    async def customer(self, customer_id: int) -> SplynxCustomer | None:
        self._refuse()

    async def queue_mail(self, mail: Mail) -> None:
        self._refuse()
