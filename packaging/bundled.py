"""Lists the libraries in a folder as JSON: name, version, licence and home page."""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, distributions


def licence_of(library: Distribution) -> str:
    """Says under which licence a library is, from whichever field its authors use."""
    told = library.metadata
    for key in ("License-Expression", "License"):
        for text in map(str, told.get_all(key) or []):
            if text and "\n" not in text and text != "UNKNOWN":
                return text
    classified = [
        str(line).rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or []
        if str(line).startswith("License ::")
    ]
    return ", ".join(classified) or "see its dist-info folder"


def bundled(folder: str) -> list[dict[str, str]]:
    """Gives one row per library, sorted by name."""
    rows = [
        {
            "name": str(library.metadata["Name"]),
            "version": library.version,
            "licence": licence_of(library),
        }
        for library in distributions(path=[folder])
    ]
    return sorted(rows, key=lambda row: row["name"].lower())


if __name__ == "__main__":
    print(json.dumps(bundled(sys.argv[1]), indent=2))
