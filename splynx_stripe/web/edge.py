"""The services that the handlers of the web edge share, kept in the application."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.web.assets import Assets
from splynx_stripe.web.deps import Site, WebDeps
from splynx_stripe.web.i18n import Languages
from splynx_stripe.web.identity import Identity
from splynx_stripe.web.limits import Allowance, RateLimiter
from splynx_stripe.web.link_limits import LinkLimits
from splynx_stripe.web.metrics import WebMetrics
from splynx_stripe.web.tickets import Tickets

VIEWS_PER_ADDRESS = Allowance(burst=30, period_s=60)
"""Plain links opened from one address: enough for a family, too few to try numbers out."""

VIEWS_PER_SESSION = Allowance(burst=300, period_s=60)
"""Pages opened in one session that Splynx has accepted before. It counts for nobody else."""

STRANGERS_PER_ADDRESS = Allowance(burst=300, period_s=60)
"""Pages opened in sessions that are new to us, from one address: a street may be behind one NAT.

Each new session costs a question to Splynx; this keeps a flood of invented ones away from it.
"""

STARTS_PER_DEBT = Allowance(burst=10, period_s=60)
"""Presses of "Pay" for one debt by one kind of person: too few to test stolen cards."""

ASKS_PER_DEBT = Allowance(burst=60, period_s=60)
"""Looks at the result of one debt; our own page asks 30 times a minute at most."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What handlers work with."""

    deps: WebDeps
    identity: Identity
    tickets: Tickets
    languages: Languages
    assets: Assets
    metrics: WebMetrics
    views: RateLimiter
    session_views: RateLimiter
    stranger_views: RateLimiter
    starts: RateLimiter
    asks: RateLimiter
    link_limits: LinkLimits

    @property
    def site(self) -> Site:
        """Gives where we are reached."""
        return self.deps.site


EDGE = web.AppKey("edge", Edge)


def build_edge(deps: WebDeps) -> Edge:
    """Builds the services from what the daemon hands over."""
    return Edge(
        deps=deps,
        identity=Identity(deps.viewers, deps.clock, deps.site.session_cookie),
        tickets=Tickets(deps.signing_key),
        languages=Languages.installed(deps.site.language),
        assets=Assets.installed(deps.site.base),
        metrics=WebMetrics(deps.registry),
        views=RateLimiter(deps.clock, VIEWS_PER_ADDRESS),
        session_views=RateLimiter(deps.clock, VIEWS_PER_SESSION),
        stranger_views=RateLimiter(deps.clock, STRANGERS_PER_ADDRESS),
        starts=RateLimiter(deps.clock, STARTS_PER_DEBT),
        asks=RateLimiter(deps.clock, ASKS_PER_DEBT),
        link_limits=LinkLimits.usual(deps.clock),
    )
