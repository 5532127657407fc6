"""What each documented test payment method does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class Card(Struct, frozen=True):
    """The behaviour behind a test payment method."""

    last4: str = "4242"
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    three_d_secure: bool = False
    dispute_reason: str | None = None
    inquiry: bool = False
    refund: str = "succeeded"  # or "pending", or "failed" a while after it succeeded


def _declined(decline_code: str, last4: str = "0002") -> Card:
    return Card(last4, code="card_declined", decline_code=decline_code)


SAME_AS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tok_declined": "pm_card_chargeDeclined",
        "tok_insufficient_funds": "pm_card_chargeDeclinedInsufficientFunds",
        "tok_3ds": "pm_card_threeDSecure2Required",
    }
)
"""The cards of the direct sandbox, as they are called here; the others just pay."""
USUAL: Final = "pm_card_visa"

CARDS: Final[Mapping[str, Card]] = MappingProxyType(
    {
        "pm_card_visa": Card(),
        "pm_card_mastercard": Card("4444", "mastercard"),
        "pm_card_amex": Card("8431", "amex"),
        "pm_card_chargeDeclined": _declined("generic_decline"),
        "pm_card_visa_chargeDeclined": _declined("generic_decline"),
        "pm_card_chargeDeclinedInsufficientFunds": _declined("insufficient_funds", "9995"),
        "pm_card_visa_chargeDeclinedInsufficientFunds": _declined("insufficient_funds", "9995"),
        "pm_card_chargeDeclinedLostCard": _declined("lost_card", "9987"),
        "pm_card_chargeDeclinedStolenCard": _declined("stolen_card", "9979"),
        "pm_card_chargeDeclinedFraudulent": _declined("fraudulent", "0019"),
        "pm_card_chargeDeclinedExpiredCard": Card(
            "0069", code="expired_card", decline_code="expired_card"
        ),
        "pm_card_chargeDeclinedIncorrectCvc": Card(
            "0127", code="incorrect_cvc", decline_code="incorrect_cvc"
        ),
        "pm_card_chargeDeclinedProcessingError": Card(
            "0119", code="processing_error", decline_code="processing_error"
        ),
        "pm_card_authenticationRequired": Card("3184", three_d_secure=True),
        "pm_card_threeDSecure2Required": Card("3220", three_d_secure=True),
        "pm_card_threeDSecureRequired": Card("3155", three_d_secure=True),
        "pm_card_createDispute": Card("0259", dispute_reason="fraudulent"),
        "pm_card_createDisputeProductNotReceived": Card(
            "2685", dispute_reason="product_not_received"
        ),
        "pm_card_createDisputeInquiry": Card("1976", dispute_reason="fraudulent", inquiry=True),
        "pm_card_pendingRefund": Card("7726", refund="pending"),
        "pm_card_refundFail": Card("5126", refund="failed"),
    }
)
