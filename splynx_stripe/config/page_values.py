"""What the settings page has stored, opened and read; whether it makes sense is checked elsewhere.

`page_layer.py` puts it between what the YAML says and what is built in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import JsonValue

from splynx_stripe.config.business import BUSINESS_KEYS
from splynx_stripe.domain.page_setting import SECRET_PAGE_KEYS, PageSetting, sealing_place
from splynx_stripe.kit.sealing import SealedValueError, Sealer, SealingKeyError
from splynx_stripe.kit.secret import Secret
from splynx_stripe.kit.sentence import sentence

PAGE_KEYS = (*BUSINESS_KEYS, "currency", "country", "publishable_key", *SECRET_PAGE_KEYS)
"""Every setting that can be made on the page."""


@dataclass(frozen=True, slots=True)
class PageValues:
    """Values and secrets by section and key, and a sentence for each that does not open."""

    values: Mapping[str, Mapping[str, JsonValue]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    secrets: Mapping[str, Mapping[str, Secret]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    unreadable: Mapping[tuple[str, str], str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def sections(self) -> frozenset[str]:
        """Names the sections for which the page has stored anything."""
        broken = {section for section, _ in self.unreadable}
        return frozenset({*self.values, *self.secrets, *broken})


def read_page_values(rows: Iterable[PageSetting], sealer: Sealer) -> PageValues:
    """Opens what is stored. Nothing raises: what does not open or parse is told in `unreadable`."""
    values: dict[str, dict[str, JsonValue]] = {}
    secrets: dict[str, dict[str, Secret]] = {}
    unreadable: dict[tuple[str, str], str] = {}
    for row in rows:
        if row.sealed:
            try:
                secret = Secret(sealer.open(row.sealed, sealing_place(row.section, row.key)))
            except (SealedValueError, SealingKeyError) as error:
                unreadable[row.section, row.key] = error.sentence
            else:
                secrets.setdefault(row.section, {})[row.key] = secret
        elif row.value:
            try:
                values.setdefault(row.section, {})[row.key] = json.loads(row.value)
            except ValueError:
                unreadable[row.section, row.key] = sentence("what is stored cannot be read.")
    return PageValues(values, secrets, unreadable)
