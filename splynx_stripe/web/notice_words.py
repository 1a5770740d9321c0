"""The texts of notices, in the language of the partner: e-mails, text messages, the portal.

Nothing of a bank's free text is repeated, and a decline that would tell a thief something sounds like
any other. Everything that comes from Splynx or the settings is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from splynx_stripe.domain.money import Money
from splynx_stripe.domain.notice import Message, Notice, NoticeKind
from splynx_stripe.domain.payable import PayableKind
from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.flows.failure_ports import NoticeContext
from splynx_stripe.flows.notices import amount_of
from splynx_stripe.web.customer.signed_link import link_url
from splynx_stripe.web.customer.wording import NO_MONEY_TAKEN, contact_of
from splynx_stripe.web.deps import Site
from splynx_stripe.web.i18n import Language, Languages, later

_NO_MONEY = later("There was not enough money on the account.")
_CLOSED = later("The bank account is closed, or was not found.")
_NOT_ALLOWED = later("The bank did not allow the debit.")
_CONFIRM = later("Your bank wants you to confirm the payment yourself.")
_LIMIT = later("The card has reached its limit.")
_DECLINED = later("Your bank did not accept the payment.")
_REASONS: Mapping[str, str] = {
    "insufficient_funds": _NO_MONEY,
    "uncollected_funds": _NO_MONEY,
    "R01": _NO_MONEY,
    "R09": _NO_MONEY,
    "expired_card": later("The card has expired."),
    "card_velocity_exceeded": _LIMIT,
    "withdrawal_count_limit_exceeded": _LIMIT,
    "account_closed": _CLOSED,
    "no_account": _CLOSED,
    "invalid_account_number": _CLOSED,
    "bank_account_unusable": _CLOSED,
    "R02": _CLOSED,
    "R03": _CLOSED,
    "R04": _CLOSED,
    "debit_not_authorized": _NOT_ALLOWED,
    "bank_account_restricted": _NOT_ALLOWED,
    "payment_method_bank_account_blocked": _NOT_ALLOWED,
    "R07": _NOT_ALLOWED,
    "R08": _NOT_ALLOWED,
    "R10": _NOT_ALLOWED,
    "R29": _NOT_ALLOWED,
    "authentication_required": _CONFIRM,
    "payment_intent_authentication_failure": _CONFIRM,
}
DEBTS: Mapping[str, str] = {
    PayableKind.INVOICE.value: later("invoice %(number)s"),
    PayableKind.PROFORMA.value: later("proforma invoice %(number)s"),
    PayableKind.SEVERAL.value: later("documents %(number)s"),
    PayableKind.TOP_UP.value: later("your top-up"),
    PayableKind.BALANCE.value: later("your outstanding balance"),
    PayableKind.PREPAID.value: later("your prepaid period"),
}
_OFFICE_DEBTS: Mapping[str, str] = {
    PayableKind.INVOICE.value: later("Invoice %(number)s"),
    PayableKind.PROFORMA.value: later("Proforma invoice %(number)s"),
    PayableKind.BALANCE.value: later("Outstanding balance"),
    PayableKind.PREPAID.value: later("Prepaid period"),
}
REASONS: Mapping[str, str] = {
    "no_more_days": later("All days of the settings are used up."),
    "no_days": later("The settings do not want new tries."),
    "authentication": later("The customer has to confirm with the bank."),
    "new_method": later("The bank refuses this payment method for good."),
    "limit": later("The payment method was tried as often as its scheme allows."),
    "no_method": later("There is no saved payment method that can be charged."),
    "changed": later("More is due than was charged before."),
    "not_chargeable": later("The amount or the settings do not allow a charge."),
    "removed": later("The document was removed, or belongs to somebody else now."),
    "by_person": later("Stopped by a person."),
    "taken_over": later("A charge run has taken it over."),
}
"""Why nothing is tried any more, for the office."""


def reason_words(code: str, decline_code: str, language: Language) -> str:
    """Says in plain words why a bank refused."""
    return language.say(_REASONS.get(decline_code) or _REASONS.get(code) or _DECLINED)


def office_debt_words(kind: str, number: str, language: Language) -> str:
    """Names a debt for the office."""
    text = _OFFICE_DEBTS.get(kind)
    return language.say(text, number=number) if text else f"{kind} {number}".strip()


@dataclass(frozen=True, slots=True)
class _Text:
    """A text in pieces; `link` stands after the paragraph of that index, where there is a link."""

    subject: str
    paragraphs: Sequence[str]
    link_after: int = -1
    lines: Sequence[str] = ()


class WrittenNotices:
    """Writes notices (`flows.failure_ports.NoticeWords`)."""

    def __init__(self, site: Site, languages: Languages | None = None) -> None:
        self._site = site
        self._languages = languages or Languages.installed(site.language)

    def url_of(self, token: str) -> str:
        """Gives the address of a signed link."""
        return link_url(self._site, token)

    def compose(self, notice: Notice, context: NoticeContext) -> Message:
        """Gives the text of a notice in the partner's language."""
        writer = _Writer(
            notice, context, self._languages.best([context.rules.language]), self._site
        )
        text = _WRITERS[notice.kind](writer)
        return Message(
            subject=writer.subject(text),
            html=writer.html(text),
            text=writer.short(text),
        )


class _Writer:
    """Writes one notice."""

    def __init__(
        self, notice: Notice, context: NoticeContext, language: Language, site: Site
    ) -> None:
        self.notice = notice
        self.context = context
        self.language = language
        self.site = site

    def say(self, text: str, /, **values: str) -> str:
        return self.language.say(text, **values)

    @property
    def debt(self) -> str:
        facts = self.notice.facts
        text = DEBTS[facts["debt"]]
        return self.say(text, number=facts.get("number", ""))

    @property
    def amount(self) -> str:
        amount = amount_of(self.notice)
        return self.language.money(amount) if amount is not None else ""

    @property
    def reason(self) -> str:
        facts = self.notice.facts
        return reason_words(facts.get("code", ""), facts.get("decline_code", ""), self.language)

    def day(self, written: str) -> str:
        return self.language.date(date.fromisoformat(written))

    @property
    def how_to_pay(self) -> str:
        """Says what the customer can do; the link follows, where there is one."""
        next_try, has_link = self.context.next_try, bool(self.context.url)
        if next_try and has_link:
            text = later("We will try again on %(day)s. You can also pay now with this link:")
            return self.say(text, day=self.day(next_try))
        if next_try:
            return self.say(later("We will try again on %(day)s."), day=self.day(next_try))
        if has_link:
            return self.say(later("Please pay with this link:"))
        return self.say(later("Please pay in the customer portal."))

    def subject(self, text: _Text) -> str:
        own = self.context.rules.subject
        return own if own and self.notice.kind is NoticeKind.PAYMENT_FAILED else text.subject

    def html(self, text: _Text) -> str:
        """Writes the e-mail: paragraphs, the link after its own, and who it is from."""
        parts = [f"<p>{escape(line)}</p>" for line in self._intro()]
        for place, paragraph in enumerate(text.paragraphs):
            parts.append(f"<p>{escape(paragraph)}</p>")
            if place == text.link_after and self.context.url:
                url = escape(self.context.url)
                parts.append(f'<p><a href="{url}">{url}</a></p>')
        if text.lines:
            items = "".join(f"<li>{escape(line)}</li>" for line in text.lines)
            parts.append(f"<ul>{items}</ul>")
        parts.extend(f"<p>{escape(line)}</p>" for line in self._closing())
        return "".join(parts)

    def short(self, text: _Text) -> str:
        """Writes the text message: what happened, and the link."""
        company = self.context.company.name
        said = [f"{company}:", *text.paragraphs[: text.link_after + 1 or None], self.context.url]
        return " ".join(part for part in said if part)

    def _intro(self) -> list[str]:
        is_own = self.notice.kind is NoticeKind.PAYMENT_FAILED
        intro = self.context.rules.intro if is_own else ""
        return [line for line in intro.splitlines() if line.strip()]

    def _closing(self) -> list[str]:
        if self.notice.kind.is_for_office:
            return []
        company = self.context.company
        return [line for line in (contact_of(company, self.language), company.name) if line]


def _payment_failed(writer: _Writer) -> _Text:
    say = writer.say
    return _Text(
        say(later("Your payment for %(debt)s did not succeed"), debt=writer.debt),
        (
            say(
                later("We tried to take %(amount)s for %(debt)s, and it did not succeed."),
                amount=writer.amount,
                debt=writer.debt,
            ),
            f"{writer.reason} {say(NO_MONEY_TAKEN)}",
            writer.how_to_pay,
            say(_IGNORE),
        ),
        link_after=2,
    )


_NO_MORE = later("We will not try again by ourselves.")
_IGNORE = later("If you have paid meanwhile, you need not do anything.")


def _confirm_payment(writer: _Writer) -> _Text:
    say = writer.say
    ask = later("Please pay with this link; your bank will ask you to confirm it:")
    return _Text(
        say(later("Please confirm your payment for %(debt)s"), debt=writer.debt),
        (
            say(
                later(
                    "Your bank wants you to confirm the payment of %(amount)s for %(debt)s yourself."
                ),
                amount=writer.amount,
                debt=writer.debt,
            ),
            say(NO_MONEY_TAKEN),
            say(ask) if writer.context.url else writer.how_to_pay,
            say(_IGNORE),
        ),
        link_after=2,
    )


def _tries_ended(writer: _Writer) -> _Text:
    say = writer.say
    return _Text(
        say(later("Your payment for %(debt)s is still open"), debt=writer.debt),
        (
            say(
                later("We could not take %(amount)s for %(debt)s."),
                amount=writer.amount,
                debt=writer.debt,
            ),
            f"{writer.reason} {say(_NO_MORE)}",
            writer.how_to_pay,
            say(_IGNORE),
        ),
        link_after=2,
    )


def _card_expires(writer: _Writer) -> _Text:
    facts, say = writer.notice.facts, writer.say
    card = f"{facts.get('brand', '').capitalize()} •••• {facts.get('ending', '')}".strip()
    ask = later("So that your next payments succeed, please save the new one with this link:")
    no_link = later("So that your next payments succeed, please save the new one in the portal.")
    return _Text(
        say(later("Your saved card expires soon")),
        (
            say(
                later("Your saved card %(card)s can be used until %(day)s."),
                card=card,
                day=writer.day(facts["day"]),
            ),
            say(ask if writer.context.url else no_link),
        ),
        link_after=1,
    )


def _debit_ahead(writer: _Writer) -> _Text:
    facts, say = writer.notice.facts, writer.say
    day = writer.day(facts["day"])
    method = say(PaymentKind(facts["method"]).english_name)
    return _Text(
        say(later("We will debit your bank account on %(day)s"), day=day),
        (
            say(
                later(
                    "On %(day)s we will debit %(amount)s for %(debt)s from your bank account"
                    " (%(method)s)."
                ),
                day=day,
                amount=writer.amount,
                debt=writer.debt,
                method=method,
            ),
            say(
                later(
                    "Please make sure that there is enough money on it. If something is wrong, please"
                    " contact us before that day."
                )
            ),
        ),
    )


def _pay_by_link(writer: _Writer) -> _Text:
    say = writer.say
    return _Text(
        say(later("Please pay %(debt)s"), debt=writer.debt),
        (
            say(
                later("%(amount)s is to be paid for %(debt)s."),
                amount=writer.amount,
                debt=writer.debt,
            ),
            writer.how_to_pay,
            say(_IGNORE),
        ),
        link_after=1,
    )


def _digest(writer: _Writer) -> _Text:
    facts, say = writer.notice.facts, writer.say
    lines = [_digest_line(line, writer) for line in facts.get("list", "").splitlines()]
    more = facts.get("more", "0")
    if more != "0":
        lines.append(say(later("… and %(count)s more."), count=more))
    counts = later(
        "Given up or stopped: %(ended)s. To be tried again: %(retried)s. Paid after all:"
        " %(recovered)s."
    )
    where = later("All of them, with the next tries: %(url)s")
    url = f"{writer.site.public_url.rstrip('/')}/admin/recoveries"
    return _Text(
        say(later("Failed payments of %(day)s"), day=writer.day(facts["day"])),
        (
            say(
                counts,
                ended=facts["ended"],
                retried=facts["retried"],
                recovered=facts["recovered"],
            ),
            say(where, url=url),
        ),
        lines=lines,
    )


def _digest_line(line: str, writer: _Writer) -> str:
    kind, number, customer, minor, currency, _state, reason, code, decline = line.split("\t")
    say = writer.say
    parts = [
        office_debt_words(kind, number, writer.language),
        say(later("customer %(id)s"), id=customer),
        writer.language.money(Money(int(minor), currency)),
        reason_words(code, decline, writer.language),
        say(REASONS[reason]) if reason in REASONS else say(later("It is tried again.")),
    ]
    return " · ".join(parts)


def _office(writer: _Writer) -> _Text:
    facts = writer.notice.facts
    lines = [line for line in facts.get("text", "").splitlines() if line.strip()]
    return _Text(facts.get("subject", ""), lines)


_WRITERS: Mapping[NoticeKind, Callable[[_Writer], _Text]] = {
    NoticeKind.PAYMENT_FAILED: _payment_failed,
    NoticeKind.CONFIRM_PAYMENT: _confirm_payment,
    NoticeKind.TRIES_ENDED: _tries_ended,
    NoticeKind.CARD_EXPIRES: _card_expires,
    NoticeKind.DEBIT_AHEAD: _debit_ahead,
    NoticeKind.PAY_BY_LINK: _pay_by_link,
    NoticeKind.DIGEST: _digest,
    NoticeKind.OFFICE: _office,
}
