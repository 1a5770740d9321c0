"""E-mails are handed to Splynx's queue, once each, and what is not known is said to be so."""

from __future__ import annotations

import pytest

from splynx_stripe.domain.errors import NotPermittedError, OutcomeUnknownError
from splynx_stripe.domain.mail import Mail, PortalMessage, TextMessage, first_phone
from tests.contract.splynx_gateway_rig import splynx_rig

MAIL = Mail(17, "anna@example.net", "Save a card", "<p>Open the link.</p>")
PATH = "admin/config/mail"


async def test_an_email_is_queued_for_the_customer() -> None:
    async with splynx_rig() as running:
        await running.gateway.queue_mail(MAIL)

        (mail,) = running.sandbox.state.mails
    assert (mail.recipient, mail.subject, mail.customer_id) == (MAIL.recipient, MAIL.subject, 17)
    assert (mail.message, mail.type, mail.status) == (MAIL.html, "add-on", "new")


async def test_an_answer_that_is_lost_is_not_asked_for_again() -> None:
    async with splynx_rig() as running:
        running.spoil("POST", PATH, when="after", action="drop")

        with pytest.raises(OutcomeUnknownError):
            await running.gateway.queue_mail(MAIL)

        assert len(list(running.sandbox.state.mails)) == 1


async def test_a_key_without_the_permission_is_told_which_one_it_lacks() -> None:
    async with splynx_rig() as running:
        running.spoil("POST", PATH, when="before", action="status", status=403)

        with pytest.raises(NotPermittedError, match="Mail"):
            await running.gateway.queue_mail(MAIL)


async def test_a_text_message_is_queued_for_the_customer() -> None:
    async with splynx_rig() as running:
        await running.gateway.queue_text(TextMessage(17, "+420 555 111 222", "Please pay."))

        (message,) = running.sandbox.state.text_messages
    assert (message.recipient, message.customer_id) == ("+420 555 111 222", 17)
    assert (message.message, message.type, message.status) == ("Please pay.", "add-on", "new")


async def test_a_message_appears_in_the_customers_portal_and_nowhere_else() -> None:
    async with splynx_rig() as running:
        await running.gateway.post_to_portal(PortalMessage(17, "Not paid", "<p>Please pay.</p>"))

        (posted,) = running.sandbox.state.sent_documents
        assert list(running.sandbox.state.mails) == []
    assert (posted.type, posted.document_type, posted.document_id) == (
        "customer-portal",
        "empty",
        17,
    )
    assert (posted.subject, posted.message) == ("Not paid", "<p>Please pay.</p>")


async def test_an_email_to_the_office_belongs_to_no_customer() -> None:
    async with splynx_rig() as running:
        await running.gateway.queue_mail(Mail(0, "office@example.net", "Digest", "<p>2</p>"))

        (mail,) = running.sandbox.state.mails
    assert mail.customer_id == 0


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+420 555 111 222, +420 555 333 444", "+420 555 111 222"),
        ("555-1234", "555-1234"),
        ("none", ""),
        ("", ""),
    ],
)
def test_the_first_number_is_taken_and_words_are_none(written: str, number: str) -> None:
    assert first_phone(written) == number
