"""Checks requests and answers against the types of the installed `stripe` package.

Stripe generates that package from its own API description, so it knows every parameter and every
field of the API version it is pinned to. Nothing is copied here: operations are read from the
package's service classes, parameters and fields from its annotations, when the tests run.

It knows types, names and enums at every depth. It does not know lengths, numbers of metadata
keys, or rules between fields (`reference/stripe-api.md`, section 1.4).
"""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import stripe
import typing_extensions
from stripe import params as stripe_params

_SERVICES = (
    "_account_service",
    "_balance_transaction_service",
    "_charge_service",
    "_customer_payment_method_service",
    "_customer_service",
    "_event_service",
    "_mandate_service",
    "_payment_intent_service",
    "_payment_method_service",
    "_dispute_service",
    "_refund_service",
    "_setup_intent_service",
    "_webhook_endpoint_service",
)
_EVENT_OBJECTS = (
    stripe.Charge,
    stripe.Customer,
    stripe.PaymentIntent,
    stripe.PaymentMethod,
    stripe.Dispute,
    stripe.Refund,
    stripe.SetupIntent,
)
_OPTIONS = frozenset(stripe.RequestOptions.__annotations__)
_INTEGER = re.compile(r"[+-]?\d+")
_BROWSER_ONLY = frozenset({"client_secret"})
"""What Stripe.js sends with a publishable key and server libraries therefore do not know."""


@dataclass(frozen=True, slots=True)
class SdkOperation:
    """One endpoint of the SDK. `params` is None where it takes none."""

    method: str
    path: str
    params: type[Any] | None
    answer: Any

    def matches(self, method: str, path: str) -> bool:
        pattern = re.sub(r"\{\w+\}", "[^/]+", self.path)
        return self.method == method.upper() and re.fullmatch(pattern, path) is not None


class SdkSchema:
    """The operations of the SDK, and the two checks. Get it with `load()`."""

    def __init__(self, operations: tuple[SdkOperation, ...]) -> None:
        # Literal paths come first, so that /v1/payment_intents/search is not an id.
        self.operations = tuple(sorted(operations, key=lambda one: one.path.count("{")))

    @classmethod
    @cache
    def load(cls) -> SdkSchema:
        """Reads the installed package, once per process."""
        folder = Path(next(iter(stripe.__path__)))
        found = [one for name in _SERVICES for one in _operations(folder / f"{name}.py")]
        return cls(tuple(found))

    def operation(self, method: str, path: str) -> SdkOperation | None:
        return next((one for one in self.operations if one.matches(method, path)), None)

    def check_request(self, method: str, path: str, params: Mapping[str, Any]) -> list[str]:
        """Gives what is wrong with the parameters; values may be typed or as form strings."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"no such operation: {method} {path}"]
        sent = {name: value for name, value in params.items() if name not in _BROWSER_ONLY}
        if operation.params is None:
            return [f"unknown parameter {name}" for name in sent]
        return list(_typed_dict(operation.params, sent, ""))

    def check_response(self, method: str, path: str, body: Any) -> list[str]:
        """Gives what is wrong with an answer, be it a success or an error."""
        operation = self.operation(method, path)
        if isinstance(body, dict) and isinstance(body.get("error"), dict):
            return list(_answer(stripe.ErrorObject, body["error"], "error"))
        if operation is None:
            return [f"no such operation: {method} {path}"]
        return list(_answer(operation.answer, body, ""))

    def check_event(self, body: Any) -> list[str]:
        """Gives what is wrong with an event, as delivered by a webhook."""
        return list(_answer(stripe.Event, body, ""))


@dataclass(slots=True)
class ExchangeChecker:
    """An observer for `StripeSandbox(observer=…)` that collects every problem it sees.

    A request that was refused may be wrong; one that was accepted must not be.
    """

    problems: list[str] = field(default_factory=list)
    exchanges: int = 0
    seen: set[str] = field(default_factory=set)
    """The operations seen to succeed, as "POST /v1/refunds"."""

    def __call__(
        self, method: str, path: str, params: Mapping[str, Any], status: int, body: Any
    ) -> None:
        schema = SdkSchema.load()
        self.exchanges += 1
        operation = schema.operation(method, path)
        if operation is None and (path.endswith("/_authenticate") or status >= 400):
            return
        problems = schema.check_response(method, path, body)
        if status < 400:
            problems += schema.check_request(method, path, params)
            self.seen.add(f"{method} {operation.path if operation else path}")
        self.problems += [f"{method} {path}: {problem}" for problem in problems]


def _operations(file: Path) -> Iterator[SdkOperation]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AsyncFunctionDef) and node.returns is not None:
            call = next((one for one in ast.walk(node) if _is_request(one)), None)
            if isinstance(call, ast.Call):
                yield _operation(node, call)


def _is_request(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_request_async"
    )


def _operation(function: ast.AsyncFunctionDef, call: ast.Call) -> SdkOperation:
    method, path = call.args[0], call.args[1]
    if isinstance(path, ast.Call) and isinstance(path.func, ast.Attribute):
        path = path.func.value
    assert isinstance(method, ast.Constant)
    assert isinstance(path, ast.Constant)
    annotations = {one.arg: one.annotation for one in function.args.args}
    name = re.search(r"\w+Params", ast.unparse(annotations.get("params") or ast.Constant("")))
    assert isinstance(function.returns, ast.Constant)
    return SdkOperation(
        str(method.value).upper(),
        str(path.value),
        getattr(stripe_params, name.group()) if name else None,
        _evaluated({"it": function.returns.value}, vars(stripe))["it"],
    )


def _evaluated(annotations: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Resolves annotations given as text; what has no name at run time becomes Any."""
    known = _Names(names)
    resolved: dict[str, Any] = {}
    for name, annotation in annotations.items():
        holder = type("Holder", (), {"__annotations__": {"it": annotation}})
        try:
            resolved[name] = get_type_hints(holder, dict(names), known, include_extras=True)["it"]
        except (NameError, AttributeError):
            resolved[name] = Any
    return resolved


class _Names(dict[str, Any]):
    """Names of a module, then those of the package: the SDK imports many for checkers only."""

    def __missing__(self, name: str) -> Any:
        try:
            return getattr(stripe, name)
        except AttributeError:
            raise KeyError(name) from None


@cache
def _fields(cls: Any) -> dict[str, Any]:
    names = vars(sys.modules[cls.__module__])
    # A class inside a class may name its sisters.
    outer: Any = sys.modules[cls.__module__]
    sisters: dict[str, Any] = {}
    for part in cls.__qualname__.split(".")[:-1]:
        outer = getattr(outer, part)
        sisters.update({k: v for k, v in vars(outer).items() if isinstance(v, type)})
    hints = _evaluated(cls.__annotations__, {**names, **sisters})
    return {name: hint for name, hint in hints.items() if name.islower() and name[0] != "_"}


def _bare(hint: Any) -> Any:
    while get_origin(hint) in (typing_extensions.NotRequired, typing_extensions.Required):
        hint = get_args(hint)[0]
    return hint


def _members(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(one for part in get_args(hint) for one in _members(part))
    return (hint,)


# --- requests: strict -----------------------------------------------------------------------


def _typed_dict(cls: Any, sent: Mapping[str, Any], inside: str) -> Iterator[str]:
    known = {name: hint for name, hint in _fields(cls).items() if name not in _OPTIONS}
    for name in sorted(getattr(cls, "__required_keys__", frozenset()) - _OPTIONS):
        if name not in sent:
            yield f"missing parameter {_path(inside, name)}"
    for name, value in sent.items():
        if name in known:
            yield from _param(known[name], value, _path(inside, name))
        else:
            yield f"unknown parameter {_path(inside, name)}"


def _path(inside: str, name: str) -> str:
    return f"{inside}.{name}" if inside else name


def _param(hint: Any, value: Any, path: str) -> list[str]:
    members = _members(_bare(hint))
    words = {word for one in members if get_origin(one) is Literal for word in get_args(one)}
    if words - {""}:
        # The SDK leaves its enums open with `|str`; a request of ours has no business there.
        members = tuple(one for one in members if one is not str)
    tries = [_one_param(member, value, path) for member in members]
    if not tries or any(not problems for problems in tries):
        return []
    return max(tries, key=lambda problems: problems[0].count("."))


def _one_param(hint: Any, value: Any, path: str) -> list[str]:
    origin = get_origin(hint)
    if hint is Any:
        return []
    if origin is Literal:
        return [] if value in get_args(hint) else [f"{value!r} is no choice for {path}"]
    if origin in (list, dict) or isinstance(hint, type):
        return (
            _structured(hint, value, path) if _is_structured(hint) else _scalar(hint, value, path)
        )
    return []


def _is_structured(hint: Any) -> bool:
    origin = get_origin(hint) or hint
    return origin in (list, dict) or (
        isinstance(origin, type)
        and (typing_extensions.is_typeddict(origin) or issubclass(origin, stripe.StripeObject))
    )


def _structured(hint: Any, value: Any, path: str) -> list[str]:
    origin, args = get_origin(hint) or hint, get_args(hint) or (Any, Any)
    if origin is list:
        items = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(items, list):
            return [f"{value!r} is not a list for {path}"]
        return [it for n, item in enumerate(items) for it in _param(args[0], item, f"{path}.{n}")]
    if not isinstance(value, Mapping):
        return [f"{value!r} is not an object for {path}"]
    if typing_extensions.is_typeddict(origin):
        return list(_typed_dict(origin, value, path))
    return [it for k, item in value.items() for it in _param(args[-1], item, f"{path}.{k}")]


def _scalar(hint: type[Any], value: Any, path: str) -> list[str]:
    text = isinstance(value, str)
    if hint is bool:
        good = isinstance(value, bool) or value in ("true", "false")
    elif hint is int:
        good = type(value) is int or (text and _INTEGER.fullmatch(value) is not None)
    elif hint in (float, Decimal):
        good = text or (isinstance(value, (int, float, Decimal)) and not isinstance(value, bool))
    elif hint is str:
        good = text
    else:
        good = True
    return [] if good else [f"{value!r} is not {hint.__name__} for {path}"]


# --- answers: strict on names and types, lax on enums ---------------------------------------


def _answer(hint: Any, value: Any, path: str) -> list[str]:
    members = _members(_bare(hint))
    if value is None:
        nullable = type(None) in members or Any in members
        return [] if nullable else [f"{path} must not be null"]
    members = tuple(one for one in members if one is not type(None))
    if isinstance(value, dict):
        members = _by_object_name(members, value)
    tries = [_one_answer(member, value, path) for member in members]
    if not tries or any(not problems for problems in tries):
        return []
    return max(tries, key=len)


def _by_object_name(members: tuple[Any, ...], value: Mapping[str, Any]) -> tuple[Any, ...]:
    named = [one for one in members if getattr(one, "OBJECT_NAME", "") == value.get("object", 0)]
    return tuple(named) or members


def _one_answer(hint: Any, value: Any, path: str) -> list[str]:
    origin, args = get_origin(hint) or hint, get_args(hint)
    if origin is Literal:
        right = type(value) in {type(word) for word in args}
        return [] if right else [f"{path} is {value!r}"]
    if origin is stripe.ListObject:
        return _list_object(args[0], value, path)
    if origin is list:
        return _answered_list(args[0], value, path)
    if isinstance(origin, type) and issubclass(origin, (stripe.StripeObject, dict)):
        return _answered_object(origin, args, value, path)
    return _plain_answer(origin, value, path)


def _answered_list(item: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path} is {value!r}, not a list"]
    return [it for n, one in enumerate(value) for it in _answer(item, one, f"{path}.{n}")]


def _list_object(item: Any, value: Any, path: str) -> list[str]:
    if not isinstance(value, dict) or value.get("object") != "list":
        return [f"{path} is not a list object"]
    problems = [
        f"unknown field {_path(path, name)}"
        for name in value
        if name not in ("object", "url", "has_more", "data", "total_count")
    ]
    return problems + _answer(list[item], value.get("data"), _path(path, "data"))


def _answered_object(cls: Any, args: tuple[Any, ...], value: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is {value!r}, not an object"]
    if cls.__name__ == "UntypedStripeObject" or issubclass(cls, dict):
        inner = args[-1] if args else Any
        return [it for k, item in value.items() for it in _answer(inner, item, _path(path, k))]
    known, problems = _fields(cls), list[str]()
    for name, item in value.items():
        if name not in known:
            problems.append(f"unknown field {_path(path, name)}")
        elif cls.__qualname__ == "Event.Data" and name == "object":
            problems += _answer(Union[_EVENT_OBJECTS], item, _path(path, name))  # noqa: UP007 (of a tuple)
        else:
            problems += _answer(known[name], item, _path(path, name))
    return problems


def _plain_answer(hint: Any, value: Any, path: str) -> list[str]:
    if hint is int:
        good = type(value) is int
    elif hint in (float, Decimal):
        good = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    elif hint in (str, bool):
        good = type(value) is hint
    else:  # Any, and what has no name at run time
        good = True
    return [] if good else [f"{path} is {value!r}, not {hint.__name__}"]
