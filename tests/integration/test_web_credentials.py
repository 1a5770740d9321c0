"""The pages of saved cards and bank accounts: one's own only, by forms of ours only, in plain words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from yarl import URL

from splynx_stripe.domain.consent import ConsentWay
from splynx_stripe.domain.credential import Move
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentFailure
from splynx_stripe.flows.setup_credential import Proof, SetupOutcome, SetupStanding, SetupStart
from splynx_stripe.web.admin.guard import FORM_TOKEN
from splynx_stripe.web.credential_forms import Proving, read_proof
from splynx_stripe.web.edge import EDGE
from tests.integration.credential_stage import (
    ANNA_ID,
    BEN_ID,
    SETUP_SECRET,
    FakeCredentials,
)
from tests.integration.web_stage import (
    ANNA,
    BEN,
    OLGA,
    PAUL,
    TERMS,
    Answer,
    Stage,
    check_page,
    open_stage,
)

HERE = "/stripe/credentials"
OFFICE = f"/stripe/admin/customers/{ANNA_ID}/credentials"
BOTH = [(HERE, ANNA), (OFFICE, OLGA)]
OUTCOMES = [
    SetupStanding.SAVED,
    SetupStanding.FAILED,
    SetupStanding.WAITING,
    SetupStanding.VERIFYING,
    SetupStanding.PROCESSING,
    SetupStanding.NOT_FOUND,
]


@dataclass
class Scene:
    """The stage and what is saved."""

    stage: Stage
    saved: FakeCredentials

    async def post(
        self,
        path: str,
        fields: dict[str, str],
        session: str,
        *,
        token_of: str = "",
        **headers: str,
    ) -> Answer:
        """Sends a form that a page of ours has made in a session."""
        tokens = self.stage.client.app[EDGE].tickets
        data = {FORM_TOKEN: tokens.form_token(token_of or session), **fields}
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Cookie"] = f"PHPSESSID={session}"
        async with self.stage.client.post(
            path, data=data, headers=sent, allow_redirects=False
        ) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))

    async def start(self, path: str, session: str, **body: object) -> Answer:
        """Presses "Save" as the script of the page does."""
        tokens = self.stage.client.app[EDGE].tickets
        sent = {"form_token": tokens.form_token(session), "kind": "card", "agreed": True} | body
        headers = {"Cookie": f"PHPSESSID={session}", "User-Agent": "Firefox/140"}
        async with self.stage.client.post(path, json=sent, headers=headers) as answer:
            return Answer(answer.status, await answer.text(), dict(answer.headers))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    saved = FakeCredentials(TERMS)
    async with open_stage(lambda deps: replace(deps, credentials=saved.desk)) as stage:
        yield Scene(stage, saved)


async def test_the_customer_sees_what_is_saved_and_how_it_stands(scene: Scene) -> None:
    answer = await scene.stage.page(HERE, session=ANNA)

    assert answer.status == 200
    said = check_page(answer)
    for words in (
        "Visa",
        "4242",
        "Expires 12/2034",
        "Default",
        "Mastercard",
        "Expires soon",
        "First Bank",
        "Waits for confirmation",
        "The two amounts",
        "Cannot be used",
        "The permission to debit this account has ended",
        "Add a card",
        "Add a bank account (ACH Direct Debit)",
    ):
        assert words in said
    assert "<b>" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_office_sees_the_same_of_a_customer(scene: Scene) -> None:
    answer = await scene.stage.page(OFFICE, session=OLGA)

    assert answer.status == 200
    assert "Visa" in answer.document.text
    assert "Anna <b>Nováková</b>" in answer.document.text
    assert "<b>" not in answer.text


async def test_an_empty_list_says_what_saving_is_good_for(scene: Scene) -> None:
    said = check_page(await scene.stage.page(HERE, session=BEN))

    assert "Nothing is saved yet" in said


async def test_where_nothing_can_be_saved_the_page_says_so(scene: Scene) -> None:
    scene.saved.offered = ()
    said = check_page(await scene.stage.page(HERE, session=BEN))

    assert "Nothing can be saved here at the moment" in said


@pytest.mark.parametrize("path", ["", "/add?kind=card", "/result?setup=set_9", "/cred_1/remove"])
async def test_nobody_who_is_not_signed_in_sees_anything(scene: Scene, path: str) -> None:
    customer = await scene.stage.page(HERE + path)
    office = await scene.stage.page(OFFICE + path, session=ANNA)

    assert (customer.status, office.status) == (302, 302)
    assert URL(customer.headers["Location"]).path == "/portal/login/"
    assert URL(office.headers["Location"]).path == "/admin/login/"


@pytest.mark.parametrize("path", ["", "/add?kind=card", "/result?setup=set_9", "/cred_1/remove"])
async def test_an_administrator_of_another_partner_sees_nothing(scene: Scene, path: str) -> None:
    answer = await scene.stage.page(OFFICE + path, session=PAUL)

    assert answer.status == 404
    assert "Visa" not in answer.text


@pytest.mark.parametrize("action", ["cred_1/move", "cred_1/remove", "prove/set_cred_3"])
async def test_an_administrator_of_another_partner_changes_nothing(
    scene: Scene, action: str
) -> None:
    answer = await scene.post(f"{OFFICE}/{action}", {"move": "up", "code": "SM11AA"}, PAUL)
    started = await scene.start(f"{OFFICE}/start", PAUL)

    assert (answer.status, started.status) == (404, 404)
    nothing = (scene.saved.moves, scene.saved.removed, scene.saved.proofs, scene.saved.started)
    assert nothing == ([], [], [], [])


async def test_another_customers_credential_cannot_be_touched(scene: Scene) -> None:
    page = await scene.stage.page(f"{HERE}/cred_1/remove", session=BEN)
    moved = await scene.post(f"{HERE}/cred_1/move", {"move": "first"}, BEN)
    removed = await scene.post(f"{HERE}/cred_1/remove", {}, BEN)
    result = await scene.stage.page(f"{HERE}/result?setup=set_9", session=BEN)

    assert (page.status, moved.status, removed.status) == (404, 404, 404)
    assert "We do not know this page" in result.document.text
    assert (scene.saved.moves, scene.saved.removed) == ([], [])


async def test_a_proof_is_asked_for_in_the_name_of_who_is_signed_in(scene: Scene) -> None:
    scene.saved.proof = Proof.NOT_FOUND

    await scene.post(f"{HERE}/prove/set_cred_3", {"code": "SM11AA"}, BEN)

    assert scene.saved.proofs == [("set_cred_3", BEN_ID, (), "SM11AA")]


@pytest.mark.parametrize(("here", "session"), BOTH)
@pytest.mark.parametrize("action", ["cred_1/move", "cred_1/remove", "prove/set_cred_3"])
async def test_only_a_form_of_ours_made_in_this_session_is_believed(
    scene: Scene, here: str, session: str, action: str
) -> None:
    fields = {"move": "up", "code": "SM11AA"}
    other = await scene.post(f"{here}/{action}", fields, session, token_of=BEN)
    foreign = await scene.post(f"{here}/{action}", fields, session, Origin="https://evil.example")
    cross = await scene.post(f"{here}/{action}", fields, session, Sec_Fetch_Site="cross-site")

    assert (other.status, foreign.status, cross.status) == (403, 403, 403)
    assert (scene.saved.moves, scene.saved.removed, scene.saved.proofs) == ([], [], [])


@pytest.mark.parametrize(("here", "session"), BOTH)
async def test_a_start_from_elsewhere_is_refused(scene: Scene, here: str, session: str) -> None:
    wrong = await scene.start(f"{here}/start", session, form_token="guessed")
    async with scene.stage.client.post(
        f"{here}/start", data={"kind": "card"}, headers={"Cookie": f"PHPSESSID={session}"}
    ) as plain:
        status = plain.status
    async with scene.stage.client.post(
        f"{here}/start",
        json={},
        headers={"Cookie": f"PHPSESSID={session}", "Origin": "https://evil.example"},
    ) as foreign:
        foreign_status = foreign.status

    assert (wrong.status, status, foreign_status) == (403, 415, 403)
    assert scene.saved.started == []


@pytest.mark.parametrize(
    ("here", "session", "actor"), [(HERE, ANNA, "customer:17"), (OFFICE, OLGA, "admin:1")]
)
async def test_forms_do_what_they_say_and_lead_back_to_the_list(
    scene: Scene, here: str, session: str, actor: str
) -> None:
    moved = await scene.post(f"{here}/cred_2/move", {"move": "first"}, session)
    removed = await scene.post(f"{here}/cred_2/remove", {}, session)
    proven = await scene.post(
        f"{here}/prove/set_cred_3", {"amount_1": "0.32", "amount_2": "45"}, session
    )

    assert [one.status for one in (moved, removed, proven)] == [303, 303, 303]
    assert scene.saved.moves == [(ANNA_ID, "cred_2", Move.FIRST, actor)]
    assert scene.saved.removed == [(ANNA_ID, "cred_2", actor)]
    assert scene.saved.proofs == [("set_cred_3", ANNA_ID, (32, 45), "")]
    after = await scene.stage.page(removed.headers["Location"], session=session)
    assert "It was removed and will not be charged any more." in after.document.text


async def test_amounts_that_are_none_are_not_even_asked_about(scene: Scene) -> None:
    answer = await scene.post(f"{HERE}/prove/set_cred_3", {"amount_1": "x"}, ANNA)

    assert answer.headers["Location"].endswith("done=proof-wrong")
    assert scene.saved.proofs == []


@pytest.mark.parametrize(
    ("fields", "proving"),
    [
        ({"code": " sm11aa "}, Proving(code="SM11AA")),
        ({"code": "XX11AA"}, None),
        ({"amount_1": "0,32", "amount_2": "0.45"}, Proving(amounts=(32, 45))),
        ({"amount_1": "32", "amount_2": "45"}, Proving(amounts=(32, 45))),
        ({"amount_1": "-1", "amount_2": "45"}, None),
        ({"amount_1": "0.321", "amount_2": "45"}, None),
        ({"amount_1": "nan", "amount_2": "1e99"}, None),
        ({"amount_1": "0.32"}, None),
        ({}, None),
    ],
)
def test_people_type_amounts_in_their_own_way(
    fields: dict[str, str], proving: Proving | None
) -> None:
    assert read_proof(fields, "USD") == proving


async def test_removing_asks_first_and_says_what_it_means(scene: Scene) -> None:
    default = check_page(await scene.stage.page(f"{HERE}/cred_1/remove", session=ANNA))
    other = check_page(await scene.stage.page(f"{HERE}/cred_2/remove", session=ANNA))
    scene.saved.items = scene.saved.items[:1]
    last = check_page(await scene.stage.page(f"{HERE}/cred_1/remove", session=ANNA))

    assert "charged to the next one" in default
    assert "Your default stays as it is" in other
    assert "will not be charged automatically any more" in last
    assert scene.saved.removed == []


async def test_the_form_shows_what_the_customer_agrees_to_and_works_with_scripts_only(
    scene: Scene,
) -> None:
    answer = await scene.stage.page(f"{HERE}/add?kind=ach", session=ANNA)

    said = check_page(answer)
    assert "I authorize Nordic Fibre to debit this bank account" in said
    assert "JavaScript switched off" in said
    assert answer.document.attribute("saving", "data-types") == "us_bank_account"
    assert SETUP_SECRET not in answer.text
    assert scene.saved.started == []


@pytest.mark.parametrize(("here", "session"), BOTH)
async def test_the_direct_debit_request_leads_to_its_service_agreement(
    scene: Scene, here: str, session: str
) -> None:
    """Stripe: its terms must be available where the Direct Debit Request is given."""
    scene.saved.offered = (PaymentKind.BECS,)

    answer = await scene.stage.page(f"{here}/add?kind=becs", session=session)

    said = check_page(answer)
    assert "on behalf of Nordic Fibre (the “Merchant”)" in said
    [link] = [it for it in answer.document.all("a") if "stripe.com/au-becs" in it["href"]]
    assert link["href"] == "https://stripe.com/au-becs-dd-service-agreement/legal"
    assert (link["target"], link["rel"]) == ("_blank", "noopener")


@pytest.mark.parametrize("kind", ["becs", "", "nonsense"])
@pytest.mark.parametrize(("here", "session"), BOTH)
async def test_a_kind_that_is_not_offered_has_no_form(
    scene: Scene, here: str, session: str, kind: str
) -> None:
    assert (await scene.stage.page(f"{here}/add?kind={kind}", session=session)).status == 404


async def test_pressing_save_records_who_agreed_to_what_and_from_where(scene: Scene) -> None:
    answer = await scene.start(f"{HERE}/start", ANNA)

    body = json.loads(answer.text)
    assert body["client_secret"] == SETUP_SECRET
    assert body["result_url"] == f"{HERE}/result?setup=set_9"
    ((customer, kind, consent),) = scene.saved.started
    assert (customer, kind) == (ANNA_ID, PaymentKind.CARD)
    assert (consent.way, consent.actor) == (ConsentWay.ONLINE, "customer:17")
    assert consent.address
    assert consent.browser == "Firefox/140"
    assert consent.wording.startswith("I allow Nordic Fibre to charge this card")


async def test_the_office_saves_only_with_the_customers_permission(scene: Scene) -> None:
    refused = await scene.start(f"{OFFICE}/start", OLGA, agreed=False)
    assert "client_secret" not in refused.text
    assert scene.saved.started == []

    await scene.start(f"{OFFICE}/start", OLGA)

    ((customer, _, consent),) = scene.saved.started
    assert (customer, consent.way, consent.actor) == (ANNA_ID, ConsentWay.OFFLINE, "admin:1")
    assert "by telephone, in writing or in person" in consent.wording


@pytest.mark.parametrize(
    "standing",
    [
        SetupStanding.NOT_OFFERED,
        SetupStanding.NOT_FOUND,
        SetupStanding.TRY_AGAIN,
        SetupStanding.REFUSED,
    ],
)
async def test_where_nothing_can_be_started_there_is_a_sentence(
    scene: Scene, standing: SetupStanding
) -> None:
    scene.saved.start_answer = SetupStart(standing)

    body = json.loads((await scene.start(f"{HERE}/start", ANNA)).text)

    assert body["state"] == standing.value
    assert body["message"]
    assert "client_secret" not in body


async def test_pressing_save_again_and_again_is_held_back(scene: Scene) -> None:
    statuses = [(await scene.start(f"{HERE}/start", ANNA)).status for _ in range(11)]

    assert statuses[:10] == [200] * 10
    assert statuses[10] == 429


@pytest.mark.parametrize("standing", OUTCOMES)
@pytest.mark.parametrize(("here", "session"), BOTH)
async def test_the_result_is_told_honestly(
    scene: Scene, here: str, session: str, standing: SetupStanding
) -> None:
    failure = PaymentFailure("card_declined", "", "Your card was declined.")
    failed = failure if standing is SetupStanding.FAILED else None
    scene.saved.outcome_answer = SetupOutcome(standing, PaymentKind.CARD, failure=failed)

    answer = await scene.stage.page(f"{here}/result?setup=set_9", session=session)

    said = answer.document.text
    assert ("It can be used for your payments" in said) == (standing is SetupStanding.SAVED)
    assert ("Your card was declined." in said) == (standing is SetupStanding.FAILED)
    assert ('http-equiv="refresh"' in answer.text) == (
        standing in {SetupStanding.WAITING, SetupStanding.PROCESSING}
    )


async def test_the_office_finds_a_customer_by_number_as_splynxs_entry_points_do(
    scene: Scene,
) -> None:
    form = await scene.stage.page("/stripe/admin/credentials", session=OLGA)
    wrong = await scene.stage.page("/stripe/admin/credentials?id=<b>", session=OLGA)
    found = await scene.stage.page("/stripe/admin/credentials?customer_id=17", session=OLGA)

    assert "Number of the customer in Splynx" in form.document.text
    assert "Please enter a number" in wrong.document.text
    assert "<b>" not in wrong.text
    assert (found.status, found.headers["Location"]) == (302, OFFICE)


@pytest.mark.parametrize("customer", ["0x11", "99", "1" * 30, "17%00"])
async def test_a_customer_that_splynx_does_not_have_is_not_found(
    scene: Scene, customer: str
) -> None:
    path = f"/stripe/admin/customers/{customer}/credentials"

    assert (await scene.stage.page(path, session=OLGA)).status == 404
