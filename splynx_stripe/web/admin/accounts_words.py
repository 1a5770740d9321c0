"""The sentences of the page of Stripe accounts."""

from __future__ import annotations

from collections.abc import Mapping

from splynx_stripe.flows.account_rooms import Refusal
from splynx_stripe.web.i18n import later

REFUSALS: Mapping[Refusal, str] = {
    Refusal.STATE_UNKNOWN: later(
        "This answer of Stripe does not belong to anything that was begun here. Nothing was stored."
    ),
    Refusal.STATE_USED: later(
        "This answer of Stripe was used already. Nothing was stored now; look below at what stands."
    ),
    Refusal.STATE_EXPIRED: later(
        "More than ten minutes have passed since you pressed Connect. Nothing was stored. Press"
        " Connect again."
    ),
    Refusal.OTHER_SESSION: later(
        "The connection was begun in another session of Splynx. Nothing was stored. Press Connect"
        " again."
    ),
    Refusal.DENIED: later(
        "The connection was declined in Stripe. Nothing was stored. Press Connect to try again."
    ),
    Refusal.CODE_REFUSED: later(
        "Stripe did not accept the code that it had sent us (used or expired). Nothing was stored."
        " Press Connect again."
    ),
    Refusal.OTHER_MODE: later(
        "Stripe connected an account of the other mode (test instead of live, or the reverse)."
        " Nothing was stored. Check stripe.connect_client_id."
    ),
    Refusal.TAKEN: later(
        "This Stripe account belongs to partner %(detail)s already. Nothing was stored: with one"
        " account under two partners every payment would be looked after twice."
    ),
    Refusal.WRITTEN: later(
        "The keys of this partner are set in config.yaml. Choose OAuth 2.0 as authentication type, or"
        " remove secret_key_file there."
    ),
    Refusal.KEYS_CHOSEN: later(
        "The authentication type of this partner is API keys. Nothing was changed. Choose OAuth 2.0 on"
        " the settings page first; the keys are used until the account is connected."
    ),
    Refusal.NO_PLATFORM: later(
        "Accounts cannot be connected: set stripe.connect_client_id and"
        " stripe.platform_secret_key_file in config.yaml, or check the key."
    ),
    Refusal.NO_ENCRYPTION_KEY: later(
        "There is no encryption key, so no secret can be stored. Nothing was changed. Run"
        " `splynx-stripe encryption init` as root."
    ),
    Refusal.NOT_CONNECTED: later("This is not possible as the account stands now."),
    Refusal.UNDER_WAY: later(
        "%(detail)s payments are under way with this account, and we could not see their outcome"
        " any more. Nothing was changed. Wait until they are finished, or disconnect anyway."
    ),
    Refusal.NO_ACCOUNT: later("This partner has no Stripe account of its own."),
    Refusal.TOO_MANY_ENDPOINTS: later(
        "Stripe allows 16 webhook endpoints per account, and there are %(detail)s. Nothing was"
        " changed. Remove endpoints that nobody uses: stray ones of ours below, others in the Stripe"
        " dashboard under Developers, Webhooks. Until then payments are seen by polling."
    ),
}

DONE: Mapping[str, str] = {
    "connected": later("The Stripe account is connected. It is in force within seconds."),
    "disconnected": later("The Stripe account is disconnected. Nobody is charged with it now."),
    "released": later("The partner may use other keys, or the account of the Default partner."),
    "tested": later("Stripe was asked; what it said is below."),
    "webhook": later(
        "The webhook is there, and its secret is known. It is in force within seconds."
    ),
    "rotated": later(
        "A new webhook stands beside the old one, and both are believed. The old one is removed when"
        " the new one has delivered, or after 24 hours."
    ),
    "webhook-near-limit": later(
        "The webhook is there. Stripe's limit of 16 endpoints is near: press Endpoints and remove what"
        " is left over."
    ),
    "rotated-near-limit": later(
        "A new webhook stands beside the old one, and both are believed. Stripe's limit of 16"
        " endpoints is near: press Endpoints and remove what is left over."
    ),
    "strays": later("The stray endpoints are removed."),
}
