"""The promises that something gets done: judged when the world has been left alone for a while."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from splynx_stripe.domain.case import Case, CaseKind
from splynx_stripe.domain.metadata import ATTEMPT, PARTNER
from splynx_stripe.domain.statement import statement_title
from splynx_stripe.flows.safe_stop import unattended_stop
from tests.simulation.connected import is_connected
from tests.simulation.doubts import doubts_nobody_is_told_of, no_doubt_is_long
from tests.simulation.oracle import Evidence, Oracle
from tests.simulation.process import ACCOUNTS, GROUPINGS, TIMEZONE
from tests.simulation.promises import Violation
from tests.simulation.shares import Receipt, Share, ours
from tests.simulation.splynx_side import Row
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import EVENTS_LISTED_S

_DIFFERENCES = frozenset(
    {
        CaseKind.AMOUNT_DIFFERS,
        CaseKind.EFFECT_OVERDUE,
        CaseKind.EFFECT_REFUSED,
        CaseKind.REQUEST_CONFLICT,
        CaseKind.EVENT_NOT_UNDERSTOOD,
        CaseKind.UNKNOWN_TOO_LONG,
    }
)
_RETURNS = frozenset({CaseKind.LATE_RETURN, CaseKind.DISPUTED})
_CLOCK_WAS_WRONG = 15
"""With this fault the daemon's own waiting times were nonsense for a while."""

_SECRETS = ("_secret_", "whsec_", "sk_test", "sk_live")


class Judged(Evidence, Protocol):
    """A history, as far as it is judged at its end."""

    oracle: Oracle


class Verdict:
    """Looks at the three ledgers after the story."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self._shares = judged.oracle.shares
        self._calm_since = judged.clock.true_now()
        self._last_event = len(judged.stripe.events)

    # --- three quarters of an hour later -----------------------------------------------------------

    def after_a_while(self) -> None:
        """Checks what has to be done within minutes after everybody is up again (I2, I10)."""
        if _CLOCK_WAS_WRONG in self._judged.plan.faults:
            return
        cases = self._cases()
        self._every_event_arrived()
        self._every_charge_is_booked_or_a_case(cases, self._calm_since)
        no_doubt_is_long(doubts_nobody_is_told_of(self._judged), self._judged.clock.now())

    def _every_event_arrived(self) -> None:
        """By webhook or by poll: no event of ours is missing in the inbox."""
        raw = self._judged.disk.raw
        stored = {row[0] for row in raw.execute("SELECT event_id FROM inbox")}
        listed_since = self._judged.clock.true_now().timestamp() - EVENTS_LISTED_S + 3600
        for event in self._judged.stripe.events[: self._last_event]:
            is_in_sight = self._judged.stripe.account_of[event["id"]] not in self._revoked
            if is_in_sight and event["created"] > listed_since and event["id"] not in stored:
                raise Violation("I2", f"{event['type']} {event['id']} never arrived")

    # --- at the end -------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        """Checks that everything found its place."""
        cases = self._cases()
        self._what_was_taken_back_is_over(cases)
        self._every_charge_is_booked_or_a_case(cases, self._judged.clock.true_now())
        self._money_is_conserved(cases)
        self._days_are_right()
        self._statements_are_complete()
        self._every_return_is_reversed(cases)
        self._overpaid_documents_have_a_case(cases)
        self._what_was_agreed_to_is_kept(cases)
        self._documents_show_the_truth(cases)
        self._no_doubt_is_left(cases)
        self._charges_came_to_their_ends()
        self._nothing_is_said_twice(cases)
        self._no_secret_was_told(cases)

    def _what_was_taken_back_is_over(self, cases: list[Case]) -> None:
        """Nobody believes in a revoked account, and the office knows once (I8, I11)."""
        if not self._revoked:
            return
        if is_connected(self._judged.disk):
            raise Violation("I8", "an account that was taken back counts as connected")
        told = [case for case in cases if case.kind is CaseKind.ACCOUNT_DISCONNECTED]
        if len(told) != 1:
            raise Violation("I2", f"the office is told {len(told)} times that an account is gone")

    @property
    def _revoked(self) -> set[str]:
        """Gives the accounts that cannot be looked at any more: one case speaks for all of it."""
        return self._judged.stripe.revoked

    def _is_in_sight(self, intent: Json) -> bool:
        return self._judged.stripe.account_of[intent["id"]] not in self._revoked

    def _cases(self) -> list[Case]:
        found = self._judged.disk.look(lambda unit: unit.cases(only_open=False, limit=1000))
        return list(found)

    def _attempts(self) -> list[Any]:
        ids = [row[0] for row in self._judged.disk.raw.execute("SELECT id FROM attempts")]
        found = [self._judged.disk.look(lambda unit, i=each: unit.attempt(i)) for each in ids]  # type: ignore[misc]  # a default value
        return [attempt for attempt in found if attempt is not None]

    def _taken_shares(self) -> list[tuple[Json, Share]]:
        return [(intent, share) for intent in self._taken() for share in self._shares.of(intent)]

    def _taken(self) -> list[Json]:
        """Gives the charges that succeeded; of an account that is gone, those that we know of."""
        known = self._judged.oracle.succeeded_here_at
        return [
            each
            for each in ours(self._judged.stripe)
            if each["status"] == "succeeded"
            and (self._is_in_sight(each) or each["metadata"][ATTEMPT] in known)
        ]

    def _every_charge_is_booked_or_a_case(self, cases: list[Case], until: datetime) -> None:
        booked = {row["receipt_number"] for row in self._judged.splynx.payments}
        for intent in self._taken():
            if self._judged.stripe.succeeded_at[intent["id"]] > until:
                continue
            for share in self._shares.of(intent):
                marker = share.marker(intent["id"])
                if marker not in booked and not self._is_told(cases, "book", intent, share):
                    raise Violation("I2", f"{marker} took money and is neither booked nor a case")

    def _is_told(
        self, cases: list[Case], what: str, intent: Json, share: Share, thing: str = ""
    ) -> bool:
        """Says whether the office knows that an effect on a share is not done."""
        attempt_id = intent["metadata"][ATTEMPT]
        effect = f"{what}:{thing or attempt_id}" + (f":{share.part}" if share.part else "")
        return any(
            case.subject in {attempt_id, effect}
            for case in cases
            if case.kind in _DIFFERENCES and not case.closed_at
        )

    def _money_is_conserved(self, cases: list[Case]) -> None:
        """Compares Stripe's and Splynx's sums per account and currency, in integers (I4, I9)."""
        account_of = self._judged.stripe.account_of
        taken: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        written: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        rows = self._own_rows()
        for intent in self._taken():
            side = (account_of[intent["id"]], intent["currency"])
            dispute = self._shares.returned(intent)
            for share in self._shares.of(intent):
                amount, row = (
                    self._shares.taken(intent, share),
                    rows.get(share.marker(intent["id"])),
                )
                if row is None and self._is_told(cases, "book", intent, share):
                    continue
                taken[side] += amount
                written[side] += Decimal(row["amount"]) if row else 0
                if dispute is None or self._is_left_to_a_person(cases, dispute["id"]):
                    continue
                row = rows.get(share.marker(dispute["id"]))
                if row is None and self._is_told(cases, "reverse", intent, share, dispute["id"]):
                    continue
                taken[side] -= amount
                written[side] += Decimal(row["amount"]) if row else 0
        if taken != written:
            raise Violation("I4", f"Stripe took {dict(taken)}, Splynx shows {dict(written)}")

    def _is_left_to_a_person(self, cases: list[Case], dispute_id: str) -> bool:
        """Says whether a dispute could not be understood for so long that a person has to act."""
        told = {case.subject for case in cases if case.kind in _RETURNS}
        return dispute_id not in told and self._events_are_parked(cases, dispute_id)

    def _every_return_is_reversed(self, cases: list[Case]) -> None:
        """What a bank took back is reversed and told once; any other dispute is told (I2, I4)."""
        told = {case.subject for case in cases if case.kind in _RETURNS}
        rows, stripe = self._own_rows(), self._judged.stripe
        for dispute_id, dispute in stripe.disputes.items():
            intent = stripe.intents[dispute["payment_intent"]]
            if stripe.account_of[dispute_id] != stripe.account_of[intent["id"]]:
                if dispute_id in told:
                    raise Violation("I8", f"{dispute_id} of another account is believed")
                continue
            if not self._is_in_sight(intent):
                continue
            if dispute_id not in told and not self._events_are_parked(cases, dispute_id):
                raise Violation("I2", f"{dispute_id} took money back and nobody is told")
            if self._shares.returned(intent) is dispute and dispute_id in told:
                for share in self._shares.of(intent):
                    self._is_reversed(cases, Receipt(intent, share, dispute), rows)

    def _is_reversed(self, cases: list[Case], what: Receipt, rows: dict[str, Row]) -> None:
        intent, share, dispute_id = what.intent, what.share, (what.dispute or {})["id"]
        marker = share.marker(dispute_id)
        if marker in rows:
            self._is_open_again(cases, rows[share.marker(intent["id"])], share)
            return
        is_told = self._is_told(cases, "reverse", intent, share, dispute_id)
        if not is_told and self._may_be_reversed(cases, intent):
            raise Violation("I2", f"{marker} came back and is not reversed")

    def _is_open_again(self, cases: list[Case], booked: Row, share: Share) -> None:
        """A document whose money went back does not go on showing it."""
        told = {case.collection_id for case in cases}
        for row in self._judged.splynx.documents.values():
            shows_it = row["status"] == "paid" and row["payment_id"] == booked["id"]
            if row["number"] == share.name and shows_it and share.collection_id not in told:
                raise Violation("I2", f"{share.name} shows money that went back as paid")

    def _may_be_reversed(self, cases: list[Case], intent: Json) -> bool:
        """A booking that a person must do by hand is reversed by hand too."""
        return not any(
            self._is_told(cases, "book", intent, share) for share in self._shares.of(intent)
        )

    def _events_are_parked(self, cases: list[Case], dispute_id: str) -> bool:
        """Says whether both events of a dispute wait for a person, or came too late to be listed."""
        parked = {case.subject.rpartition("/")[2] for case in cases}
        now_s = self._judged.clock.true_now().timestamp()
        events = [e for e in self._judged.stripe.events if e["data"]["object"]["id"] == dispute_id]
        return all(
            event["id"] in parked or now_s - event["created"] > EVENTS_LISTED_S for event in events
        )

    def _own_rows(self) -> dict[str, Row]:
        """Gives one payment per PaymentIntent; of duplicates made by others the first."""
        rows: dict[str, Row] = {}
        for row in self._judged.splynx.payments:
            rows.setdefault(row["receipt_number"], row)
        return rows

    def _days_are_right(self) -> None:
        """A payment has the day of its charge, in the ISP's time zone.

        Where the daemon learned of it days later and the event was not the way, that day at most.
        """
        if _CLOCK_WAS_WRONG in self._judged.plan.faults:
            return
        rows = self._own_rows()
        for intent, share in self._taken_shares():
            row = rows.get(share.marker(intent["id"]))
            if row is None or row.get("beside"):
                continue
            booked_on = date.fromisoformat(row["date"])
            charged_on = self._day(self._judged.stripe.succeeded_at[intent["id"]])
            learned_at = self._judged.oracle.succeeded_here_at[intent["metadata"][ATTEMPT]]
            if not charged_on <= booked_on <= self._day(learned_at):
                raise Violation("I4", f"{intent['id']} of {charged_on} is booked on {booked_on}")

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(TIMEZONE).date()

    def _statements_are_complete(self) -> None:
        """Each booked payment stands once in the payment statement of its month or day."""
        splynx = self._judged.splynx
        self._no_statement_is_doubled()
        title_of = {row["id"]: row["title"] for row in splynx.statements}
        records: defaultdict[str, list[Row]] = defaultdict(list)
        for record in splynx.records:
            records[record["additional_1"]].append(record)
        done = self._judged.disk.raw.execute(
            "SELECT key FROM effects WHERE kind = 'record_statement' AND state = 'done'"
        )
        finished = {row[0] for row in done}
        for intent, share in self._taken_shares():
            marker = share.marker(intent["id"])
            found = records.pop(marker, [])
            if len(found) > 1:
                raise Violation("I4", f"{marker} stands {len(found)} times in statements")
            key = share.marker(f"record:{intent['metadata'][ATTEMPT]}").replace("-", ":")
            if not found and key in finished:
                raise Violation("I4", f"{marker} stands in no payment statement")
            for record in found:
                self._is_recorded_right(record, title_of, intent, share)
        if records:
            raise Violation("I3", f"statements show {sorted(records)}, which Stripe did not take")

    def _no_statement_is_doubled(self) -> None:
        titles = Counter(row["title"] for row in self._judged.splynx.statements)
        for title, count in titles.items():
            if count > 1:
                raise Violation("I4", f"there are {count} payment statements {title!r}")

    def _is_recorded_right(
        self, record: Row, title_of: dict[int, str], intent: Json, share: Share
    ) -> None:
        amount = self._shares.taken(intent, share)
        if Decimal(record["amount"]) != amount:
            raise Violation("I9", f"{intent['id']} took {amount}, recorded {record['amount']}")
        on = date.fromisoformat(record["payment_date"])
        kind = self._judged.stripe.methods[intent["payment_method"]]["type"]
        account = "Stripe" if kind == "card" else "Stripe Bank"
        expected = statement_title(account, GROUPINGS[int(intent["metadata"][PARTNER])], on)
        title = title_of.get(record["bank_statements_process_id"])
        if title != expected:
            raise Violation("I4", f"{intent['id']} stands in {title!r}, not in {expected!r}")

    def _overpaid_documents_have_a_case(self, cases: list[Case]) -> None:
        """Where more came than the document could take, the office is told."""
        told = {case.subject for case in cases}
        for row in self._judged.splynx.payments:
            receipt = self._shares.receipt(row["receipt_number"])
            if receipt is None or not row.get("did_not_fit"):
                continue
            if receipt.intent["metadata"][ATTEMPT] not in told:
                sight = f"{row['receipt_number']} did not fit its document, nobody is told"
                raise Violation("I2", sight)

    def _what_was_agreed_to_is_kept(self, cases: list[Case]) -> None:
        told = {case.subject for case in cases}
        parked = {subject.rpartition("/")[2] for subject in told}
        about: defaultdict[str, set[str]] = defaultdict(set)
        for event in self._judged.stripe.events:
            about[event["data"]["object"]["id"]].add(event["id"])

        def is_told(thing_id: str) -> bool:
            intent = self._judged.stripe.intents.get(thing_id)
            attempt = intent["metadata"][ATTEMPT] if intent else ""
            return bool({attempt, f"save:{attempt}"} & told or about[thing_id] & parked)

        self._judged.oracle.kept.at_the_end(is_told=is_told)

    def _documents_show_the_truth(self, cases: list[Case]) -> None:
        """A document that our money covers is paid, unless a case says why not."""
        explained = {case.collection_id for case in cases}
        by_number = {row["number"]: row for row in self._judged.splynx.documents.values()}
        on_their_way = {
            share.name
            for intent in ours(self._judged.stripe)
            if intent["status"] == "processing"
            for share in self._shares.of(intent)
        }
        for number, row in by_number.items():
            if row.get("edited_by_office"):
                continue  # what is left of a price that was raised meanwhile stays as it is shown
            if row["status"] == "pending" and number not in on_their_way | self._open(explained):
                raise Violation("I2", f"{number} is left pending, and no debit is on its way")
        for attempt in self._attempts():
            if not attempt.splynx_payment_id or attempt.collection_id in explained:
                continue
            for share in self._shares.of_attempt(attempt.id):
                if not share.has_no_document:
                    self._shows_its_booking(by_number[share.name], share)

    def _open(self, explained: set[str]) -> set[str]:
        """Gives the documents of which a case tells something."""
        raw = self._judged.disk.raw
        rows = raw.execute("SELECT id, document_number FROM collections").fetchall()
        return {number for of_id, number in rows if of_id.partition(".")[0] in explained}

    def _shows_its_booking(self, row: Row, share: Share) -> None:
        due = Decimal(row["due"]) if "due" in row else Decimal(row["total"])
        covered = due == 0 if "due" in row else due == share.amount
        # One that is deleted just when we post is judged by whether the money fitted.
        if covered and row["status"] not in {"paid", "deleted"}:
            raise Violation("I2", f"{row['number']} is paid, but shows {row['status']}")

    def _no_doubt_is_left(self, cases: list[Case]) -> None:
        subjects = {case.subject for case in cases if not case.closed_at}
        for attempt in self._attempts():
            is_in_sight = attempt.account.name not in self._revoked
            if is_in_sight and attempt.is_live and attempt.id not in subjects:
                raise Violation("I10", f"{attempt.id} is still {attempt.state}, nobody is told")
        for intent in ours(self._judged.stripe):
            is_over = intent["status"] in {"succeeded", "canceled"}
            is_named = intent["metadata"][ATTEMPT] in subjects or not self._is_in_sight(intent)
            if not is_over and not is_named:
                raise Violation("I1", f"{intent['id']} can still take money")
        self._no_work_is_left(subjects)
        told = {case.collection_id for case in cases}
        for of_id, partner_id in self._judged.disk.raw.execute(
            "SELECT id, partner_id FROM collections WHERE state IN ('open', 'settled')"
        ).fetchall():
            is_in_sight = ACCOUNTS[partner_id].name not in self._revoked
            if is_in_sight and of_id.partition(".")[0] not in told:
                raise Violation("I10", f"{of_id} still holds a lease")

    def _charges_came_to_their_ends(self) -> None:
        if self._judged.oracle.charges is not None:
            is_stopped = bool(self._judged.disk.look(unattended_stop))
            self._judged.oracle.charges.at_the_end(is_stopped=is_stopped)

    def _no_work_is_left(self, subjects: set[str]) -> None:
        raw = self._judged.disk.raw
        for key, state in raw.execute("SELECT key, state FROM effects WHERE state <> 'done'"):
            if key not in subjects:
                raise Violation("I10", f"effect {key} is {state} and nobody is told")
        for event_id, state in raw.execute(
            "SELECT event_id, state FROM inbox WHERE state NOT IN ('handled', 'ignored')"
        ):
            if not any(subject.endswith(event_id) for subject in subjects):
                raise Violation("I10", f"event {event_id} is {state} and nobody is told")

    def _nothing_is_said_twice(self, cases: list[Case]) -> None:
        for (kind, subject), count in Counter((each.kind, each.subject) for each in cases).items():
            if count > 1:
                raise Violation("I11", f"the office is told {count} times of {kind} {subject}")

    def _no_secret_was_told(self, cases: list[Case]) -> None:
        texts = [*self._judged.logged, *(case.summary for case in cases)]
        raw = self._judged.disk.raw
        for query in (
            "SELECT last_error FROM effects",
            "SELECT facts FROM audit_log",
            "SELECT note || CAST(body AS TEXT) FROM inbox",
            "SELECT coalesce(failure_message, '') || description FROM attempts",
        ):
            texts += [row[0] for row in raw.execute(query)]
        for text in texts:
            if any(secret in text for secret in _SECRETS):
                raise Violation("I12", f"a secret is told: {json.dumps(text)[:80]}")

    # --- once more ---------------------------------------------------------------------------------

    def snapshot(self) -> tuple[object, ...]:
        """Gives what the three ledgers show, to compare after all events were handled again."""
        raw, splynx, stripe = self._judged.disk.raw, self._judged.splynx, self._judged.stripe
        return (
            raw.execute("SELECT id, state, intent_id, splynx_payment_id FROM attempts").fetchall(),
            raw.execute("SELECT id, state FROM collections").fetchall(),
            raw.execute("SELECT key, state FROM effects").fetchall(),
            len(splynx.payments),
            len(splynx.records),
            {row["number"]: row["status"] for row in splynx.documents.values()},
            {intent["id"]: intent["status"] for intent in stripe.intents.values()},
        )

    def nothing_changed_since(self, before: tuple[object, ...]) -> None:
        """Checks that the stored events, handled again, lead to the same state (I6, I13)."""
        for then, now in zip(before, self.snapshot(), strict=True):
            if then != now:
                raise Violation("I6", f"handling the events again made {now} of {then}")
