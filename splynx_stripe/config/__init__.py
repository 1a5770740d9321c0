"""Turns the YAML in /etc into frozen settings."""

from __future__ import annotations

from splynx_stripe.config.accounts import AccountKeys
from splynx_stripe.config.encryption_key import EncryptionKeyFile
from splynx_stripe.config.loading import DEFAULT_CONFIG_PATH, load_settings
from splynx_stripe.config.page_layer import with_page_values
from splynx_stripe.config.page_values import PageValues, read_page_values
from splynx_stripe.config.problems import ConfigError, Problem
from splynx_stripe.config.settings import Explained, Settings

__all__ = [
    "DEFAULT_CONFIG_PATH",
    "AccountKeys",
    "ConfigError",
    "EncryptionKeyFile",
    "Explained",
    "PageValues",
    "Problem",
    "Settings",
    "load_settings",
    "read_page_values",
    "with_page_values",
]
