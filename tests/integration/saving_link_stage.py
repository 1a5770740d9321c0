"""The stage for tests of links that save a payment method."""

from __future__ import annotations

from dataclasses import dataclass

from splynx_stripe.domain.consent import Consent, ConsentWay
from splynx_stripe.domain.link import LinkScope, MadeLink
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.payment_method import Microdeposits
from splynx_stripe.domain.setup import Setup, SetupState
from splynx_stripe.flows.links import LinkOrder, Links, Maker
from splynx_stripe.flows.saving_by_link import LinkView
from splynx_stripe.store.store import SqlStore
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.edge import EDGE
from tests.integration.credential_stage import (
    ANNA_ID,
    NOW,
    FakeByLink,
    FakeCredentials,
)
from tests.integration.office_books import BareSplynx
from tests.integration.web_stage import (
    COMPANY,
    OLGA,
    TERMS,
    Answer,
    Stage,
)

MAKER = Maker("admin:1")
ORDER = LinkOrder(LinkScope.CREDENTIAL, customer_id=ANNA_ID)
OFFICE = f"/stripe/admin/customers/{ANNA_ID}/credentials"
BOTH_KINDS = LinkView(COMPANY, TERMS, (PaymentKind.CARD, PaymentKind.ACH))
WAITING = Setup(
    id="set_9",
    account=TERMS.account,
    partner_id=1,
    splynx_customer_id=ANNA_ID,
    stripe_customer_id="cus_1",
    kind=PaymentKind.ACH,
    currency="USD",
    description="",
    metadata={},
    consent=Consent(NOW, ConsentWay.ONLINE, "link:lnk_1"),
    prepared_at=NOW,
    next_look_at=None,
    state=SetupState.VERIFYING,
    intent_id="seti_1",
    microdeposits=Microdeposits.AMOUNTS,
)


@dataclass
class Scene:
    """The stage with links in a real database, and what saving answers."""

    stage: Stage
    store: SqlStore
    links: Links
    splynx: BareSplynx
    saved: FakeCredentials

    @property
    def by_link(self) -> FakeByLink:
        return self.saved.by_link

    async def make(self, order: LinkOrder = ORDER) -> MadeLink:
        made = await self.links.make(order, MAKER)
        assert made is not None
        return made

    async def use_up(self, made: MadeLink) -> None:
        now = self.stage.clock.now()
        assert await self.store.run(lambda unit: unit.use_up_link(made.link.id, now=now))

    async def open(self, made: MadeLink, rest: str = "") -> Answer:
        return await self.stage.page(f"/stripe/pay/{made.token}{rest}")

    def form_token(self, made: MadeLink) -> str:
        return self.stage.client.app[EDGE].tickets.form_token(made.link.actor)

    async def start(
        self, made: MadeLink, *, token: str | None = None, kind: str = "card", **headers: str
    ) -> Answer:
        body = {"form_token": self.form_token(made) if token is None else token, "kind": kind}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/stripe/pay/{made.token}/start"
        async with self.stage.client.post(
            path, json=body, headers={"User-Agent": "Firefox/140", **sent}
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.stage.client.post(
            path, data=fields, headers=sent, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def office_fields(self, session: str = OLGA) -> dict[str, str]:
        """Opens the office's page of the customer; gives the hidden fields of the link's form."""
        page = await self.stage.page(OFFICE, session=session)
        names = {FORM_TOKEN, "chance", "seal"}
        inputs = page.document.all("input")
        return {each["name"]: each["value"] for each in inputs if each.get("name") in names}

    async def press(
        self, fields: dict[str, str], way: str = "mail", session: str = OLGA, path: str = OFFICE
    ) -> Answer:
        cookie = f"PHPSESSID={session}"
        return await self.post(f"{path}/link", fields | {"way": way}, Cookie=cookie)


def address_on(answer: Answer) -> str:
    """Gives the address that the office's page shows to be copied."""
    shown = [each["value"] for each in answer.document.all("input") if each.get("id") == "made"]
    return shown[0] if shown else ""
