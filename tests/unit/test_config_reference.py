"""The shipped conffile, the generated page and the JSON Schema agree with the settings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import yaml
from click.testing import CliRunner

from splynx_stripe.cli.config_commands import config_group
from splynx_stripe.config import load_settings
from splynx_stripe.config.business import BUSINESS_KEYS
from splynx_stripe.config.document import ConfigDocument, all_sections
from tests.unit.config_folder import SECRET_KEY, WEBHOOK_SECRET, ConfigFolder

ROOT = Path(__file__).parents[2]
CONFFILE = ROOT / "etc" / "config.yaml"


def uncommented() -> str:
    """Gives the conffile with its keys uncommented; explanations begin with `# ` and one space."""
    return re.sub(r"(?m)^#((?:  )*[a-z0-9-])", r"\1", CONFFILE.read_text(encoding="utf-8"))


def schema() -> dict[str, object]:
    printed = CliRunner().invoke(config_group, ["schema"]).stdout
    parsed: dict[str, object] = json.loads(printed)
    return parsed


def test_the_conffile_is_valid_as_it_is_shipped_and_sets_nothing() -> None:
    settings = load_settings(CONFFILE, credentials_dir=None)

    assert settings.document == ConfigDocument()
    assert settings.warnings == ()


def test_the_conffile_is_valid_with_every_key_uncommented(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path).secret("splynx-api.secret", "x")
    folder.secret("stripe-secret.key", SECRET_KEY.replace("test", "live"))
    folder.secret("stripe-webhook.secret", WEBHOOK_SECRET)
    folder.secret("encryption.key", "k1:" + "0" * 64)
    folder.main.write_text(uncommented(), encoding="utf-8")

    assert folder.load().connected


def test_the_conffile_names_every_setting_with_its_default() -> None:
    written = yaml.safe_load(uncommented())
    unnamed = {"unix", *BUSINESS_KEYS}

    for path, section in all_sections().items():
        values = written
        for key in path:
            values = values[key]
        for key, field in section.model_fields.items():
            if path[:1] == ("partners",) and key in unnamed:
                continue
            assert key in values or key == "unix", f"{path}: {key}"
            if isinstance(field.default, str | int | float) and field.default != "":
                assert str(values[key]) == str(field.default), f"{path}: {key}"


def test_the_settings_page_is_current() -> None:
    command = [sys.executable, "-m", "tools.settings_reference", "--check"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_has_an_explanation() -> None:
    for path, section in all_sections().items():
        for key, field in section.model_fields.items():
            is_section = (*path, key) in all_sections()
            assert field.description or is_section, f"{path}: {key}"


def test_the_json_schema_takes_what_we_take_and_refuses_what_we_refuse() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    example = json.loads(json.dumps(yaml.safe_load(uncommented())))

    assert validator.is_valid(example)
    assert validator.is_valid({"partners": {"2": {"webhook_secret_file": ["a", "b"]}}})
    assert not validator.is_valid({"partners": {"main": {}}})
    assert not validator.is_valid({"lisen": {}})
    assert not validator.is_valid({"timing": {"key_protects_for_h": 24}})
