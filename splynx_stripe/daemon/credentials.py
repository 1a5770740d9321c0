"""Joins the flows of saved credentials with the gateways and settings; the CLI uses the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from splynx_stripe.config import Settings
from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.domain.errors import RetryableError
from splynx_stripe.domain.installation import Installation
from splynx_stripe.domain.payment_account import RowWord
from splynx_stripe.flows.credential_events import CredentialEvents
from splynx_stripe.flows.credential_ports import SplynxPaymentAccounts, StripeSavedMethods
from splynx_stripe.flows.credential_rooms import CredentialRooms
from splynx_stripe.flows.credentials import Credentials
from splynx_stripe.flows.effects import EffectHandler
from splynx_stripe.flows.rooms import Rooms
from splynx_stripe.flows.save_credential import SaveCredential
from splynx_stripe.flows.saving_by_link import SavingByLink
from splynx_stripe.flows.setup_credential import SetupCredential
from splynx_stripe.flows.tend_credentials import TendCredentials
from splynx_stripe.kit.secret import Secret
from splynx_stripe.schedule.credential_round import CredentialRound
from splynx_stripe.web.credential_desk import CredentialDesk


@dataclass(frozen=True, slots=True)
class SettingsRules:
    """What the settings say about saved credentials."""

    settings: Settings

    def changes_payment_method(self, partner_id: int) -> bool:
        """Says whether saving changes the customer's payment method in Splynx."""
        return self.settings.business(partner_id).change_payment_method

    def row_words(self) -> Sequence[RowWord]:
        """Gives what the fields of Splynx's payment accounts hold."""
        return tuple(RowWord(word) for word in self.settings.splynx.payment_account_fields)


def not_connected(settings: Settings) -> Callable[[], CredentialDesk]:
    """Stands in until the settings are complete: it refuses, and says what is missing."""

    def refuse() -> NoReturn:
        raise RetryableError(f"Not connected yet: {settings.missing[0]}")

    return refuse


def credential_rooms(
    settings: Settings,
    installation: Installation,
    rooms: Rooms,
    *,
    stripe: StripeSavedMethods,
    accounts: SplynxPaymentAccounts,
) -> CredentialRooms:
    """Makes the rooms of the flows of saved credentials."""
    return CredentialRooms(
        rooms=rooms,
        stripe=stripe,
        accounts=accounts,
        rules=SettingsRules(settings),
        sealer=settings.key_file.sealer(),
        mark_key=Secret(installation.signing_key.hex()),
    )


class CredentialWing:
    """The part of a house that saves cards and bank accounts.

    What its own flows change wakes its rounds too; payments, of which there are many, do not.
    """

    def __init__(self, rooms: CredentialRooms) -> None:
        self._wake_others = rooms.rooms.wake
        rooms = replace(rooms, rooms=replace(rooms.rooms, wake=self._wake))
        self.events = CredentialEvents(rooms)
        self.handlers: dict[EffectKind, EffectHandler] = {
            EffectKind.SAVE_CREDENTIAL: SaveCredential(rooms)
        }
        self.round = CredentialRound(TendCredentials(rooms))
        self._desk = CredentialDesk(Credentials(rooms), SetupCredential(rooms), SavingByLink(rooms))

    def desk(self) -> CredentialDesk:
        """Gives the pages their flows."""
        return self._desk

    def _wake(self) -> None:
        self._wake_others()
        self.round.wake()
