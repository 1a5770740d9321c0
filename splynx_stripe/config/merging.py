"""Merges config.yaml and the files of config.d beside it, in name order; the later one wins."""

from __future__ import annotations

from pathlib import Path

from splynx_stripe.config.problems import ConfigError, Problem
from splynx_stripe.config.yaml_files import Document, KeyPath, Place, Value, read_yaml

DROP_IN_FOLDER = "config.d"


def read_merged(path: Path) -> tuple[Document, list[Problem]]:
    """Reads all files of a configuration; gives what they say together, and warnings.

    Raises:
        ConfigError: when there is no such file. Problems inside files are in the document.
    """
    if not path.is_file():
        raise ConfigError([_no_file(path)])
    merged = Document()
    drop_ins, warnings = _drop_ins(path.parent / DROP_IN_FOLDER)
    for file in [path, *drop_ins]:
        name = file.name if file == path else f"{DROP_IN_FOLDER}/{file.name}"
        document = read_yaml(file, name)
        merged.problems.extend(document.problems)
        _merge(merged, document)
    return merged, warnings


def _no_file(path: Path) -> Problem:
    return Problem(
        str(path),
        0,
        "",
        "there is no such file.",
        "Install it with `apt-get install --reinstall -o Dpkg::Options::=--force-confmiss"
        " splynx-stripe`, or name another one: `splynx-stripe config check --config FILE`.",
    )


def _drop_ins(folder: Path) -> tuple[list[Path], list[Problem]]:
    if not folder.is_dir():
        return [], []
    files = sorted(file for file in folder.iterdir() if not file.name.startswith("."))
    unread = [
        Problem(str(file), 0, "", "this file is not read.", "Rename it to end in .yaml.")
        for file in files
        if file.suffix in (".yml", ".json", ".conf")
    ]
    return [file for file in files if file.suffix == ".yaml"], unread


def _merge(into: Document, document: Document) -> None:
    _merge_values(into.data, document.data, (), into.places)
    into.places.update(document.places)


def _merge_values(
    into: dict[str, Value], data: dict[str, Value], path: KeyPath, places: dict[KeyPath, Place]
) -> None:
    for key, value in data.items():
        known = into.get(key)
        inner = (*path, key)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge_values(known, value, inner, places)
            continue
        # What is replaced whole takes the lines of its parts with it.
        for old in [place for place in places if place[: len(inner)] == inner]:
            del places[old]
        into[key] = value
