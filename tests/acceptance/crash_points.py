"""Each step between "Pay" and "Paid" at which the daemon is killed in a test.

The tests in `test_crash_at_each_step.py` compare these lists with what a daemon really passes.
"""

from __future__ import annotations

BY_THE_CLOCK = (
    "commit:CustomerSync.",
    "commit:Sighting.",
    "commit:Telling.",
    "http:GET /api/2.0/admin/customers/customer:",
    "http:GET /v1/account:",
    "http:GET /v1/customers",
    "http:POST /v1/customers/:id:",
)
"""Steps of jobs that look after accounts and customers now and then, whoever pays."""

INVOICE_POINTS = (
    "commit:BookPayment._finish:after",
    "commit:BookPayment._finish:before",
    "commit:BookPayment._mark_posting:after",
    "commit:BookPayment._mark_posting:before",
    "commit:DueWorkFlow.claim_due:after",
    "commit:DueWorkFlow.claim_due:before",
    "commit:Inbox._apply:after",
    "commit:Inbox._apply:before",
    "commit:Inbox._end:after",
    "commit:Inbox._end:before",
    "commit:ReceiveEvent:after",
    "commit:ReceiveEvent:before",
    "commit:PayFlow._commit_attempt:after",
    "commit:PayFlow._commit_attempt:before",
    "commit:PayFlow._take_lease:after",
    "commit:PayFlow._take_lease:before",
    "commit:RecordStatement._finish:after",
    "commit:RecordStatement._finish:before",
    "commit:RecordStatement._mark_posting:after",
    "commit:RecordStatement._mark_posting:before",
    "commit:RecordStatement._release_lease:after",
    "commit:RecordStatement._release_lease:before",
    "commit:RecordStatement._take_lease:after",
    "commit:RecordStatement._take_lease:before",
    "commit:StripeAsker.tell:after",
    "commit:StripeAsker.tell:before",
    "commit:StripeCustomers._create:after",
    "commit:StripeCustomers._create:before",
    "http:GET /api/2.0/admin/customers/customer/:id:after",
    "http:GET /api/2.0/admin/customers/customer/:id:before",
    "http:GET /api/2.0/admin/finance/bank-statements-records:after",
    "http:GET /api/2.0/admin/finance/bank-statements-records:before",
    "http:GET /api/2.0/admin/finance/bank-statements:after",
    "http:GET /api/2.0/admin/finance/bank-statements:before",
    "http:GET /api/2.0/admin/finance/invoices/:id:after",
    "http:GET /api/2.0/admin/finance/invoices/:id:before",
    "http:GET /api/2.0/admin/finance/payment-methods:after",
    "http:GET /api/2.0/admin/finance/payment-methods:before",
    "http:GET /api/2.0/admin/finance/payments/:id:after",
    "http:GET /api/2.0/admin/finance/payments/:id:before",
    "http:GET /api/2.0/admin/finance/payments:after",
    "http:GET /api/2.0/admin/finance/payments:before",
    "http:POST /api/2.0/admin/finance/bank-statements-records:after",
    "http:POST /api/2.0/admin/finance/bank-statements-records:before",
    "http:POST /api/2.0/admin/finance/bank-statements:after",
    "http:POST /api/2.0/admin/finance/bank-statements:before",
    "http:POST /api/2.0/admin/finance/payments:after",
    "http:POST /api/2.0/admin/finance/payments:before",
    "http:POST /v1/customers:after",
    "http:POST /v1/customers:before",
    "http:POST /v1/payment_intents:after",
    "http:POST /v1/payment_intents:before",
)
"""The way of an invoice."""

PROFORMA_POINTS = (
    "http:GET /api/2.0/admin/finance/proforma-invoices/:id:after",
    "http:GET /api/2.0/admin/finance/proforma-invoices/:id:before",
    "http:PUT /api/2.0/admin/finance/proforma-invoices/:id:after",
    "http:PUT /api/2.0/admin/finance/proforma-invoices/:id:before",
)
"""What is different for a proforma invoice: Splynx does not mark it paid by itself."""
