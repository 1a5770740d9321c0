"""English sentences that can be said in another language, because they know how they were made.

What is wrong with a setting is found in rooms that know no languages, and is read in logs, on the
command line (both English) and on pages. A `Sentence` is its English text wherever text is wanted;
the page asks for its template and its facts (`said`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Sentence(str):
    """A text with its template (`%(name)s` for each fact), or with the texts it is made of."""

    __slots__ = ("facts", "parts", "template")

    template: str
    facts: Mapping[str, str]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, template: str, facts: Mapping[str, str]) -> Sentence:
        """Fills a template in."""
        made = cls(template % facts if facts else template)
        made.template, made.facts, made.parts = template, facts, ()
        return made

    @classmethod
    def of_parts(cls, parts: tuple[str, ...]) -> Sentence:
        """Puts texts one after the other."""
        made = cls(_begun_large(" ".join(parts)))
        made.template, made.facts, made.parts = "", {}, parts
        return made


def sentence(template: str, /, **facts: str) -> Sentence:
    """Makes a sentence. `make messages` collects the templates, so they must be literal."""
    return Sentence.of(template, facts)


def sentence_of(template: str, facts: Mapping[str, str]) -> Sentence:
    """Fills in a sentence that was made without its facts."""
    return Sentence.of(template.template if isinstance(template, Sentence) else template, facts)


def joined(*parts: str) -> Sentence:
    """Puts sentences one after the other, the first with a large letter; empty ones are left out."""
    return Sentence.of_parts(tuple(part for part in parts if part))


def said(text: str, say: Callable[..., str]) -> str:
    """Says a text in the language of `say` (template, facts → text); a plain one is looked up whole."""
    if not isinstance(text, Sentence):
        return say(text) if text else ""
    if text.parts:
        return _begun_large(" ".join(said(part, say) for part in text.parts))
    facts = {
        name: said(fact, say) if isinstance(fact, Sentence) else fact
        for name, fact in text.facts.items()
    }
    return say(text.template, **facts)


def _begun_large(text: str) -> str:
    return text[:1].upper() + text[1:]
