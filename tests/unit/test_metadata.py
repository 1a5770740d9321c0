"""What marks a PaymentIntent as ours."""

from __future__ import annotations

from dataclasses import replace

from splynx_stripe.domain.metadata import attempt_metadata, link_metadata
from splynx_stripe.domain.money import Money
from splynx_stripe.domain.payable import Payable, PayableKind, several

ONE_EURO = Money(100, "EUR")

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


def test_metadata_leads_back_to_splynx_where_its_address_is_known() -> None:
    metadata = attempt_metadata(
        "ins_1",
        PAYABLE,
        collection_id="col_1",
        attempt_id="att_1",
        splynx_url="https://isp.example.net/",
    )

    assert metadata["splynx_url"] == "https://isp.example.net/admin/customers/view?id=17"


def test_metadata_of_several_documents_has_all_their_numbers_as_far_as_they_fit() -> None:
    parts = tuple(
        replace(PAYABLE, document_id=number, document_number=f"{number:064}", set_amount=ONE_EURO)
        for number in range(1, 11)
    )

    metadata = attempt_metadata("i", several(parts), collection_id="c", attempt_id="a")

    assert metadata["splynx_document_number"].startswith(f"{1:064}, {2:064}, ")
    assert len(metadata["splynx_document_number"]) == 500


def test_a_link_that_stripe_would_refuse_is_left_out() -> None:
    assert link_metadata("https://isp.example.net/" + "x" * 500, 17) == {}
