"""What marks a PaymentIntent as ours."""

from __future__ import annotations

from splynx_stripe.domain.metadata import attempt_metadata
from splynx_stripe.domain.payable import Payable, PayableKind

PAYABLE = Payable(
    partner_id=1,
    customer_id=17,
    kind=PayableKind.PROFORMA,
    document_id=61,
    document_number="202611000001",
    currency="EUR",
)


def test_metadata_says_whose_what_and_which_attempt_it_is() -> None:
    assert attempt_metadata("ins_1", PAYABLE, collection_id="col_1", attempt_id="att_1") == {
        "splynx_stripe_installation": "ins_1",
        "splynx_partner_id": "1",
        "splynx_customer_id": "17",
        "splynx_document_kind": "proforma",
        "splynx_document_number": "202611000001",
        "splynx_stripe_collection": "col_1",
        "splynx_stripe_attempt": "att_1",
    }


def test_metadata_keeps_within_what_stripe_takes() -> None:
    """At most 50 keys of 40 characters without brackets, values of 500 (docs.stripe.com/metadata)."""
    metadata = attempt_metadata("i" * 29, PAYABLE, collection_id="c" * 29, attempt_id="a" * 29)

    assert len(metadata) <= 50
    assert all(len(key) <= 40 and not set(key) & set("[]") for key in metadata)
    assert all(0 < len(value) <= 500 for value in metadata.values())
