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

_LONGEST = 500
"""Characters that Stripe takes as a value of metadata."""


def attempt_metadata(
    installation_id: str, payable: Payable, *, collection_id: str, attempt_id: str
) -> Mapping[str, str]:
    """Makes the metadata of an attempt's PaymentIntent (design, recipe "Charge")."""
    return {
        INSTALLATION: installation_id,
        PARTNER: str(payable.partner_id),
        CUSTOMER: str(payable.customer_id),
        DOCUMENT_KIND: payable.kind.value,
        DOCUMENT_NUMBER: payable.document_number[:_LONGEST],
        COLLECTION: collection_id,
        ATTEMPT: attempt_id,
    }
