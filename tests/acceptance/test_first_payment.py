"""The plain way: an invoice and a proforma invoice are paid, on both databases."""

from __future__ import annotations

import pytest

from tests.acceptance.ledgers import INVOICE, PROFORMA, Debt
from tests.acceptance.person import Person
from tests.acceptance.town import Town


@pytest.mark.parametrize("debt", [INVOICE, PROFORMA], ids=["invoice", "proforma"])
async def test_a_document_that_is_paid_by_card_shows_paid_and_all_ledgers_agree(
    any_town: Town, debt: Debt
) -> None:
    async with any_town.visitor() as visitor:
        person = Person(any_town, visitor, debt)
        await person.log_in()

        assert await person.pay() == "payable"

        await any_town.assert_agree(debt)
        assert await any_town.daemon.stop() == 0
