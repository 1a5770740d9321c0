"""A link saves one payment method for its customer: once, while it is good, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from splynx_stripe.domain.errors import OutcomeUnknownError, RejectedError, RetryableError
from splynx_stripe.domain.link import LinkScope, LinkState, PaymentLink
from splynx_stripe.domain.mail import Mail, first_address
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.links import LinkOrder, Links, MailStanding, Maker
from splynx_stripe.flows.saving_by_link import SavingByLink
from splynx_stripe.flows.setup_credential import Proof, SetupStanding
from splynx_stripe.gateways.splynx import SplynxHttpGateway
from tests.integration.credential_house import (
    ANNA,
    BANK_WITH_AMOUNTS,
    CredentialHouse,
    bank_form,
    card_form,
    open_credentials,
)
from tests.integration.flow_town import Town, open_town
from tests.integration.office_books import BareSplynx

OFFICE = Maker("admin:1")
ORDER = LinkOrder(LinkScope.CREDENTIAL, customer_id=ANNA)
CARD = PaymentKind.CARD


@dataclass
class LinkHouse:
    """A house of saved credentials with links that save."""

    home: CredentialHouse
    links: Links
    by_link: SavingByLink

    async def make(self, order: LinkOrder = ORDER) -> PaymentLink:
        made = await self.links.make(order, OFFICE)
        assert made is not None
        return made.link

    async def known(self, link: PaymentLink) -> PaymentLink:
        found = await self.home.house.store.read(lambda unit: unit.link(link.id))
        assert found is not None
        return found

    async def state(self, link: PaymentLink) -> LinkState:
        return (await self.known(link)).state(self.home.town.clock.now())

    async def saves(self, link: PaymentLink, number: str = "4242424242424242") -> SetupStanding:
        """Somebody saves a card by a link and sees the result page."""
        started = await self.by_link.start(link, CARD, self.home.consent())
        assert started.standing is SetupStanding.READY
        await self.home.confirm(started.client_secret, card_form(number))
        return (await self.by_link.outcome(link, started.setup_id)).standing


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with open_town() as town:
        yield town


@pytest.fixture
async def house(town: Town, store_url: str) -> AsyncIterator[LinkHouse]:
    async with open_credentials(town, store_url) as home:
        splynx = home.house.rooms.splynx
        assert isinstance(splynx, SplynxHttpGateway)
        links = Links(home.house.store, splynx, town.clock, home.house.rooms.ids)
        yield LinkHouse(home, links, SavingByLink(home.rooms))


async def test_a_link_saves_one_card_and_its_permission_names_the_link(house: LinkHouse) -> None:
    link = await house.make()

    assert await house.saves(link) is SetupStanding.SAVED

    (saved,) = await house.home.present()
    assert saved.consent.actor == f"link:{link.id}"
    assert saved.consent.address == "192.0.2.7"
    assert await house.state(link) is LinkState.USED_UP
    assert await house.by_link.view(link) is None
    again = await house.by_link.start(link, CARD, house.home.consent())
    assert again.standing is SetupStanding.NOT_FOUND
    entries = await house.home.house.store.read(lambda unit: unit.recent_audit(limit=20))
    (entry,) = [each for each in entries if each.event == "link.used_up"]
    assert (entry.actor, entry.facts["customer"]) == (f"link:{link.id}", str(ANNA))


async def test_a_link_is_good_for_a_week_unless_somebody_says_otherwise(house: LinkHouse) -> None:
    usual = await house.make()
    longer = await house.make(replace(ORDER, lifetime=timedelta(days=20)))

    assert usual.expires_at - usual.made_at == timedelta(days=7)
    assert longer.expires_at - longer.made_at == timedelta(days=20)


async def test_a_refused_card_leaves_the_link_good(house: LinkHouse) -> None:
    link = await house.make()
    started = await house.by_link.start(link, CARD, house.home.consent())
    await house.home.confirm(started.client_secret, card_form("4000000000000002"))

    assert await house.state(link) is LinkState.VALID
    assert await house.saves(link) is SetupStanding.SAVED


async def test_the_event_alone_uses_the_link_up(house: LinkHouse) -> None:
    """The customer closes the window before the result page is seen."""
    link = await house.make()
    started = await house.by_link.start(link, CARD, house.home.consent())
    await house.home.confirm(started.client_secret, card_form("4242424242424242"))

    await house.home.settle()

    assert await house.state(link) is LinkState.USED_UP
    assert len(await house.home.present()) == 1


async def test_two_windows_save_one_card_only(house: LinkHouse) -> None:
    link = await house.make()
    first = await house.by_link.start(link, CARD, house.home.consent())
    other = replace(house.home.consent(), address="198.51.100.9")
    second = await house.by_link.start(link, CARD, other)

    late = await house.home.confirm(first.client_secret, card_form("4242424242424242"))
    await house.home.confirm(second.client_secret, card_form("5555555555554444"))
    await house.home.settle()

    assert late.startswith("error ")
    (saved,) = await house.home.present()
    assert saved.card is not None
    assert saved.card.brand == "mastercard"


async def test_whoever_comes_second_finds_the_link_used_up_by_the_first(house: LinkHouse) -> None:
    link = await house.make()
    first = await house.by_link.start(link, CARD, house.home.consent())
    await house.home.confirm(first.client_secret, card_form("4242424242424242"))
    other = replace(house.home.consent(), address="198.51.100.9")

    second = await house.by_link.start(link, CARD, other)

    assert second.standing is SetupStanding.NOT_OFFERED
    assert await house.state(link) is LinkState.USED_UP


async def test_a_double_press_goes_on_with_the_same_setup(house: LinkHouse) -> None:
    link = await house.make()

    first = await house.by_link.start(link, CARD, house.home.consent())
    second = await house.by_link.start(link, CARD, house.home.consent())

    assert (first.setup_id, first.client_secret) == (second.setup_id, second.client_secret)


async def test_micro_deposits_are_proven_by_the_link_and_use_it_up_then(house: LinkHouse) -> None:
    link = await house.make()
    started = await house.by_link.start(link, PaymentKind.ACH, house.home.consent())
    await house.home.confirm(started.client_secret, bank_form(BANK_WITH_AMOUNTS))
    outcome = await house.by_link.outcome(link, started.setup_id)
    view = await house.by_link.view(link)

    assert outcome.standing is SetupStanding.VERIFYING
    assert view is not None
    assert view.waiting is not None
    assert view.waiting.id == started.setup_id
    blocked = await house.by_link.start(link, CARD, house.home.consent())
    assert blocked.standing is SetupStanding.NOT_OFFERED
    wrong = await house.by_link.prove(link, started.setup_id, amounts=(1, 2), code="")
    assert (wrong, await house.state(link)) == (Proof.WRONG, LinkState.VALID)
    proven = await house.by_link.prove(link, started.setup_id, amounts=(32, 45), code="")
    assert (proven, await house.state(link)) == (Proof.PROVEN, LinkState.USED_UP)


async def test_a_link_tells_and_proves_nothing_that_it_has_not_begun(house: LinkHouse) -> None:
    link, other = await house.make(), await house.make()
    of_portal = await house.home.save_bank(BANK_WITH_AMOUNTS)
    started = await house.by_link.start(other, CARD, house.home.consent())

    view = await house.by_link.view(link)
    proof = await house.by_link.prove(link, of_portal, amounts=(32, 45), code="")
    seen = [
        (await house.by_link.outcome(link, each)).standing
        for each in (of_portal, started.setup_id, "set_x", "")
    ]

    assert view is not None
    assert view.waiting is None
    assert proof is Proof.NOT_FOUND
    assert set(seen) == {SetupStanding.NOT_FOUND}


async def test_an_expired_or_revoked_link_begins_and_proves_nothing(house: LinkHouse) -> None:
    revoked, expired = await house.make(), await house.make()
    started = await house.by_link.start(expired, PaymentKind.ACH, house.home.consent())
    await house.home.confirm(started.client_secret, bank_form(BANK_WITH_AMOUNTS))
    await house.by_link.outcome(expired, started.setup_id)
    await house.links.revoke(revoked.id, OFFICE)
    house.home.town.clock.advance(timedelta(days=8))

    for link in (revoked, expired):
        start = await house.by_link.start(link, CARD, house.home.consent())
        assert start.standing is SetupStanding.NOT_FOUND
        assert await house.by_link.view(link) is None
    proof = await house.by_link.prove(expired, started.setup_id, amounts=(32, 45), code="")
    assert proof is Proof.NOT_FOUND


async def test_a_link_that_pays_saves_nothing(house: LinkHouse) -> None:
    link = await house.make(LinkOrder(LinkScope.CUSTOMER, customer_id=ANNA))

    assert await house.by_link.view(link) is None
    start = await house.by_link.start(link, CARD, house.home.consent())
    assert start.standing is SetupStanding.NOT_FOUND


async def test_a_customer_who_went_to_another_partner_takes_no_link_along(house: LinkHouse) -> None:
    link = await house.make()
    house.home.town.splynx.state.customers[ANNA].partner_id = 2

    assert await house.by_link.view(link) is None
    start = await house.by_link.start(link, CARD, house.home.consent())
    assert start.standing is SetupStanding.NOT_FOUND


async def test_links_of_another_partners_customer_are_not_made(house: LinkHouse) -> None:
    assert await house.links.make(ORDER, Maker("admin:2", partner_id=2)) is None


async def test_the_same_chance_leads_to_the_same_link(house: LinkHouse) -> None:
    order = replace(ORDER, chance="0123456789abcdef" * 2)

    first, second = [await house.links.make(order, OFFICE) for _ in range(2)]

    assert first is not None
    assert second is not None
    assert (first.token, first.link.id) == (second.token, second.link.id)
    assert (first.is_new, second.is_new) == (True, False)


async def test_a_used_up_link_is_not_revoked_with_the_others(house: LinkHouse) -> None:
    used, other = await house.make(), await house.make()
    await house.saves(used)

    assert await house.links.revoke_all(ANNA, OFFICE) == 1
    assert await house.state(used) is LinkState.USED_UP
    assert await house.state(other) is LinkState.REVOKED


@pytest.mark.parametrize(
    ("error", "standing", "recorded"),
    [
        (None, MailStanding.QUEUED, ["queued"]),
        (RejectedError("no", code="x"), MailStanding.REFUSED, []),
        (RetryableError("later"), MailStanding.NOT_REACHED, []),
        (OutcomeUnknownError("lost"), MailStanding.UNKNOWN, ["unknown"]),
    ],
)
async def test_an_email_is_handed_over_once_whatever_comes_of_it(
    house: LinkHouse, error: Exception | None, standing: MailStanding, recorded: list[str]
) -> None:
    link, splynx = await house.make(), BareSplynx()
    splynx.mail_error = error
    store, rooms = house.home.house.store, house.home.house.rooms
    links = Links(store, splynx, rooms.clock, rooms.ids)
    mail = Mail(ANNA, "anna@example.net", "Save", "<p>https://isp.example/pay/secret</p>")

    assert await links.send(link, mail, OFFICE) is standing

    assert splynx.mails == [mail]
    entries = await store.read(lambda unit: unit.recent_audit(limit=20))
    mailed = [each for each in entries if each.event == "link.mailed"]
    assert [each.facts["outcome"] for each in mailed] == recorded
    assert "secret" not in str(entries)
    assert "anna@" not in repr(mail) + str(entries)


@pytest.mark.parametrize(
    ("addresses", "first"),
    [
        ("anna@example.net", "anna@example.net"),
        (" anna@example.net , ben@example.net", "anna@example.net"),
        ("anna@example.net;ben@example.net", "anna@example.net"),
        ("", ""),
        ("nobody", ""),
        ("a@b\r\nBcc: c@d", ""),
    ],
)
def test_the_first_of_several_addresses_is_written_to(addresses: str, first: str) -> None:
    assert first_address(addresses) == first
