"""Setups in the database: the SetupIntents that save cards and bank accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, insert, select, update

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Microdeposits
from splynx_stripe.domain.setup import (
    JOINABLE_SETUP_STATES,
    LIVE_SETUP_STATES,
    Setup,
    SetupNewsKind,
    SetupState,
)
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.store.credential_tables import setups
from splynx_stripe.store.rows import UnitPart

_s = setups.c
_PROGRESS = (
    "next_look_at",
    "state",
    "intent_id",
    "payment_method_id",
    "microdeposits",
    "seen_as_of",
    "seen_kind",
    "failure_code",
    "failure_decline_code",
    "failure_message",
)
_ADD = insert(setups)
_BY_ID = select(setups).where(_s.id == bindparam("id"))
_JOINABLE = (
    select(setups)
    .where(
        _s.account == bindparam("account"),
        _s.splynx_customer_id == bindparam("customer"),
        _s.kind == bindparam("kind"),
        _s.prepared_at > bindparam("since", type_=_s.prepared_at.type),
        _s.state.in_(sorted(JOINABLE_SETUP_STATES)),
    )
    .order_by(_s.prepared_at.desc(), _s.id.desc())
    .limit(1)
)
_LIVE_OF = (
    select(setups)
    .where(
        _s.account == bindparam("account"),
        _s.splynx_customer_id == bindparam("customer"),
        _s.consent_actor == bindparam("actor"),
        _s.state.in_(sorted(LIVE_SETUP_STATES)),
    )
    .order_by(_s.prepared_at, _s.id)
)
_DUE = (
    select(setups)
    .where(
        _s.next_look_at.is_not(None),
        _s.next_look_at <= bindparam("now", type_=_s.next_look_at.type),
    )
    .order_by(_s.next_look_at, _s.id)
    .limit(bindparam("limit"))
)
_SAVE = (
    update(setups)
    .where(_s.id == bindparam("of_id"), _s.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_s[name].type) for name in _PROGRESS})
    .values(version=_s.version + 1)
)


class SetupRows(UnitPart):
    """The part of a unit that knows setups."""

    def setup(self, setup_id: str) -> Setup | None:
        row = self._connection.execute(_BY_ID, {"id": setup_id}).mappings().first()
        return _setup(row) if row is not None else None

    def joinable_setup(
        self, account: StripeAccount, customer_id: int, kind: PaymentKind, since: datetime
    ) -> Setup | None:
        values = {"account": account.key, "customer": customer_id, "kind": kind, "since": since}
        row = self._connection.execute(_JOINABLE, values).mappings().first()
        return _setup(row) if row is not None else None

    def live_setups_of(
        self, account: StripeAccount, customer_id: int, *, actor: str
    ) -> Sequence[Setup]:
        values = {"account": account.key, "customer": customer_id, "actor": actor}
        return [_setup(row) for row in self._connection.execute(_LIVE_OF, values).mappings()]

    def setups_to_look_at(self, now: datetime, limit: int) -> Sequence[Setup]:
        rows = self._connection.execute(_DUE, {"now": now, "limit": limit}).mappings()
        return [_setup(row) for row in rows]

    def add_setup(self, setup: Setup) -> None:
        values = _progress(setup) | {
            "id": setup.id,
            "account": setup.account.key,
            "partner_id": setup.partner_id,
            "splynx_customer_id": setup.splynx_customer_id,
            "stripe_customer_id": setup.stripe_customer_id,
            "kind": setup.kind,
            "currency": setup.currency,
            "description": setup.description,
            "metadata": setup.metadata,
            "prepared_at": setup.prepared_at,
            "version": setup.version,
        }
        self._connection.execute(_ADD, {**values, **consent_values(setup.consent)})

    def save_setup(self, setup: Setup) -> None:
        values = {f"to_{name}": value for name, value in _progress(setup).items()}
        guard = {"of_id": setup.id, "of_version": setup.version}
        result = self._connection.execute(_SAVE, values | guard)
        self._must_change_one(result, f"Setup {setup.id}")


def consent_values(consent: Consent) -> Mapping[str, object]:
    """Gives a permission as the columns that setups and credentials share."""
    return {
        "consent_at": consent.given_at,
        "consent_way": consent.way,
        "consent_actor": consent.actor,
        "consent_address": consent.address,
        "consent_browser": consent.browser,
        "consent_version": consent.wording_version,
        "consent_wording": consent.wording,
    }


def consent_of(row: RowMapping) -> Consent:
    """Reads what `consent_values` wrote."""
    return Consent(
        given_at=row["consent_at"],
        way=ConsentWay(row["consent_way"]),
        actor=row["consent_actor"],
        address=row["consent_address"],
        browser=row["consent_browser"],
        wording_version=row["consent_version"],
        wording=row["consent_wording"],
    )


def _progress(setup: Setup) -> dict[str, object]:
    failure = setup.failure
    return {
        "next_look_at": setup.next_look_at,
        "state": setup.state,
        "intent_id": setup.intent_id,
        "payment_method_id": setup.payment_method_id,
        "microdeposits": setup.microdeposits,
        "seen_as_of": setup.seen_as_of,
        "seen_kind": setup.seen_kind,
        "failure_code": failure.code if failure else None,
        "failure_decline_code": failure.decline_code if failure else None,
        "failure_message": failure.message if failure else None,
    }


def _failure(row: RowMapping) -> PaymentFailure | None:
    if row["failure_code"] is None:
        return None
    return PaymentFailure(
        code=row["failure_code"],
        decline_code=row["failure_decline_code"] or "",
        message=row["failure_message"] or "",
    )


def _setup(row: RowMapping) -> Setup:
    return Setup(
        id=row["id"],
        account=StripeAccount.from_key(row["account"]),
        partner_id=row["partner_id"],
        splynx_customer_id=row["splynx_customer_id"],
        stripe_customer_id=row["stripe_customer_id"],
        kind=PaymentKind(row["kind"]),
        currency=row["currency"],
        description=row["description"],
        metadata=row["metadata"],
        consent=consent_of(row),
        prepared_at=row["prepared_at"],
        next_look_at=row["next_look_at"],
        state=SetupState(row["state"]),
        intent_id=row["intent_id"],
        payment_method_id=row["payment_method_id"],
        microdeposits=Microdeposits(row["microdeposits"]),
        seen_as_of=row["seen_as_of"],
        seen_kind=SetupNewsKind(row["seen_kind"]) if row["seen_kind"] else None,
        failure=_failure(row),
        version=row["version"],
    )
