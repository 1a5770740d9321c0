"""Which installation of this product this is, and the key with which it signs."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime

from splynx_stripe.domain.stripe import StripeAccount


@dataclass(frozen=True, slots=True)
class Installation:
    """One installation: made once, with its database, and never changed.

    `id` marks everything of ours at Stripe, so that two installations on one account do not take
    each other's payments (fault 41). `signing_key` is 32 random bytes; it is never shown. Events
    before `created_at` cannot concern us.
    """

    id: str
    signing_key: bytes = field(repr=False)
    created_at: datetime

    def endpoint_name(self, account: StripeAccount) -> str:
        """Gives the unguessable last part of the account's webhook address, always the same."""
        message = f"webhook:{account.key}".encode()
        return hmac.new(self.signing_key, message, hashlib.sha256).hexdigest()[:32]
