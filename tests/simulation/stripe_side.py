"""A simulated Stripe: the ledger of several accounts, their idempotency keys and their events."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from tests.simulation.clockwork import SimClock
from tests.simulation.network import Spoil
from tests.simulation.saved_side import SavedSide
from tests.simulation.stripe_raw import BANK, OPEN, Asked, Json, Raw, error

KEYS_LIVE_S = 24 * 3600.0
EVENTS_LISTED_S = 30 * 24 * 3600.0
_ROUNDED_S = 2.0
UNEXPECTED_STATE = "payment_intent_unexpected_state"
DEAUTHORIZED = "account.application.deauthorized"
_DECLINES = {
    "poor": ("card_declined", "insufficient_funds"),
    "stolen": ("card_declined", "stolen_card"),
    "expired": ("expired_card", ""),
    "confirm": ("authentication_required", "authentication_required"),
}
"""What a bank says to a charge of a saved card: the code and the decline code."""


@dataclass(slots=True)
class _Key:
    params: Json
    raw: Raw
    at_s: float


class StripeSide(SavedSide):
    """The ledger. Every change is atomic; `on_change` is told after each.

    `account_of` says to which account an object belongs; nothing is seen from another one.
    """

    def __init__(self, rng: random.Random, clock: SimClock) -> None:
        super().__init__()
        self._rng = rng
        self._clock = clock
        self._keys: dict[tuple[str, str], _Key] = {}
        self.succeeded_at: dict[str, datetime] = {}
        self.intents: dict[str, Json] = {}
        self.disputes: dict[str, Json] = {}
        self.processing_since: dict[str, float] = {}
        self.processing_until: dict[str, float] = {}
        self.events: list[Json] = []
        self.on_change: Callable[[], None] = lambda: None
        self.on_event: Callable[[Json, str], None] = lambda _event, _account: None
        self.on_debit: Callable[[Json, str], None] = lambda _intent, _word: None
        self.on_unattended: Callable[[Json], str] = lambda _method: "good"
        self.before_create: Callable[[str, str, Json], None] = lambda _account, _key, _params: None
        self.on_sent: Callable[[str], None] = lambda _key: None
        self.takes_other_amount = False
        self.page_cap = 100
        self.listed_after_s = 0
        self._last_event_s: dict[str, float] = {}
        self._beside: list[Json] = []
        self.replays_errors = True

    # --- what our gateway asks -----------------------------------------------------------

    def execute(self, asked: Asked, spoil: Spoil | None) -> Raw:
        """Executes a request as Stripe does, with the spoils that are Stripe's own answers."""
        refusal = _REFUSALS.get(spoil) if spoil else None
        if refusal is not None:
            return refusal
        if asked.account in self.revoked:
            return _TAKEN_BACK
        if asked.endpoint == "payment_intents.create":
            self.before_create(asked.account, asked.key, asked.params)
        raw = self._saved(asked.account, asked.key, asked.params) or self._work(asked, spoil)
        if spoil is Spoil.HALF_ANSWER:
            return Raw(raw.status, {"half": True})
        return Raw(raw.status, {"strange": True}) if spoil is Spoil.NOT_JSON else raw

    def _work(self, asked: Asked, spoil: Spoil | None) -> Raw:
        raw = self._handlers()[asked.endpoint](asked.account, asked.params)
        if spoil is Spoil.ERROR_AFTER:
            raw = _SERVER_ERROR
        is_kept = raw.status in {200, 402} or (raw.status >= 500 and self.replays_errors)
        if asked.key and is_kept:
            kept = _Key(asked.params, raw, self._clock.elapsed_s)
            self._keys[asked.account, asked.key] = kept
        return raw

    def remember_refused(self, account: str, key: str) -> None:
        """Makes Stripe remember a key that was used for something that came to nothing."""
        self._keys[account, key] = _Key({}, _SERVER_ERROR, self._clock.elapsed_s)

    def forget_params(self, account: str, key: str) -> bool:
        """Makes Stripe remember a key with other parameters (fault 26). False: it knows none."""
        saved = self._keys.get((account, key))
        if saved is not None:
            saved.params = {"other": "parameters"}
        return saved is not None

    def _saved(self, account: str, key: str, params: Json) -> Raw | None:
        saved = self._keys.get((account, key)) if key else None
        if saved is None or self._clock.elapsed_s - saved.at_s >= KEYS_LIVE_S:
            return None
        if saved.params != params:
            said = "Keys for idempotent requests can only be used with the same parameters."
            return error(400, "idempotency_error", said)
        return Raw(saved.raw.status, saved.raw.body, {"Idempotent-Replayed": "true"})

    def _handlers(self) -> Mapping[str, Callable[[str, Json], Raw]]:
        return {
            "customers.create": self._create_customer,
            "payment_intents.create": self._create,
            "payment_intents.retrieve": self._retrieve,
            "payment_intents.cancel": self._cancel,
            "payment_intents.list": self._list,
            # It is minutes behind (fault 37): whoever asks it learns nothing.
            "payment_intents.search": lambda _account, params: self._page([], params),
            "events.list": self._list_events,
            **self._saved_handlers(),
            "account.retrieve": lambda account, _params: Raw(200, _described(account)),
            "disputes.retrieve": lambda account, params: self._found(
                self.disputes, account, params["id"]
            ),
        }

    def _create_customer(self, account: str, params: Json) -> Raw:
        customer: Json = {"object": "customer", "id": self._new_id("cus_", 14), **params}
        self.customers[customer["id"]] = customer
        self.account_of[customer["id"]] = account
        return Raw(200, dict(customer))

    def _create(self, account: str, params: Json) -> Raw:
        customer = params.get("customer", "")
        if customer and not (customer in self.customers and self.account_of[customer] == account):
            return error(400, "invalid_request_error", "No such customer", "resource_missing")
        if params["amount"] < 50 and params["currency"] == "usd":
            said = "Amount must be at least $0.50 usd"
            return error(400, "invalid_request_error", said, "amount_too_small")
        charged = params.get("payment_method", "")
        method = self.methods.get(charged)
        if charged and (method is None or method["customer"] != customer):
            return error(400, "invalid_request_error", "No such PaymentMethod", "resource_missing")
        intent = self._new_intent(account, params)
        self._happened("payment_intent.created", intent)
        if method is not None:
            return self._charge_saved(intent, method)
        return Raw(200, dict(intent))

    def _charge_saved(self, intent: Json, method: Json) -> Raw:
        """Charges a saved method in the request that creates the PaymentIntent (reference 5)."""
        intent["payment_method"] = method["id"]
        word = self.on_unattended(method)
        if method["type"] == BANK:
            self._debit(intent, word)
            return Raw(200, dict(intent))
        if word == "good":
            self.succeed(intent)
            return Raw(200, dict(intent))
        self.fail(intent, *_DECLINES[word])
        said: Json = {"type": "card_error", **intent["last_payment_error"]}
        return Raw(402, {"error": said | {"payment_intent": dict(intent)}})

    def _new_intent(self, account: str, params: Json) -> Json:
        intent: Json = {
            "object": "payment_intent",
            "id": self._new_id("pi_3", 23),
            "status": "requires_payment_method",
            "amount": params["amount"],
            "amount_received": 0,
            "currency": params["currency"],
            "created": self._now(),
            "livemode": self.livemode,
            "metadata": dict(params["metadata"]),
            "customer": params.get("customer"),
            "latest_charge": None,
            "payment_method": None,
            "saves": params.get("setup_future_usage") == "off_session",
            "allowed": tuple(params.get("allowed_payment_method_types", ())),
            "client_secret": "",
            "last_payment_error": None,
        }
        intent["client_secret"] = f"{intent['id']}_secret_{self._new_id('', 12)}"
        self.intents[intent["id"]] = intent
        self.account_of[intent["id"]] = account
        return intent

    def _shown(self, account: str, intent_id: str) -> Raw:
        intent = self.intents.get(intent_id)
        if intent is None or self.account_of[intent_id] != account:
            said = f"No such payment_intent: '{intent_id}'"
            return error(404, "invalid_request_error", said, "resource_missing")
        return Raw(200, dict(intent))

    def _retrieve(self, account: str, params: Json) -> Raw:
        """Shows a PaymentIntent with its PaymentMethod, as our gateway asks for it."""
        shown = self._shown(account, params["id"])
        method = self.methods.get(shown.body.get("payment_method") or "")
        return shown if method is None else Raw(200, {**shown.body, "payment_method": method})

    def _cancel(self, account: str, params: Json) -> Raw:
        shown = self._shown(account, params["id"])
        if shown.status >= 400:
            return shown
        intent = self.intents[params["id"]]
        if intent["status"] not in OPEN:
            said = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
            return error(400, "invalid_request_error", said, UNEXPECTED_STATE)
        intent["status"] = "canceled"
        self._happened("payment_intent.canceled", intent)
        return Raw(200, dict(intent))

    def _list(self, account: str, params: Json) -> Raw:
        period = params["created"]
        found = [
            intent
            for intent in reversed(self.intents.values())
            if self.account_of[intent["id"]] == account
            and period["gte"] <= intent["created"] <= period["lte"]
            and params.get("customer") in (None, intent["customer"])
        ]
        return self._page(found, params)

    def _list_events(self, account: str, params: Json) -> Raw:
        since = max(params["created"]["gte"], self._now() - EVENTS_LISTED_S)
        lag_s, now = self.listed_after_s, self._now()
        types, found = params["types"], []
        for event in reversed(self.events):
            if event["created"] < since:
                break
            if lag_s and now - event["created"] < _lag_of(event["id"], lag_s):
                continue
            if event["type"] in types and self.account_of[event["id"]] == account:
                found.append(event)
        return self._page(found, params)

    def _page(self, found: list[Json], params: Json) -> Raw:
        after = params.get("starting_after")
        ids = [item["id"] for item in found]
        begin = ids.index(after) + 1 if after in ids else 0
        page = found[begin : begin + min(params["limit"], self.page_cap)]
        has_more = begin + len(page) < len(found)
        return Raw(
            200, {"object": "list", "data": [dict(each) for each in page], "has_more": has_more}
        )

    # --- what the customer's browser and the world do ------------------------------------------

    def confirm(self, intent_id: str, card: str) -> str:
        """A card or a bank account is entered. Gives the status, or "error".

        Cards are `good`, `declined`, `3ds`; banks `bank`, `bank_fail`, ... of `banks.py`. Where one is
        not offered, the customer takes the other.
        """
        intent = self.intents[intent_id]
        if intent["status"] not in OPEN or self.account_of[intent_id] in self.revoked:
            return "error"
        is_bank = card.startswith("bank")
        if is_bank and BANK not in intent["allowed"]:
            is_bank, card = False, "good"
        if not is_bank and "card" not in intent["allowed"]:
            is_bank, card = True, "bank_fail" if card == "declined" else "bank"
        self._enter(intent, BANK if is_bank else "card")
        if is_bank:
            return self._debit(intent, card)
        if card == "declined":
            self.fail(intent, "card_declined")
            return "error"
        if card == "3ds" and intent["status"] != "requires_action":
            intent["status"] = "requires_action"
            self._happened("payment_intent.requires_action", intent)
            return "requires_action"
        self.succeed(intent)
        return "succeeded"

    def _debit(self, intent: Json, word: str) -> str:
        """Money is on its way; the bank answers after days."""
        intent["status"] = "processing"
        intent["last_payment_error"] = None
        self.processing_since[intent["id"]] = self._clock.elapsed_s
        self._happened("payment_intent.processing", intent)
        self.on_debit(intent, word)
        return "processing"

    def fail(self, intent: Json, code: str, decline_code: str = "generic_decline") -> None:
        """A card is declined, or a bank refuses a debit."""
        self._leave_processing(intent)
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {
            "code": code,
            "decline_code": decline_code,
            "message": "Your payment was declined.",
        }
        self._happened("payment_intent.payment_failed", intent)

    def _leave_processing(self, intent: Json) -> None:
        if intent["status"] == "processing":
            self.processing_until[intent["id"]] = self._clock.elapsed_s

    def dispute(self, intent: Json, *, account: str = "", amount: int | None = None) -> Json:
        """Money is taken back, or somebody on another account says so of our PaymentIntent."""
        dispute: Json = {
            "object": "dispute",
            "id": self._new_id("dp_1", 20),
            "payment_intent": intent["id"],
            "amount": intent["amount_received"] if amount is None else amount,
            "currency": intent["currency"],
            "reason": "insufficient_funds",
            "created": self._now(),
            "livemode": self.livemode,
            "metadata": {},
        }
        self.disputes[dispute["id"]] = dispute
        self.account_of[dispute["id"]] = account or self.account_of[intent["id"]]
        for kind in ("charge.dispute.created", "charge.dispute.funds_withdrawn"):
            self._happened(kind, dispute)
        return dispute

    def succeed(self, intent: Json) -> None:
        """Money moves."""
        self._leave_processing(intent)
        intent["status"] = "succeeded"
        intent["amount_received"] = intent["amount"] - self._kept_back(intent)
        intent["latest_charge"] = self._new_id("ch_3", 23)
        if intent["saves"]:
            self._keep(intent)
        intent["last_payment_error"] = None
        self.succeeded_at[intent["id"]] = self._clock.true_now()
        self._happened("payment_intent.succeeded", intent)

    def _kept_back(self, intent: Json) -> int:
        """Gives how much less is taken than was asked for (fault 34)."""
        return min(100, intent["amount"] // 2) if self.takes_other_amount else 0

    def lists_news_since(self, account: str, moment_s: float) -> bool:
        """Says whether the list of events may show one that it did not show at that moment."""
        happened_s = self._last_event_s.get(account)
        return happened_s is not None and happened_s + self.listed_after_s + _ROUNDED_S >= moment_s

    def revoke(self, account: str) -> None:
        """The owner of a connected account takes it back: our platform learns it by one event."""
        if account in self.revoked:
            return
        self.revoked.add(account)
        application: Json = {"object": "application", "id": "ca_sim", "metadata": {}}
        self.account_of["ca_sim"] = account
        self._happened(DEAUTHORIZED, application)

    def foreign_payment(self, account: str, metadata: Mapping[str, str] | None = None) -> None:
        """Another program on the same account is paid; with `metadata`, one that copies ours."""
        params = {"amount": 4200, "currency": "usd", "metadata": metadata or _ANOTHER_SHOP}
        intent = self._new_intent(account, params)
        intent.update(status="succeeded", amount_received=4200, latest_charge="ch_foreign")
        self._happened("payment_intent.succeeded", intent)

    def charge_beside(self, account: str, customer: str, amount: int) -> Json:
        """Another program charges a customer of ours, and the customer has to confirm it."""
        currency = "usd" if account == "default" else "jpy"
        params = {"amount": amount, "currency": currency, "customer": customer}
        intent = self._new_intent(account, {**params, "metadata": _ANOTHER_SHOP})
        intent["status"] = "requires_action"
        self._beside.append(intent)
        return intent

    def end_beside(self) -> None:
        """The other program gives up."""
        for intent in self._beside:
            intent["status"] = "canceled"

    @override
    def _happened(self, kind: str, about: Json) -> None:
        event: Json = {
            "object": "event",
            "id": self._new_id("evt_", 24),
            "type": kind,
            "created": self._now(),
            "livemode": self.livemode,
            "api_version": "2026-10-28.endive",
            "data": {"object": {**about, "metadata": dict(about["metadata"])}},
        }
        account = self.account_of[event["id"]] = self.account_of[about["id"]]
        self.events.append(event)
        self._last_event_s[account] = self._clock.elapsed_s
        self.on_change()
        self.on_event(event, account)

    @override
    def _now(self) -> int:
        return int(self._clock.true_now().timestamp())

    @override
    def _new_id(self, prefix: str, length: int) -> str:
        return f"{prefix}{self._rng.getrandbits(4 * length):0{length}x}"


_TAKEN_BACK = Raw(
    403,
    {
        "error": {
            "type": "invalid_request_error",
            "code": "account_invalid",
            "message": "The provided key does not have access to this account.",
        }
    },
)
_ANOTHER_SHOP = {"order": "from another shop"}


def _described(account: str) -> Json:
    shown: Json = {"object": "account", "id": account, "charges_enabled": True}
    return shown | {"country": "JP", "default_currency": "jpy"}


def _lag_of(event_id: str, most_s: int) -> int:
    """Says how late an event appears in the list: not all are equally late."""
    return sum(event_id.encode()) % (most_s + 1)


_SERVER_ERROR = error(500, "api_error", "An unknown error occurred")
_REFUSALS = {
    Spoil.ERROR_BEFORE: _SERVER_ERROR,
    Spoil.RATE_LIMIT: error(429, "invalid_request_error", "Too many requests", "rate_limit"),
    Spoil.LOCK_TIMEOUT: error(429, "invalid_request_error", "Object locked", "lock_timeout"),
    Spoil.KEY_IN_USE: error(409, "idempotency_error", "In use", "idempotency_key_in_use"),
    Spoil.UNAUTHORIZED: error(401, "invalid_request_error", "Invalid API Key provided"),
}
