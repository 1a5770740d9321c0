"""E-mails are handed to Splynx's queue, once each, and what is not known is said to be so."""

from __future__ import annotations

import pytest

from splynx_stripe.domain.errors import NotPermittedError, OutcomeUnknownError
from splynx_stripe.domain.mail import Mail
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
