"""Checks what needs more than one key: combinations that cannot work, and those to look at."""

from __future__ import annotations

from urllib.parse import urlsplit

from splynx_stripe.config.auto_charge import check_auto_charge
from splynx_stripe.config.document import DEFAULT_PARTNER, ConfigDocument
from splynx_stripe.config.findings import Findings
from splynx_stripe.config.guardrails import GUARDRAIL_KEYS, problem_of_guardrails
from splynx_stripe.config.settings import Resolution
from splynx_stripe.config.top_up import problem_of_top_up
from splynx_stripe.config.vocabulary import is_loopback
from splynx_stripe.domain.payment_kind import PaymentKind, currencies_of
from splynx_stripe.kit.sentence import sentence

TOP_UP_KEYS = frozenset({"top_up_amounts", "top_up_minimum", "top_up_maximum"})


def check_combinations(document: ConfigDocument, findings: Findings) -> None:
    """Tells everything that a single key cannot know."""
    _check_listen(document, findings)
    _check_splynx(document, findings)
    _check_database(document, findings)
    check_auto_charge(document.auto_charge, findings)
    _check_written_bank_type(DEFAULT_PARTNER, document, findings)
    for name, section in document.partners.items():
        # A partner that only inherits would repeat what is told of the Default partner.
        if name != DEFAULT_PARTNER and section.model_fields_set & {"payment_types", "currency"}:
            _check_written_bank_type(name, document, findings)
    for name, section in document.partners.items():
        if name == DEFAULT_PARTNER or section.model_fields_set & {"currency", *TOP_UP_KEYS}:
            check_top_up(name, Resolution(document, findings.places, name), findings)
        if name == DEFAULT_PARTNER or section.model_fields_set & {"currency", *GUARDRAIL_KEYS}:
            check_guardrails(name, Resolution(document, findings.places, name), findings)


def _check_listen(document: ConfigDocument, findings: Findings) -> None:
    listen = document.listen
    if listen.unix and listen.model_fields_set & {"host", "port"}:
        findings.problem(
            ("listen", "unix"),
            "there is a host or port beside the Unix socket.",
            "Keep either `unix` or `host` and `port`.",
        )
    elif not listen.unix and not is_loopback(listen.host):
        findings.warning(
            ("listen", "host"),
            "the daemon listens beyond this machine, without TLS.",
            "Listen on 127.0.0.1 and let nginx answer the network.",
        )


def _check_splynx(document: ConfigDocument, findings: Findings) -> None:
    if document.splynx.url and not findings.is_written(("splynx", "timezone")):
        findings.warning(
            ("splynx", "timezone"),
            "not set, so days are those of UTC: payments near midnight get another day.",
            "Set it to the time zone of Splynx, such as Europe/Prague.",
        )


def _check_database(document: ConfigDocument, findings: Findings) -> None:
    url = document.database.url
    if not url.startswith("sqlite") and urlsplit(url).password:
        findings.warning(
            ("database", "url"),
            "the password of the database is readable here.",
            "Use peer authentication or a password file (PGPASSFILE).",
        )


def _check_written_bank_type(section: str, document: ConfigDocument, findings: Findings) -> None:
    check_bank_type(section, Resolution(document, findings.places, section), findings)


def check_top_up(section: str, resolution: Resolution, findings: Findings) -> None:
    """Tells when a partner's top-ups cannot be made in the partner's currency."""
    currency = str(resolution.value("currency"))
    problem = problem_of_top_up(resolution.business(), currency) if currency else ""
    if problem:
        findings.problem(
            ("partners", section, "top_up_amounts"),
            problem,
            sentence("Correct the amounts of top-ups for this partner."),
        )


def check_guardrails(section: str, resolution: Resolution, findings: Findings) -> None:
    """Tells when a limit of charge runs cannot be said in the partner's currency."""
    currency = str(resolution.value("currency"))
    if not currency:
        return
    key, problem = problem_of_guardrails(resolution.business(), currency)
    if problem:
        findings.problem(
            ("partners", section, key), problem, sentence("Correct the limit for this partner.")
        )


def check_bank_type(section: str, resolution: Resolution, findings: Findings) -> None:
    """Tells when a partner's bank type cannot take the partner's currency."""
    currency = str(resolution.value("currency"))
    for bank in resolution.business().payment_types:
        taken = currencies_of(PaymentKind(bank))
        if currency and taken and currency not in taken:
            findings.problem(
                ("partners", section, "payment_types"),
                sentence("%(bank)s cannot take %(currency)s.", bank=bank, currency=currency),
                sentence(
                    "It takes %(currencies)s; remove %(bank)s for this partner.",
                    currencies=", ".join(sorted(taken)),
                    bank=bank,
                ),
            )
