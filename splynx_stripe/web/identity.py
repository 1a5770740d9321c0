"""Who is looking: from the cookies of a browser to a customer or an administrator of Splynx.

Splynx serves its portal from the same host, so the browser sends us its session cookie, and
Splynx tells whose it is (`reference/splynx-api.md` 1.4). Anything ambiguous is "not logged in".
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from dataclasses import dataclass, field

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.splynx import Viewer
from splynx_stripe.kit.clock import Clock
from splynx_stripe.web.deps import ViewerSource

KNOWN_FOR_S = 60.0
"""How long an answer of Splynx is believed; so long may a logout take to reach us."""

REFUSED_FOR_S = 5.0
"""How long a refusal is believed; somebody who has just logged in must not wait."""

KNOWN_BEFORE_FOR_S = 12 * 3600.0
"""How long a session that Splynx has accepted is told from an invented one; it opens nothing."""

_REMEMBERED_AT_MOST = 5_000
_KNOWN_BEFORE_AT_MOST = 20_000
_OTHERS_AT_MOST = 3
_COOKIE_HEADER_AT_MOST = 8_192
_LOOKS_LIKE_SESSION = re.compile(r"[0-9A-Za-z,-]{26,64}")


class CannotIdentifyError(Exception):
    """Splynx could not be asked who is looking. Show that; never send the person to log in."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A portal customer, and the session by which we know them."""

    customer_id: int
    session_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Office:
    """An administrator of Splynx, and the session by which we know them.

    `administrator_id` is 0 where Splynx does not say which one it is; `partner_id` is 0 for
    those who may see all partners.
    """

    administrator_id: int
    partner_id: int
    session_id: str = field(repr=False)

    @property
    def actor(self) -> str:
        """Gives the name for the audit log."""
        return f"admin:{self.administrator_id}"

    def may_see(self, partner_id: int) -> bool:
        """Says whether what belongs to a partner is theirs to see."""
        return self.partner_id in {0, partner_id}


class Identity:
    """Finds out who is looking, with a short memory."""

    def __init__(self, viewers: ViewerSource, clock: Clock, cookie_name: str) -> None:
        self._viewers = viewers
        self._clock = clock
        self._cookie_name = cookie_name
        self._remembered: OrderedDict[bytes, tuple[Viewer | None, float]] = OrderedDict()
        self._accepted_until: OrderedDict[bytes, float] = OrderedDict()

    async def customer(self, cookie_header: str) -> LoggedIn | None:
        """Gives the customer who is logged in, None when nobody is for sure.

        The cookie that the settings name comes first; only where it is absent or refused are
        others tried that look like a session.

        Raises:
            CannotIdentifyError: Splynx does not answer.
        """
        found = await self._somebody(cookie_header)
        if found is None:
            return None
        viewer, session_id = found
        if viewer.customer_id is None or viewer.administrator_id is not None:
            return None
        return LoggedIn(viewer.customer_id, session_id)

    async def office(self, cookie_header: str) -> Office | None:
        """Gives the administrator who is logged in, None when nobody is for sure.

        Raises:
            CannotIdentifyError: Splynx does not answer.
        """
        found = await self._somebody(cookie_header)
        if found is None:
            return None
        viewer, session_id = found
        if viewer.administrator_id is None or viewer.customer_id is not None:
            return None
        return Office(viewer.administrator_id, viewer.partner_id, session_id)

    def session_known_before(self, cookie_header: str) -> str:
        """Gives a name for the session among the cookies that Splynx has accepted lately, or "".

        It says nothing about who is looking, or whether they still are logged in.
        """
        named, others = self.sessions(cookie_header)
        now = self._clock.monotonic()
        for session_id in (*named, *others):
            key = _key(session_id)
            if now < self._accepted_until.get(key, 0.0):
                return key.hex()
        return ""

    async def _somebody(self, cookie_header: str) -> tuple[Viewer, str] | None:
        named, others = self.sessions(cookie_header)
        for candidates in (named, others):
            found = [await self._logged_in(session_id) for session_id in candidates]
            accepted = [one for one in found if one is not None]
            if accepted:
                return _unambiguous(accepted)
        return None

    def sessions(self, cookie_header: str) -> tuple[list[str], list[str]]:
        """Gives the session ids in the named cookie, and those that other cookies may hold.

        A browser sends a name twice when two paths have set it, so all are looked at.
        """
        named: list[str] = []
        others: list[str] = []
        for part in cookie_header[:_COOKIE_HEADER_AT_MOST].split(";"):
            name, _, value = part.strip().partition("=")
            if not _LOOKS_LIKE_SESSION.fullmatch(value):
                continue
            target = named if name == self._cookie_name else others
            if value not in target:
                target.append(value)
        return named[:_OTHERS_AT_MOST], others[:_OTHERS_AT_MOST]

    async def _logged_in(self, session_id: str) -> tuple[Viewer, str] | None:
        viewer = await self._viewer(session_id)
        return None if viewer is None else (viewer, session_id)

    async def _viewer(self, session_id: str) -> Viewer | None:
        key = _key(session_id)
        known = self._remembered.get(key)
        if known is not None and self._clock.monotonic() < known[1]:
            return known[0]
        try:
            viewer = await self._viewers.viewer_of_session(session_id)
        except (RejectedError, RetryableError, OutcomeUnknownError) as error:
            raise CannotIdentifyError("Splynx could not be asked whose session it is.") from error
        self._remember(key, viewer)
        return viewer

    def _remember(self, key: bytes, viewer: Viewer | None) -> None:
        now = self._clock.monotonic()
        believed_for_s = REFUSED_FOR_S if viewer is None else KNOWN_FOR_S
        self._remembered[key] = (viewer, now + believed_for_s)
        self._remembered.move_to_end(key)
        if len(self._remembered) > _REMEMBERED_AT_MOST:
            self._remembered.popitem(last=False)
        if viewer is None:
            self._accepted_until.pop(key, None)
            return
        self._accepted_until[key] = now + KNOWN_BEFORE_FOR_S
        self._accepted_until.move_to_end(key)
        if len(self._accepted_until) > _KNOWN_BEFORE_AT_MOST:
            self._accepted_until.popitem(last=False)


def _key(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


def _unambiguous(accepted: list[tuple[Viewer, str]]) -> tuple[Viewer, str] | None:
    """Gives the one person that all accepted sessions agree on."""
    viewer, session_id = accepted[0]
    return None if any(other != viewer for other, _ in accepted) else (viewer, session_id)
