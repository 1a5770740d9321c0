"""Decides how much of a debt is charged with which credential, and freezes that as an attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from splynx_stripe.domain.attempt import Attempt
from splynx_stripe.domain.collection import Collection
from splynx_stripe.domain.credential import Credential, in_order
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.retry_policy import schemes_allow, still_counting
from splynx_stripe.domain.smallest_charge import smallest_charge
from splynx_stripe.domain.terms import Terms
from splynx_stripe.flows.look import Look
from splynx_stripe.flows.new_attempt import new_attempt
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.safe_stop import unattended_stop


class ObstacleKind(StrEnum):
    """Why a debt that is due is not charged."""

    STOPPED = "stopped"
    NO_CREDENTIAL = "no_credential"
    MORE_IS_DUE = "more_is_due"
    ALL_ON_ITS_WAY = "all_on_its_way"
    NOT_CHARGEABLE = "not_chargeable"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why, with a sentence for the office and the amount in question, if it is known."""

    kind: ObstacleKind
    reason: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """What is decided before the unit of work: ids and moments, and what the order says."""

    attempt_id: str
    prepared_at: datetime
    next_look_at: datetime
    credential_id: str
    at_most: Money | None
    splynx_url: str


def freeze_charge(
    unit: Unit, collection: Collection, look: Look, frozen: Frozen
) -> Attempt | Obstacle:
    """Freezes the attempt that charges `collection`'s debt, or says what is in the way.

    Everything that may have changed since the look is read in this unit: the stop, the credential,
    and the money that is on its way.
    """
    if look.terms is None or look.amount is None:
        raise BrokenInvariantError("A charge needs a debt that can be paid.")
    stop = unattended_stop(unit)
    if stop:
        return Obstacle(ObstacleKind.STOPPED, stop)
    credential = credential_for(
        unit, collection, look.terms, frozen.credential_id, at=frozen.prepared_at
    )
    if credential is None:
        return Obstacle(
            ObstacleKind.NO_CREDENTIAL,
            f"Customer {collection.payable.customer_id} has no saved payment method that may be"
            " charged for this debt. Nothing was charged.",
        )
    amount = _amount(unit, collection, look.amount, frozen.at_most)
    if isinstance(amount, Obstacle):
        return amount
    attempt = new_attempt(
        unit,
        collection,
        replace(look, amount=amount),
        frozen.attempt_id,
        credential.owner.stripe_customer_id,
        splynx_url=frozen.splynx_url,
    )
    return replace(
        attempt,
        prepared_at=frozen.prepared_at,
        next_look_at=frozen.next_look_at,
        kinds=(credential.kind,),
        off_session=True,
        credential_id=credential.id,
        charged_method_id=credential.payment_method_id,
        mandate_id=credential.mandate_id if credential.kind.is_bank else "",
    )


def credential_for(
    unit: Unit, collection: Collection, terms: Terms, wanted: str, *, at: datetime
) -> Credential | None:
    """Finds what may be charged: of this customer, in this Stripe account, of an offered kind (I8).

    What has failed for this debt as often as the schemes allow, or for good, may not.
    """
    payable = collection.payable
    saved = unit.credentials_of(terms.account, payable.customer_id)
    failed = still_counting(
        unit.failed_tries(payable.key), at, is_of_account=payable.kind.is_of_account
    )
    usable = [
        one
        for one in in_order(saved)
        if one.is_usable
        and one.kind in terms.payment_kinds
        and wanted in {"", one.id}
        and schemes_allow(one.kind, one.payment_method_id, failed, at)
    ]
    return usable[0] if usable else None


def _amount(
    unit: Unit, collection: Collection, due: Money, at_most: Money | None
) -> Money | Obstacle:
    """Says how much is taken: what is due, and never more than was agreed to."""
    payable = collection.payable
    limits = [limit for limit in (at_most, payable.set_amount) if limit is not None]
    if payable.kind is PayableKind.BALANCE:
        on_its_way = unit.money_on_its_way(payable.customer_id, due.currency)
        due = due - on_its_way
        if due.minor_units <= 0:
            return Obstacle(
                ObstacleKind.ALL_ON_ITS_WAY,
                f"{on_its_way} of customer {payable.customer_id} are on their way already, and that"
                " covers the balance. Nothing was charged.",
                on_its_way,
            )
    if payable.kind.is_of_account:
        due = min([due, *limits])
    elif any(limit < due for limit in limits):
        return Obstacle(
            ObstacleKind.MORE_IS_DUE,
            f"{due} are due on {payable.name}, and only {min(limits)} were agreed to. Nothing was"
            " charged; plan it anew.",
            due,
        )
    least = smallest_charge(due.currency)
    if due < least:
        return Obstacle(
            ObstacleKind.NOT_CHARGEABLE,
            f"{due} are less than the {least} that Stripe charges at least. Nothing was charged; the"
            " debt is carried to the next time.",
            due,
        )
    return due
