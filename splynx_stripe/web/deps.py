"""What the web edge is given: the flows behind it, its settings, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from prometheus_client import CollectorRegistry

from splynx_stripe.domain.collection import Route
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.operation import Operation, OperationPlace, OperationQuery
from splynx_stripe.domain.payable import Payable
from splynx_stripe.domain.splynx import Receipt, Viewer
from splynx_stripe.domain.stripe import StripeAccount, StripeEvent
from splynx_stripe.flows.links import Links
from splynx_stripe.flows.operations import Story
from splynx_stripe.flows.overview import History, Overview
from splynx_stripe.flows.pay import DocumentQuery, PaymentStart, PaymentView
from splynx_stripe.flows.recoveries import Recoveries
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.ids import IdSource
from splynx_stripe.kit.secret import Secret
from splynx_stripe.web.accounts_desk import AccountsDesk
from splynx_stripe.web.charge_desk import ChargeDesk
from splynx_stripe.web.credential_desk import CredentialDesk
from splynx_stripe.web.rules_desk import RulesDesk
from splynx_stripe.web.settings_desk import SettingsDesk

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Payments(Protocol):
    """The flow "a customer pays a document" (`flows.pay.PayFlow`)."""

    async def view_for_customer(self, query: DocumentQuery, customer_id: int) -> PaymentView:
        """Shows a portal customer one of their own documents."""
        ...

    async def view_for_link(self, query: DocumentQuery) -> PaymentView:
        """Shows a document to whoever has its plain link."""
        ...

    async def start(
        self, payable: Payable, route: Route, actor: str, *, saves_method: bool = False
    ) -> PaymentStart:
        """Makes sure that there is exactly one PaymentIntent for the debt."""
        ...

    async def outcome(self, payable: Payable, actor: str) -> PaymentView:
        """Tells how the newest effort to pay the debt stands."""
        ...


class CustomerPages(Protocol):
    """What a customer sees of their own (`flows.overview.CustomerOverview`)."""

    async def overview(self, customer_id: int) -> Overview:
        """Lists what is open."""
        ...

    async def several(self, customer_id: int, choice: str) -> PaymentView:
        """Shows the payment of the chosen documents."""
        ...

    async def top_up(self, customer_id: int, amount_text: str, token: str) -> PaymentView:
        """Shows the payment of a top-up."""
        ...

    async def history(self, customer_id: int, *, before: str, limit: int) -> History:
        """Lists what was paid, from a cursor on."""
        ...

    async def receipt(self, customer_id: int, splynx_payment_id: int) -> Receipt | None:
        """Fetches a receipt of the customer's own."""
        ...


class EventInbox(Protocol):
    """Where verified events are stored (`flows.inbox.Inbox`)."""

    async def receive(
        self, event: StripeEvent, account: StripeAccount, source: InboxSource
    ) -> bool:
        """Returns after the durable commit; True when the event is new."""
        ...


class OperationsLog(Protocol):
    """What happened (`flows.operations.Operations`)."""

    async def page(
        self, query: OperationQuery, *, before: OperationPlace | None, limit: int
    ) -> Sequence[Operation]:
        """Gives the next operations after a place, newest first."""
        ...

    def chunks(self, query: OperationQuery) -> AsyncIterator[Sequence[Operation]]:
        """Gives all operations that are asked for, a bounded number at a time."""
        ...

    async def story(self, collection_id: str) -> Story | None:
        """Tells what is known of a collection; None where there is none."""
        ...


class ViewerSource(Protocol):
    """Asks Splynx who a browser session belongs to."""

    async def viewer_of_session(self, session_id: str) -> Viewer | None:
        """Gives the person, or None when Splynx does not accept the session.

        Raises:
            RetryableError: Splynx could not be asked; so does any other of the error families.
        """
        ...


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """One endpoint registered at Stripe: whose events it takes, and the secrets that sign them.

    Several secrets are valid while one is being rotated. Without any, the endpoint is closed.
    """

    account: StripeAccount
    secrets: tuple[Secret, ...]
    connected: Mapping[str, StripeAccount] | None = None
    """Set at our platform's endpoint: our accounts by Stripe's id of the connected account."""
    delivered: Callable[[Secret], Awaitable[None]] | None = None
    """Set while secrets are being rolled: told which of them signed a delivery."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where we are reached and whom our pages may talk to."""

    public_url: str
    splynx_url: str
    session_cookie: str = "PHPSESSID"
    stripe_js_url: str = "https://js.stripe.com/v3/"
    stripe_api_origin: str = "https://api.stripe.com"
    language: str = "en"
    timezone: tzinfo = UTC

    @property
    def base(self) -> str:
        """Gives the path that all our addresses begin with, such as `/stripe`, or ""."""
        return urlsplit(self.public_url).path.rstrip("/")

    @property
    def origin(self) -> str:
        """Gives our own origin as browsers write it."""
        return origin_of(self.public_url)

    @property
    def portal_url(self) -> str:
        """Gives the address of Splynx's customer portal, with a slash at its end."""
        return f"{self.splynx_url.rstrip('/')}/portal/"

    @property
    def admin_url(self) -> str:
        """Gives the address of Splynx's administration, with a slash at its end."""
        return f"{self.splynx_url.rstrip('/')}/admin/"


def _no_accounts() -> AccountsDesk | None:
    """Stands in until Splynx is set up."""
    return None


def _no_rules() -> RulesDesk | None:
    """Stands in until Splynx is set up."""
    return None


def _no_charging() -> ChargeDesk | None:
    """Stands in until Splynx is set up."""
    return None


async def _no_notes() -> list[str]:
    """Says nothing."""
    return []


def _not_known(_account: StripeAccount) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class WebDeps:
    """Everything that `create_app` needs; `daemon.py` joins it.

    `webhook_endpoint` finds an endpoint by the name in its address. `readiness` gives the reasons
    why this daemon cannot do its work now; none means ready. `notes` are what it does not do because
    a person wants it so. `stripe_account_id` gives Stripe's id of
    an account (`acct_…`) where it is known, else "".
    """

    pay: Payments
    overview: CustomerPages
    inbox: EventInbox
    operations: OperationsLog
    recoveries: Recoveries
    links: Links
    viewers: ViewerSource
    clock: Clock
    ids: IdSource
    signing_key: Secret = field(repr=False)
    site: Site
    webhook_endpoint: Callable[[str], WebhookEndpoint | None]
    readiness: Callable[[], Awaitable[list[str]]]
    registry: CollectorRegistry
    credentials: Callable[[], CredentialDesk]
    settings: SettingsDesk
    accounts: Callable[[], AccountsDesk | None] = _no_accounts
    stripe_account_id: Callable[[StripeAccount], str] = _not_known
    notes: Callable[[], Awaitable[list[str]]] = _no_notes
    rules: Callable[[], RulesDesk | None] = _no_rules
    charging: Callable[[], ChargeDesk | None] = _no_charging


def origin_of(url: str) -> str:
    """Gives the origin of a URL as browsers write it: lower case, without a default port."""
    parts: SplitResult = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"
