"""What the sandbox holds for the platform, line by line, as its balance file says it: pure.

Captures come in less a fee, refunds go out whole, and what a day has left goes to the platform's
bank at the midnight (UTC) after it.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from typing import Final

from msgspec import Struct
from msgspec.structs import asdict

from tawsil.kernel.money import share
from tawsil.simulation.psp.charges import ChargeState
from tawsil.simulation.psp.model import Event

FEE_BP: Final = 150
_COMES_IN: Final = frozenset({ChargeState.CAPTURED})
_GOES_OUT: Final = frozenset({ChargeState.PARTIALLY_REFUNDED, ChargeState.REFUNDED})


class BalanceLine(Struct, frozen=True, kw_only=True):
    """`amount_minor` is gross: below zero what went out; `fee_minor` was kept back from it."""

    id: str
    type: str
    charge_id: str
    amount_minor: int
    fee_minor: int
    currency: str
    created_at: datetime


def lines(events: Iterable[Event], *, since: datetime, until: datetime) -> list[BalanceLine]:
    """What moved from `since` on and before `until`, in order."""
    moved = [line for event in events if (line := _line(event)) is not None]
    every = sorted([*moved, *_settlements(moved)], key=lambda line: (line.created_at, line.id))
    return [line for line in every if since <= line.created_at < until]


def as_csv(found: Iterable[BalanceLine]) -> str:
    text = StringIO()
    rows = csv.DictWriter(text, BalanceLine.__struct_fields__, lineterminator="\n")
    rows.writeheader()
    rows.writerows(asdict(line) | {"created_at": line.created_at.isoformat()} for line in found)
    return text.getvalue()


def _line(event: Event) -> BalanceLine | None:
    charge, minor = event.data.charge, event.data.amount_minor
    if charge.state not in _COMES_IN | _GOES_OUT:
        return None
    comes_in = charge.state in _COMES_IN
    return BalanceLine(
        id=f"bal_{event.id}",
        type="capture" if comes_in else "refund",
        charge_id=charge.id,
        amount_minor=minor if comes_in else -minor,
        fee_minor=share(minor, basis_points=FEE_BP) if comes_in else 0,
        currency=charge.currency,
        created_at=event.created_at,
    )


def _settlements(moved: Iterable[BalanceLine]) -> list[BalanceLine]:
    left: defaultdict[tuple[datetime, str], int] = defaultdict(int)
    for line in moved:
        day = datetime.combine(line.created_at.date(), time(), UTC) + timedelta(days=1)
        left[day, line.currency] += line.amount_minor - line.fee_minor
    return [
        BalanceLine(
            id=f"set_{day:%Y%m%d}_{currency}",
            type="settlement",
            charge_id="",
            amount_minor=-minor,
            fee_minor=0,
            currency=currency,
            created_at=day,
        )
        for (day, currency), minor in left.items()
        if minor
    ]
