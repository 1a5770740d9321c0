"""One API call as its handler sees it, and the description of an operation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from splynx_stripe.sandbox.stripe.errors import StripeError, bad_parameter
from splynx_stripe.sandbox.stripe.forms import Spec
from splynx_stripe.sandbox.stripe.state import API_VERSION, Book, Json, StoredEvent, StripeState

DEFAULT_PAGE = 10
MAX_EXPAND_DEPTH = 4
_EXPANDABLE = frozenset(
    {
        "balance_transaction",
        "charge",
        "customer",
        "data",
        "default_payment_method",
        "failure_balance_transaction",
        "invoice_settings",
        "latest_charge",
        "mandate",
        "payment_intent",
        "payment_method",
        "refunds",
        "source",
    }
)


@dataclass(slots=True)
class Call:
    """A checked request. `params` holds only what was sent; `path_id` is the id in the path."""

    state: StripeState
    book: Book
    path: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    path_id: str = ""
    origin: str = ""
    """Where this sandbox is reached, for addresses in answers."""
    publishable: bool = False
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def created(self) -> int:
        return self.state.seconds()

    def the(self, kind: str, *, param: str = "id") -> Json:
        """Gives the object that the path names."""
        return self.state.found(self.book, kind, self.path_id, param=param, by_path=True)

    def referred(self, kind: str, param: str) -> Json | None:
        """Gives the object that a parameter names, None without the parameter."""
        wanted = self.params.get(param)
        if not wanted:
            return None
        found = self.state.found(self.book, kind, wanted, param=param, by_path=False)
        if found.get("deleted"):
            return self.state.found(Book(self.book.key), kind, wanted, param=param, by_path=False)
        return found

    def emit(self, kind: str, thing: Json, previous: Json | None = None) -> None:
        """Records an event: the object as it is now, frozen."""
        data: Json = {"object": copy.deepcopy(thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Json = {
            "id": self.state.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": data,
            "livemode": self.book.livemode,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": kind,
        }
        stored = StoredEvent(event)
        self.book.events[event["id"]] = stored
        self.state.on_event(self.book, stored)

    def afterwards(self) -> Call:
        """Gives a call for what Stripe does later by itself, outside any request."""
        return Call(self.state, self.book)

    def changed(self, names: Iterable[str]) -> dict[str, Any]:
        """Gives those of the named parameters that were sent; "" becomes None (unset)."""
        return {
            name: None if self.params[name] == "" else self.params[name]
            for name in names
            if name in self.params
        }


Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint. `{id}` in the path is the object's id.

    `publishable` says that the browser may call it with the publishable key.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    params: Spec = field(default_factory=dict)
    required: tuple[str, ...] = ()
    publishable: bool = False

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def page(call: Call, things: Iterable[Json], kind: str) -> Json:
    """Gives one page of a list, newest first, as Stripe does.

    `things` come in the order of their creation.
    """
    newest_first = [thing for thing in reversed(list(things)) if _in_time(call, thing)]
    limit = call.params.get("limit", DEFAULT_PAGE)
    places = {thing["id"]: place for place, thing in enumerate(newest_first)}
    if before := call.params.get("ending_before"):
        end = _place(call, places, kind, before, "ending_before")
        chosen, has_more = newest_first[max(0, end - limit) : end], end > limit
    else:
        after = call.params.get("starting_after")
        start = _place(call, places, kind, after, "starting_after") + 1 if after else 0
        chosen = newest_first[start : start + limit]
        has_more = len(newest_first) > start + limit
    return {"object": "list", "url": call.path, "has_more": has_more, "data": chosen}


def _place(call: Call, places: dict[str, int], kind: str, wanted: str, param: str) -> int:
    if wanted not in places:
        if kind != "event":
            call.state.found(call.book, kind, wanted, param=param, by_path=False)
        raise bad_parameter(f"No such {kind}: '{wanted}'", param=param, code="resource_missing")
    return places[wanted]


def _in_time(call: Call, thing: Json) -> bool:
    wanted = call.params.get("created")
    if wanted is None:
        return True
    at = int(thing["created"])
    if isinstance(wanted, int):
        return at == wanted
    tests: dict[str, Callable[[int], bool]] = {
        "gt": at.__gt__,
        "gte": at.__ge__,
        "lt": at.__lt__,
        "lte": at.__le__,
    }
    return all(tests[name](bound) for name, bound in wanted.items())


def expanded(call: Call, answer: Json) -> Json:
    """Gives a copy of the answer with the references named in `expand` replaced by objects."""
    shown = copy.deepcopy(answer)
    for wanted in call.params.get("expand", ()):
        _expand(call, shown, wanted.split("."), wanted)
    return shown


def check_expand(wanted: Iterable[str]) -> None:
    """Refuses what no object has, before anything is done."""
    for path in wanted:
        steps = path.split(".")
        if len(steps) > MAX_EXPAND_DEPTH + 1:
            raise bad_parameter(
                "You cannot expand more than 4 levels of a property.", param="expand"
            )
        if not _EXPANDABLE.issuperset(steps):
            raise _not_expandable(path)


def _not_expandable(path: str) -> StripeError:
    return bad_parameter(f"This property cannot be expanded ({path}).", param="expand")


def _expand(call: Call, node: Json, steps: list[str], wanted: str) -> None:
    step, *rest = steps
    below = _below(call, node, step, wanted)
    if not rest or below is None:
        return
    for item in below if isinstance(below, list) else [below]:
        _expand(call, item, rest, wanted)


def _below(call: Call, node: Json, step: str, wanted: str) -> Any:
    if node.get("deleted"):
        return None
    if step == "refunds" and node["object"] == "charge":
        node["refunds"] = _refunds_of(call, node["id"])
    below = node.get(step, "")
    if isinstance(below, str):
        found = call.state.resolved(call.book, below)
        if found is None:
            raise _not_expandable(wanted)
        below = node[step] = copy.deepcopy(found)
    return below


def _refunds_of(call: Call, charge_id: str) -> Json:
    chosen = [it for it in call.book.refunds.values() if it["charge"] == charge_id]
    return {
        "object": "list",
        "data": copy.deepcopy(chosen[::-1]),
        "has_more": False,
        "url": f"/v1/charges/{charge_id}/refunds",
    }
