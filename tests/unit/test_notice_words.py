"""The texts of notices: whole in every language, with reason, amount and link, and nothing that leaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from splynx_stripe.config.vocabulary import LANGUAGES
from splynx_stripe.domain.notice import Channel, Notice, NoticeKind, NoticeRules
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.recovery import RecoveryReason
from splynx_stripe.domain.splynx import Company
from splynx_stripe.flows.failure_ports import NoticeContext
from splynx_stripe.web.deps import Site
from splynx_stripe.web.notice_words import DEBTS, REASONS, WrittenNotices

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "https://isp.example.net/stripe/pay/abcdefghijklmnopqrstuvwxyz"
WORDS = WrittenNotices(
    Site(public_url="https://isp.example.net/stripe", splynx_url="https://isp.example.net/")
)
FACTS = {
    "debt": "invoice",
    "number": "202611000042",
    "amount": "17250",
    "currency": "EUR",
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "brand": "visa",
    "ending": "4242",
    "day": "2026-12-31",
    "method": "becs",
    "retried": "1",
    "ended": "1",
    "recovered": "0",
    "list": "invoice\t202611000042\t17\t17250\tEUR\texhausted\tlimit\tcard_declined\tlost_card",
    "more": "3",
    "subject": "A subject",
    "text": "A line.\nAnother.",
}
TO_PAY = (NoticeKind.PAYMENT_FAILED, NoticeKind.TRIES_ENDED, NoticeKind.PAY_BY_LINK)


def notice(kind: NoticeKind, **facts: str) -> Notice:
    return Notice("ntc_1", "key", kind, Channel.MAIL, 1, 17, NOW, NOW, facts=FACTS | facts)


def context(language: str = "en", **changes: str) -> NoticeContext:
    company = Company("Nordic <Fibre>", "help@nordicfibre.example", "+420 555 123 456", "CZ")
    rules = NoticeRules(language=language, tells_failures=True)
    return replace(NoticeContext(company, rules, url=URL), **changes)  # type: ignore[arg-type]  # a builder names only what matters


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_whole_in_every_language(language: str, kind: NoticeKind) -> None:
    english = WORDS.compose(notice(kind), context())

    written = WORDS.compose(notice(kind), context(language))

    assert written.subject
    assert "%(" not in written.html + written.text + written.subject
    assert "<Fibre>" not in written.html
    assert (written.html == english.html) is (language == "en" or kind is NoticeKind.OFFICE)


@pytest.mark.parametrize("kind", [*TO_PAY, NoticeKind.CONFIRM_PAYMENT, NoticeKind.CARD_EXPIRES])
def test_the_link_stands_once_and_right_after_the_sentence_about_it(kind: NoticeKind) -> None:
    message = WORDS.compose(notice(kind), context())

    assert message.html.count(f'<a href="{URL}">') == 1
    assert f':</p><p><a href="{URL}">' in message.html
    assert message.text.endswith(f": {URL}")


@pytest.mark.parametrize("kind", TO_PAY)
def test_without_a_link_the_portal_is_named(kind: NoticeKind) -> None:
    message = WORDS.compose(notice(kind), context(url=""))

    assert "customer portal" in message.html
    assert "<a href" not in message.html


def test_the_day_of_the_next_try_is_said_and_nothing_contradicts_it() -> None:
    message = WORDS.compose(notice(NoticeKind.PAYMENT_FAILED), context(next_try="2026-11-27"))

    assert "We will try again on November 27, 2026." in message.html
    assert "Please pay with this link" not in message.html


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "fraudulent", "do_not_honor"])
def test_what_would_tell_a_thief_something_sounds_like_any_other_refusal(code: str) -> None:
    message = WORDS.compose(notice(NoticeKind.PAYMENT_FAILED, decline_code=code), context())

    assert "Your bank did not accept the payment." in message.html


@pytest.mark.parametrize("kind", PayableKind)
def test_every_kind_of_debt_has_a_name(kind: PayableKind) -> None:
    assert kind.value in DEBTS
    WORDS.compose(notice(NoticeKind.PAYMENT_FAILED, debt=kind.value), context())


def test_every_reason_for_an_end_has_words() -> None:
    assert set(REASONS) == {reason.value for reason in RecoveryReason if reason.value}


def test_a_digest_names_each_debt_and_leads_to_the_page() -> None:
    message = WORDS.compose(notice(NoticeKind.DIGEST), context())

    for said in ("Invoice 202611000042", "customer 17", "€172.50", "as often as its scheme allows"):
        assert said in message.html
    assert "https://isp.example.net/stripe/admin/recoveries" in message.html
    assert "… and 3 more." in message.html
