"""A house in which saved methods are charged and fail: retries, notices, reminders, digests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from splynx_stripe.domain.notice import Notice, NoticeKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.recovery import Recovery
from splynx_stripe.flows.card_reminders import CardReminders
from splynx_stripe.flows.charge import ChargeFlow
from splynx_stripe.flows.charge_last_look import RetryLook
from splynx_stripe.flows.links import Links
from splynx_stripe.flows.notices import Notices
from splynx_stripe.flows.office_digest import OfficeDigest
from splynx_stripe.flows.recoveries import Recoveries, RecoveryDesk
from splynx_stripe.flows.retries import Retries
from splynx_stripe.flows.send_notices import NoticeSender
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from splynx_stripe.sandbox.splynx.rows import Mail, SentDocument, Sms
from splynx_stripe.web.deps import Site
from splynx_stripe.web.notice_words import WrittenNotices
from tests.fixed_failure_rules import FixedFailureRules
from tests.integration.charge_house import ChargeHouse
from tests.integration.credential_house import open_credentials
from tests.integration.flow_house import FlowHouse
from tests.integration.flow_town import Town

OFFICE = RecoveryDesk("admin:1")
SITE = Site(public_url="https://isp.example.net/stripe", splynx_url="https://isp.example.net/")
DAY = timedelta(days=1)


@dataclass
class FailureHouse:
    """What the daemon joins for failed payments."""

    charges: ChargeHouse
    rules: FixedFailureRules
    retries: Retries
    sender: NoticeSender
    reminders: CardReminders
    digest: OfficeDigest
    recoveries: Recoveries
    notices: Notices

    @property
    def house(self) -> FlowHouse:
        return self.charges.house

    @property
    def town(self) -> Town:
        return self.house.town

    def another_daemon(self) -> Retries:
        """Makes the retries of a daemon that has just started."""
        rooms = self.house.rooms
        assert isinstance(rooms.splynx, SplynxHttpGateway)
        look = RetryLook(rooms.store, rooms.splynx.charge_listings)
        return Retries(rooms, self.charges.flow, look, self.rules)

    async def go_on(self) -> None:
        """Does everything that is due now: effects, tries, what follows them, and notices."""
        await self.house.pump.drain()
        await self.retries.tick()
        await self.house.pump.drain()
        await self.retries.tick()
        await self.sender.tick()

    async def pass_time(self, period: timedelta, *, step: timedelta = timedelta(hours=1)) -> None:
        """Lets time pass, and does after each step what is due."""
        left = period
        while left > timedelta(0):
            self.town.clock.advance(min(step, left))
            left -= step
            await self.go_on()

    async def recovery(self, key: str = "invoice/1042") -> Recovery:
        """Gives the recovery of a debt, by default of Anna's invoice."""
        found = await self.house.store.read(lambda unit: unit.recovery_of_key(key))
        assert found is not None
        return found

    async def written(self, key: str = "invoice/1042") -> Sequence[Notice]:
        """Gives what was written about a debt, oldest first."""
        found = await self.house.store.read(lambda unit: unit.notices_of(key, 100))
        return list(reversed(found))

    async def kinds(self, key: str = "invoice/1042") -> list[NoticeKind]:
        return [notice.kind for notice in await self.written(key)]

    async def audited(self) -> list[str]:
        """Gives the events of the audit log, oldest first."""
        entries = await self.house.store.read(lambda unit: unit.recent_audit(limit=1000))
        return [entry.event for entry in reversed(entries)]

    def mails(self) -> list[Mail]:
        return list(self.town.splynx.state.mails)

    def text_messages(self) -> list[Sms]:
        return list(self.town.splynx.state.text_messages)

    def portal_messages(self) -> list[SentDocument]:
        return list(self.town.splynx.state.sent_documents)

    def use_dollars(self) -> None:
        """The partner charges dollars, so that American bank accounts can be debited."""
        terms = self.house.terms.by_partner[1]
        self.house.terms.by_partner[1] = replace(
            terms,
            currency="USD",
            country="US",
            payment_kinds=(PaymentKind.CARD, PaymentKind.ACH),
        )


@asynccontextmanager
async def open_failures(
    town: Town, store_url: str, rules: FixedFailureRules | None = None
) -> AsyncIterator[FailureHouse]:
    """Opens a house on a migrated database; leaving is a stop that finishes nothing."""
    rules = rules or FixedFailureRules()
    async with open_credentials(town, store_url, failure_rules=rules) as credentials:
        house = credentials.house
        rooms, splynx = house.rooms, house.rooms.splynx
        assert isinstance(splynx, SplynxHttpGateway)
        flow = ChargeFlow(rooms, house.asker)
        links = Links(rooms.store, splynx, rooms.clock, rooms.ids)
        yield FailureHouse(
            charges=ChargeHouse(credentials, flow),
            rules=rules,
            retries=Retries(rooms, flow, RetryLook(rooms.store, splynx.charge_listings), rules),
            sender=NoticeSender(rooms, splynx, links, rules, WrittenNotices(SITE)),
            reminders=CardReminders(rooms.store, rules, rooms.clock, rooms.ids),
            digest=OfficeDigest(rooms.store, rules, rooms.clock, rooms.ids),
            recoveries=Recoveries(rooms.store, rooms.clock),
            notices=Notices(rules, rooms.ids),
        )
