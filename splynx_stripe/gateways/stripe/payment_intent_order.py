"""What is asked of Stripe to take money: our frozen orders as the SDK's parameters; pure."""

from __future__ import annotations

from stripe.params import (
    PaymentIntentCreateParams,
    PaymentIntentCreateParamsPaymentMethodOptionsAcssDebit,
)

from splynx_stripe.domain.payment_kind import PaymentKind
from splynx_stripe.domain.stripe import PaymentIntentOrder

_PAD_OPTIONS: PaymentIntentCreateParamsPaymentMethodOptionsAcssDebit = {
    "mandate_options": {"payment_schedule": "sporadic", "transaction_type": "personal"},
    "verification_method": "automatic",
}
"""What Stripe wants to know of a Canadian mandate before it makes one (`stripe-api.md`, section 4)."""


def payment_intent_params(order: PaymentIntentOrder) -> PaymentIntentCreateParams:
    """Writes an order; equal orders give equal parameters, as the idempotency key demands.

    `payment_method_types` can no longer be sent (`reference/stripe-api.md`, surprise 1). A saved
    PaymentMethod is charged in the same request; nobody is there to do what a bank may ask for, so
    that counts as a decline (pain P16).
    """
    params: PaymentIntentCreateParams = {
        "amount": order.amount.minor_units,
        "currency": order.amount.currency.lower(),
        "allowed_payment_method_types": [kind.stripe_type for kind in order.kinds],
        "metadata": dict(order.metadata),
    }
    if order.off_session:
        params["confirm"] = True
        params["off_session"] = True
        params["error_on_requires_action"] = True
        params["payment_method"] = order.charged_method_id
        if order.mandate_id:
            params["mandate"] = order.mandate_id
    elif PaymentKind.PAD in order.kinds:
        params["payment_method_options"] = {"acss_debit": _PAD_OPTIONS}
    if order.saves_method:
        params["setup_future_usage"] = "off_session"
    if order.customer:
        params["customer"] = order.customer
    if order.description:
        params["description"] = order.description
    if order.receipt_email:
        params["receipt_email"] = order.receipt_email
    return params
