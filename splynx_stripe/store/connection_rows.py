"""Connected Stripe accounts, our webhook endpoints, and what Stripe said of accounts, in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import RowMapping, Table, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from splynx_stripe.domain.connection import (
    AccountProfile,
    Connection,
    ConnectionState,
    Deliveries,
    EndpointState,
    OAuthState,
    OurEndpoint,
)
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.connection_tables import (
    account_profiles,
    connections,
    oauth_states,
    webhook_endpoints,
)
from splynx_stripe.store.rows import PerDialect, UnitPart
from splynx_stripe.store.tables import ATTEMPT_IS_LIVE, attempts, inbox, stripe_customers

_STATES_KEPT_FOR = timedelta(days=7)
"""How long a used or expired way to Stripe is known, so that its replay is called by its name."""


def _overwriting(table: Table, key: str, *, but: frozenset[str] = frozenset()) -> PerDialect:
    changed = [it.name for it in table.columns if it.name != key and it.name not in but]
    statements = {}
    for name, made in (("sqlite", sqlite.insert(table)), ("postgresql", postgresql.insert(table))):
        statements[name] = made.on_conflict_do_update(
            index_elements=[table.c[key]], set_={it: made.excluded[it] for it in changed}
        )
    return MappingProxyType(statements)


_c, _o, _w, _p, _i = (
    connections.c,
    oauth_states.c,
    webhook_endpoints.c,
    account_profiles.c,
    inbox.c,
)
_CONNECTIONS = select(connections).order_by(_c.connected_at, _c.id)
_SAVE_CONNECTION = _overwriting(connections, "id")
_ADD_STATE = insert(oauth_states).inline()
_FORGET_STATES = delete(oauth_states).where(
    _o.expires_at < bindparam("before", type_=_o.expires_at.type)
)
_STATE = select(oauth_states).where(_o.digest == bindparam("of_digest")).with_for_update()
_USE_STATE = (
    update(oauth_states)
    .where(_o.digest == bindparam("of_digest"), _o.used_at.is_(None))
    .values(used_at=bindparam("now", type_=_o.used_at.type))
)
_ENDPOINTS = select(webhook_endpoints).order_by(_w.made_at, _w.id)
_SAVE_ENDPOINT = _overwriting(webhook_endpoints, "id")
_FORGET_ENDPOINT = delete(webhook_endpoints).where(_w.id == bindparam("of_id"))
_DELIVERED = (
    update(webhook_endpoints)
    .where(_w.id == bindparam("of_id"), _w.delivered_at.is_(None))
    .values(delivered_at=bindparam("now", type_=_w.delivered_at.type))
)
_PROFILES = select(account_profiles).order_by(_p.account)
_SAVE_PROFILE = _overwriting(account_profiles, "account", but=frozenset({"pinned_id"}))
_PIN = (
    update(account_profiles)
    .where(_p.account == bindparam("of_account"), _p.pinned_id == bindparam("before"))
    .values(pinned_id=bindparam("to_id"))
)
_FORGET_CUSTOMERS = delete(stripe_customers).where(
    stripe_customers.c.account == bindparam("of_account")
)
_LIVE = (
    select(func.count())
    .select_from(attempts)
    .where(attempts.c.account == bindparam("account"), text(ATTEMPT_IS_LIVE))
)
_NEWEST_AT = select(func.max(_i.received_at)).where(
    _i.account == bindparam("account"), _i.source == bindparam("source")
)
_NEWEST = (
    select(_i.created, _i.received_at)
    .where(_i.account == bindparam("account"), _i.source == bindparam("source"))
    .order_by(_i.received_at.desc())
    .limit(1)
)
_LOST = (
    select(func.count())
    .select_from(inbox)
    .where(
        _i.account == bindparam("account"),
        _i.source == bindparam("source"),
        _i.received_at >= bindparam("since", type_=_i.received_at.type),
        _i.received_at < bindparam("until", type_=_i.received_at.type),
        _i.created >= bindparam("since", type_=_i.created.type),
    )
)
_CAME_BY_WEBHOOK = (
    update(inbox)
    .where(
        _i.account == bindparam("of_account"),
        _i.event_id == bindparam("of_event"),
        _i.source == bindparam("was"),
    )
    .values(source=bindparam("becomes"))
)


class ConnectionRows(UnitPart):
    """The part of a unit that knows Stripe accounts, connections and endpoints."""

    def connections(self) -> Sequence[Connection]:
        return [_connection(row) for row in self._connection.execute(_CONNECTIONS).mappings()]

    def save_connection(self, connection: Connection) -> None:
        values = asdict(connection)
        values["access_token_sealed"] = values.pop("access_token")
        values["refresh_token_sealed"] = values.pop("refresh_token")
        values["livemode"] = int(connection.livemode)
        self._connection.execute(_SAVE_CONNECTION[self._dialect], values)

    def add_oauth_state(self, state: OAuthState) -> None:
        self._connection.execute(_FORGET_STATES, {"before": state.made_at - _STATES_KEPT_FOR})
        self._connection.execute(_ADD_STATE, asdict(state) | {"livemode": int(state.livemode)})

    def take_oauth_state(self, digest: str, now: datetime) -> OAuthState | None:
        row = self._connection.execute(_STATE, {"of_digest": digest}).mappings().first()
        if row is None:
            return None
        self._connection.execute(_USE_STATE, {"of_digest": digest, "now": now})
        return OAuthState(**(dict(row) | {"livemode": bool(row["livemode"])}))

    def our_endpoints(self) -> Sequence[OurEndpoint]:
        return [_endpoint(row) for row in self._connection.execute(_ENDPOINTS).mappings()]

    def save_endpoint(self, endpoint: OurEndpoint) -> None:
        values = asdict(endpoint)
        values["secret_sealed"] = values.pop("secret")
        values["account"] = endpoint.account.key
        self._connection.execute(_SAVE_ENDPOINT[self._dialect], values)

    def forget_endpoint(self, endpoint_id: str) -> None:
        self._connection.execute(_FORGET_ENDPOINT, {"of_id": endpoint_id})

    def endpoint_delivered(self, endpoint_id: str, now: datetime) -> bool:
        values = {"of_id": endpoint_id, "now": now}
        return self._connection.execute(_DELIVERED, values).rowcount > 0

    def account_profiles(self) -> Sequence[AccountProfile]:
        return [_profile(row) for row in self._connection.execute(_PROFILES).mappings()]

    def save_account_profile(self, profile: AccountProfile) -> None:
        values: dict[str, Any] = asdict(profile) | {
            "account": profile.account.key,
            "charges_enabled": int(profile.charges_enabled),
            "missing": "\n".join(profile.missing),
        }
        self._connection.execute(_SAVE_PROFILE[self._dialect], values)
        self._pin(profile.account, before="", to_id=profile.pinned_id)

    def repin_account(self, account: StripeAccount, stripe_account_id: str) -> None:
        for profile in self.account_profiles():
            if profile.account == account:
                self._pin(account, before=profile.pinned_id, to_id=stripe_account_id)
        self._connection.execute(_FORGET_CUSTOMERS, {"of_account": account.key})

    def _pin(self, account: StripeAccount, *, before: str, to_id: str) -> None:
        values = {"of_account": account.key, "before": before, "to_id": to_id}
        self._connection.execute(_PIN, values)

    def live_attempts_of(self, account: StripeAccount) -> int:
        return int(self._connection.execute(_LIVE, {"account": account.key}).scalar_one())

    def deliveries(self, account: StripeAccount, *, since: datetime, until: datetime) -> Deliveries:
        by_webhook = {"account": account.key, "source": InboxSource.WEBHOOK}
        by_poll = {"account": account.key, "source": InboxSource.POLL}
        newest = self._connection.execute(_NEWEST, by_webhook).first()
        judged = {**by_poll, "since": since, "until": until}
        return Deliveries(
            last_webhook_at=newest[1] if newest else None,
            last_delay_s=(newest[1] - newest[0]).total_seconds() if newest else None,
            last_poll_at=self._connection.execute(_NEWEST_AT, by_poll).scalar(),
            lost=int(self._connection.execute(_LOST, judged).scalar_one()),
        )

    def delivered_by_webhook(self, account: StripeAccount, event_id: str) -> None:
        values = {
            "of_account": account.key,
            "of_event": event_id,
            "was": InboxSource.POLL,
            "becomes": InboxSource.WEBHOOK,
        }
        self._connection.execute(_CAME_BY_WEBHOOK, values)


def _without(row: RowMapping, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _connection(row: RowMapping) -> Connection:
    rest: Mapping[str, Any] = _without(
        row, "livemode", "state", "access_token_sealed", "refresh_token_sealed"
    )
    return Connection(
        livemode=bool(row["livemode"]),
        state=ConnectionState(row["state"]),
        access_token=row["access_token_sealed"],
        refresh_token=row["refresh_token_sealed"],
        **rest,
    )


def _endpoint(row: RowMapping) -> OurEndpoint:
    rest: Mapping[str, Any] = _without(row, "account", "state", "secret_sealed")
    return OurEndpoint(
        account=StripeAccount.from_key(row["account"]),
        state=EndpointState(row["state"]),
        secret=row["secret_sealed"],
        **rest,
    )


def _profile(row: RowMapping) -> AccountProfile:
    rest: Mapping[str, Any] = _without(row, "account", "charges_enabled", "missing")
    return AccountProfile(
        account=StripeAccount.from_key(row["account"]),
        charges_enabled=bool(row["charges_enabled"]),
        missing=tuple(row["missing"].split("\n")) if row["missing"] else (),
        **rest,
    )
