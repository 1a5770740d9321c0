"""Settings that were made on the settings page, as the database keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

SECRET_PAGE_KEYS = ("secret_key", "webhook_secret")
"""Settings whose value is kept sealed and never shown."""


@dataclass(frozen=True, slots=True)
class PageSetting:
    """One setting of one section (`default` or a partner's number).

    `value` is JSON, "" for a setting that was taken back and for a sealed one; `sealed` is the
    encrypted text of a secret. `version` is the number of the change that made it: they are
    counted through all sections, so two administrators can tell who came later.
    """

    section: str
    key: str
    value: str
    sealed: str = field(repr=False)
    version: int
    changed_at: datetime
    changed_by: str

    @property
    def is_set(self) -> bool:
        """Says whether the page has a value here."""
        return bool(self.value or self.sealed)


@dataclass(frozen=True, slots=True)
class PageSettingChange:
    """One line of the settings' history. Of a secret, only that it changed is known."""

    section: str
    key: str
    before: str
    after: str
    changed_at: datetime
    changed_by: str


def sealing_place(section: str, key: str) -> str:
    """Names the place that a secret setting is sealed for."""
    return f"page_settings/{section}/{key}"
