"""Splynx's own script `system/script/addon`, which makes an API key on a Splynx server.

Only the calls that are known exactly are used (reference `splynx-api.md` 4.2).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from splynx_stripe.kit.secret import Secret

SPLYNX_FOLDER = Path("/var/www/splynx")
_TITLE = "splynx-stripe"
_TIMEOUT_S = 60
_KEY_AND_SECRET = re.compile(r"([0-9a-zA-Z]{16,64})\s*[,;\s]\s*([0-9a-zA-Z]{16,128})")


class SplynxScriptError(Exception):
    """Splynx's script did not do it. Make the key by hand: Administration → API keys → Add."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """An API key that the script has made or found."""

    key: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class SplynxScript:
    """The script of the Splynx server that we run on."""

    path: Path

    @classmethod
    def of(cls, folder: Path) -> SplynxScript | None:
        """Finds it below Splynx's folder; None where there is no Splynx."""
        path = folder / "system" / "script" / "addon"
        return cls(path) if path.is_file() else None

    def make_key(self, permissions: Iterable[tuple[str, str]], own_addresses: str) -> MadeKey:
        """Makes our API key or finds the one made before, and allows it what it needs.

        Args:
            permissions: Controllers with an action each.
            own_addresses: From where the key may be used, separated by commas.

        Raises:
            SplynxScriptError: what the script said, in short.
        """
        number = self._call("add-or-get-api-key", f"--title={_TITLE}").strip()
        if not number.isdecimal():
            raise SplynxScriptError("add-or-get-api-key did not print the number of a key.")
        said = self._call("get-api-key-and-secret", f"--id={number}")
        found = _KEY_AND_SECRET.search(said)
        if found is None:
            raise SplynxScriptError("get-api-key-and-secret did not print a key and a secret.")
        self._call("api-key-white-list", f"--id={number}", f"--list={own_addresses}")
        for controller, action in permissions:
            self._call(
                "set-api-key-permission",
                f"--id={number}",
                f"--controller={controller}",
                f"--action={action}",
                "--rule=allow",
            )
        return MadeKey(found[1], Secret(found[2]))

    def _call(self, *arguments: str) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the administrator's own Splynx, no shell
                [str(self.path), *arguments],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise SplynxScriptError(
                f"{self.path} {arguments[0]} ended with code {error.returncode}."
            ) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SplynxScriptError(f"{self.path} {arguments[0]} could not be run.") from error
        return done.stdout
