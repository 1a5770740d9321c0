"""Deliberate bugs in charges without the customer: runs, rules, retries, notices."""

from __future__ import annotations

from tests.simulation.bug import bug

_LANE, _CHARGE, _FREEZE = (
    "flows/charge_run_lane.py",
    "flows/charge.py",
    "flows/charge_attempt.py",
)
_RUNS, _ENGINE, _RULES = (
    "flows/charge_runs.py",
    "flows/charge_run_engine.py",
    "flows/charge_rule_days.py",
)
_RETRIES, _FAILURES, _SEND = "flows/retries.py", "flows/failures.py", "flows/send_notices.py"
_POLICY, _DECLINE, _GROUND = (
    "domain/retry_policy.py",
    "domain/decline.py",
    "flows/charge_ground.py",
)

_RUN_BUGS = (
    bug(
        "an item forgets its collection",
        "I5",
        (
            _LANE,
            "standing=ItemStanding.CHARGING, collection_id=collection.id)",
            "standing=ItemStanding.CHARGING)",
        ),
        fault=13,
    ),
    bug(
        "a run charges more than was planned",
        "I1",
        (
            _LANE,
            "            at_most=at_most,\n",
            "            at_most=None,\n",
        ),
        fault=13,
    ),
    bug(
        "an item that was cut off is charged anew",
        "I1",
        (
            _GROUND,
            "    if collection.is_live or any(_has_an_end(attempt) for attempt in attempts):",
            "    if collection.is_live:",
        ),
        fault=13,
    ),
    bug(
        "an item has another origin each time",
        "I2",
        (
            "domain/charge_run.py",
            'return f"run/{self.run_id}/{self.number}"',
            'return f"run/{self.run_id}/{self.number}/{self.standing}"',
        ),
        fault=13,
    ),
    bug(
        "a run counts as finished while items wait",
        "I2",
        (
            _ENGINE,
            "            if unit.open_run_accounts(run.id):\n                return  #",
            "            if unit.open_run_accounts(''):\n                return  #",
        ),
        (_ENGINE, "        if halted:\n", "        if halted and not lanes:\n"),
        fault=13,
    ),
    bug(
        "what could not be asked about is forgotten",
        "I2",
        (
            _LANE,
            "            await self._settle(item, ItemStanding.WAITING)\n        elif result.standing is ChargeStanding.STOPPED:",
            "            await self._settle(item, ItemStanding.CHARGED)\n        elif result.standing is ChargeStanding.STOPPED:",
        ),
        fault=13,
    ),
    bug(
        "balance and invoice are charged at once",
        "I1",
        (
            "store/collection_rows.py",
            "        if self.rivals_of(payable):\n            raise",
            "        if not payable.key:\n            raise",
        ),
        (
            "flows/charge_ground.py",
            "    return [*([live] if live is not None else ()), *others_in_the_way(unit, payable)]",
            "    return [live] if live is not None else []",
        ),
        fault=13,
    ),
    bug(
        "the stop is not looked at when it is charged",
        "I14",
        (
            _FREEZE,
            "    if stop:\n        return Obstacle(ObstacleKind.STOPPED, stop)\n",
            "",
        ),
        fault=13,
    ),
    bug(
        "a stop does not stop runs",
        "I14",
        (
            "flows/safe_stop.py",
            '    return "" if stop is None else told_of_stop(stop)',
            '    return ""',
        ),
        fault=13,
    ),
    bug(
        "the largest total of a run is ignored",
        "I14",
        (
            _RUNS,
            "        if forbidding:\n",
            "        if len(forbidding) > 9:\n",
        ),
        fault=13,
    ),
    bug(
        "the second administrator may be the first one",
        "I14",
        (
            _RUNS,
            '        if actor == run.confirmed_by or actor.startswith("rule:"):',
            '        if actor.startswith("rule:"):',
        ),
        fault=13,
    ),
    bug(
        "no second administrator is asked for",
        "I14",
        (_RUNS, "        return bool(findings)\n", "        return len(findings) > 9\n"),
        fault=13,
    ),
    bug(
        "the credential of another customer is charged",
        "I8",
        (
            _FREEZE,
            "    saved = unit.credentials_of(terms.account, payable.customer_id)\n",
            "    saved = unit.credentials_of(terms.account, payable.customer_id - payable.customer_id % 17)\n",
        ),
        (
            _FREEZE,
            '        and wanted in {"", one.id}\n',
            "",
        ),
        fault=13,
    ),
    bug(
        "a decline is left open at Stripe",
        "I1",
        (
            "domain/attempt.py",
            "    if after.off_session and after.state in _WAITS_FOR_CUSTOMER:",
            "    if after.off_session and after.state not in AttemptState:",
        ),
        fault=30,
    ),
    bug(
        "a declined charge counts as nothing",
        "I1",
        (
            "gateways/stripe/errors.py",
            "        or not isinstance(intent, Mapping)\n",
            "        or isinstance(intent, Mapping)\n",
        ),
        fault=30,
    ),
)

_RETRY_BUGS = (
    bug(
        "a card is tried again that never will work",
        "I10",
        (
            _POLICY,
            "    if not all(one.treatment.allows_again for one in own):\n        return False\n",
            "",
        ),
        (
            _FREEZE,
            "        and schemes_allow(one.kind, one.payment_method_id, failed, at)\n",
            "",
        ),
        fault=30,
    ),
    bug(
        "a retry takes what is due, not what was agreed to",
        "I1",
        (
            _RETRIES,
            "            at_most=at_most,\n",
            "            at_most=None,\n",
        ),
        fault=30,
    ),
    bug(
        "a retry of a prepaid amount does not look again",
        "I1",
        (
            "flows/charge_last_look.py",
            "        if recovery.payable.kind is not PayableKind.PREPAID:\n",
            "        if recovery.payable.kind:\n",
        ),
        fault=30,
    ),
    bug(
        "a recovery is not ended by a payment",
        "I2",
        (
            _RETRIES,
            "        if not paid:\n            return\n",
            "        if not paid or paid:\n            return\n",
        ),
        (
            _RETRIES,
            "        if result.standing is ChargeStanding.PAID:\n            self._end_as_paid(unit, current, now)\n",
            "        if result.standing is ChargeStanding.PAID:\n            self._put_off(unit, current, _PENDING, now)\n",
        ),
        fault=30,
    ),
    bug(
        "another program's charge is not looked for",
        "I1",
        (
            "flows/foreign_charges.py",
            "        if not retried and credential.consent.way is not ConsentWay.IMPORTED:\n",
            "        if credential.owner:\n",
        ),
        fault=61,
    ),
)

_NOTICE_BUGS = (
    bug(
        "a notice is sent again when its answer was lost",
        "I11",
        (
            _SEND,
            "            await self._end(sending, NoticeState.UNKNOWN, str(error))\n",
            "            await self._wait(replace(sending, state=NoticeState.WAITING), str(error), now)\n",
        ),
        fault=30,
    ),
    bug(
        "a notice is sent again after a crash",
        "I11",
        (
            _SEND,
            "            await self._end(notice, NoticeState.UNKNOWN, note)\n",
            "            await self._end(notice, NoticeState.WAITING, note)\n",
        ),
        fault=30,
    ),
)

CHARGE_BUGS = _RUN_BUGS + _RETRY_BUGS + _NOTICE_BUGS
