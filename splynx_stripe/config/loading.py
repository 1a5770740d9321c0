"""Loads the settings: files, then keys, then secrets, then combinations; all problems at once."""

from __future__ import annotations

from pathlib import Path

from splynx_stripe.config.accounts import read_secret, section_accounts
from splynx_stripe.config.checks import check_combinations
from splynx_stripe.config.encryption_key import checked_key_file
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.merging import read_merged
from splynx_stripe.config.platforms import connect_platforms
from splynx_stripe.config.problems import ConfigError
from splynx_stripe.config.secret_files import SecretFiles
from splynx_stripe.config.settings import Settings
from splynx_stripe.config.validation import validated

DEFAULT_CONFIG_PATH = Path("/etc/splynx-stripe/config.yaml")


def load_settings(path: Path, *, credentials_dir: Path | None) -> Settings:
    """Loads config.yaml and the `config.d` beside it.

    Args:
        path: The main file; relative paths in it begin at its folder.
        credentials_dir: systemd's `$CREDENTIALS_DIRECTORY`, or None.

    Raises:
        ConfigError: with every problem of all files. Nothing was changed.
    """
    files = SecretFiles(path.parent, credentials_dir)
    merged, warnings = read_merged(path)
    findings = Findings(str(path), merged.places, merged.problems, warnings)
    document = validated(merged.data, findings)
    accounts = section_accounts(document, files, findings)
    secret_file = document.splynx.api_secret_file
    secret = (
        read_secret(files, secret_file, ("splynx", "api_secret_file"), findings)
        if secret_file
        else None
    )
    platforms = connect_platforms(document, files, findings)
    key_file = checked_key_file(document, files, findings)
    check_combinations(document, findings)
    if findings.problems:
        raise ConfigError(findings.in_reading_order())
    return Settings(
        document=document,
        places=merged.places,
        section_accounts=accounts,
        splynx_api_secret=secret,
        key_file=key_file,
        platforms=platforms,
        warnings=tuple(findings.warnings),
    )
