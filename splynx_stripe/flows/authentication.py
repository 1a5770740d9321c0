"""With what a partner logs in to Stripe where there is a choice: its keys or its connected account.

The setting "Authentication type" of the section decides. Unless it is set for that very section, what
is there decides: keys in config.yaml, else the connected account, else keys of the settings page.
Where the chosen way is not there yet, the other one goes on being used, so that nobody has to stop
charging to change from one to the other; where both are there, the one that is not chosen is left
alone. Each contradiction is told in a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

from splynx_stripe.config.accounts import SectionAccount
from splynx_stripe.config.problems import Problem
from splynx_stripe.config.settings import FROM_PAGE, Settings
from splynx_stripe.kit.sentence import Sentence, joined, sentence

KEY = "authentication_type"

CONNECT_OR_CHOOSE = sentence(
    "Connect the account under Stripe accounts, or choose API keys as authentication type."
)
DISCONNECT_OR_CHOOSE = sentence(
    "Disconnect the account under Stripe accounts, or choose OAuth 2.0 as authentication type."
)
ENTER_OR_CHOOSE = sentence("Enter the keys, or choose OAuth 2.0 as authentication type.")


def settle_authentication(
    settings: Settings, connected: Mapping[str, SectionAccount | None]
) -> Settings:
    """Gives the settings with the connected accounts that are in effect, and tells contradictions.

    Args:
        settings: What files and page say, without connections.
        connected: The account of each section that has a connection; None where it has ended.
    """
    in_effect = {
        section: account
        for section, account in connected.items()
        if not _keys_win(settings, section)
    }
    over_files = {it for it in in_effect if settings.authentication_of(it) == "oauth"}
    joined = settings.with_accounts(in_effect, over_files=over_files)
    sections = {*connected, *settings.partner_sections()}
    doubts = [
        _problem(settings, section, found)
        for section in sorted(sections)
        if (found := _doubt(settings, section, connected)) is not None
    ]
    return joined.with_warnings(doubts)


def contradiction(settings: Settings, section: str) -> str:
    """Says what contradicts itself in a section, and the way out; "" where nothing does."""
    path = f"partners.{section}.{KEY}"
    found = (joined(one.message, one.fix) for one in settings.warnings if one.key == path)
    return next(found, "")


def _keys_win(settings: Settings, section: str) -> bool:
    held, chosen = settings.section_accounts.get(section), settings.authentication_of(section)
    return held is not None and (chosen == "api" or (not chosen and not held.origin))


def _doubt(
    settings: Settings, section: str, connected: Mapping[str, SectionAccount | None]
) -> tuple[Sentence, Sentence] | None:
    """Says what contradicts itself, and the way out."""
    chosen = settings.authentication_of(section)
    has_keys = section in settings.section_accounts
    is_connected = connected.get(section) is not None
    if is_connected and _keys_win(settings, section):
        unused = sentence("an account is connected by OAuth 2.0, but the keys are used.")
        return unused, DISCONNECT_OR_CHOOSE
    if chosen == "oauth" and not is_connected and section not in connected:
        if has_keys:
            unconnected = sentence("no account is connected yet, so the keys are used.")
            return unconnected, CONNECT_OR_CHOOSE
        return sentence("no account is connected yet."), CONNECT_OR_CHOOSE
    if chosen == "api" and is_connected and not has_keys:
        no_keys = sentence("there are no keys, so the connected account is used.")
        return no_keys, ENTER_OR_CHOOSE
    return None


def _problem(settings: Settings, section: str, found: tuple[Sentence, Sentence]) -> Problem:
    place = settings.written_at(section, KEY)
    file, _, line = place.partition(":") if place else (FROM_PAGE, "", "")
    number = int(line) if line.isdecimal() else 0
    return Problem(file, number, f"partners.{section}.{KEY}", *found)
