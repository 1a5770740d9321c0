"""The office's page of failed payments: what is tried again, when, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from splynx_stripe.domain.recovery import (
    Recovery,
    RecoveryPlace,
    RecoveryQuery,
    RecoveryReason,
    RecoveryState,
    RecoveryView,
)
from splynx_stripe.flows.recoveries import RecoveryDesk
from splynx_stripe.web.admin.guard import require_form, require_office
from splynx_stripe.web.admin.layout import office_language, render_office
from splynx_stripe.web.admin.logs_words import moment, splynx_customer_url
from splynx_stripe.web.edge import EDGE
from splynx_stripe.web.i18n import Language, later
from splynx_stripe.web.identity import Office
from splynx_stripe.web.notice_words import REASONS, office_debt_words, reason_words

_SHOWN = 50
_LONGEST = 64
_LARGEST_ID = 2**63 - 1

VIEWS: Mapping[RecoveryView, str] = {
    RecoveryView.ALL: later("All"),
    RecoveryView.GOING_ON: later("Tried again"),
    RecoveryView.ENDED: later("Given up or stopped"),
    RecoveryView.RECOVERED: later("Paid after all"),
}
_STATES: Mapping[RecoveryState, tuple[str, str]] = {
    RecoveryState.WAITING: (later("Waits for the next try"), ""),
    RecoveryState.TRYING: (later("Is being tried"), ""),
    RecoveryState.RECOVERED: (later("Paid after all"), "state-good"),
    RecoveryState.EXHAUSTED: (later("Given up"), "state-bad"),
    RecoveryState.CANCELED: (later("Stopped"), "state-plain"),
}
_DONE = {
    "try": later(
        "It is tried in the next half minute. Load this page again to see what came of it."
    ),
    "stop": later("It is not tried again by itself any more."),
}
_NOTHING = later("Nothing was changed: it is being tried, is paid, or has ended already.")


@dataclass(frozen=True, slots=True)
class Row:
    """One recovery as it is shown."""

    id: str
    debt: str
    customer: str
    customer_url: str
    amount: str
    state: str
    state_class: str
    why: str
    end: str
    failed_at: str
    next_at: str
    tries: str
    story_url: str
    can_try: bool
    can_stop: bool


async def recoveries_page(request: web.Request) -> web.Response:
    """Shows the recoveries that the administrator may see."""
    office = await require_office(request)
    return await _show(request, office, "")


async def try_recovery(request: web.Request) -> web.Response:
    """Lets a debt be tried at once."""
    office = await require_office(request)
    fields = await require_form(request, office)
    recoveries = request.app[EDGE].deps.recoveries
    done = await recoveries.try_now(fields.get("recovery", "")[:_LONGEST], _desk(office))
    return await _show(request, office, _DONE["try"] if done else _NOTHING)


async def stop_recovery(request: web.Request) -> web.Response:
    """Stops the retries of a debt."""
    office = await require_office(request)
    fields = await require_form(request, office)
    recoveries = request.app[EDGE].deps.recoveries
    done = await recoveries.stop(fields.get("recovery", "")[:_LONGEST], _desk(office))
    return await _show(request, office, _DONE["stop"] if done else _NOTHING)


def _desk(office: Office) -> RecoveryDesk:
    return RecoveryDesk(office.actor, office.partner_id)


async def _show(request: web.Request, office: Office, message: str) -> web.Response:
    edge, language = request.app[EDGE], office_language(request)
    query = _query(request.query, office)
    found = await edge.deps.recoveries.page(
        query, before=_place(request.query.get("before", "")), limit=_SHOWN + 1
    )
    shown = found[:_SHOWN]
    context = {
        "message": language.say(message) if message else "",
        "views": [(view.value, language.say(text)) for view, text in VIEWS.items()],
        "view": query.view.value,
        "customer": str(query.customer_id or ""),
        "number": query.text,
        "rows": [_row(request, one, language) for one in shown],
        "older_url": _url(request, query, shown[-1]) if len(found) > _SHOWN else "",
        "newest_url": _url(request, query, None) if "before" in request.query else "",
        "zone": str(edge.site.timezone),
    }
    return render_office(request, office, "admin/recoveries.html", context)


def _query(fields: Mapping[str, str], office: Office) -> RecoveryQuery:
    view = fields.get("view", "")
    return RecoveryQuery(
        view=RecoveryView(view) if view in list(RecoveryView) else RecoveryView.ALL,
        partner_id=office.partner_id,
        customer_id=_identifier(fields.get("customer", "").strip()),
        text=fields.get("number", "").strip()[:_LONGEST].replace("\x00", ""),
    )


def _identifier(text: str) -> int:
    """Reads a positive whole number; 0 for anything else."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < _LONGEST else 0
    return number if number <= _LARGEST_ID else 0


def _place(text: str) -> RecoveryPlace | None:
    """Reads the place after which the page goes on; nonsense is the beginning."""
    written, _, recovery_id = text.partition("~")
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    is_good = at.tzinfo is not None and recovery_id.isprintable() and len(text) < 2 * _LONGEST
    return RecoveryPlace(at, recovery_id) if is_good else None


def _url(request: web.Request, query: RecoveryQuery, last: Recovery | None) -> str:
    fields = {
        "view": query.view.value,
        "customer": str(query.customer_id or ""),
        "number": query.text,
        "before": f"{last.changed_at.isoformat()}~{last.id}" if last else "",
    }
    given = {name: value for name, value in fields.items() if value}
    return f"{request.app.router['admin-recoveries'].url_for()}?{urlencode(given)}"


def _row(request: web.Request, recovery: Recovery, language: Language) -> Row:
    edge, payable = request.app[EDGE], recovery.payable
    zone = edge.site.timezone
    state, shown_as = _STATES[recovery.state]
    failure, reason = recovery.failure, recovery.reason
    story = request.app.router["admin-timeline"].url_for(collection=recovery.collection_id)
    waits = recovery.state is RecoveryState.WAITING and recovery.next_at is not None
    return Row(
        id=recovery.id,
        debt=office_debt_words(payable.kind.value, payable.document_number, language),
        customer=str(payable.customer_id),
        customer_url=splynx_customer_url(edge.site.admin_url, payable.customer_id),
        amount=language.money(recovery.amount),
        state=language.say(state),
        state_class=shown_as,
        why=reason_words(failure.code, failure.decline_code, language),
        end="" if reason is RecoveryReason.NONE else language.say(REASONS[reason.value]),
        failed_at=moment(recovery.failed_at, zone, language),
        next_at=moment(recovery.next_at, zone, language) if waits and recovery.next_at else "",
        tries=str(recovery.tries),
        story_url=str(story),
        can_try=recovery.state
        in {RecoveryState.WAITING, RecoveryState.EXHAUSTED, RecoveryState.CANCELED},
        can_stop=recovery.is_live,
    )
