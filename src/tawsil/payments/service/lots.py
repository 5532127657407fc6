"""Lots of points are kept in step with the books, in the transaction that writes them."""

from collections.abc import Sequence
from datetime import datetime

from tawsil.kernel.db import Tx
from tawsil.payments.events import AccountKind
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.model.points import USUAL_MONTHS, lapses_at
from tawsil.payments.store import points as store
from tawsil.payments.store.points import Given, Purse


async def follow(tx: Tx, booked: Sequence[Transfer]) -> None:
    """Customers have more or fewer points: the oldest are used first."""
    given: dict[tuple[Purse, datetime], int] = {}
    used: dict[Purse, int] = {}
    for transfer in booked:
        if transfer.kind is TransferKind.POINTS_LAPSED:
            continue  # of lots that are known: their owner sees to them
        for posting in transfer.postings:
            owner_id = posting.account.owner_id
            if posting.account.kind is not AccountKind.LOYALTY or owner_id is None:
                continue
            purse = (transfer.by.tenant_id, owner_id, transfer.currency)
            if posting.amount_minor < 0:
                used[purse] = used.get(purse, 0) - posting.amount_minor
            else:
                until = transfer.lapses_at or lapses_at(tx.now, months=USUAL_MONTHS)
                given[purse, until] = given.get((purse, until), 0) + posting.amount_minor
    if not given and not used:
        return
    new = [Given(purse, until, minor) for (purse, until), minor in sorted(given.items())]
    lots = {lot.id: lot for lot in await store.give(tx, new)}
    lots |= {lot.id: lot for lot in await store.use(tx, used)}
    await tx.await_again(list(lots.values()))
