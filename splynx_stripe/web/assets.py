"""Static files: read once, addressed by the hash of their content, kept by browsers for a year."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

_STATIC_DIR = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_A_YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file."""

    digest: str
    content_type: str
    body: bytes


class Assets:
    """The static files and their addresses."""

    def __init__(self, base: str, files: Mapping[str, Asset]) -> None:
        self._base = base
        self._files = files

    @classmethod
    def installed(cls, base: str) -> Assets:
        """Reads the files that were installed with this program."""
        paths = [path for path in sorted(_STATIC_DIR.iterdir()) if path.suffix in _TYPES]
        return cls(base, {path.name: _read(path) for path in paths})

    def url(self, name: str) -> str:
        """Gives the address of a file; another content has another address."""
        return f"{self._base}/static/{self._files[name].digest}/{name}"

    def answer(self, digest: str, name: str) -> web.Response:
        """Serves a file. An old page asks by an old hash and gets today's file, not to be kept."""
        asset = self._files.get(name)
        if asset is None:
            raise web.HTTPNotFound
        caching = _FOR_A_YEAR if digest == asset.digest else "no-cache"
        headers = {"Content-Type": asset.content_type, "Cache-Control": caching}
        return web.Response(body=asset.body, headers=headers)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(hashlib.sha256(body).hexdigest()[:16], _TYPES[path.suffix], body)
