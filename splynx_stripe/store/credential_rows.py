"""Saved cards and bank accounts in the database; at most one usable one per card and customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import RowMapping, bindparam, insert, select, text, update

from splynx_stripe.domain.credential import (
    Credential,
    CredentialOwner,
    CredentialState,
    DeadReason,
)
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import CardFace, MandateStatus
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.store.credential_tables import CREDENTIAL_IS_PRESENT, credentials
from splynx_stripe.store.rows import UnitPart
from splynx_stripe.store.setup_rows import consent_of, consent_values

_c = credentials.c
_FROZEN = frozenset({"id", "account", "partner_id", "splynx_customer_id", "version"})
_CHANGING = tuple(name for name in credentials.columns.keys() if name not in _FROZEN)  # noqa: SIM118 - a collection of columns
_ADD = insert(credentials)
_BY_ID = select(credentials).where(_c.id == bindparam("id"))
_ORDER = (_c.position, _c.saved_at, _c.id)
_PRESENT = select(credentials).where(text(CREDENTIAL_IS_PRESENT)).order_by(*_ORDER)
_OF_CUSTOMER = _PRESENT.where(
    _c.account == bindparam("account"), _c.splynx_customer_id == bindparam("customer")
)
_OF_METHOD = _PRESENT.where(
    _c.account == bindparam("account"), _c.payment_method_id == bindparam("method")
)
_OF_STRIPE_CUSTOMER = _PRESENT.where(
    _c.account == bindparam("account"), _c.stripe_customer_id == bindparam("stripe_customer")
)
_OF_MANDATE = _PRESENT.where(
    _c.account == bindparam("account"), _c.mandate_id == bindparam("mandate")
)
_EVER_OF_METHOD = (
    select(credentials)
    .where(_c.account == bindparam("account"), _c.payment_method_id == bindparam("method"))
    .order_by(_c.saved_at.desc(), _c.id.desc())
    .limit(1)
)
_SAVE = (
    update(credentials)
    .where(_c.id == bindparam("of_id"), _c.version == bindparam("of_version"))
    .values({name: bindparam(f"to_{name}", type_=_c[name].type) for name in _CHANGING})
    .values(version=_c.version + 1)
)


class CredentialRows(UnitPart):
    """The part of a unit that knows credentials."""

    def credential(self, credential_id: str) -> Credential | None:
        row = self._connection.execute(_BY_ID, {"id": credential_id}).mappings().first()
        return credential_of_row(row) if row is not None else None

    def credentials_of(self, account: StripeAccount, customer_id: int) -> Sequence[Credential]:
        values = {"account": account.key, "customer": customer_id}
        rows = self._connection.execute(_OF_CUSTOMER, values).mappings()
        return [credential_of_row(row) for row in rows]

    def credential_of_method(self, account: StripeAccount, method_id: str) -> Credential | None:
        values = {"account": account.key, "method": method_id}
        row = self._connection.execute(_OF_METHOD, values).mappings().first()
        return credential_of_row(row) if row is not None else None

    def last_credential_of_method(
        self, account: StripeAccount, method_id: str
    ) -> Credential | None:
        values = {"account": account.key, "method": method_id}
        row = self._connection.execute(_EVER_OF_METHOD, values).mappings().first()
        return credential_of_row(row) if row is not None else None

    def credentials_of_stripe_customer(
        self, account: StripeAccount, stripe_customer_id: str
    ) -> Sequence[Credential]:
        values = {"account": account.key, "stripe_customer": stripe_customer_id}
        rows = self._connection.execute(_OF_STRIPE_CUSTOMER, values).mappings()
        return [credential_of_row(row) for row in rows]

    def credentials_of_mandate(
        self, account: StripeAccount, mandate_id: str
    ) -> Sequence[Credential]:
        values = {"account": account.key, "mandate": mandate_id}
        rows = self._connection.execute(_OF_MANDATE, values).mappings()
        return [credential_of_row(row) for row in rows]

    def add_credential(self, credential: Credential) -> None:
        owner = credential.owner
        frozen = {
            "id": credential.id,
            "account": owner.account.key,
            "partner_id": owner.partner_id,
            "splynx_customer_id": owner.splynx_customer_id,
            "version": credential.version,
        }
        self._connection.execute(_ADD, {**_changing(credential), **frozen})

    def save_credential(self, credential: Credential) -> None:
        values = {f"to_{name}": value for name, value in _changing(credential).items()}
        guard = {"of_id": credential.id, "of_version": credential.version}
        result = self._connection.execute(_SAVE, values | guard)
        self._must_change_one(result, f"Credential {credential.id}")


def _changing(credential: Credential) -> Mapping[str, object]:
    card = credential.card
    return {
        **consent_values(credential.consent),
        "stripe_customer_id": credential.owner.stripe_customer_id,
        "payment_method_id": credential.payment_method_id,
        "kind": credential.kind,
        "state": credential.state,
        "position": credential.position,
        "saved_at": credential.saved_at,
        "card_brand": card.brand if card else "",
        "card_last4": card.last4 if card else "",
        "card_expires_year": card.expires_year if card else 0,
        "card_expires_month": card.expires_month if card else 0,
        "bank_sealed": credential.bank_sealed,
        "mark": credential.mark,
        "mandate_id": credential.mandate_id,
        "mandate_status": credential.mandate_status,
        "dead_reason": credential.dead_reason,
        "setup_id": credential.setup_id,
    }


def credential_of_row(row: RowMapping) -> Credential:
    """Reads a row of the table."""
    return Credential(
        id=row["id"],
        owner=CredentialOwner(
            account=StripeAccount.from_key(row["account"]),
            partner_id=row["partner_id"],
            splynx_customer_id=row["splynx_customer_id"],
            stripe_customer_id=row["stripe_customer_id"],
        ),
        payment_method_id=row["payment_method_id"],
        kind=PaymentKind(row["kind"]),
        state=CredentialState(row["state"]),
        position=row["position"],
        consent=consent_of(row),
        saved_at=row["saved_at"],
        card=_card(row),
        bank_sealed=row["bank_sealed"],
        mark=row["mark"],
        mandate_id=row["mandate_id"],
        mandate_status=MandateStatus(row["mandate_status"]),
        dead_reason=DeadReason(row["dead_reason"]),
        setup_id=row["setup_id"],
        version=row["version"],
    )


def _card(row: RowMapping) -> CardFace | None:
    if row["kind"] != PaymentKind.CARD:
        return None
    return CardFace(
        brand=row["card_brand"],
        last4=row["card_last4"],
        expires_year=row["card_expires_year"],
        expires_month=row["card_expires_month"],
    )
