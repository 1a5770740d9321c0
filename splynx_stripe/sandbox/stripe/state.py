"""What the small Stripe remembers: one book per account and mode, and the switches."""

from __future__ import annotations

import copy
import random  # noqa: TID251 (one seeded die of its own makes every run the same)
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from splynx_stripe.kit.clock import Clock
from splynx_stripe.sandbox.stripe.errors import resource_missing

Json = dict[str, Any]

API_VERSION = "2026-10-28.endive"
DEFAULT_IDEMPOTENCY_TTL_S = 24 * 3600
_ALPHABET = string.ascii_letters + string.digits
_LONG_ID, _SHORT_ID, _ACCOUNT_ID = 24, 14, 16
_ID_LENGTHS = {"cus": _SHORT_ID, "req": _SHORT_ID, "acct": _ACCOUNT_ID, "whsec": 32}
_ID_STARTS = {"pi": "3", "ch": "3", "py": "3", "re": "3", "txn": "3"}
"""Objects of a payment begin with a 3 since Stripe split its payment database."""


@dataclass(frozen=True, slots=True)
class SandboxKey:
    """A pair of API keys and the account and mode it opens.

    `client_id` makes it the key of a Connect platform. `permissions` are those of a restricted key,
    such as `rak_payment_intent_write`; None is all of them.
    """

    secret_key: str
    publishable_key: str
    account_id: str
    livemode: bool = False
    country: str = "US"
    default_currency: str = "usd"
    client_id: str = ""
    permissions: frozenset[str] | None = None
    name: str = "Sandbox ISP"


DEFAULT_KEYS = (
    SandboxKey("sk_test_sandbox_default", "pk_test_sandbox_default", "acct_1SandboxDefault"),
    SandboxKey(
        "sk_live_sandbox_default", "pk_live_sandbox_default", "acct_1SandboxDefault", livemode=True
    ),
    SandboxKey("sk_test_sandbox_second", "pk_test_sandbox_second", "acct_1SandboxSecond00"),
    SandboxKey(
        "sk_test_sandbox_platform",
        "pk_test_sandbox_platform",
        "acct_1SandboxPlatform",
        client_id="ca_SandboxPlatform",
        name="Sandbox platform",
    ),
)
"""One account in both modes, a second one in test mode, and a Connect platform in test mode."""


@dataclass(frozen=True, slots=True)
class StripeSandboxOptions:
    """How the sandbox starts. A rate of 0 is no limit; durations are in seconds.

    `webhook_retries_s` are the waits before each repetition of a delivery that failed.
    `balance_transaction_delay_s` > 0 makes a charge's balance transaction appear later, with a
    `charge.updated` event, as `capture_method: automatic_async` may do at the real Stripe.
    `cache_faulted_answers` makes an injected 500 after execution the answer that its
    idempotency key replays, as the real Stripe does.
    """

    keys: tuple[SandboxKey, ...] = DEFAULT_KEYS
    global_rate_per_s: int = 0
    endpoint_rate_per_s: int = 0
    latency_s: float = 0.0
    webhook_retries_s: tuple[float, ...] = (1.0, 5.0, 30.0)
    webhook_timeout_s: float = 10.0
    webhooks_lost: bool = False
    idempotency_key_ttl_s: float = DEFAULT_IDEMPOTENCY_TTL_S
    cache_faulted_answers: bool = False
    bank_debit_delay_s: float = 1.0
    refund_delay_s: float = 1.0
    balance_transaction_delay_s: float = 0.0


@dataclass(slots=True)
class Switches:
    """The options that may change while the sandbox runs."""

    global_rate_per_s: int
    endpoint_rate_per_s: int
    latency_s: float
    webhooks_lost: bool
    idempotency_key_ttl_s: float
    cache_faulted_answers: bool
    bank_debit_delay_s: float
    refund_delay_s: float
    balance_transaction_delay_s: float

    @classmethod
    def of(cls, options: StripeSandboxOptions) -> Switches:
        return cls(**{name: getattr(options, name) for name in cls.__dataclass_fields__})


@dataclass(slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    endpoint_id: str
    tries: int = 0
    delivered: bool = False
    statuses: list[int] = field(default_factory=list)
    """The HTTP status of each try, 0 for none."""


@dataclass(slots=True)
class StoredEvent:
    """An event, frozen at its creation, and its deliveries."""

    body: Json
    deliveries: dict[str, Delivery] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many endpoints have not taken it yet."""
        return sum(not delivery.delivered for delivery in self.deliveries.values())

    def as_listed(self) -> Json:
        """Gives the event as the API shows it now."""
        return {**copy.deepcopy(self.body), "pending_webhooks": self.waiting}


@dataclass(slots=True)
class Book:
    """All objects of one account in one mode, by id, in the order of their creation."""

    key: SandboxKey
    customers: dict[str, Json] = field(default_factory=dict)
    payment_methods: dict[str, Json] = field(default_factory=dict)
    payment_intents: dict[str, Json] = field(default_factory=dict)
    setup_intents: dict[str, Json] = field(default_factory=dict)
    mandates: dict[str, Json] = field(default_factory=dict)
    charges: dict[str, Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    disputes: dict[str, Json] = field(default_factory=dict)
    balance_transactions: dict[str, Json] = field(default_factory=dict)
    webhook_endpoints: dict[str, Json] = field(default_factory=dict)
    events: dict[str, StoredEvent] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    """The test card or account number behind each payment method; never shown."""
    authenticated: set[str] = field(default_factory=set)
    """Payment methods that were authenticated for use off session."""
    proofs: dict[str, int] = field(default_factory=dict)
    """How often the micro-deposits of an intent were guessed."""
    used_up: set[str] = field(default_factory=set)
    """Payment methods that paid, or were detached, without a customer: not usable again."""
    webhook_secrets: dict[str, str] = field(default_factory=dict)
    connect_endpoints: set[str] = field(default_factory=set)
    """Endpoints for the events of connected accounts; Stripe does not show which those are."""

    @property
    def livemode(self) -> bool:
        return self.key.livemode

    @property
    def mode(self) -> str:
        return "live" if self.livemode else "test"

    def shelf(self, kind: str) -> dict[str, Json]:
        """Gives the objects of a kind, by Stripe's own name of it ("payment_intent")."""
        shelves = {
            "customer": self.customers,
            "payment_method": self.payment_methods,
            "PaymentMethod": self.payment_methods,
            "payment_intent": self.payment_intents,
            "setup_intent": self.setup_intents,
            "mandate": self.mandates,
            "charge": self.charges,
            "refund": self.refunds,
            "dispute": self.disputes,
            "balance_transaction": self.balance_transactions,
            "webhook_endpoint": self.webhook_endpoints,
        }
        return shelves[kind]


_SHELF_BY_PREFIX = {
    "cus": "customer",
    "pm": "payment_method",
    "pi": "payment_intent",
    "seti": "setup_intent",
    "mandate": "mandate",
    "ch": "charge",
    "py": "charge",
    "re": "refund",
    "pyr": "refund",
    "du": "dispute",
    "txn": "balance_transaction",
}

Later = Callable[[float, Callable[[], None]], None]
EventListener = Callable[[Book, StoredEvent], None]


class StripeState:
    """Everything the sandbox knows. Tests may read it; only the handlers write it."""

    def __init__(self, clock: Clock, seed: int, options: StripeSandboxOptions) -> None:
        self.clock = clock
        self.options = options
        self.switches = Switches.of(options)
        self.later: Later = _nowhere
        self.on_event: EventListener = _unheard
        self._seed = seed
        self._dice: dict[str, random.Random] = {}
        self._taken: set[str] = set()
        self._books: dict[tuple[str, bool], Book] = {}
        for key in options.keys:
            self._books.setdefault((key.account_id, key.livemode), Book(key))
        self.connected: dict[tuple[str, bool], set[str]] = {}
        """The accounts that are connected to each platform."""

    @property
    def books(self) -> tuple[Book, ...]:
        return tuple(self._books.values())

    def book(self, account_id: str = DEFAULT_KEYS[0].account_id, *, livemode: bool = False) -> Book:
        """Gives the book of an account; without arguments that of the first test account."""
        return self._books[account_id, livemode]

    def now(self) -> datetime:
        return self.clock.now()

    def seconds(self) -> int:
        """Gives the present second, as in every `created`."""
        return int(self.clock.now().timestamp())

    def new_id(self, prefix: str) -> str:
        """Makes an id in Stripe's form, such as `pi_3` and 23 more characters."""
        start = _ID_STARTS.get(prefix, "1" if _ID_LENGTHS.get(prefix) is None else "")
        length = _ID_LENGTHS.get(prefix, _LONG_ID)
        while True:
            made = f"{prefix}_{start}{self.letters(length - len(start), prefix)}"
            if made not in self._taken:
                self._taken.add(made)
                return made

    def letters(self, count: int, purpose: str = "") -> str:
        """Throws the dice of this purpose: polling must not change the ids of payments."""
        if purpose not in self._dice:
            self._dice[purpose] = random.Random(f"{self._seed} {purpose}")
        return "".join(self._dice[purpose].choices(_ALPHABET, k=count))

    def found(self, book: Book, kind: str, wanted: str, *, param: str, by_path: bool) -> Json:
        """Gives the object, or raises Stripe's `resource_missing`, naming the mode if it is that."""
        if (there := book.shelf(kind).get(wanted)) is not None:
            return there
        other = self._books.get((book.key.account_id, not book.livemode))
        other_mode = other.mode if other is not None and wanted in other.shelf(kind) else ""
        shown = "PaymentMethod" if kind == "payment_method" else kind
        raise resource_missing(shown, wanted, param=param, by_path=by_path, other_mode=other_mode)

    def resolved(self, book: Book, reference: str) -> Json | None:
        """Gives the object an id of any kind refers to, for `expand`."""
        kind = _SHELF_BY_PREFIX.get(reference.partition("_")[0])
        return book.shelf(kind).get(reference) if kind else None


def _nowhere(_delay_s: float, _work: Callable[[], None]) -> None:
    """Delayed work of a sandbox that is not running is not done."""


def _unheard(_book: Book, _event: StoredEvent) -> None:
    """Events of a sandbox that is not running are only listed."""
