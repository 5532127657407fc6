"""A receipt on paper."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tawsil.consoles.shop.orders import Order, Progress, Told
from tawsil.consoles.shop.receipt_pdf import pdf, printed
from tawsil.kernel.i18n import current_locale

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOME: Any = str(UUID(int=7))
ORDER = {
    "subtotal_minor": 5_000,
    "delivery_fee_minor": 1_000,
    "service_fee_minor": 250,
    "small_order_fee_minor": 0,
    "discount_minor": 500,
    "tax_minor": 262,
    "tip_minor": 0,
    "total_minor": 6_012,
    "tax_included": False,
    "taxes": [{"name": "VAT", "name_ar": "ضريبة", "rate_bp": 500, "tax_minor": 262}],
    "id": SOME,
    "number": 10_021,
    "city_id": SOME,
    "merchant_id": SOME,
    "courier_id": SOME,
    "status": "DELIVERED",
    "payment": "settled",
    "payment_method": "card",
    "currency": "AED",
    "points_minor": 12,
    "credit_minor": 0,
    "due_minor": 6_000,
    "discounts": [
        {
            "promotion_id": SOME,
            "name_en": "Welcome",
            "name_ar": "أهلًا بك",
            "code": None,
            "amount_minor": 500,
        }
    ],
    "pickup": {"latitude": 24.1, "longitude": 53.1},
    "dropoff": {"latitude": 24.2, "longitude": 53.1},
    "scheduled_for": None,
    "placed_at": NOON,
    "accepted_at": NOON,
    "ready_at": NOON,
    "picked_up_at": NOON,
    "delivered_at": NOON,
    "ended_at": NOON,
    "ended_because": None,
    "next_deadline": None,
    "choice_until_at": None,
    "items": [
        {
            "product_id": SOME,
            "name_en": "Chicken shawarma",
            "name_ar": "شاورما دجاج",
            "quantity": 2,
            "options": ["Large"],
            "options_ar": ["كبير"],
            "total_minor": 5_000,
        }
    ],
    "destination": {"address": "Corniche 12"},
    "tips": [{"id": SOME, "amount_minor": 500, "state": "paid"}],
    "refunds": [],
}


def told() -> Told:
    return Told(
        order=msgspec.convert(ORDER, Order),
        progress=Progress(
            courier_name=None,
            expected_dropoff_at=None,
            expected_dropoff_by_at=None,
            location=None,
        ),
        merchant=None,
        timezone="Asia/Dubai",
        moved_by=None,
        payment=None,
        cancellation=None,
    )


@pytest.mark.parametrize(
    ("locale", "dish", "size"), [("en", "Chicken shawarma", "Large"), ("ar", "شاورما دجاج", "كبير")]
)
def test_it_says_what_the_page_says_and_adds_up(locale: str, dish: str, size: str) -> None:
    current_locale.set(locale)
    said = printed(told())
    assert said["pieces"][0][:3] == ("2", dish, size)
    strong = [amount for _, amount, weighs in said["rows"] if weighs]
    assert ["60.12" in strong[0], "60.00" in strong[1]] == [True, True]
    assert len(said["rows"]) == 8, "food, delivery, service, discount, tax, total, points, due"
    assert "console." not in str(said)
    made = pdf(said, locale=locale, at=NOON)
    assert made.startswith(b"%PDF")
    assert made == pdf(said, locale=locale, at=NOON), "the same receipt, byte for byte"
