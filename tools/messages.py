"""Collects the texts of the pages into the template and the languages (`make messages`).

Texts stand in code and templates as `say("…")` and `later("…")`, as `sentence("…")` in rooms that know
no languages, and in tables of the domain, which does not either. Each text that is new waits in the `.po` files for its translation; one
that is gone is dropped. The program fails when texts wait, and says which.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1] / "splynx_stripe"
LOCALE_DIR = ROOT / "web" / "locale"
TEMPLATE = LOCALE_DIR / "splynx_stripe.pot"
TABLES = (ROOT / "domain" / "timeline.py", ROOT / "domain" / "payment_kind.py")
"""Modules whose tables of texts are shown through `say`."""

ROOMS_WITH_SENTENCES = ("config", "daemon", "flows", "kit")
"""Rooms that know no languages and make sentences which pages show (`kit/sentence.py`)."""

_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"encoding": "utf-8", "trimmed": "true"}}
_KEYWORDS: dict[str, None] = {"say": None, "later": None}
_SENTENCES: dict[str, None] = {"sentence": None}


def collected() -> Catalog:
    """Gives all texts, in the order of the alphabet, without translations."""
    texts = {text for table in TABLES for text in texts_of_tables(table.read_text())}
    places = [("web", _KEYWORDS), *((room, _SENTENCES) for room in ROOMS_WITH_SENTENCES)]
    for room, keywords in places:
        for found in extract_from_dir(ROOT / room, _METHODS, _OPTIONS, keywords):
            text = found[2]
            texts.add(text if isinstance(text, str) else text[0])
    catalog = Catalog(fuzzy=False)
    for text in sorted(texts):
        catalog.add(text)
    return catalog


def texts_of_tables(source: str) -> Iterator[str]:
    """Gives the texts of a module's constants that people read: they begin large or hold a space."""
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
            continue
        table = statement.value
        for value in table.values if isinstance(table, ast.Dict) else [table]:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                text = value.value
                if " " in text or text[:1].isupper():
                    yield text


def as_template(catalog: Catalog) -> str:
    """Writes the template, without anything that changes when no text did."""
    return _written(catalog)


def as_language(catalog: Catalog, locale: Locale) -> str:
    """Writes the file of one language."""
    head = (
        f"# {locale.english_name} texts of splynx-stripe; docs/how-to/translate.md says how to"
        ' change them.\nmsgid ""\nmsgstr ""\n'
        f'"Language: {locale}\\n"\n"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    return head + _written(catalog)


def _written(catalog: Catalog) -> str:
    file = io.BytesIO()
    write_po(file, catalog, no_location=True, omit_header=True, sort_output=True)
    return file.getvalue().decode()


def updated(template: Catalog, known: Catalog) -> Catalog:
    """Gives the template's texts with the translations that are known, none of them guessed."""
    catalog = Catalog(fuzzy=False)
    for message in template:
        if message.id:
            before = known.get(message.id)
            catalog.add(message.id, before.string if before and not before.fuzzy else "")
    return catalog


def language_files() -> list[Path]:
    """Gives the files of the languages, as `<language>/LC_MESSAGES/splynx_stripe.po`."""
    return sorted(LOCALE_DIR.glob("*/LC_MESSAGES/splynx_stripe.po"))


def main() -> int:
    """Updates the template and every language; gives 1 when a text has no translation."""
    template = collected()
    TEMPLATE.write_text(as_template(template))
    waiting = 0
    for path in language_files():
        language = path.parents[1].name
        with path.open("rb") as file:
            catalog = updated(template, read_po(file))
        path.write_text(as_language(catalog, Locale.parse(language)))
        missing = [message.id for message in catalog if message.id and not message.string]
        waiting += len(missing)
        for text in missing:
            print(f"{language}: not translated: {text}", file=sys.stderr)
    print(f"{len(template)} texts, {len(language_files()) + 1} languages, {waiting} to translate.")
    return 1 if waiting else 0


if __name__ == "__main__":
    sys.exit(main())
