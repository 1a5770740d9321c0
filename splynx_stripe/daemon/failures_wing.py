"""Joins the flows of failed payments and notices with the gateways and settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry, Counter, Gauge

from splynx_stripe.config import Settings
from splynx_stripe.config.failed_payments import notice_rules, retry_policy
from splynx_stripe.domain.notice import Notice, NoticeRules
from splynx_stripe.domain.recovery import RecoveryState
from splynx_stripe.domain.retry_policy import RetryPolicy
from splynx_stripe.flows.card_reminders import EVERY as REMINDERS_EVERY, CardReminders
from splynx_stripe.flows.charge_last_look import PrepaidPrices, RetryLook
from splynx_stripe.flows.failure_ports import MessageSplynx, NoticeWords
from splynx_stripe.flows.links import Links, LinkSplynx
from splynx_stripe.flows.office_digest import EVERY as DIGEST_EVERY, OfficeDigest
from splynx_stripe.flows.ports import Store
from splynx_stripe.flows.retries import TICK, Charging, Retries
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.send_notices import NoticeSender

FIGURES_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SettingsFailureRules:
    """Implements `flows.failure_ports.FailureRules` around settings that are in force."""

    settings: Settings

    def retry_policy(self, partner_id: int) -> RetryPolicy:
        """Gives when and with what a partner's failed charges are tried again."""
        return retry_policy(self.settings.business(partner_id), self.timezone_of(partner_id))

    def notice_rules(self, partner_id: int) -> NoticeRules:
        """Gives who is told what of a partner, and how."""
        return notice_rules(self.settings.business(partner_id))

    def timezone_of(self, partner_id: int) -> ZoneInfo:
        """Gives the clock by which a partner's days are counted."""
        return self.settings.timezone_of_partners([partner_id])


@dataclass(frozen=True, slots=True)
class FailureDoors:
    """The doors to the outside that failed payments need."""

    charging: Charging
    messages: MessageSplynx
    links: LinkSplynx
    prices: PrepaidPrices
    words: NoticeWords


def failure_jobs(
    rooms: Rooms, doors: FailureDoors, rules: SettingsFailureRules, registry: CollectorRegistry
) -> list[tuple[Callable[[], Awaitable[None]], timedelta]]:
    """Gives the scheduled jobs, for the leader: retries, notices, reminders, digests, figures."""
    store, clock, ids = rooms.store, rooms.clock, rooms.ids
    links = Links(store, doors.links, clock, ids)
    figures = FailureFigures(registry, store)
    sender = NoticeSender(
        rooms, doors.messages, links, rules, doors.words, on_end=figures.count_notice
    )
    return [
        (Retries(rooms, doors.charging, RetryLook(store, doors.prices), rules).tick, TICK),
        (sender.tick, TICK),
        (CardReminders(store, rules, clock, ids).tick, REMINDERS_EVERY),
        (OfficeDigest(store, rules, clock, ids).tick, DIGEST_EVERY),
        (figures.tick, FIGURES_EVERY),
    ]


class FailureFigures:
    """The scheduled job that shows how failed payments stand, and the counter of notices."""

    def __init__(self, registry: CollectorRegistry, store: Store) -> None:
        self._store = store
        self._recoveries = Gauge(
            "splynx_stripe_recoveries",
            "Debts whose automatic charge has failed, by how their recovery stands.",
            ["state"],
            registry=registry,
        )
        self._notices = Counter(
            "splynx_stripe_notices",
            "Notices that have come to their end in this process, by way and outcome.",
            ["way", "outcome"],
            registry=registry,
        )

    def count_notice(self, notice: Notice) -> None:
        """Counts a notice that has come to its end."""
        self._notices.labels(notice.channel.value, notice.state.value).inc()

    async def tick(self) -> None:
        """Shows the figures as they are now."""
        counts = await self._store.read(lambda unit: unit.recovery_counts())
        for state in RecoveryState:
            self._recoveries.labels(state.value).set(counts.get(state, 0))
