"""A settings desk for tests: files and keys in a folder, and trials that answer from memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from splynx_stripe.config import Settings, load_settings
from splynx_stripe.config.document import ConfigDocument
from splynx_stripe.config.encryption_key import EncryptionKeyFile
from splynx_stripe.config.secret_files import SecretFiles
from splynx_stripe.flows.page_settings import PageSettings
from splynx_stripe.flows.ports import Store
from splynx_stripe.kit.clock import Clock
from splynx_stripe.kit.sealing import new_key_line
from splynx_stripe.web.settings_desk import SettingsDesk, TrialLine

NOTHING_WRITTEN = Settings(
    document=ConfigDocument(),
    places={},
    section_accounts={},
    splynx_api_secret=None,
    key_file=EncryptionKeyFile(SecretFiles(Path("/nowhere"), None), "encryption.key"),
    warnings=(),
)


class NoStore:
    """For tests that have nothing to do with settings."""

    async def run(self, work: object) -> NoReturn:
        raise AssertionError(f"this test has no database for {work}")

    read = run


@dataclass
class FakeTrials:
    """Knows two partners; remembers what it was asked to try."""

    known: Mapping[int, str] | None = field(
        default_factory=lambda: {1: "Northwind Fibre", 2: "Kaze Net"}
    )
    tried: list[tuple[str, Settings, str]] = field(default_factory=list)

    async def splynx(self, settings: Settings, section: str) -> Sequence[TrialLine]:
        self.tried.append(("splynx", settings, section))
        return [TrialLine(True, "Splynx answers"), TrialLine(False, "No such method", "Make it.")]

    async def stripe(self, settings: Settings, section: str) -> Sequence[TrialLine]:
        self.tried.append(("stripe", settings, section))
        return [TrialLine(True, "The secret key works")]

    async def partners(self) -> Mapping[int, str] | None:
        return self.known


def unused_desk(clock: Clock) -> SettingsDesk:
    """Makes a desk at which nobody sits."""
    return desk_of(NoStore(), NOTHING_WRITTEN, clock)


def desk_of(
    store: Store, written: Settings, clock: Clock, changed: Callable[[], None] = lambda: None
) -> SettingsDesk:
    """Makes a desk on a store."""
    page = PageSettings(store, written, written.key_file.sealer(), clock, changed)
    return SettingsDesk(page, FakeTrials())


def written_settings(folder: Path, text: str = "", *, with_key: bool = True) -> Settings:
    """Writes a config.yaml and, unless told otherwise, an encryption key; loads them."""
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    if with_key:
        file = folder / "encryption.key"
        file.touch(mode=0o600)
        file.write_text(new_key_line("k1"), encoding="utf-8")
    return load_settings(folder / "config.yaml", credentials_dir=None)
