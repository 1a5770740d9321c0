"""Who carries out which kind of effect."""

from __future__ import annotations

from splynx_stripe.domain.effect import EffectKind
from splynx_stripe.flows.ask_stripe import StripeAsker
from splynx_stripe.flows.book import BookPayment
from splynx_stripe.flows.cancel import CancelPaymentIntent
from splynx_stripe.flows.effects import EffectHandler
from splynx_stripe.flows.mark_document import MarkDocument
from splynx_stripe.flows.record_statement import RecordStatement
from splynx_stripe.flows.reverse_booking import ReverseBooking
from splynx_stripe.flows.rooms import Rooms


def effect_handlers(rooms: Rooms, asker: StripeAsker) -> dict[EffectKind, EffectHandler]:
    """Makes the handlers of all effects that need nothing but the rooms."""
    mark_document = MarkDocument(rooms, asker)
    return {
        EffectKind.BOOK_PAYMENT: BookPayment(rooms),
        EffectKind.RECORD_STATEMENT: RecordStatement(rooms),
        EffectKind.CANCEL_PAYMENT_INTENT: CancelPaymentIntent(rooms, asker),
        EffectKind.MARK_PENDING: mark_document,
        EffectKind.MARK_UNPAID: mark_document,
        EffectKind.REVERSE_BOOKING: ReverseBooking(rooms),
    }
