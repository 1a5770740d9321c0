"""What the flow of the settings page needs from the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from splynx_stripe.domain.page_setting import PageSetting, PageSettingChange
from splynx_stripe.domain.stripe import StripeAccount


class PageSettingsUnit(Protocol):
    """The part of a unit of work that knows the settings page."""

    def page_settings(self) -> Sequence[PageSetting]:
        """Lists everything that was ever set on the page, also what was taken back."""
        ...

    def save_page_setting(self, setting: PageSetting) -> None:
        """Writes a setting over the one before; whether it is stale, the flow has judged."""
        ...

    def note_page_setting_change(self, change: PageSettingChange) -> None:
        """Appends to the settings' history."""
        ...

    def page_setting_changes(self, section: str, *, limit: int) -> Sequence[PageSettingChange]:
        """Lists a section's newest changes, newest first."""
        ...

    def settings_version(self) -> int:
        """Gives the number of the last change of any setting in the database, 0 before the first.

        Every daemon looks at it every few seconds and takes up what changed.
        """
        ...

    def raise_settings_version(self) -> int:
        """Counts a change and gives its number. Changes wait for each other here."""
        ...

    def attempts_under_way(self, account: StripeAccount) -> int:
        """Counts the payments of an account whose outcome is not known yet."""
        ...
