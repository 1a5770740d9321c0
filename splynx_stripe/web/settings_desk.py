"""What the settings page works with: its flow, Splynx's partners, and trials of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from splynx_stripe.config import Settings
from splynx_stripe.flows.page_settings import PageSettings


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One thing that was tried out; `mend` says what to do when it is not well.

    Both are a `Sentence` where they can be said in another language; refusals from outside cannot.
    """

    well: bool
    text: str
    mend: str = ""


class SettingsTrials(Protocol):
    """Tries settings out on the systems outside. Nothing raises: a refusal is a line too."""

    async def splynx(self, settings: Settings, section: str) -> Sequence[TrialLine]:
        """Asks Splynx: reach, permissions, and whether the named accounts and methods exist."""
        ...

    async def stripe(self, settings: Settings, section: str) -> Sequence[TrialLine]:
        """Asks Stripe: do the keys work, of which account and mode, can it take money."""
        ...

    async def partners(self) -> Mapping[int, str] | None:
        """Lists Splynx's partners by id; None when they cannot be had, as without permission."""
        ...


@dataclass(frozen=True, slots=True)
class SettingsDesk:
    """What the daemon hands over for the settings page."""

    page: PageSettings
    trials: SettingsTrials
