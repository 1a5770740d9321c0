"""The part of the simulated Stripe that keeps cards and bank accounts for later charges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from tests.simulation.stripe_raw import BANK, OPEN, Json, Raw, error

RIGHT_AMOUNTS = [32, 45]
_WRONG_AT_MOST = 2
_DEPOSIT_CODES = "payment_method_microdeposit_verification_"
_DEPOSITS: Json = {"verify_with_microdeposits": {"microdeposit_type": "amounts"}}


class SavedSide(ABC):
    """SetupIntents, PaymentMethods and Stripe customers; the ledger is built on it.

    `account_of` says to which account an object belongs; nothing is seen from another one. From
    the `revoked` accounts our platform sees nothing at all.
    """

    def __init__(self) -> None:
        self.account_of: dict[str, str] = {}
        self.customers: dict[str, Json] = {}
        self.methods: dict[str, Json] = {}
        self.setups: dict[str, Json] = {}
        self.mandates: dict[str, Json] = {}
        self.revoked: set[str] = set()
        self.livemode = False

    @abstractmethod
    def _happened(self, kind: str, about: Json) -> None:
        """Makes an event and tells everybody."""

    @abstractmethod
    def _now(self) -> int:
        """Gives Stripe's time."""

    @abstractmethod
    def _new_id(self, prefix: str, length: int) -> str:
        """Makes an id."""

    def _saved_handlers(self) -> Mapping[str, Callable[[str, Json], Raw]]:
        return {
            "setup_intents.create": self._create_setup,
            "setup_intents.retrieve": self._show_setup,
            "setup_intents.cancel": self._cancel_setup,
            "payment_methods.retrieve": lambda account, params: self._found(
                self.methods, account, params["id"]
            ),
            "setup_intents.verify": self._verify,
            "mandates.retrieve": lambda account, params: self._found(
                self.mandates, account, params["id"]
            ),
            "payment_methods.detach": self._detach,
            "customers.retrieve": lambda account, params: self._found(
                self.customers, account, params["id"]
            ),
        }

    def _found(self, things: Mapping[str, Json], account: str, thing_id: str) -> Raw:
        if thing_id not in things or self.account_of[thing_id] != account:
            return error(404, "invalid_request_error", "No such object", "resource_missing")
        return Raw(200, dict(things[thing_id]))

    def _enter(self, thing: Json, kind: str) -> None:
        """Makes a PaymentMethod; whoever enters something again enters the same card."""
        method: Json = {"object": "payment_method", "id": self._new_id("pm_1", 23), "type": kind}
        whose = thing["metadata"].get("splynx_customer_id", "")
        face: Json = {"last4": "4242", "fingerprint": f"{kind} of {whose}"}
        if kind == "card":
            face |= {"brand": "visa", "exp_year": 2031, "exp_month": 4}
        method |= {"livemode": self.livemode, "customer": None, kind: face}
        self.methods[method["id"]] = method
        self.account_of[method["id"]] = self.account_of[thing["id"]]
        thing["payment_method"] = method["id"]

    def _keep(self, thing: Json) -> None:
        """Attaches what was entered to its Stripe customer, for later charges."""
        if thing["customer"] in self.customers:
            self.methods[thing["payment_method"]]["customer"] = thing["customer"]

    def confirm_setup(self, setup_id: str, kind: str) -> None:
        """A card or bank account is entered to be kept: `card`, `declined`, `bank`, `deposits`.

        With `deposits` the bank account has to be proven by two small amounts, days later.
        """
        setup = self.setups[setup_id]
        if setup["status"] not in OPEN or self.account_of[setup_id] in self.revoked:
            return
        self._enter(setup, BANK if kind in {"bank", "deposits"} else "card")
        setup["entered"].append(setup["payment_method"])
        if kind == "deposits":
            setup.update(status="requires_action", next_action=_DEPOSITS)
            self._happened("setup_intent.requires_action", setup)
            return
        if kind == "declined":
            setup["payment_method"] = None
            setup["last_setup_error"] = {"code": "card_declined", "message": "Declined."}
            self._happened("setup_intent.setup_failed", setup)
            return
        self._end_setup(setup)

    def _end_setup(self, setup: Json) -> None:
        setup.update(status="succeeded", last_setup_error=None, next_action=None)
        self._keep(setup)
        if self.methods[setup["payment_method"]]["type"] == BANK:
            self._make_mandate(setup)
        self._happened("setup_intent.succeeded", setup)

    def _make_mandate(self, setup: Json) -> None:
        mandate: Json = {"object": "mandate", "id": self._new_id("mandate_1", 20)}
        mandate |= {"status": "active", "payment_method": setup["payment_method"]}
        self.mandates[mandate["id"]] = mandate
        self.account_of[mandate["id"]] = self.account_of[setup["id"]]
        setup["mandate"] = mandate["id"]

    def saved_before(self, account: str, metadata: Mapping[str, str], kind: str) -> Json:
        """Somebody has saved a card or bank account before the story begins; nothing tells of it."""
        customer: Json = {"object": "customer", "id": self._new_id("cus_", 14)}
        customer |= {"metadata": dict(metadata)}
        setup: Json = {"id": self._new_id("seti_1", 22), "metadata": dict(metadata)}
        setup |= {"object": "setup_intent", "status": "succeeded", "customer": customer["id"]}
        setup |= {"mandate": None, "entered": [], "wrong": 0, "payment_method": None}
        self.customers[customer["id"]] = customer
        self.setups[setup["id"]] = setup
        self.account_of |= {customer["id"]: account, setup["id"]: account}
        self._enter(setup, kind)
        setup["entered"].append(setup["payment_method"])
        self._keep(setup)
        if kind == BANK:
            self._make_mandate(setup)
        return setup

    def withdraw(self, customer_id: int) -> None:
        """The customer tells the bank, not us, that nothing may be debited any more."""
        for mandate in self.mandates.values():
            method = self.methods[mandate["payment_method"]]
            is_theirs = method[BANK]["fingerprint"].endswith(f" of {customer_id}")
            is_in_sight = self.account_of[mandate["id"]] not in self.revoked
            if is_theirs and is_in_sight and mandate["status"] == "active":
                mandate["status"] = "inactive"
                self._happened("mandate.updated", {**mandate, "metadata": {}})

    def _verify(self, account: str, params: Json) -> Raw:
        found = self._found(self.setups, account, params["id"])
        setup = self.setups.get(params["id"])
        if setup is None or found.status >= 400 or setup["status"] != "requires_action":
            return error(400, "invalid_request_error", "Not open", "setup_intent_unexpected_state")
        if params.get("amounts") == RIGHT_AMOUNTS:
            self._end_setup(setup)
            return self._show_setup(account, params)
        setup["wrong"] += 1
        code = f"{_DEPOSIT_CODES}amounts_mismatch"
        if setup["wrong"] > _WRONG_AT_MOST:
            code = f"{_DEPOSIT_CODES}attempts_exceeded"
            setup.update(status="requires_payment_method", payment_method=None, next_action=None)
            setup["last_setup_error"] = {"code": code, "message": "Too many."}
            self._happened("setup_intent.setup_failed", setup)
        return error(400, "invalid_request_error", "Wrong amounts", code)

    def _create_setup(self, account: str, params: Json) -> Raw:
        if self.account_of.get(params["customer"]) != account:
            return error(400, "invalid_request_error", "No such customer", "resource_missing")
        if params["customer"] not in self.customers:
            return error(400, "invalid_request_error", "No such customer", "resource_missing")
        setup: Json = {
            "object": "setup_intent",
            "id": self._new_id("seti_1", 22),
            "status": "requires_payment_method",
            "created": self._now(),
            "livemode": self.livemode,
            "metadata": dict(params["metadata"]),
            "customer": params["customer"],
            "payment_method": None,
            "last_setup_error": None,
            "mandate": None,
            "next_action": None,
            "entered": [],
            "wrong": 0,
        }
        setup["client_secret"] = f"{setup['id']}_secret_{self._new_id('', 12)}"
        self.setups[setup["id"]] = setup
        self.account_of[setup["id"]] = account
        return Raw(200, dict(setup))

    def _show_setup(self, account: str, params: Json) -> Raw:
        found = self._found(self.setups, account, params["id"])
        method = self.methods.get(found.body.get("payment_method") or "")
        mandate = self.mandates.get(found.body.get("mandate") or "")
        if method is None:
            return found
        return Raw(200, {**found.body, "payment_method": method, "mandate": mandate})

    def _cancel_setup(self, account: str, params: Json) -> Raw:
        setup = self.setups.get(params["id"])
        if setup is None or setup["status"] not in OPEN:
            return error(400, "invalid_request_error", "Not open", "setup_intent_unexpected_state")
        setup["status"] = "canceled"
        self._happened("setup_intent.canceled", setup)
        return self._show_setup(account, params)

    def _detach(self, account: str, params: Json) -> Raw:
        found = self._found(self.methods, account, params["id"])
        if found.status >= 400:
            return found
        method = self.methods[params["id"]]
        if method["customer"] is None:
            return error(400, "invalid_request_error", "It is not attached")
        method["customer"] = None
        self._happened("payment_method.detached", {**method, "metadata": {}})
        return Raw(200, dict(method))
