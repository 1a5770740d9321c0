"""Reads one YAML file into plain data that remembers on which line each key stood.

The values are those of YAML 1.2: only `true` and `false` are booleans, so that `country: NO` is
Norway, and nothing becomes a date or a base-60 number by surprise. A key without a value counts as
not written at all: a section whose keys are all commented out is empty, not wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from typing_extensions import override

from splynx_stripe.config.problems import Problem

Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None
"""What a settings file can hold."""

KeyPath = tuple[str, ...]
"""A key and the sections around it; items of lists count from "0"."""

_MAX_FILE_BYTES = 1_000_000
"""More than a thousand partners fit; anything longer is not a settings file."""

_SECRET = re.compile(r"\s*(sk_|rk_|whsec_)")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_CONSTANTS: Mapping[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge", "value")
)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; `name` is how people call the file, such as `config.d/10-keys.yaml`."""

    file: str
    name: str
    line: int

    @override
    def __str__(self) -> str:
        return f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Document:
    """What was understood of one or several files."""

    data: dict[str, Value] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_yaml(path: Path, name: str) -> Document:
    """Reads a file; what cannot be read or used is left out and told in `problems`."""
    document = Document()
    reader = _Reader(str(path), name, document)
    try:
        text = _text_of(path)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        reader.reject(
            0, (), f"the file cannot be read: {error.strerror}.", "Check its permissions."
        )
    except UnicodeDecodeError:
        reader.reject(0, (), "the file is not UTF-8 text.", "Save it as UTF-8.")
    except yaml.MarkedYAMLError as error:
        reader.reject_syntax(error)
    except yaml.YAMLError:
        reader.reject(0, (), "the file has control characters.", "Remove them.")
    else:
        reader.read_root(node)
    return document


def _text_of(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise OSError(0, f"it is longer than {_MAX_FILE_BYTES} bytes")
    return content.decode("utf-8")


class _Reader:
    """Walks the node tree of one file and fills a `Document`."""

    def __init__(self, file: str, name: str, document: Document) -> None:
        self._file = file
        self._name = name
        self._document = document
        self._open_nodes: list[yaml.Node] = []

    def reject(self, line: int, path: KeyPath, message: str, fix: str) -> None:
        key = ".".join(path)
        self._document.problems.append(Problem(self._file, line, key, message, fix))

    def reject_syntax(self, error: yaml.MarkedYAMLError) -> None:
        # Only the parser's own words: its snippet of the file could show a secret.
        mark = error.problem_mark or error.context_mark
        self.reject(
            mark.line + 1 if mark else 0,
            (),
            f"this is not YAML: {error.problem or error.context or 'syntax error'}.",
            "Check the indentation, the colons and the quotes of this line and the one above.",
        )

    def read_root(self, node: yaml.Node | None) -> None:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value == ""):
            return
        if not isinstance(node, yaml.MappingNode):
            self.reject(
                _line_of(node), (), "the file holds no keys.", "Write `key: value` on each line."
            )
            return
        self._document.data.update(self._mapping(node, ()))

    def _value(self, node: yaml.Node, path: KeyPath) -> Value:
        if node in self._open_nodes or node.tag not in _PLAIN_TAGS:
            what = "an alias to itself" if node in self._open_nodes else "a YAML tag"
            self.reject(_line_of(node), path, f"{what} is not allowed.", "Write the plain value.")
            return None
        self._open_nodes.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                known_problems = len(self._document.problems)
                items = list(self._items(node, path))
                # Without its wrong item a list would mean something else.
                return items if len(self._document.problems) == known_problems else None
            return self._scalar(node, path)
        finally:
            self._open_nodes.pop()

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            inner = (*path, key)
            if inner in self._document.places:
                first = self._document.places[inner].line
                self.reject(
                    _line_of(key_node),
                    inner,
                    f"the key is here twice; the first is on line {first}.",
                    "Remove one of them.",
                )
                continue
            self._document.places[inner] = Place(self._file, self._name, _line_of(key_node))
            known_problems = len(self._document.problems)
            value = self._value(value_node, inner)
            if value is not None:
                found[key] = value
            elif len(self._document.problems) == known_problems:
                del self._document.places[inner]  # no value: as if it were not there
        return found

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        text = str(node.value)
        if _SECRET.match(text):
            self._reject_secret(node, path)
        elif not isinstance(node, yaml.ScalarNode) or not text.isprintable():
            self.reject(_line_of(node), path, "a key must be a plain word.", "Correct it.")
        else:
            return text
        return None

    def _items(self, node: yaml.SequenceNode, path: KeyPath) -> Iterator[Value]:
        for index, item in enumerate(node.value):
            inner = (*path, str(index))
            self._document.places[inner] = Place(self._file, self._name, _line_of(item))
            value = self._value(item, inner)
            if value is not None:
                yield value

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Value:
        text = str(node.value)
        if _SECRET.match(text):
            self._reject_secret(node, path)
            return None
        if not text.isprintable():
            self.reject(_line_of(node), path, "it has invisible characters.", "Remove them.")
            return None
        if isinstance(node, yaml.ScalarNode) and node.style is None:
            return _plain(text)
        return text

    def _reject_secret(self, node: yaml.Node, path: KeyPath) -> None:
        self.reject(
            _line_of(node),
            path,
            "a secret is written here, where backups and other people can read it.",
            "Consider it known: rotate it (roll the key in the Stripe dashboard), put the new one"
            " into a file of its own (mode 0600) and name that file under `secret_key_file` or"
            " `webhook_secret_file`.",
        )


def _plain(text: str) -> Value:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
