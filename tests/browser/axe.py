"""Asks axe-core about a page: the findings that shut people out, in light and in dark."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Frame, Page

from tools.axe_core import axe_core

_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """(tags) => axe.run(document, {
  runOnly: {type: 'tag', values: tags}, resultTypes: ['violations'], iframes: false})"""
_RUN_CONTRAST = """() => axe.run(document, {
  runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}, iframes: false})"""


async def barriers(place: Page | Frame) -> list[str]:
    """Gives the serious and critical findings in one document; its frames are not looked into."""
    await place.evaluate(axe_core().read_text())
    return _grave(await place.evaluate(_RUN, _TAGS))


async def barriers_in_both_schemes(page: Page) -> list[str]:
    """The same, and what is hard to read when the page turns dark."""
    found = await barriers(page)
    await page.emulate_media(color_scheme="dark")
    found += await hard_to_read(page)
    await page.emulate_media(color_scheme="light")
    return found


async def hard_to_read(page: Page) -> list[str]:
    """Gives what has too little contrast."""
    await page.evaluate(axe_core().read_text())
    return _grave(await page.evaluate(_RUN_CONTRAST))


def _grave(report: dict[str, Any]) -> list[str]:
    return [
        f"{found['id']}: {found['help']}: {[node['html'][:120] for node in found['nodes']]}"
        for found in report["violations"]
        if found["impact"] in {"serious", "critical"}
    ]
