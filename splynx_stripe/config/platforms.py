"""Reads our Connect platform: the client id and the secret key with which accounts are connected."""

from __future__ import annotations

import re
from dataclasses import dataclass

from splynx_stripe.config.accounts import read_secret
from splynx_stripe.config.document import ConfigDocument
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.secret_files import SecretFiles
from splynx_stripe.kit.secret import Secret

_PLATFORM_KEY = re.compile(r"sk_(test|live)_[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class ConnectPlatform:
    """Our platform in one mode.

    `webhook_secrets` sign the events of connected accounts, which come to one endpoint.
    """

    client_id: str
    secret_key: Secret
    webhook_secrets: tuple[Secret, ...] = ()


def connect_platforms(
    document: ConfigDocument, files: SecretFiles, findings: Findings
) -> dict[bool, ConnectPlatform]:
    """Gives the platform of each mode (True: live); what is wrong goes to `findings`."""
    stripe = document.stripe
    platforms: dict[bool, ConnectPlatform] = {}
    pairs = (
        ("connect_client_id", "platform_secret_key_file"),
        ("connect_test_client_id", "platform_test_secret_key_file"),
    )
    for id_key, file_key in pairs:
        client_id, file = getattr(stripe, id_key), getattr(stripe, file_key)
        if not client_id and not file:
            continue
        if not client_id or not file:
            missing, there = (id_key, file_key) if file else (file_key, id_key)
            findings.problem(
                ("stripe", there), f"there is no {missing} beside it.", f"Add stripe.{missing}."
            )
            continue
        found = _platform(client_id, file, file_key, files, findings)
        if found is None:
            continue
        livemode, platform = found
        if livemode in platforms or (livemode and file_key.startswith("platform_test")):
            findings.problem(
                ("stripe", file_key),
                f"{files.find(file)} holds a key of the wrong mode.",
                "Put the test key of the platform there; it begins with sk_test_.",
            )
        else:
            platforms[livemode] = platform
    return platforms


def _platform(
    client_id: str, file: str, key: str, files: SecretFiles, findings: Findings
) -> tuple[bool, ConnectPlatform] | None:
    secret = read_secret(files, file, ("stripe", key), findings)
    if secret is None:
        return None
    form = _PLATFORM_KEY.fullmatch(secret.reveal())
    if form is None:
        findings.problem(
            ("stripe", key),
            f"{files.find(file)} does not hold the secret key of a platform.",
            "It begins with sk_test_ or sk_live_; copy it from Stripe: Developers, API keys.",
        )
        return None
    return form.group(1) == "live", ConnectPlatform(client_id, secret)
