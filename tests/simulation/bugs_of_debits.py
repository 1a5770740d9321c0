"""Deliberate bugs in what takes days or has parts: bank debits, returns, bundles, top-ups, saved cards."""

from __future__ import annotations

from tests.simulation.bug import bug

_REVERSE, _SAVE = "flows/reverse_booking.py", "flows/save_credential.py"
_LATE, _MARK = "flows/late_returns.py", "flows/mark_document.py"
_ATTEMPT, _BOOK = "domain/attempt.py", "flows/book.py"

_SEVERAL_AT_ONCE = (
    bug(
        "the leases of several documents are forgotten",
        "I1",
        (
            "store/tables.py",
            'COLLECTION_IS_LIVE = one_of("state", LIVE_COLLECTION_STATES)',
            "COLLECTION_IS_LIVE = f\"{one_of('state', LIVE_COLLECTION_STATES)} AND whole_id = ''\"",
        ),
    ),
    bug(
        "the whole amount is booked for each of several documents",
        "I9",
        (
            _BOOK,
            "return share if collection.part and share is not None else attempt.amount",
            "return share if collection.part > 9 and share is not None else attempt.amount",
        ),
    ),
    bug(
        "several documents have one marker",
        "I2",
        (
            "domain/booking.py",
            'return f"{intent_id}-{part}" if part else intent_id',
            'return f"{intent_id}-{part}" if part > 9 else intent_id',
        ),
    ),
    bug(
        "the price of one of several documents is not looked at again",
        "I9",
        (
            "flows/look.py",
            "        if payable.set_amount in {None, look.amount} or look.verdict is not Verdict.PAYABLE:",
            "        if look.verdict:",
        ),
    ),
    bug(
        "several documents count as booked when the first one is",
        "I2",
        (
            _BOOK,
            "    if all(each.state is CollectionState.BOOKED for each in unit.parts_of(part.whole_id)):",
            (
                "    for each in unit.parts_of(part.whole_id):\n"
                "        if each.state is not CollectionState.BOOKED:\n"
                "            move_collection(unit, each, CollectionNews.PAYMENT_BOOKED, occasion)\n"
                "    if part.whole_id:"
            ),
        ),
        fault=49,
    ),
    bug(
        "a top-up that is booked can be paid again",
        "I1",
        (
            "flows/paid_to_us.py",
            "        if last.payable.kind is PayableKind.TOP_UP:\n            return True",
            "        if last.payable.kind is PayableKind.TOP_UP:\n            return False",
        ),
    ),
)

_ENTERED_BY_OTHERS = (
    bug(
        "a payment that somebody else has entered without its document does not count",
        "I1",
        ("flows/paid_to_us.py", "partial(_waits_for_pairing, last=last)", "lambda _unit: False"),
    ),
)

_ON_THEIR_WAY = (
    bug(
        "a document stays pending after its debit has failed",
        "I2",
        (
            _ATTEMPT,
            "    debit_failed = failed and after.may_be_bank_debit",
            "    debit_failed = failed and not after.may_be_bank_debit",
        ),
    ),
    bug(
        "a document is set pending though its debit has ended",
        "I3",
        (
            _MARK,
            "        if self.attempt.state is AttemptState.PROCESSING or self.other_is_on_its_way:",
            "        if self.attempt.state is not AttemptState.SUCCEEDED:",
        ),
        fault=58,
    ),
    bug(
        "a document is never set pending",
        "I1",
        (
            _MARK,
            "    return debt.shown_as\n",
            "    return None if debt.shown_as is DocumentStatus.PENDING else debt.shown_as\n",
        ),
    ),
    bug(
        "a document is set unpaid though its debit is on its way again",
        "I1",
        (
            _MARK,
            "        wanted = _wanted(debt, document)",
            (
                "        ended = replace(debt.attempt, state=AttemptState.CANCELED)\n"
                "        is_unpaid = effect.kind.value == 'mark_unpaid'\n"
                "        if is_unpaid and debt.attempt.state is AttemptState.PROCESSING:\n"
                "            debt_then = replace(debt, attempt=ended, other_is_on_its_way=False)\n"
                "            wanted = _wanted(debt_then, document)\n"
                "        else:\n"
                "            wanted = _wanted(debt, document)"
            ),
        ),
        fault=58,
    ),
    bug(
        "a change of a document that arrives late stays",
        "I2",
        (
            _MARK,
            "        wanted = _wanted(debt, document)",
            (
                "        wanted = _wanted(debt, document)\n"
                "        is_pending = debt.shown_as is DocumentStatus.PENDING\n"
                "        if (effect.kind.value == 'mark_pending') is not is_pending:\n"
                "            wanted = None"
            ),
        ),
    ),
    bug(
        "a debit on its way does not hold its place",
        "I1",
        (
            _ATTEMPT,
            "        AttemptState.PROCESSING,\n        AttemptState.CANCELING,\n    }",
            "        AttemptState.CANCELING,\n    }",
        ),
        (
            "flows/pay.py",
            (
                "    if attempt is not None and is_on_its_way(attempt):\n"
                "        return Standing.PROCESSING\n    return None"
            ),
            "    return None",
        ),
    ),
)

_TAKEN_BACK = (
    bug(
        "a reversal is not searched before it is posted",
        "I3",
        (
            _REVERSE,
            "        if found:\n            payment_id",
            "        if not marker:\n            payment_id",
        ),
    ),
    bug(
        "each event of a dispute reverses",
        "I3",
        (
            _LATE,
            "                if not unit.add_late_return(late):\n                    return\n",
            "                unit.add_late_return(late)\n",
        ),
        (
            _LATE,
            'key=f"reverse:{dispute.id}")',
            'key=f"reverse:{dispute.id}:{occasion.now.timestamp()}")',
        ),
        (
            _REVERSE,
            "        if found:\n            payment_id",
            "        if not marker:\n            payment_id",
        ),
    ),
    bug(
        "a return is reversed before its payment is booked",
        "I4",
        (
            _REVERSE,
            "        if collection.state not in {CollectionState.BOOKED, CollectionState.RETURNED}:",
            "        if not collection.id:",
        ),
    ),
    bug(
        "a document that somebody else paid is opened again",
        "I4",
        (
            _REVERSE,
            "        if document.payment_id != collection.splynx_payment_id and (",
            "        if not collection.id and (",
        ),
    ),
    bug(
        "a return is booked on a document that did not get the money",
        "I4",
        (
            _REVERSE,
            "kind = payable.kind.document_kind if await self._is_paired(collection) else None",
            "kind = payable.kind.document_kind",
        ),
    ),
    bug(
        "the whole amount is reversed for each of several documents",
        "I9",
        (
            _REVERSE,
            "    return share if collection.part and share is not None else late.amount",
            "    return share if collection.part > 9 and share is not None else late.amount",
        ),
    ),
    bug(
        "a dispute of a card counts as a return",
        "I3",
        (
            _LATE,
            "is_late_return = kind.is_bank and dispute.amount",
            "is_late_return = bool(kind) and dispute.amount",
        ),
    ),
    bug(
        "a dispute is believed from any account",
        "I8",
        (
            "store/attempt_rows.py",
            '    _a.account == bindparam("account"),\n    _a.intent_id == bindparam("intent_id"),\n    # The',
            '    _a.intent_id == bindparam("intent_id"),\n    # The',
        ),
    ),
    bug(
        "a document is not opened again when its debit comes back",
        "I2",
        (
            _REVERSE,
            "        await self._reopen(collection, late)\n        await self._finish",
            "        await self._finish",
        ),
    ),
)

_KEPT = (
    bug(
        "a card is kept without consent",
        "I3",
        (
            _ATTEMPT,
            "            return (book, save) if attempt.saves_method else (book,)",
            "            return (book, save)",
        ),
        (
            _SAVE,
            "is_keepable = method.customer == owner.stripe_customer_id and method.kind is not None",
            "is_keepable = method.kind is not None",
        ),
    ),
    bug(
        "a card is kept for another customer",
        "I8",
        (
            _SAVE,
            "            splynx_customer_id=payable.customer_id,\n",
            "            splynx_customer_id=payable.partner_id,\n",
        ),
    ),
    bug(
        "a card is kept for another account",
        "I8",
        (
            "flows/ask_setup.py",
            "            account=setup.account,\n",
            '            account=replace(setup.account, name="default"),\n',
        ),
    ),
    bug(
        "a removed card stays at Stripe",
        "I2",
        (
            "flows/credentials.py",
            "            unit.want_detached(owner.account, gone.payment_method_id, now=by.now)\n",
            "",
        ),
    ),
    bug(
        "a bank account can be charged before it is proven",
        "I3",
        (
            "flows/ask_setup.py",
            "        is_verified=setup.state is SetupState.SUCCEEDED,",
            "        is_verified=bool(setup.state),",
        ),
    ),
    bug(
        "a withdrawn mandate is not heard of",
        "I2",
        (
            "flows/credential_events.py",
            "                if seen.status is MandateStatus.INACTIVE and current is not None:",
            "                if not seen.status and current is not None:",
        ),
    ),
    bug(
        "a setup whose event is lost is never looked at",
        "I2",
        (
            "flows/tend_credentials.py",
            "        for setup in setups:\n            await self._look_at(setup)\n",
            "",
        ),
        fault=45,
    ),
)

_ACCOUNTS = (
    bug(
        "an account that was taken back stays connected",
        "I8",
        (
            "flows/event_door.py",
            "        if event.type == DEAUTHORIZED:",
            "        if not event.type:",
        ),
        (
            "flows/account_watch.py",
            "            if error.code == TAKEN_BACK:",
            "            if not error.code:",
        ),
    ),
    bug(
        "an account that was taken back is noticed only by its event",
        "I8",
        (
            "flows/account_watch.py",
            "            if error.code == TAKEN_BACK:",
            "            if not error.code:",
        ),
    ),
    bug(
        "nobody is told that an account was taken back",
        "I2",
        (
            "flows/connections.py",
            "            if state is ConnectionState.ENDED or under_way:",
            "            if not held.id:",
        ),
    ),
)

DEBIT_BUGS = (
    *_SEVERAL_AT_ONCE,
    *_ENTERED_BY_OTHERS,
    *_ON_THEIR_WAY,
    *_TAKEN_BACK,
    *_KEPT,
    *_ACCOUNTS,
)
