"""The promises about kept cards and bank accounts: with consent, once, of the right person and account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from splynx_stripe.domain.metadata import CUSTOMER, INSTALLATION, PARTNER
from tests.simulation.disk import Disk
from tests.simulation.process import ACCOUNTS
from tests.simulation.shares import ours
from tests.simulation.stripe_raw import Json
from tests.simulation.stripe_side import StripeSide

_ROWS = """
SELECT id, account, splynx_customer_id, stripe_customer_id, payment_method_id, state FROM credentials
"""


class Vault(Protocol):
    """What is looked at."""

    stripe: StripeSide
    disk: Disk


@dataclass(frozen=True, slots=True)
class _Row:
    id: str
    account: str
    customer_id: int
    stripe_customer: str
    method: str
    state: str


class KeptWatch:
    """Watches what is kept; `break_promise` raises."""

    def __init__(self, vault: Vault, break_promise: Callable[[str, str], None]) -> None:
        self._vault = vault
        self._break = break_promise
        self._removed: set[str] = set()

    def after_commit(self) -> None:
        """Checks every credential at the moment it is durable."""
        faces: Counter[tuple[str, int, str]] = Counter()
        methods: Counter[str] = Counter()
        for row in self._rows():
            method = self._method_of(row)
            if row.state == "removed":
                self._removed.add(row.id)
                continue
            if row.id in self._removed:
                self._break("I6", f"{row.id} was removed and is {row.state} again")
            if row.state != "dead":
                self._was_agreed_to(row)
            methods[row.method] += 1
            if row.state == "usable":
                face = str(method.get(method["type"], {}).get("fingerprint"))
                faces[row.account, row.customer_id, face] += 1
        for what, count in [*methods.items(), *faces.items()]:
            if count > 1:
                self._break("I3", f"{what} is kept {count} times")

    def _rows(self) -> Iterator[_Row]:
        for (
            of_id,
            account,
            customer_id,
            stripe_customer,
            method,
            state,
        ) in self._vault.disk.raw.execute(_ROWS).fetchall():
            name = account.partition(":")[0]
            yield _Row(of_id, name, customer_id, stripe_customer, method, state)

    def _method_of(self, row: _Row) -> Json:
        stripe = self._vault.stripe
        if stripe.account_of.get(row.method) != row.account:
            self._break("I8", f"{row.method} is kept for {row.account}, where it is not")
        if stripe.account_of.get(row.stripe_customer) != row.account:
            self._break("I8", f"{row.id} is kept for {row.stripe_customer} of another account")
        return stripe.methods[row.method]

    def _was_agreed_to(self, row: _Row) -> None:
        for who, agreed in self._agreements():
            if agreed["payment_method"] == row.method:
                if who != row.customer_id or agreed["customer"] != row.stripe_customer:
                    self._break("I8", f"{row.method} of {who} is kept for {row.customer_id}")
                return
        is_being_proven = any(
            row.method in setup["entered"] and setup["customer"] == row.stripe_customer
            for setup in self._vault.stripe.setups.values()
        )
        if row.state == "verifying" and is_being_proven:
            return
        self._break("I3", f"{row.method} is kept, and nobody has agreed to that")

    def _agreements(self) -> Iterator[tuple[int, Json]]:
        """Gives who agreed to keep something, and by which PaymentIntent or SetupIntent."""
        stripe = self._vault.stripe
        for intent in ours(stripe):
            if intent["saves"] and intent["status"] == "succeeded":
                yield int(intent["metadata"][CUSTOMER]), intent
        for setup in stripe.setups.values():
            metadata = setup["metadata"]
            if metadata.get(INSTALLATION) != "ins_sim" or setup["status"] != "succeeded":
                continue
            if ACCOUNTS[int(metadata[PARTNER])].name == stripe.account_of[setup["id"]]:
                yield int(metadata[CUSTOMER]), setup

    def at_the_end(self, *, is_told: Callable[[str], bool]) -> None:
        """Checks that what was agreed to is kept, and what was removed is gone, also at Stripe."""
        stripe = self._vault.stripe
        known = {row.method: row for row in self._rows() if row.state == "removed"}
        known |= {row.method: row for row in self._rows() if row.state != "removed"}
        for who, agreed in self._agreements():
            method = stripe.methods[agreed["payment_method"]]
            if stripe.account_of[agreed["id"]] in stripe.revoked:
                continue
            if method["customer"] not in stripe.customers or is_told(agreed["id"]):
                continue
            row = known.get(method["id"])
            mandate = stripe.mandates.get(agreed.get("mandate") or "")
            if mandate is not None and mandate["status"] == "inactive":
                if row is not None and row.state == "usable" and not is_told(mandate["id"]):
                    self._break("I2", f"{row.id} can be charged, and its mandate is withdrawn")
            elif row is None:
                self._break("I2", f"{who} agreed to keep {method['id']}, and it is not kept")
            elif row.state == "removed":
                self._break("I2", f"{method['id']} was removed, and Stripe still has it")
