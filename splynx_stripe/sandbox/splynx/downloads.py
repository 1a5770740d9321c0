"""Files that Splynx makes: receipts of payments, as a PDF of one line (reference 3.20)."""

from __future__ import annotations

import base64

from splynx_stripe.sandbox.splynx.call import ApiAnswer, ApiCall, Principal
from splynx_stripe.sandbox.splynx.errors import forbidden, method_disabled, not_found
from splynx_stripe.sandbox.splynx.permissions import allows
from splynx_stripe.sandbox.splynx.state import SplynxState

_PAYMENTS = "payments--"


class DownloadEndpoints:
    """`admin/config/download/payments--{id}`."""

    def __init__(self, state: SplynxState) -> None:
        self._state = state

    def answer(self, call: ApiCall, principal: Principal, row_id: str | None) -> ApiAnswer:
        """Gives the receipt of a payment as base64."""
        if call.method != "GET" or row_id is None:
            raise method_disabled()
        if not allows(principal.permissions, "admin\\finance\\Payments", "view"):
            raise forbidden()
        number = row_id.removeprefix(_PAYMENTS)
        payment = self._state.payments.get(int(number)) if number.isdigit() else None
        if payment is None or not row_id.startswith(_PAYMENTS):
            raise not_found()
        line = f"Receipt {payment.receipt_number}: {payment.amount:.2f}, {payment.date}"
        content = base64.b64encode(_pdf(line)).decode()
        body = {
            "name": f"receipt-{payment.id}.pdf",
            "content_type": "application/pdf",
            "content": content,
        }
        return ApiAnswer(200, body)


def _pdf(line: str) -> bytes:
    """Makes the smallest PDF that shows a line."""
    text = f"BT /F1 14 Tf 50 780 Td ({line}) Tj ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        (
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            "/Resources<</Font<</F1 5 0 R>>>>>>"
        ),
        f"<</Length {len(text)}>>stream\n{text}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    body = "".join(f"{number} 0 obj{each}endobj\n" for number, each in enumerate(objects, 1))
    return f"%PDF-1.4\n{body}trailer<</Root 1 0 R/Size {len(objects) + 1}>>\n%%EOF\n".encode()
