"""The metadata that makes our PaymentIntents recognisable in Stripe."""

from __future__ import annotations

from collections.abc import Mapping

from splynx_stripe.domain.payable import Payable

INSTALLATION = "splynx_stripe_installation"
ATTEMPT = "splynx_stripe_attempt"
COLLECTION = "splynx_stripe_collection"
PARTNER = "splynx_partner_id"
CUSTOMER = "splynx_customer_id"
DOCUMENT_KIND = "splynx_document_kind"
DOCUMENT_NUMBER = "splynx_document_number"
LINK = "splynx_url"
ORIGIN = "splynx_stripe_origin"

_LONGEST = 500
"""Characters that Stripe takes as a value of metadata."""


def attempt_metadata(
    installation_id: str,
    payable: Payable,
    *,
    collection_id: str,
    attempt_id: str,
    splynx_url: str = "",
    origin: str = "",
) -> Mapping[str, str]:
    """Makes the metadata of an attempt's PaymentIntent (design, recipe "Charge").

    The number of several documents is all their numbers. `splynx_url` is Splynx's address; without
    it there is no link back. `origin` names the effort that an unattended charge belongs to.
    """
    return {
        INSTALLATION: installation_id,
        PARTNER: str(payable.partner_id),
        CUSTOMER: str(payable.customer_id),
        DOCUMENT_KIND: payable.kind.value,
        DOCUMENT_NUMBER: payable.document_number[:_LONGEST],
        COLLECTION: collection_id,
        ATTEMPT: attempt_id,
        **({ORIGIN: origin} if origin else {}),
        **link_metadata(splynx_url, payable.customer_id),
    }


def customer_metadata(
    installation_id: str, *, partner_id: int, customer_id: int, splynx_url: str
) -> Mapping[str, str]:
    """Makes the metadata of a Stripe customer: it proves whose it is, no e-mail does (pain P18)."""
    return {
        INSTALLATION: installation_id,
        PARTNER: str(partner_id),
        CUSTOMER: str(customer_id),
        **link_metadata(splynx_url, customer_id),
    }


def link_metadata(splynx_url: str, customer_id: int) -> Mapping[str, str]:
    """Gives the link to the customer's page in Splynx's administration, where their documents are.

    Splynx's pages of single documents have no documented address, so documents link there, too.
    """
    link = f"{splynx_url.rstrip('/')}/admin/customers/view?id={customer_id}"
    return {LINK: link} if splynx_url and len(link) <= _LONGEST else {}
