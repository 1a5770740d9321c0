"""Deliberate bugs: each breaks a promise, and the simulation has to find it.

A bug is one or more small textual changes of the product. Where the old text is not found exactly
once, the product has changed and the bug has to be written anew; that is an error.
"""

from __future__ import annotations

from tests.simulation.bug import bug as _bug
from tests.simulation.bugs_of_charging import CHARGE_BUGS
from tests.simulation.bugs_of_debits import DEBIT_BUGS

_ATTEMPT, _BOOK, _INBOX = "domain/attempt.py", "flows/book.py", "flows/inbox.py"
_ASK, _PAY, _POLL = "flows/ask_stripe.py", "flows/pay.py", "flows/poll.py"
_EFFECTS, _ERRORS = "flows/effects.py", "gateways/stripe/errors.py"

_SINGLE_COLLECTION = (
    _bug(
        "a new idempotency key for every try",
        "I1",
        (
            _ATTEMPT,
            'return f"splynx-stripe:{self.id}"',
            "return __import__('secrets').token_hex(9)",
        ),
        quick=True,
    ),
    _bug(
        "the idempotency key is made of the time of the next look",
        "I5",
        (
            _ATTEMPT,
            'return f"splynx-stripe:{self.id}"',
            'return f"splynx-stripe:{self.id}:{self.next_look_at}"',
        ),
    ),
    _bug(
        "the lease is ignored",
        "I1",
        (
            "store/tables.py",
            'COLLECTION_IS_LIVE = one_of("state", LIVE_COLLECTION_STATES)',
            "COLLECTION_IS_LIVE = \"state = 'never'\"",
        ),
    ),
    _bug(
        "the lease is released when the charge succeeds, not when it is booked",
        "I1",
        (
            "domain/collection.py",
            "frozenset({CollectionState.OPEN, CollectionState.SETTLED})",
            "frozenset({CollectionState.OPEN})",
        ),
    ),
    _bug(
        "an unknown attempt does not hold its place",
        "I1",
        (
            _ATTEMPT,
            "        AttemptState.UNKNOWN,\n        AttemptState.AWAITING",
            "        AttemptState.AWAITING",
        ),
    ),
    _bug(
        "a timeout means failure",
        "I1",
        (
            _ERRORS,
            "    if operation.writes:\n        return OutcomeUnknownError(",
            "    if operation.writes:\n        return RejectedError(",
        ),
        quick=True,
    ),
    _bug(
        "a 500 means refusal",
        "I1",
        (
            _ERRORS,
            "    if status >= _SERVER_ERROR or status < _BAD_REQUEST:",
            "    if status < _BAD_REQUEST:",
        ),
    ),
    _bug(
        "a canceled PaymentIntent is believed before Stripe has confirmed it",
        "I1",
        (
            _ATTEMPT,
            "_row(_S.AWAITING_CUSTOMER, _SEEN | {_N.CANCEL_REQUESTED: _S.CANCELING})",
            "_row(_S.AWAITING_CUSTOMER, _SEEN | {_N.CANCEL_REQUESTED: _S.CANCELED})",
        ),
        quick=True,
    ),
    _bug(
        "the same key is used after it has expired at Stripe",
        "I1",
        ("domain/timing.py", "timedelta(hours=23)", "timedelta(days=90)"),
        (
            _ASK,
            "found = None if is_new else await self._search(attempt)",
            "found = None",
        ),
    ),
    _bug(
        "the age of a key is believed, whatever the clock was",
        "I1",
        (
            _ASK,
            "found = None if is_new else await self._search(attempt)",
            "found = None if self._key_protects(attempt) else await self._search(attempt)",
        ),
    ),
    _bug(
        "absence is believed at the first look, while the key still works",
        "I1",
        (
            _ASK,
            "        return age < self._rooms.timing.key_protects_for",
            "        return age.total_seconds() < 1",
        ),
        (_ASK, "        if not self._is_missing_for_long(attempt):", "        if not attempt.id:"),
    ),
    _bug(
        "the search for a lost PaymentIntent looks at another time",
        "I1",
        (
            _ASK,
            "created_from=attempt.prepared_at - _CLOCK_MARGIN",
            "created_from=attempt.prepared_at + _CLOCK_MARGIN",
        ),
    ),
    _bug(
        "the search API is asked instead of the list",
        "I1",
        ("gateways/stripe/gateway.py", '"payment_intents.list"', '"payment_intents.search"'),
    ),
    _bug(
        "a new attempt takes the price of the one before, without a last look",
        "I1",
        (
            _PAY,
            "    wanted = (look.amount, kinds, wish.saves_method)",
            "    wanted = (attempt.amount, kinds, wish.saves_method)",
        ),
    ),
    _bug(
        "a PaymentIntent that nobody wants any more is left open",
        "I1",
        ("flows/look_after.py", "if attempt.state in _WAITING and", "if not attempt.id and"),
    ),
)

_BOOKS = (
    _bug(
        "the marker is not searched before a payment is posted",
        "I3",
        (_BOOK, "        return found[0] if found else None", "        return None"),
        quick=True,
    ),
    _bug(
        "a POST that may be on its way is forgotten",
        "I3",
        (
            "flows/posting_window.py",
            "        if effect.posting_at is None:\n            return\n",
            "        return\n",
        ),
    ),
    _bug(
        "a worker that was held up posts all the same",
        "I3",
        ("flows/posting_window.py", "> self._lasts:", "> timedelta(days=9):"),
    ),
    _bug(
        "effects are executed without fencing, however late",
        "I3",
        (
            "store/effect_rows.py",
            '_e.id == bindparam("of_id"), _e.claim == bindparam("of_claim")',
            '_e.id == bindparam("of_id"), _e.claim >= bindparam("of_claim") - 99',
        ),
        ("flows/posting_window.py", "> self._lasts:", "> timedelta(days=9):"),
    ),
    _bug(
        "a payment is booked before the document is looked at",
        "I2",
        (
            _BOOK,
            "        plan = plan_booking(collection.payable, _amount(attempt, collection), document)",
            "        plan = BookingPlan(pairs_document=True, case=None, summary='')",
        ),
    ),
    _bug(
        "a document that is partly due is set paid",
        "I4",
        (
            "domain/booking.py",
            "    return document.due <= 0 or ours == (document.total if is_paired else document.due)",
            "    return document.total > amount.to_decimal() - 10**9",
        ),
    ),
    _bug(
        "a payment has the day of Greenwich",
        "I4",
        (
            _ATTEMPT,
            "        return self.seen_as_of.astimezone(timezone).date()",
            "        return self.seen_as_of.date()",
        ),
    ),
    _bug(
        "a payment is entered into its statement without looking",
        "I4",
        (
            "flows/record_statement.py",
            "        if await self._rooms.splynx.find_statement_records(statement_id, marker):\n            return\n",
            "",
        ),
    ),
    _bug(
        "Splynx's filters are trusted",
        "I8",
        ("gateways/splynx/api.py", "if wire.equals(row, self._wanted)", "if row"),
    ),
    _bug(
        "an effect is dropped after an error",
        "I2",
        (
            _EFFECTS,
            "                    claim=effect.claim,\n                    tries=tries,",
            "                    state=EffectState.DONE,\n                    tries=tries,",
        ),
    ),
    _bug(
        "nobody is told that an effect is overdue",
        "I10",
        (_EFFECTS, "            if now >= effect.deadline_at:", "            if not effect.key:"),
    ),
)

_EVENTS = (
    _bug(
        "a webhook is acknowledged though it could not be stored",
        "I7",
        (
            _INBOX,
            "            self._receiving -= 1\n",
            "            self._receiving -= 1\n            return True\n",
        ),
    ),
    _bug(
        "an event counts as handled before it is",
        "I7",
        (
            _INBOX,
            "        news = News.observed(intent, event.created)\n",
            (
                '        await self._finish(event, InboxState.HANDLED, "")\n'
                "        news = News.observed(intent, event.created)\n"
            ),
        ),
    ),
    _bug(
        "events of other installations are taken for ours",
        "I8",
        (
            _INBOX,
            "if intent is None or self.installation != installation_id:",
            "if intent is None or not installation_id:",
        ),
        (_INBOX, "if each.installation == installation.id:", "if installation.id:"),
        quick=True,
    ),
    _bug(
        "events are taken from any account",
        "I8",
        (_INBOX, "if attempt.account != event.account or", "if not attempt.account or"),
    ),
    _bug(
        "signatures are not checked",
        "I7",
        (
            "gateways/stripe/webhook.py",
            "    secret = _matching(signed, signatures, usable)",
            "    secret = _matching(signed, signatures, usable) or usable[0]",
        ),
    ),
    _bug(
        "older sights are believed",
        "I6",
        (
            _ATTEMPT,
            "    return (news.as_of, _PROGRESS[news.kind]) < known",
            "    return not known",
        ),
    ),
    _bug(
        "success does not absorb",
        "I6",
        (_ATTEMPT, "    | _row(_S.SUCCEEDED, {})", "    | _row(_S.SUCCEEDED, _SEEN)"),
        (_ATTEMPT, "    return (news.as_of, _PROGRESS[news.kind]) < known", "    return not known"),
        (_INBOX, "    if attempt.state is AttemptState.SUCCEEDED:\n        return True\n", ""),
        (
            _ATTEMPT,
            "    if attempt.state is AttemptState.SUCCEEDED:\n        return attempt\n",
            "",
        ),
        (
            _INBOX,
            "observed = await self._rooms.stripe.retrieve_payment_intent(attempt.account, intent.id)",
            "observed = Observed(intent, event.created)",
        ),
        (_INBOX, "import (\n    PaymentIntent,", "import (\n    Observed,\n    PaymentIntent,"),
    ),
    _bug(
        "the poll moves its cursor before it has stored the events",
        "I2",
        (
            _POLL,
            "        async for page in pages:\n",
            "        await self._move(account, self._rooms.clock.now())\n        async for page in pages:\n",
        ),
    ),
    _bug(
        "the poll skips events of the second of its cursor",
        "I2",
        (_POLL, "created_from=cursor - _OVERLAP", "created_from=cursor + timedelta(seconds=1)"),
    ),
    _bug(
        "only the first page of a list is read",
        "I2",
        (
            "gateways/stripe/calls.py",
            "            if not after:\n                return\n",
            "            return\n",
        ),
    ),
)

_REST = (
    _bug(
        "amounts are rounded",
        "I9",
        (
            "domain/money.py",
            "        if scaled != minor_units or minor_units % smallest_step(currency):",
            "        if minor_units % smallest_step(currency):",
        ),
    ),
    _bug(
        "every currency has cents when it is booked",
        "I9",
        ("domain/money.py", ".scaleb(-currency_exponent(self.currency))", ".scaleb(-2)"),
    ),
    _bug(
        "another amount than asked for is booked",
        "I9",
        (
            _ATTEMPT,
            "    return intent.status is PaymentIntentStatus.SUCCEEDED and intent.received != attempt.amount",
            "    return not intent.id",
        ),
    ),
    _bug(
        "no case is opened when Stripe takes another amount",
        "I2",
        ("flows/transition.py", "    if result.case is not None:", "    if not attempt.id:"),
    ),
    _bug(
        "money goes on after a failed assertion",
        "I14",
        ("flows/safe_stop.py", "return unit.case_that_stops_money()", "return None"),
    ),
    _bug(
        "a Stripe customer is remembered per partner, not per customer",
        "I8",
        (
            "flows/stripe_customer.py",
            "lambda unit: unit.stripe_customer(account, customer.id)",
            "lambda unit: unit.stripe_customer(account, customer.partner_id)",
        ),
        (
            "flows/stripe_customer.py",
            "lambda unit: unit.save_stripe_customer(account, customer.id, created)",
            "lambda unit: unit.save_stripe_customer(account, customer.partner_id, created)",
        ),
    ),
    _bug(
        "a Stripe customer is remembered for all accounts",
        "I8",
        (
            "store/account_rows.py",
            '_s.account == bindparam("account"), _s.splynx_customer_id',
            "_s.splynx_customer_id",
        ),
    ),
    _bug(
        "a customer sees the documents of others",
        "I8",
        (
            _PAY,
            "if look.document is None or look.document.customer_id != customer_id:",
            "if look.document is None:",
        ),
    ),
    _bug(
        "a client secret is logged",
        "I12",
        (
            _PAY,
            '        secret = intent.client_secret if standing is Standing.PAYABLE else ""',
            (
                '        secret = intent.client_secret if standing is Standing.PAYABLE else ""\n'
                "        __import__('logging').getLogger(__name__).info('paying', extra={'with': secret})"
            ),
        ),
    ),
    _bug(
        "a waiting time comes from dice of its own",
        "I13",
        (
            _EFFECTS,
            "_RETRIES.delay_s(tries, self._rooms.dice)",
            "_RETRIES.delay_s(tries, __import__('random').SystemRandom())",
        ),
    ),
    _bug(
        "unknown attempts are never looked after",
        "I10",
        (
            "store/attempt_rows.py",
            '.where(_a.next_look_at <= bindparam("now", type_=_a.next_look_at.type))',
            '.where(_a.next_look_at < bindparam("now", type_=_a.next_look_at.type), _a.intent_id != "")',
        ),
    ),
    _bug(
        "leases of requests that died are never released",
        "I10",
        (
            "flows/look_after.py",
            "            return len(idle)\n",
            "            raise RetryableError('later')\n",
        ),
    ),
)

BUGS = (*_SINGLE_COLLECTION, *_BOOKS, *_EVENTS, *_REST, *DEBIT_BUGS, *CHARGE_BUGS)
