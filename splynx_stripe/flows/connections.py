"""Connecting a partner section's Stripe account by OAuth 2.0, and ending that from both sides.

`begin` → consent at Stripe → `finish`. What travels in between is a `state` that is good once, for
ten minutes, in the session that began; only its hash is stored. Source: docs.stripe.com/connect/
oauth-reference and RFC 6749, section 10.12.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.connection import (
    CURRENT_STATES,
    Connection,
    ConnectionState,
    Grant,
    OAuthState,
    access_token_place,
    refresh_token_place,
)
from splynx_stripe.domain.errors import NotPermittedError, RejectedError
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.account_rooms import AccountRefusedError, AccountRooms, Refusal
from splynx_stripe.flows.ports import Unit

STATE_LASTS = timedelta(minutes=10)
_MAX_STATE_CHARS = 256


@dataclass(frozen=True, slots=True)
class Returned:
    """What Stripe sent the person's browser back with, and in whose session it came."""

    state: str
    code: str
    session_id: str


class Connections:
    """Connects and disconnects accounts."""

    def __init__(self, rooms: AccountRooms) -> None:
        self._rooms = rooms

    @property
    def redirect_uri(self) -> str:
        """Gives the address that Stripe sends people back to; it must be known at Stripe too."""
        return f"{self._rooms.settings.public_url}/oauth/callback"

    async def begin(self, section: str, *, livemode: bool, actor: str, session_id: str) -> str:
        """Gives the address of Stripe's consent page for this section.

        Raises:
            AccountRefusedError: no platform, no encryption key, or the keys are what the settings choose.
        """
        self._check_possible(section, livemode=livemode)
        token = self._rooms.ids.token()
        state = f"{token}.{self._signature(token)}"
        now = self._rooms.clock.now()
        begun = OAuthState(
            digest=_digest(state),
            section=section,
            livemode=livemode,
            session_digest=_digest(session_id),
            made_by=actor,
            made_at=now,
            expires_at=now + STATE_LASTS,
        )
        await self._rooms.store.run(lambda unit: unit.add_oauth_state(begun))
        return self._rooms.oauth.authorize_url(
            livemode=livemode, state=state, redirect_uri=self.redirect_uri
        )

    async def deny(self, returned: Returned) -> str:
        """Uses up the way of somebody who did not consent; gives the section."""
        return (await self._take(returned)).section

    async def finish(self, returned: Returned, actor: str) -> Connection:
        """Exchanges the code and remembers the account.

        Raises:
            AccountRefusedError: nothing was stored; its reason says why.
            RetryableError, OutcomeUnknownError: Stripe's answer was lost; nothing was stored, and
                beginning anew finds a connection that was made.
        """
        begun = await self._take(returned)
        self._check_possible(begun.section, livemode=begun.livemode)
        try:
            grant = await self._rooms.oauth.exchange(returned.code, livemode=begun.livemode)
        except NotPermittedError as error:
            raise AccountRefusedError(Refusal.NO_PLATFORM) from error
        except RejectedError as error:
            raise AccountRefusedError(Refusal.CODE_REFUSED, error.code) from error
        if grant.livemode != begun.livemode or not _is_of_mode(grant):
            raise AccountRefusedError(Refusal.OTHER_MODE)
        connection = self._sealed(grant, begun.section, actor)
        await self._rooms.store.run(lambda unit: self._remember(unit, connection))
        self._rooms.changed()
        return connection

    async def disconnect(self, section: str, *, actor: str, anyway: bool = False) -> None:
        """Ends the connection at Stripe, then with us.

        Raises:
            AccountRefusedError: there is none, or payments are under way and not `anyway`.
            RetryableError, OutcomeUnknownError: Stripe was not reached; nothing was changed here.
        """
        connection = await self._rooms.store.read(lambda unit: _current(unit, section))
        if connection is None or not connection.is_usable:
            raise AccountRefusedError(Refusal.NOT_CONNECTED)
        account = connection.account
        under_way = await self._rooms.store.read(lambda unit: unit.live_attempts_of(account))
        if under_way and not anyway:
            raise AccountRefusedError(Refusal.UNDER_WAY, str(under_way))
        try:
            await self._rooms.oauth.deauthorize(
                connection.stripe_account_id, livemode=connection.livemode
            )
        except NotPermittedError as error:
            raise AccountRefusedError(Refusal.NO_PLATFORM) from error
        await self._end(connection, ConnectionState.DISCONNECTED, actor, "an administrator")

    async def ended(self, account: StripeAccount, why: str) -> bool:
        """Notes that Stripe has taken a connection from us; the office gets a case. Once."""
        connection = await self._rooms.store.read(lambda unit: _of_account(unit, account))
        if connection is None or not connection.is_usable:
            return False
        await self._end(connection, ConnectionState.ENDED, "stripe", why)
        return True

    async def release(self, section: str, *, actor: str) -> None:
        """Lets a section without a usable connection use other keys, or the Default partner's.

        Raises:
            AccountRefusedError: it is connected, or never was.
        """

        def work(unit: Unit) -> None:
            connection = _current(unit, section)
            if connection is None or connection.is_usable:
                raise AccountRefusedError(Refusal.NOT_CONNECTED)
            now = self._rooms.clock.now()
            unit.save_connection(replace(connection, state=ConnectionState.REPLACED))
            unit.close_case(
                CaseKind.ACCOUNT_DISCONNECTED,
                connection.account.key,
                now=now,
                note=f"{actor} lets the section use other keys.",
            )
            unit.record(AuditEntry(now, "account.released", actor, facts={"partner": section}))
            unit.raise_settings_version()

        await self._rooms.store.run(work)
        self._rooms.changed()

    async def _take(self, returned: Returned) -> OAuthState:
        """Uses the state up. Whoever comes second, or from elsewhere, gets nothing."""
        token, _, signature = returned.state[:_MAX_STATE_CHARS].partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(token).encode()):
            raise AccountRefusedError(Refusal.STATE_UNKNOWN)
        now = self._rooms.clock.now()
        digest, session = _digest(returned.state), _digest(returned.session_id)
        begun = await self._rooms.store.run(lambda unit: unit.take_oauth_state(digest, now))
        if begun is None:
            raise AccountRefusedError(Refusal.STATE_UNKNOWN)
        if begun.used_at is not None:
            raise AccountRefusedError(Refusal.STATE_USED)
        if not hmac.compare_digest(begun.session_digest, session):
            raise AccountRefusedError(Refusal.OTHER_SESSION)
        if begun.expires_at <= now:
            raise AccountRefusedError(Refusal.STATE_EXPIRED)
        return begun

    def _signature(self, token: str) -> str:
        message = f"oauth:{token}".encode()
        return hmac.new(self._rooms.installation.signing_key, message, hashlib.sha256).hexdigest()

    def _check_possible(self, section: str, *, livemode: bool) -> None:
        chosen = self._rooms.settings.authentication_of(section)
        found = self._rooms.settings.section_accounts.get(section)
        has_keys = found is not None and not found.keys.stripe_account
        if has_keys and chosen == "api":
            raise AccountRefusedError(Refusal.KEYS_CHOSEN)
        if found is not None and not found.origin and not chosen:
            raise AccountRefusedError(Refusal.WRITTEN)
        if livemode not in self._rooms.settings.platforms:
            raise AccountRefusedError(Refusal.NO_PLATFORM)
        if not self._rooms.sealer.has_key:
            raise AccountRefusedError(Refusal.NO_ENCRYPTION_KEY)

    def _sealed(self, grant: Grant, section: str, actor: str) -> Connection:
        now = self._rooms.clock.now()
        new_id = self._rooms.ids.new("con", now)
        seal = self._rooms.sealer.seal
        return Connection(
            id=new_id,
            section=section,
            livemode=grant.livemode,
            stripe_account_id=grant.stripe_account_id,
            publishable_key=grant.publishable_key,
            access_token=seal(grant.access_token, access_token_place(new_id)),
            refresh_token=seal(grant.refresh_token, refresh_token_place(new_id)),
            state=ConnectionState.CONNECTED,
            connected_at=now,
            connected_by=actor,
        )

    def _remember(self, unit: Unit, connection: Connection) -> None:
        """Stores it. The one that was there is history; another section's account is refused."""
        self._check_untaken(unit, connection)
        before = _current(unit, connection.section)
        now = connection.connected_at
        if before is not None:
            unit.save_connection(
                replace(before, state=ConnectionState.REPLACED, ended_at=before.ended_at or now)
            )
        unit.save_connection(connection)
        for account in {connection.account, before.account if before else connection.account}:
            unit.close_case(
                CaseKind.ACCOUNT_DISCONNECTED,
                account.key,
                now=now,
                note=f"{connection.stripe_account_id} was connected.",
            )
        facts = _facts(connection)
        unit.record(AuditEntry(now, "account.connected", connection.connected_by, facts=facts))
        unit.raise_settings_version()

    def _check_untaken(self, unit: Unit, connection: Connection) -> None:
        """Two sections with one account would look after each payment twice (I8)."""
        wanted = (connection.stripe_account_id, connection.livemode)
        for other in unit.connections():
            is_it = (other.stripe_account_id, other.livemode) == wanted
            if other.is_usable and is_it and other.section != connection.section:
                raise AccountRefusedError(Refusal.TAKEN, other.section)
        for section, held in self._rooms.settings.section_accounts.items():
            known = [it for it in unit.account_profiles() if it.account == held.account]
            is_it = any((it.pinned_id, it.account.livemode) == wanted for it in known)
            if is_it and section != connection.section:
                raise AccountRefusedError(Refusal.TAKEN, section)

    async def _end(
        self, connection: Connection, state: ConnectionState, actor: str, why: str
    ) -> None:
        now = self._rooms.clock.now()

        def work(unit: Unit) -> bool:
            held = _current(unit, connection.section)
            if held is None or held.id != connection.id or not held.is_usable:
                return False
            unit.save_connection(replace(held, state=state, ended_at=now, ended_why=why))
            under_way = unit.live_attempts_of(held.account)
            if state is ConnectionState.ENDED or under_way:
                unit.open_case(_case(held, why, under_way, now))
            facts = {**_facts(held), "why": why, "under_way": str(under_way)}
            unit.record(
                AuditEntry(now, "account.ended", actor, facts=facts)
                if state is ConnectionState.ENDED
                else AuditEntry(now, "account.disconnected", actor, facts=facts)
            )
            unit.raise_settings_version()
            return True

        if await self._rooms.store.run(work):
            self._rooms.changed()


def _case(connection: Connection, why: str, under_way: int, now: datetime) -> Case:
    who = (
        "the Default partner"
        if connection.section == "default"
        else (f"partner {connection.section}")
    )
    return Case(
        kind=CaseKind.ACCOUNT_DISCONNECTED,
        subject=connection.account.key,
        opened_at=now,
        summary=f"The Stripe account {connection.stripe_account_id} of {who} is not connected any"
        f" more ({why}). Nobody is charged with it now. {under_way} payments were under way, whose"
        " outcome we cannot see: look at them in the Stripe dashboard. To go on, connect the"
        " account again under Stripe accounts.",
    )


def _facts(connection: Connection) -> dict[str, str]:
    return {
        "account": connection.account.key,
        "partner": connection.section,
        "stripe_account": connection.stripe_account_id,
    }


def _current(unit: Unit, section: str) -> Connection | None:
    found = [
        it for it in unit.connections() if it.section == section and it.state in CURRENT_STATES
    ]
    return found[-1] if found else None


def _of_account(unit: Unit, account: StripeAccount) -> Connection | None:
    found = [
        it for it in unit.connections() if it.account == account and it.state in CURRENT_STATES
    ]
    return found[-1] if found else None


def _is_of_mode(grant: Grant) -> bool:
    """Says whether the publishable key is of the grant's mode, as far as its prefix tells."""
    other = "pk_test_" if grant.livemode else "pk_live_"
    return not grant.publishable_key.startswith(other)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
