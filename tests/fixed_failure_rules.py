"""What the settings say about failed payments, for tests: the same for every partner, and changeable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from zoneinfo import ZoneInfo

from splynx_stripe.domain.notice import NoticeRules
from splynx_stripe.domain.retry_policy import RetryPolicy

PRAGUE = ZoneInfo("Europe/Prague")


def usual_policy() -> RetryPolicy:
    """Tries on days 1, 3 and 7 between nine and five."""
    return RetryPolicy(days=(1, 3, 7), opens_at=time(9), closes_at=time(17), timezone=PRAGUE)


@dataclass
class FixedFailureRules:
    """Implements `flows.failure_ports.FailureRules`."""

    policy: RetryPolicy = field(default_factory=usual_policy)
    notices: NoticeRules = field(
        default_factory=lambda: NoticeRules(language="en", tells_failures=True)
    )

    def retry_policy(self, _partner_id: int) -> RetryPolicy:
        return self.policy

    def notice_rules(self, _partner_id: int) -> NoticeRules:
        return self.notices

    def timezone_of(self, _partner_id: int) -> ZoneInfo:
        return PRAGUE
