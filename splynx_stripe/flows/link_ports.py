"""What the flow of payment links needs from the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from splynx_stripe.domain.link import LinkKey, PaymentLink


class LinkUnit(Protocol):
    """The part of a unit of work that knows payment links."""

    def add_link(self, link: PaymentLink, *, digest: str) -> None:
        """Remembers a new link under the digest of its token."""
        ...

    def link_of_digest(self, digest: str) -> PaymentLink | None:
        """Finds a link by the digest of its token, valid or not."""
        ...

    def link(self, link_id: str) -> PaymentLink | None:
        """Finds a link by its id."""
        ...

    def links(self, *, partner_id: int, customer_id: int, limit: int) -> Sequence[PaymentLink]:
        """Lists links, newest first; 0 means of all partners, of all customers."""
        ...

    def use_link(self, link_id: str, *, now: datetime) -> None:
        """Counts that a link was opened."""
        ...

    def use_up_link(self, link_id: str, *, now: datetime) -> bool:
        """Notes that a link has saved a payment method; False when it had already, or saves none."""
        ...

    def revoke_link(self, link_id: str, *, now: datetime) -> bool:
        """Revokes a link; False when there is none or it is revoked already."""
        ...

    def revoke_links_of(self, customer_id: int, *, partner_id: int, now: datetime) -> int:
        """Revokes the links of a customer that still open something, and gives their number.

        Those of one partner only, or with 0 of all.
        """
        ...

    def add_link_key(self, key: LinkKey, *, digest: str) -> None:
        """Remembers a key under its digest."""
        ...

    def link_key_of_digest(self, digest: str) -> LinkKey | None:
        """Finds a key by its digest, revoked or not."""
        ...

    def link_keys(self, *, limit: int) -> Sequence[LinkKey]:
        """Lists the keys, oldest first."""
        ...

    def use_link_key(self, key_id: str, *, now: datetime) -> None:
        """Notes when a key was last used."""
        ...

    def revoke_link_key(self, key_id: str, *, now: datetime) -> bool:
        """Revokes a key; False when there is none or it is revoked already."""
        ...
