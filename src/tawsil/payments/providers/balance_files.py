"""Balance files as acquirers write them, read into lines."""

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from types import MappingProxyType
from typing import Final

from tawsil.kernel.money import minor
from tawsil.payments.events import Provider
from tawsil.payments.model.psp import Unheard
from tawsil.payments.model.reconciliation import FileLine, Moved

STRIPES_REPORT: Final = "balance_change_from_activity.itemized.3"
STRIPES_COLUMNS: Final = (
    "balance_transaction_id",
    "created_utc",
    "currency",
    "gross",
    "fee",
    "reporting_category",
    "source_id",
    "payment_intent_id",
)
_OF_DIRECT: Final[Mapping[str, Moved]] = MappingProxyType(
    {"capture": Moved.CHARGE, "refund": Moved.REFUND, "settlement": Moved.SETTLEMENT}
)
_OF_STRIPE: Final[Mapping[str, Moved]] = MappingProxyType(
    {
        "charge": Moved.CHARGE,
        "refund": Moved.REFUND,
        "dispute": Moved.DISPUTE,
        "dispute_reversal": Moved.DISPUTE_WON,
        "transfer": Moved.TRANSFER,
        "transfer_reversal": Moved.TRANSFER_BACK,
        "fee": Moved.FEE,
        "payout": Moved.SETTLEMENT,
        "payout_reversal": Moved.SETTLEMENT,
    }
)


def direct_lines(text: str) -> list[FileLine] | Unheard:
    """The direct acquirer's file: amounts in minor units, instants with their offset."""
    return _read(
        text,
        lambda row: FileLine(
            provider=Provider.DIRECT,
            id=row["id"],
            moved=_OF_DIRECT.get(row["type"], Moved.OTHER),
            charge_id=row["charge_id"] or None,
            amount_minor=int(row["amount_minor"]),
            fee_minor=int(row["fee_minor"]),
            currency=row["currency"],
            at=datetime.fromisoformat(row["created_at"]),
        ),
    )


def stripe_lines(text: str) -> list[FileLine] | Unheard:
    """Stripe's itemized balance report: amounts in major units, instants in UTC.

    What is paid with a PaymentIntent is known by that; a transfer is its own.
    """

    def line(row: Mapping[str, str]) -> FileLine:
        currency = row["currency"].upper()
        return FileLine(
            provider=Provider.STRIPE,
            id=row["balance_transaction_id"],
            moved=_OF_STRIPE.get(row["reporting_category"], Moved.OTHER),
            charge_id=row["payment_intent_id"] or row["source_id"] or None,
            amount_minor=minor(Decimal(row["gross"]), currency),
            fee_minor=minor(Decimal(row["fee"]), currency),
            currency=currency,
            at=datetime.fromisoformat(row["created_utc"]).replace(tzinfo=UTC),
        )

    return _read(text, line)


def _read(text: str, line: Callable[[Mapping[str, str]], FileLine]) -> list[FileLine] | Unheard:
    """Every row, or none: half a file would look like differences."""
    try:
        return [line(row) for row in csv.DictReader(StringIO(text), strict=True)]
    except (ArithmeticError, KeyError, TypeError, ValueError, csv.Error) as error:
        return Unheard(f"unreadable: {type(error).__name__} {error}")
