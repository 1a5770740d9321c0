"""The flows of saved credentials with the real store and gateways, beside a house of payments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.credential import Credential
from splynx_stripe.domain.inbox import InboxSource
from splynx_stripe.domain.payment_account import USUAL_WORDS, RowWord
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import StripeAccount
from splynx_stripe.flows.credential_events import CredentialEvents
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.credentials import Credentials
from splynx_stripe.flows.failure_ports import FailureRules
from splynx_stripe.flows.inbox import Inbox
from splynx_stripe.flows.migrate_credentials import MigrateCredentials
from splynx_stripe.flows.setup_credential import SetupCredential, SetupStanding
from splynx_stripe.flows.tend_credentials import TendCredentials
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from splynx_stripe.gateways.stripe import StripeSdkGateway
from splynx_stripe.gateways.stripe.wire import HANDLED_EVENT_TYPES
from splynx_stripe.kit.sealing import Sealer, new_key_line
from splynx_stripe.kit.secret import Secret
from splynx_stripe.sandbox.splynx.rows import PaymentAccountData
from tests.integration.flow_house import FlowHouse, open_house
from tests.integration.flow_town import EUR_ACCOUNT, PUBLISHABLE_KEYS, SECOND, Town

KEY = Secret(new_key_line("test"))
ANNA = 17
BANKS: dict[PaymentKind, dict[str, str]] = {
    PaymentKind.ACH: {"routing_number": "110000000", "account_holder_type": "individual"},
    PaymentKind.BECS: {"bsb_number": "000000"},
    PaymentKind.PAD: {"institution_number": "000", "transit_number": "11000"},
}
GOOD_BANK = "000123456789"
BANK_WITH_AMOUNTS = "000888888883"
BANK_WITH_CODE = "000777777771"


@dataclass
class Rules:
    """What the settings say; a test may change it."""

    changes: bool = False
    words: Sequence[RowWord] = USUAL_WORDS

    def changes_payment_method(self, partner_id: int) -> bool:
        del partner_id
        return self.changes

    def row_words(self) -> Sequence[RowWord]:
        return self.words


@dataclass
class CredentialHouse:
    """What the daemon joins for saved credentials."""

    house: FlowHouse
    rooms: CredentialRooms
    rules: Rules
    saved: Credentials
    saving: SetupCredential
    tend: TendCredentials
    inbox: Inbox
    migration: MigrateCredentials
    seen: set[str] = field(default_factory=set)

    @property
    def town(self) -> Town:
        return self.house.town

    def consent(self, customer: int = ANNA) -> Consent:
        return Consent(
            given_at=self.town.clock.now(),
            way=ConsentWay.ONLINE,
            actor=f"customer:{customer}",
            address="192.0.2.7",
            browser="Firefox",
            wording="I allow it.",
        )

    async def start(self, kind: PaymentKind = PaymentKind.CARD, customer: int = ANNA) -> str:
        """Presses "Save"; gives the client secret."""
        started = await self.saving.start(customer, kind, self.consent(customer))
        assert started.standing is SetupStanding.READY
        return started.client_secret

    async def save_card(self, number: str = "4242424242424242", customer: int = ANNA) -> Credential:
        """A customer saves a card and sees the result page."""
        started = await self.saving.start(customer, PaymentKind.CARD, self.consent(customer))
        await self.confirm(started.client_secret, card_form(number))
        outcome = await self.saving.outcome(started.setup_id, customer, "customer")
        assert outcome.credential is not None
        return outcome.credential

    async def save_bank(
        self, number: str = GOOD_BANK, kind: PaymentKind = PaymentKind.ACH, customer: int = ANNA
    ) -> str:
        """A customer saves a bank account; gives the id of the setup."""
        started = await self.saving.start(customer, kind, self.consent(customer))
        await self.confirm(started.client_secret, bank_form(number, kind))
        await self.saving.outcome(started.setup_id, customer, "customer")
        return started.setup_id

    async def confirm(
        self, secret: str, form: dict[str, str], account: StripeAccount = EUR_ACCOUNT
    ) -> str:
        """Confirms as a browser does; gives the status, or `error CODE`."""
        self.town.clock.advance(SECOND)
        intent_id = secret.partition("_secret_")[0]
        async with self.town.browser.post(
            f"{self.town.stripe_url}/v1/setup_intents/{intent_id}/confirm",
            data={
                "client_secret": secret,
                "return_url": "https://isp.example.net/stripe/credentials/result",
                **form,
            },
            headers={"Authorization": f"Bearer {PUBLISHABLE_KEYS[account]}"},
        ) as answer:
            body = await answer.json()
        error = body.get("error")
        return f"error {error['code']}" if error else str(body["status"])

    async def present(self, customer: int = ANNA) -> list[Credential]:
        """Gives what a customer has saved, in its order."""
        return list(
            await self.house.store.read(lambda unit: unit.credentials_of(EUR_ACCOUNT, customer))
        )

    async def settle(self) -> None:
        """Delivers the events that were not delivered yet, and does everything that is due."""
        for body in self.town.event_bodies(EUR_ACCOUNT, kinds=""):
            event = self.house.rooms.stripe.parse_event(body)
            is_handled = event.type in HANDLED_EVENT_TYPES and event.payment_intent is None
            if event.id in self.seen or not is_handled:
                continue
            self.seen.add(event.id)
            await self.inbox.receive(event, EUR_ACCOUNT, InboxSource.WEBHOOK)
        for claimed in await self.inbox.claim(100):
            await self.inbox.handle(claimed)
        while await self.tend.run_once():
            pass

    def row(self, customer: int = ANNA, title: str = "Stripe") -> dict[str, str]:
        """Gives the filled fields of a customer's row of a payment account in Splynx."""
        found = self._data(customer, self.account_id(title))
        if found is None:
            return {}
        names = [f"field_{number}" for number in range(1, 11)]
        return {name: getattr(found, name) for name in names if getattr(found, name)}

    def fill_row(self, customer: int = ANNA, title: str = "Stripe", **fields: str) -> None:
        """Somebody fills the row by hand; without fields it is deleted."""
        table, account_id = self.town.splynx.state.payment_account_data, self.account_id(title)
        found = self._data(customer, account_id)
        if found is not None:
            table.remove(found)
        if fields:
            made = PaymentAccountData(account_id=account_id, customer_id=str(customer))
            for name, value in fields.items():
                setattr(made, name, value)
            table.add(made)

    def account_id(self, title: str) -> int:
        accounts = self.town.splynx.state.payment_accounts
        return next(int(one.id) for one in accounts if one.values.get("title") == title)

    def method(self, method_id: str) -> dict[str, Any]:
        """Gives a PaymentMethod as Stripe has it."""
        return self.town.stripe_book().payment_methods[method_id]

    def _data(self, customer: int, account_id: int) -> PaymentAccountData | None:
        for one in self.town.splynx.state.payment_account_data.of_customer(customer):
            if one.account_id == account_id:
                return one
        return None


def card_form(number: str) -> dict[str, str]:
    """Gives what a browser sends for a card."""
    return {
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": number,
        "payment_method_data[card][exp_month]": "12",
        "payment_method_data[card][exp_year]": "2034",
        "payment_method_data[card][cvc]": "123",
    }


def bank_form(number: str, kind: PaymentKind = PaymentKind.ACH) -> dict[str, str]:
    """Gives what a browser sends for a bank account."""
    bank = BANKS[kind] | {"account_number": number}
    typed = {
        f"payment_method_data[{kind.stripe_type}][{name}]": value for name, value in bank.items()
    }
    return {
        "payment_method_data[type]": kind.stripe_type,
        "payment_method_data[billing_details][name]": "Anna Nováková",
        "payment_method_data[billing_details][email]": "anna@example.net",
        **typed,
    }


@asynccontextmanager
async def open_credentials(
    town: Town, store_url: str, *, failure_rules: FailureRules | None = None
) -> AsyncIterator[CredentialHouse]:
    """Opens a house on a migrated database; leaving is a stop that finishes nothing."""
    async with open_house(town, store_url, failure_rules=failure_rules) as house:
        kinds = (PaymentKind.CARD, PaymentKind.ACH, PaymentKind.BECS, PaymentKind.PAD)
        for number, terms in house.terms.by_partner.items():
            house.terms.by_partner[number] = replace(terms, payment_kinds=kinds)
        stripe, splynx = house.rooms.stripe, house.rooms.splynx
        assert isinstance(stripe, StripeSdkGateway)
        assert isinstance(splynx, SplynxHttpGateway)
        rules = Rules()
        rooms = CredentialRooms(
            rooms=house.rooms,
            stripe=stripe.saved_methods,
            accounts=splynx.payment_accounts,
            rules=rules,
            sealer=Sealer(KEY),
            mark_key=Secret("a key for tests"),
        )
        yield CredentialHouse(
            house=house,
            rooms=rooms,
            rules=rules,
            saved=Credentials(rooms),
            saving=SetupCredential(rooms),
            tend=TendCredentials(rooms),
            inbox=Inbox(house.rooms, house.asker, [CredentialEvents(rooms)]),
            migration=MigrateCredentials(rooms),
        )
