"""Saves a payment method as a credential, once, however often and by whichever way it is told."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from splynx_stripe.domain.audit import AuditEntry
from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import (
    Credential,
    CredentialNews,
    CredentialOwner,
    CredentialState,
    DeadReason,
    credential_step,
    in_order,
    place_of,
)
from splynx_stripe.domain.decline import classify
from splynx_stripe.domain.effect import StoredEffect
from splynx_stripe.domain.errors import BrokenInvariantError
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Mandate, MandateStatus, PaymentMethod
from splynx_stripe.domain.stripe import PaymentFailure, StripeAccount
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.ports import Unit
from splynx_stripe.flows.transition import Occasion, debt_of, end_effect

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Saving:
    """What is to be saved for whom. `is_verified`: it can be charged, as far as Stripe knows."""

    owner: CredentialOwner
    method: PaymentMethod
    consent: Consent
    is_verified: bool
    mandate: Mandate | None = None
    setup_id: str = ""

    @property
    def kind(self) -> PaymentKind:
        """Gives its kind. Raises `BrokenInvariantError` for one that we never offer."""
        if self.method.kind is None:
            raise BrokenInvariantError(
                f"{self.method.id} is of a type that is not offered here; it was not saved."
            )
        return self.method.kind


@dataclass(frozen=True, slots=True)
class By:
    """When something about credentials happens, and who caused it."""

    now: datetime
    actor: str


def keep_credential(unit: Unit, saving: Saving, rooms: CredentialRooms, by: By) -> Credential:
    """Makes sure that there is one credential for a payment method, and gives it.

    The same card or bank account saved again is the same credential, with the newer PaymentMethod
    behind it; the older one is detached. What the customer has removed meanwhile stays removed.
    """
    account = saving.owner.account
    same = unit.credential_of_method(account, saving.method.id)
    if same is None:
        gone = unit.last_credential_of_method(account, saving.method.id)
        if gone is not None:
            unit.want_detached(account, saving.method.id, now=by.now)
            return gone
    elif same.owner.splynx_customer_id != saving.owner.splynx_customer_id:
        raise BrokenInvariantError(
            f"{saving.method.id} is saved for another customer of Splynx already. Nothing was"
            " changed; look at both customers in the Stripe dashboard."
        )
    mark = rooms.mark(account, saving.method.fingerprint)
    twin = _twin(unit, saving, mark, besides=same) if saving.is_verified else None
    if twin is not None:
        return _merge(unit, saving, rooms, by, (same, twin))
    if same is not None:
        return _renew(unit, saving, rooms, by, same)
    return _add(unit, saving, rooms, by)


def _twin(
    unit: Unit, saving: Saving, mark: str, *, besides: Credential | None
) -> Credential | None:
    """Finds the same card or account under another PaymentMethod; a usable one first."""
    owner = saving.owner
    twins = [
        one
        for one in unit.credentials_of(owner.account, owner.splynx_customer_id)
        if mark and one.mark == mark and (besides is None or one.id != besides.id)
    ]
    twins = [one for one in twins if one.state is not CredentialState.VERIFYING]
    return min(twins, key=lambda one: not one.is_usable, default=None)


def _merge(
    unit: Unit,
    saving: Saving,
    rooms: CredentialRooms,
    by: By,
    found: tuple[Credential | None, Credential],
) -> Credential:
    same, twin = found
    if same is not None:
        gone = credential_step(same, CredentialNews.REMOVED)
        unit.save_credential(replace(gone, bank_sealed=""))
    unit.want_detached(saving.owner.account, twin.payment_method_id, now=by.now)
    return _renew(unit, saving, rooms, by, twin)


def _renew(
    unit: Unit, saving: Saving, rooms: CredentialRooms, by: By, known: Credential
) -> Credential:
    after = _with_facts(known, saving, rooms)
    if saving.is_verified:
        after = credential_step(after, CredentialNews.SAVED)
    if after == known:
        return known
    unit.save_credential(after)
    saved = _read_back(unit, after)
    is_new = saving.is_verified and (
        known.state is not saved.state or known.payment_method_id != saved.payment_method_id
    )
    _tell(unit, saved, rooms, by, is_saved=is_new)
    return saved


def _add(unit: Unit, saving: Saving, rooms: CredentialRooms, by: By) -> Credential:
    owner = saving.owner
    present = in_order(unit.credentials_of(owner.account, owner.splynx_customer_id))
    blank = Credential(
        id=rooms.rooms.ids.new("cred", by.now),
        owner=owner,
        payment_method_id=saving.method.id,
        kind=saving.kind,
        state=CredentialState.USABLE if saving.is_verified else CredentialState.VERIFYING,
        position=max((one.position for one in present), default=-1) + 1,
        consent=saving.consent,
        saved_at=by.now,
    )
    made = _with_facts(blank, saving, rooms)
    unit.add_credential(made)
    _tell(unit, made, rooms, by, is_saved=saving.is_verified)
    return made


def _with_facts(known: Credential, saving: Saving, rooms: CredentialRooms) -> Credential:
    method, mandate = saving.method, saving.mandate
    is_other = method.id != known.payment_method_id
    opened = rooms.bank_of(known)
    keeps_seal = opened is not None and opened == method.bank
    return replace(
        known,
        owner=replace(known.owner, stripe_customer_id=saving.owner.stripe_customer_id),
        payment_method_id=method.id,
        card=method.card,
        bank_sealed=known.bank_sealed
        if keeps_seal
        else rooms.seal(method.bank, place_of(known.id)),
        mark=rooms.mark(saving.owner.account, method.fingerprint),
        mandate_id=mandate.id if mandate else ("" if is_other else known.mandate_id),
        mandate_status=mandate.status
        if mandate
        else (MandateStatus.NONE if is_other else known.mandate_status),
        consent=saving.consent,
        setup_id=saving.setup_id or known.setup_id,
    )


def _read_back(unit: Unit, credential: Credential) -> Credential:
    found = unit.credential(credential.id)
    if found is None:
        raise BrokenInvariantError(f"Credential {credential.id} disappeared while it was saved.")
    return found


def _tell(unit: Unit, saved: Credential, rooms: CredentialRooms, by: By, *, is_saved: bool) -> None:
    if is_saved:
        record_credential(unit, "credential.saved", saved, by)
    elif saved.state is CredentialState.VERIFYING:
        record_credential(unit, "credential.verifying", saved, by)
    changes = is_saved and rooms.rules.changes_payment_method(saved.owner.partner_id)
    unit.want_mirror(
        saved.owner.splynx_customer_id,
        saved.slot,
        partner_id=saved.owner.partner_id,
        now=by.now,
        sets_payment_method=changes,
    )


def record_credential(unit: Unit, event: str, credential: Credential, by: By, **facts: str) -> None:
    """Writes what happened to a credential into the audit log; no number and no name in it."""
    unit.record(
        AuditEntry(
            at=by.now,
            event=event,
            actor=by.actor,
            facts={
                "customer": str(credential.owner.splynx_customer_id),
                "partner": str(credential.owner.partner_id),
                "account": credential.owner.account.key,
                "credential": credential.id,
                "payment_method": credential.payment_method_id,
                "kind": credential.kind.value,
                "consent": f"{credential.consent.way.value} {credential.consent.wording_version}",
            }
            | facts,
        )
    )


def end_credential(unit: Unit, credential: Credential, reason: DeadReason, by: By) -> None:
    """Notes that a credential cannot be charged any more; one that cannot already stays as it is."""
    news = (
        CredentialNews.VERIFICATION_FAILED
        if reason is DeadReason.NOT_VERIFIED
        else CredentialNews.DIED
    )
    after = credential_step(credential, news, reason)
    if after == credential:
        return
    unit.save_credential(after)
    record_credential(unit, "credential.died", after, by, reason=reason.value)
    unit.want_mirror(
        after.owner.splynx_customer_id, after.slot, partner_id=after.owner.partner_id, now=by.now
    )


def note_decline(
    unit: Unit, account: StripeAccount, method_id: str, failure: PaymentFailure, by: By
) -> None:
    """Ends a credential that must never be charged again, such as a stolen card.

    Whoever has charged it calls this after each decline; most declines end nothing.
    """
    known = unit.credential_of_method(account, method_id)
    if known is None:
        return
    dead = classify(failure, known.kind).dead
    if dead is not DeadReason.NONE:
        end_credential(unit, known, dead, by)


class SaveCredential:
    """Saves the payment method of a payment whose customer wanted it saved (`SAVE_CREDENTIAL`)."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms

    async def carry_out(self, effect: StoredEffect) -> None:
        """Saves it once; done in the commit that saves."""
        rooms = self._rooms.rooms
        attempt, collection = await rooms.store.read(lambda unit: debt_of(unit, effect.attempt_id))
        method_id = attempt.payment_method_id
        if not method_id:
            observed = await rooms.stripe.retrieve_payment_intent(
                attempt.account, attempt.intent_id
            )
            method_id = observed.intent.payment_method
        method = await self._rooms.stripe.retrieve_payment_method(attempt.account, method_id)
        payable, now = collection.payable, rooms.clock.now()
        actor = f"customer:{payable.customer_id}"
        owner = CredentialOwner(
            account=attempt.account,
            partner_id=payable.partner_id,
            splynx_customer_id=payable.customer_id,
            stripe_customer_id=attempt.stripe_customer_id,
        )
        saving = Saving(
            owner=owner,
            method=method,
            consent=Consent(given_at=attempt.prepared_at, way=ConsentWay.WITH_PAYMENT, actor=actor),
            is_verified=True,
        )
        is_keepable = method.customer == owner.stripe_customer_id and method.kind is not None

        def work(unit: Unit) -> None:
            if is_keepable:
                keep_credential(unit, saving, self._rooms, By(now, actor))
            end_effect(unit, effect, Occasion(now, actor, rooms.timing))

        if not is_keepable:  # detached meanwhile, or a kind that Stripe cannot keep
            log.info("credential.not_kept", extra={"attempt": attempt.id})
        await rooms.store.run(work)
        rooms.wake()
