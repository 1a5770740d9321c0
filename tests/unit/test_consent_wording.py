"""What people agree to: each text names the company, and a changed text has another version."""

from __future__ import annotations

import hashlib

from splynx_stripe.domain.consent import WORDING_VERSION
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.web.customer.consent_wording import OFFLINE_WORDING, WORDINGS

TEXTS_OF_VERSIONS = {"2026-11": "c72dabdda2bbdd13154f0097fd6da30bb60b8ee3a997ad9f4faf53c2514e55ff"}
"""The digest of all texts of each version; add a line for a new version, never change an old one."""


def test_every_kind_has_its_wording_and_each_names_the_company() -> None:
    assert set(WORDINGS) == set(PaymentKind)
    for text in [*WORDINGS.values(), OFFLINE_WORDING]:
        assert "Nordic Fibre" in text % {"company": "Nordic Fibre"}


def test_a_changed_text_has_another_version() -> None:
    texts = [WORDINGS[kind] for kind in PaymentKind] + [OFFLINE_WORDING]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()

    assert TEXTS_OF_VERSIONS[WORDING_VERSION] == digest
