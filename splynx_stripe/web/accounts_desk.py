"""What the page of Stripe accounts works with: the flows behind it."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.flows.account_overview import AccountOverview
from splynx_stripe.flows.account_watch import AccountWatch
from splynx_stripe.flows.connections import Connections
from splynx_stripe.flows.webhook_endpoints import WebhookEndpointsFlow


@dataclass(frozen=True, slots=True)
class AccountsDesk:
    """What the daemon hands over for the page of Stripe accounts."""

    overview: AccountOverview
    connections: Connections
    watch: AccountWatch
    endpoints: WebhookEndpointsFlow
