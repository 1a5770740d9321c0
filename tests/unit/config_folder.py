"""A folder like /etc/splynx-stripe for the tests of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from splynx_stripe.config import ConfigError, Settings, load_settings

SECRET_KEY = "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"
LIVE_KEY = "rk_live_" + "9aB39HqLyjWDarjtT1zdp7dc"
WEBHOOK_SECRET = "whsec_" + "aVerySecretSigningSecret"

KEYS = """
partners:
  default:
    currency: EUR
    country: CZ
    publishable_key: pk_test_1
    secret_key_file: stripe.key
"""


@dataclass(frozen=True)
class ConfigFolder:
    """Writes settings and secret files, and loads them."""

    path: Path

    @property
    def main(self) -> Path:
        return self.path / "config.yaml"

    def write(self, text: str) -> ConfigFolder:
        self.main.write_text(dedent(text).lstrip(), encoding="utf-8")
        return self

    def drop_in(self, name: str, text: str) -> ConfigFolder:
        (self.path / "config.d").mkdir(exist_ok=True)
        (self.path / "config.d" / name).write_text(dedent(text).lstrip(), encoding="utf-8")
        return self

    def secret(self, name: str, content: str = SECRET_KEY, mode: int = 0o600) -> ConfigFolder:
        file = self.path / name
        file.write_text(f"{content}\n", encoding="utf-8")
        file.chmod(mode)
        return self

    def load(self, credentials_dir: Path | None = None) -> Settings:
        return load_settings(self.main, credentials_dir=credentials_dir)

    def problems(self) -> list[str]:
        """Gives the problems as people see them, with the folder left out."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        return [str(problem).replace(f"{self.path}/", "") for problem in caught.value.problems]
