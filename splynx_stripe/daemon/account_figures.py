"""The metrics of Stripe accounts: does each take payments, and do its events arrive?"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from splynx_stripe.flows.account_overview import AccountOverview, AccountView


class AccountFigures:
    """Gauges per account, in the registry that the daemon owns."""

    def __init__(self, registry: CollectorRegistry, overview: AccountOverview) -> None:
        self._overview = overview
        self._usable = Gauge(
            "splynx_stripe_account_usable",
            "1 when Stripe lets this account take payments, as it said the last time.",
            ["account"],
            registry=registry,
        )
        self._missing = Gauge(
            "splynx_stripe_account_permissions_missing",
            "Permissions that the account's restricted key lacks.",
            ["account"],
            registry=registry,
        )
        self._last = Gauge(
            "splynx_stripe_webhook_last_event_timestamp_seconds",
            "When the newest event came by webhook.",
            ["account"],
            registry=registry,
        )
        self._delay = Gauge(
            "splynx_stripe_webhook_last_event_delay_seconds",
            "How long that event took from Stripe to us.",
            ["account"],
            registry=registry,
        )
        self._lost = Gauge(
            "splynx_stripe_webhook_events_lost",
            "Events of the last day that polling found and no webhook brought.",
            ["account"],
            registry=registry,
        )

    async def refresh(self) -> None:
        """Reads what is known and shows it."""
        for view in await self._overview.views():
            if view.account is not None:
                self._show(view, view.account.key)

    def _show(self, view: AccountView, key: str) -> None:
        profile, came = view.profile, view.deliveries
        if profile is not None:
            self._usable.labels(key).set(profile.charges_enabled and not profile.is_another)
            self._missing.labels(key).set(len(profile.missing))
        if came is not None and came.last_webhook_at is not None:
            self._last.labels(key).set(came.last_webhook_at.timestamp())
            self._delay.labels(key).set(came.last_delay_s or 0)
        self._lost.labels(key).set(view.lost)
