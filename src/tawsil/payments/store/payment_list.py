"""Payments as lists: what they are filtered and sorted by, and who reaches which."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach
from tawsil.payments.events import Method, Provider
from tawsil.payments.model.payment import Payment, PaymentState
from tawsil.payments.store.payments import payment_of


class Filter(Struct, frozen=True, kw_only=True):
    """Which payments: everything that is set narrows.

    `outstanding`: the customer still owes what was put off.
    """

    method: Method | None = None
    states: tuple[PaymentState, ...] | None = None
    provider: Provider | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    outstanding: bool | None = None


SORTS: Final = Sorts(
    keys={"created_at": Key("created_at", datetime), "amount": Key("amount_minor", int)},
    default="-created_at",
)
_FILTERS: Final = {
    "method": "method = {}",
    "states": "state = any({}::text[])",
    "provider": "provider = {}",
    "from_at": "created_at >= {}",
    "to_at": "created_at < {}",
    "outstanding": """
        (method = 'later' and settled_minor = 0 and captured_minor > refunded_minor) = {}
    """,
}
_REACHED: Final = {"city_ids": "city_id = any({}::uuid[])", "user_id": "payer_id = {}"}


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Payment]:
    where = Where().within(reach, _REACHED)
    where.matching(which, _FILTERS)
    found = await rows(tx, columns="*", source="payments.payment", where=where, take=take)
    return found.map(payment_of)
