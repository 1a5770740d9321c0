"""The terms of a partner are resolved once while a house stands."""

from __future__ import annotations

from splynx_stripe.daemon.remembered_terms import RememberedTerms
from splynx_stripe.domain.terms import Terms


class Settings:
    def __init__(self) -> None:
        self.asked: list[int] = []

    def terms(self, partner_id: int) -> Terms | None:
        self.asked.append(partner_id)
        return None


def test_each_partner_is_asked_for_once_and_none_is_an_answer_too() -> None:
    settings = Settings()
    remembered = RememberedTerms(settings)

    answers = [remembered.terms(partner) for partner in (1, 2, 1, 1, 2)]

    assert answers == [None] * 5
    assert settings.asked == [1, 2]
