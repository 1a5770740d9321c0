"""The story of one debt: how it stands, what happened, and why, in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from splynx_stripe.domain.operation import outcome_of
from splynx_stripe.domain.timeline import standing_of
from splynx_stripe.flows.operations import Story
from splynx_stripe.web.admin.guard import require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import (
    OUTCOMES,
    PAYMENT_TYPES,
    STATE_CLASSES,
    actor_words,
    entry_words,
    moment,
    splynx_customer_url,
    stripe_payment_url,
)
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language

_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, as it is shown."""

    moment: str
    iso: str
    what: str
    actor: str
    outcome: str
    outcome_class: str


@dataclass(frozen=True, slots=True)
class Try:
    """One PaymentIntent of the debt, as it is shown."""

    payment_intent: str
    payment_url: str
    charge: str
    amount: str
    account: str
    means: str


async def timeline_page(request: web.Request) -> web.Response:
    """Tells the story of a collection to whoever may see its partner; others get "not found"."""
    edge = request.app[EDGE]
    office = await require_office(request)
    collection_id = request.match_info["collection"]
    story = (
        await edge.deps.operations.story(collection_id)
        if len(collection_id) <= _LONGEST_ID and collection_id.isprintable()
        else None
    )
    if story is None or not office.may_see(story.collection.payable.partner_id):
        raise web.HTTPNotFound
    language = office_language(request)
    payable = story.collection.payable
    context = {
        "payable": payable,
        "kind": language.say(PAYMENT_TYPES[payable.kind.value]),
        "standing": standing_of(story.collection.state, language.say),
        "collection_id": collection_id,
        "customer_url": splynx_customer_url(edge.site.admin_url, payable.customer_id),
        "splynx_payment": _splynx_payment(story),
        "tries": _tries(request, story, language),
        "steps": _steps(request, story, language),
        "cases": story.cases,
        "all_url": _all_url(request, story),
        "zone": str(edge.site.timezone),
    }
    return render_office(request, office, "admin/timeline.html", context)


def _splynx_payment(story: Story) -> str:
    booked = [story.collection.splynx_payment_id, *(a.splynx_payment_id for a in story.attempts)]
    return ", ".join(str(number) for number in dict.fromkeys(booked) if number)


def _tries(request: web.Request, story: Story, language: Language) -> list[Try]:
    id_of = request.app[EDGE].deps.stripe_account_id
    return [
        Try(
            payment_intent=attempt.intent_id,
            payment_url=stripe_payment_url(attempt.account, attempt.intent_id, id_of),
            charge=attempt.charge_id,
            amount=str(attempt.amount),
            account=attempt.account.key,
            means=language.say(attempt.chosen_kind.english_name) if attempt.chosen_kind else "",
        )
        for attempt in story.attempts
    ]


def _steps(request: web.Request, story: Story, language: Language) -> list[Step]:
    zone = request.app[EDGE].site.timezone
    return [
        Step(
            moment=moment(entry.at, zone, language),
            iso=entry.at.isoformat(),
            what=entry_words(entry, language),
            actor=actor_words(entry.actor, language),
            outcome=language.say(OUTCOMES[outcome_of(entry.event)]),
            outcome_class=STATE_CLASSES[outcome_of(entry.event)],
        )
        for entry in story.entries
    ]


def _all_url(request: web.Request, story: Story) -> str:
    """Leads to all efforts to collect the same document, however old."""
    payable = story.collection.payable
    wanted = payable.document_number if payable.kind.document_kind else str(payable.customer_id)
    page = request.app.router["admin-logs"].url_for()
    return str(page.with_query({"from": "", "q": wanted}))
