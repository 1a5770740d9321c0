"""The collections that behave alike: list, view, add, update, delete, count, describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from splynx_stripe.sandbox.splynx import wire
from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Principal
from splynx_stripe.sandbox.splynx.errors import (
    ApiError,
    AttributeProblem,
    InvalidInputError,
    forbidden,
    method_disabled,
    missing_id,
    not_found,
    not_own,
    other_partner,
    server_error,
)
from splynx_stripe.sandbox.splynx.permissions import allows
from splynx_stripe.sandbox.splynx.rows import JsonObject
from splynx_stripe.sandbox.splynx.search import Search
from splynx_stripe.sandbox.splynx.state import R, SplynxState, Table, owner_of

ACTIONS = {
    ("GET", False): "index",
    ("HEAD", False): "index",
    ("OPTIONS", False): "index",
    ("GET", True): "view",
    ("POST", False): "add",
    ("PUT", True): "update",
    ("DELETE", True): "delete",
}
"""(method, whether an id is given) → action of the permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(Generic[R]):
    """One collection, and what is special about it."""

    path: str
    controller: str
    table: Table[R]
    actions: str = "index view"
    """The actions that exist at all; the others answer 405."""
    check: Callable[[R, JsonObject], list[AttributeProblem]] | None = None
    """Says what else is wrong with a new row made of this body."""
    add: Callable[[R], object] | None = None
    """Keeps a new row with its effects; without it the row is just kept."""
    update: Callable[[R, JsonObject], None] | None = None
    """Sets fields with their effects; without it they are just set."""
    delete: Callable[[R], None] | None = None
    show: Callable[[R, JsonObject], JsonObject] | None = None
    """Adds to the JSON of a row what is not a field of it."""
    owned: bool = True
    """Rows belong to customers; those of nobody are hidden from no one."""
    enforced: bool = True
    """Required fields are checked by POST."""
    plain_filters: tuple[str, ...] = ()
    """Attributes that also filter as plain `?name=value`."""


class ResourceEndpoints:
    """Answers calls to resources."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state

    def answer(
        self, resource: Resource[R], row_id: str | None, call: ApiCall, principal: Principal
    ) -> ApiAnswer:
        """Answers a call for `resource`, or for its row `row_id`."""
        action = self._checked_action(resource, row_id, call, principal)
        match call.method:
            case "OPTIONS":
                described = wire.attributes(resource.table.row_type, self._state.options)
                return ApiAnswer(200, {"attributes": described, "additional_attributes": []})
            case "POST":
                return self._add(resource, call, principal)
            case _ if action == "index":
                return self._list(resource, call, principal)
        row = self._row(resource, row_id or "", principal)
        match action:
            case "view":
                return ApiAnswer(200, self._shown(resource, row))
            case "update":
                return self._update(resource, row, call)
            case _:
                return self._delete(resource, row)

    def _checked_action(
        self, resource: Resource[R], row_id: str | None, call: ApiCall, principal: Principal
    ) -> str:
        action = ACTIONS.get((call.method, row_id is not None))
        if action is None:
            raise missing_id() if call.method in ("PUT", "DELETE") else method_disabled()
        if action not in resource.actions.split():
            raise method_disabled()
        if not allows(principal.permissions, resource.controller, action):
            raise forbidden()
        return action

    def _list(self, resource: Resource[R], call: ApiCall, principal: Principal) -> ApiAnswer:
        search = Search.from_query(
            resource.path, _with_plain_filters(resource, call.query), self._state.options
        )
        owner = principal.customer_id if resource.owned else None
        found = search.matching(resource.table, self._state.options, owner)
        if principal.partner_id and resource.owned:
            found = [row for row in found if self._of_partner(row, principal)]
        count = {"Access-Control-Expose-Headers": "X-total-count", "X-total-count": str(len(found))}
        if call.method == "HEAD":
            return ApiAnswer(204, headers=count)
        return ApiAnswer(200, [self._shown(resource, row) for row in search.page(found)])

    def _of_partner(self, row: R, principal: Principal) -> bool:
        return self._state.partner_of(row) in (0, principal.partner_id)

    def _row(self, resource: Resource[R], row_id: str, principal: Principal) -> R:
        if not row_id.isdigit():
            raise server_error() if self._state.options.bad_id_status == 500 else not_found()
        row = resource.table.get(int(row_id))
        if row is None:
            raise not_found()
        if resource.owned:
            self._check_reach(row, principal)
        return row

    def _check_reach(self, row: R, principal: Principal) -> None:
        if principal.customer_id is not None and owner_of(row) != principal.customer_id:
            raise not_own()
        if principal.partner_id and not self._of_partner(row, principal):
            raise other_partner()

    def _shown(self, resource: Resource[R], row: R) -> JsonObject:
        shown = wire.as_json(row, self._state.options)
        return resource.show(row, shown) if resource.show else shown

    def _add(self, resource: Resource[R], call: ApiCall, principal: Principal) -> ApiAnswer:
        row = resource.table.row_type()
        if problems := self._fill(resource, row, call, principal):
            raise InvalidInputError(problems)
        resource.add(row) if resource.add else resource.table.add(row)
        return ApiAnswer(201, {"id": row.id})

    def _fill(
        self, resource: Resource[R], row: R, call: ApiCall, principal: Principal
    ) -> list[AttributeProblem]:
        """Sets the fields of a new row and gives all that is wrong with them."""
        required = wire.missing_required(type(row), call.body) if resource.enforced else []
        problems = wire.required_problems(required)
        if "added_by" in wire.field_types(type(row)):
            made_by = dict(zip(("added_by", "added_by_id"), principal.added_by, strict=True))
            wire.apply(row, made_by)
        try:
            wire.apply(row, wire.writable_fields(row, call.body))
        except InvalidInputError as error:
            problems += error.problems
        problems += self._customer_problems(resource, row, principal)
        named = {item.attribute for item in problems}
        checked = resource.check(row, call.body) if resource.check else []
        return problems + [item for item in checked if item.attribute not in named]

    def _customer_problems(
        self, resource: Resource[R], row: R, principal: Principal
    ) -> list[AttributeProblem]:
        customer_id = owner_of(row)
        if not resource.owned or not customer_id:
            return []
        if self._state.customers.get(customer_id) is None:
            return [AttributeProblem("customer_id", "Customer not found")]
        self._check_reach(row, principal)
        return []

    def _update(self, resource: Resource[R], row: R, call: ApiCall) -> ApiAnswer:
        options = self._state.options
        values = wire.writable_fields(row, call.body)
        incomplete = wire.missing_required(type(row), call.body)
        if options.put_ignored or (options.put_needs_all_fields and incomplete):
            return ApiAnswer(202)
        if "customer_id" in row.INDEXED:
            values.pop("customer_id", None)
        if resource.update:
            resource.update(row, values)
        else:
            wire.apply(row, values)
        return ApiAnswer(202)

    def _delete(self, resource: Resource[R], row: R) -> ApiAnswer:
        if resource.delete is None:
            raise ApiError(405, "ENTITY_CANNOT_BE_DELETED", "Entity cannot be deleted")
        resource.delete(row)
        return ApiAnswer(204)


def _with_plain_filters(resource: Resource[R], query: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: query[name] for name in resource.plain_filters if name in query}
    if not plain:
        return dict(query)
    return {**query, "main_attributes": {**query.get("main_attributes", {}), **plain}}
