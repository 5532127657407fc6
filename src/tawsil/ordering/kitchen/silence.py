"""A merchant that misses one order after another takes none for a while, until it resumes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tawsil.catalog import public as catalog
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.ordering.kitchen import store
from tawsil.ordering.kitchen.store import MERCHANT_TIMEOUT
from tawsil.ordering.model import Order

MISSED_IN_A_ROW: Final = 3
PAUSED_FOR: Final = timedelta(minutes=30)


async def pause_the_silent(tx: Tx, ended: Sequence[tuple[By, Order]]) -> None:
    """Of orders that have just ended; whoever has paused by themselves is left alone."""
    by_merchant = {o.merchant_id: by for by, o in ended if o.ended_because == MERCHANT_TIMEOUT}
    if not by_merchant:
        return
    missed = await store.missed_in_a_row(tx, merchant_ids=sorted(by_merchant), most=MISSED_IN_A_ROW)
    silent = [id_ for id_, times in missed.items() if len(times) == MISSED_IN_A_ROW]
    for id_ in silent:
        by = by_merchant[id_]
        known = await catalog.merchants(tx, tenant_id=by.tenant_id, ids=[id_])
        if known[id_].paused_until is None:
            pause = catalog.Pause(by=by, merchant_id=id_, length=PAUSED_FOR)
            (paused,) = await catalog.pause(tx, [pause])
            assert not isinstance(paused, Refusal), paused


def was_silent(merchant: catalog.Merchant, missed: Sequence[datetime]) -> bool:
    """Whether the pause a merchant is in is one that came of missed orders."""
    return bool(missed) and merchant.paused_until == missed[0] + PAUSED_FOR
