"""Listens to a browser: nothing may go wrong in it that a test has not announced."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError

_LISTEN = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`));
"""
_CARD_REFUSED = "402 (Payment Required)"
"""A browser complains about every answer above 399; this one is how Stripe declines a card."""


@dataclass
class Watch:
    """What one browser context has complained about, and what it has fetched."""

    announced: list[str] = field(default_factory=lambda: [_CARD_REFUSED])
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def follow(self, context: BrowserContext) -> None:
        """Listens to all pages and frames of a context from now on."""
        await context.add_init_script(_LISTEN)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def expect(self, *texts: str) -> None:
        """Announces complaints that belong to the story of a test."""
        self.announced.extend(texts)

    @property
    def surprises(self) -> list[str]:
        """Gives the complaints that nobody announced."""
        return [one for one in self.complaints if not any(text in one for text in self.announced)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        self.requests.append(request)

    def _error(self, error: WebError) -> None:
        self.complaints.append(str(error.error))


async def body_bytes(page: Page, watch: Watch, origin: str) -> int:
    """Adds up the bodies of all answers of one origin that the context got, uncompressed."""
    await page.wait_for_load_state("networkidle")
    total = 0
    for request in watch.requests:
        response = await request.response()
        if response is not None and request.url.startswith(origin):
            total += len(await response.body())
    return total
