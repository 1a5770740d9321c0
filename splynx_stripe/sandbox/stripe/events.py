"""Events as the API lists them, newest first, each frozen as it was made."""

from __future__ import annotations

from splynx_stripe.sandbox.stripe.call import Call, Operation, page
from splynx_stripe.sandbox.stripe.errors import bad_parameter, resource_missing
from splynx_stripe.sandbox.stripe.forms import EXPAND, PAGING, boolean, list_of, moment, string
from splynx_stripe.sandbox.stripe.state import Json

MAX_TYPES = 20


def matches(pattern: str, kind: str) -> bool:
    """Says whether `kind` is meant: exactly, by `*`, or by `charge.*`."""
    if pattern.endswith("*"):
        return kind.startswith(pattern[:-1])
    return pattern == kind


def retrieve(call: Call) -> Json:
    stored = call.book.events.get(call.path_id)
    if stored is None:
        raise resource_missing("event", call.path_id, param="id", by_path=True)
    return stored.as_listed()


def list_all(call: Call) -> Json:
    patterns = list(call.params.get("types", ()))
    if "type" in call.params:
        if patterns:
            raise bad_parameter(
                "You may only specify one of these parameters: type, types.", param="type"
            )
        patterns = [call.params["type"]]
    if len(patterns) > MAX_TYPES:
        raise bad_parameter(f"You may pass up to {MAX_TYPES} event types.", param="types")
    chosen = list(call.book.events.values())
    if patterns:
        chosen = [it for it in chosen if any(matches(one, it.body["type"]) for one in patterns)]
    if (delivered := call.params.get("delivery_success")) is not None:
        chosen = [it for it in chosen if (it.waiting == 0) is delivered]
    shown = page(call, [it.body for it in chosen], "event")
    # Only what is on the page is copied: there may be many thousands of events.
    return {**shown, "data": [call.book.events[it["id"]].as_listed() for it in shown["data"]]}


OPERATIONS = (
    Operation("GET", "/v1/events/{id}", retrieve, EXPAND),
    Operation(
        "GET",
        "/v1/events",
        list_all,
        {
            **PAGING,
            **EXPAND,
            "created": moment,
            "delivery_success": boolean,
            "type": string(),
            "types": list_of(string()),
        },
    ),
)
