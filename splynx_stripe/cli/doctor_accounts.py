"""What `doctor` says of Stripe accounts beyond that they answer."""

from __future__ import annotations

from collections.abc import Iterator

from splynx_stripe.cli.account_flows import AccountFlows
from splynx_stripe.domain.connection import MAX_ENDPOINTS, platform_account
from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_overview import AccountView

Line = tuple[bool, str, str]
"""Is it well, what is said, and how to mend it."""


async def account_lines(flows: AccountFlows) -> list[Line]:
    """Asks Stripe about every account and tells what is not as it should be."""
    for account in flows.rooms.settings.accounts():
        await flows.watch.check(account)
    lines = [line for view in await flows.overview.views() for line in _lines(view)]
    settings = flows.rooms.settings
    own = [account for account, keys in settings.accounts().items() if not keys.stripe_account]
    for account in [*own, *(platform_account(livemode=mode) for mode in settings.platforms)]:
        lines += await _near_limit(flows, account)
    return lines


async def _near_limit(flows: AccountFlows, account: StripeAccount) -> list[Line]:
    """Warns before Stripe refuses a further endpoint; a key that may not list them is told above."""
    try:
        survey = await flows.endpoints.survey(account)
    except (RejectedError, RetryableError, OutcomeUnknownError):
        return []
    if not survey.is_near_limit:
        return []
    text = f"{account.key} has {survey.count} of the {MAX_ENDPOINTS} endpoints that Stripe allows"
    return [(False, text, "`splynx-stripe webhooks tidy` lists those of ours that are left over.")]


def _lines(view: AccountView) -> Iterator[Line]:
    if view.account is None:
        if view.is_unusable or view.connection is not None:
            yield (
                False,
                f"the Stripe account of partner {view.section} cannot be used; nobody is charged",
                "See `splynx-stripe cases`, and the page Stripe accounts.",
            )
        return
    name = view.account.key
    for missing in view.profile.missing if view.profile else ():
        mend = "Add it in Stripe: Developers, API keys, the key, Edit key."
        yield (False, f"the restricted key of {name} lacks {missing}", mend)
    if view.is_restricted and view.profile is not None and not view.profile.missing:
        yield (True, f"the restricted key of {name} has every permission that is needed", "")
    if view.is_connected:
        url = view.webhook_url
        mend = "Run `splynx-stripe webhooks init`."
        yield (view.has_webhook, f"{name} has a webhook at {url}", mend)
    if view.lost:
        yield (
            False,
            f"{view.lost} events of {name} in 24 hours were found by polling only",
            (
                "In Stripe, look under Developers, Webhooks at the failed deliveries of"
                f" {view.webhook_url}."
            ),
        )
