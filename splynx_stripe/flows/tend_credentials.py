"""Looks after setups that nobody brings news of, and does what is still to be done outside."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from splynx_stripe.domain.errors import (
    BrokenInvariantError,
    NotPermittedError,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
    StaleWriteError,
)
from splynx_stripe.domain.payment_account import Detachment
from splynx_stripe.domain.setup import Setup, SetupState
from splynx_stripe.flows.ask_setup import SetupAsker, require_setup
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.mirror_credentials import MirrorCredentials
from splynx_stripe.flows.ports import Unit
from splynx_stripe.kit.backoff import Backoff

log = logging.getLogger(__name__)

_AT_ONCE = 20
"""How many of each sort one round takes; the next round follows at once while there is more."""
_CLAIM = timedelta(minutes=5)
_RETRIES = Backoff(first_s=5, ceiling_s=3600)
_ACTOR = "daemon"
_UNCONFIRMED = frozenset({SetupState.AWAITING_CUSTOMER, SetupState.REQUIRES_ACTION})
_LATER = (RetryableError, OutcomeUnknownError, NotPermittedError)


class TendCredentials:
    """One round of everything that is due about credentials."""

    def __init__(self, rooms: CredentialRooms) -> None:
        self._rooms = rooms
        self._asker = SetupAsker(rooms)
        self._mirror = MirrorCredentials(rooms)

    async def run_once(self) -> int:
        """Does what is due, bounded, and says how much that was."""
        rooms = self._rooms.rooms
        now = rooms.clock.now()
        setups, leaving, waits = await rooms.store.read(
            lambda unit: (
                unit.setups_to_look_at(now, _AT_ONCE),
                unit.detachments_due(now, _AT_ONCE),
                unit.has_due_mirrors(now),
            )
        )
        for setup in setups:
            await self._look_at(setup)
        for detachment in leaving:
            await self._detach(detachment)
        return len(setups) + len(leaving) + (await self._bring_up_to_date() if waits else 0)

    async def _bring_up_to_date(self) -> int:
        rooms = self._rooms.rooms
        now = rooms.clock.now()
        mirrors = await rooms.store.run(
            lambda unit: unit.claim_mirrors(now, now + _CLAIM, _AT_ONCE)
        )
        for mirror in mirrors:
            await self._mirror.bring_up_to_date(mirror)
        return len(mirrors)

    async def _look_at(self, setup: Setup) -> None:
        try:
            known, _ = await self._asker.ask(setup, _ACTOR)
            age = self._rooms.rooms.clock.now() - known.prepared_at
            if known.state in _UNCONFIRMED and age >= self._rooms.rooms.timing.abandoned_after:
                await self._asker.cancel(known, _ACTOR)
        except _LATER as error:
            log.warning("setup.look_failed", extra={"setup": setup.id, "error": str(error)})
        except (RejectedError, BrokenInvariantError) as error:
            log.error("setup.look_refused", extra={"setup": setup.id, "error": str(error)})  # noqa: TRY400 - a refusal is an answer; its trace says nothing
        await self._plan_next(setup)

    async def _plan_next(self, setup: Setup) -> None:
        now = self._rooms.rooms.clock.now()

        def work(unit: Unit) -> None:
            current = require_setup(unit, setup.id)
            if current.next_look_at is not None and current.next_look_at <= now:
                wait = max(self._rooms.rooms.timing.look_every, (now - current.prepared_at) / 4)
                unit.save_setup(_looked(current, now + wait))

        try:
            await self._rooms.rooms.store.run(work)
        except StaleWriteError:
            return  # somebody else has just planned it

    async def _detach(self, detachment: Detachment) -> None:
        rooms = self._rooms.rooms
        try:
            await self._rooms.stripe.detach_payment_method(
                detachment.account, detachment.payment_method_id
            )
        except (*_LATER, RejectedError, BrokenInvariantError) as error:
            wait_s = _RETRIES.delay_s(detachment.tries + 1, rooms.dice)
            due_at = rooms.clock.now() + timedelta(seconds=wait_s)
            log.warning(
                "credential.detach_failed",
                extra={"payment_method": detachment.payment_method_id, "error": str(error)},
            )
            await rooms.store.run(lambda unit: unit.detach_later(detachment.id, due_at=due_at))
            return
        await rooms.store.run(lambda unit: unit.detached(detachment.id))


def _looked(setup: Setup, next_look_at: datetime) -> Setup:
    return replace(setup, next_look_at=next_look_at)
