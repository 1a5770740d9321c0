"""What the settings say about failed payments, as values of the domain."""

from __future__ import annotations

from datetime import time, tzinfo

from splynx_stripe.config.business import BusinessSettings
from splynx_stripe.domain.notice import Channel, NoticeRules
from splynx_stripe.domain.retry_policy import NextMethod, RetryPolicy


def retry_policy(business: BusinessSettings, timezone: tzinfo) -> RetryPolicy:
    """Gives when and with what a failed charge is tried again, on the clock of `timezone`."""
    return RetryPolicy(
        days=tuple(sorted({int(day) for day in business.retry_days})),
        opens_at=time.fromisoformat(business.retry_from),
        closes_at=time.fromisoformat(business.retry_until),
        timezone=timezone,
        next_method=NextMethod(business.retry_other_methods),
        card_tries=int(business.card_tries_at_most),
        bank_tries=int(business.bank_retries_at_most),
    )


def notice_rules(business: BusinessSettings) -> NoticeRules:
    """Gives who is told what, and how."""
    return NoticeRules(
        language=business.language,
        tells_failures=business.failed_payment_notifications,
        channels=tuple(dict.fromkeys(Channel(name) for name in business.notification_channels)),
        subject=business.notification_subject.strip(),
        intro=business.notification_intro.strip(),
        card_expiry_days=int(business.card_expiry_reminder_days),
        debit_days=int(business.debit_notice_days),
        digest=business.office_digest,
        office_address=business.office_email.strip(),
    )
