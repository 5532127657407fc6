"""Does everything add up? Looked at now and then, though it cannot be otherwise."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tawsil.kernel import metrics
from tawsil.kernel.db import Database
from tawsil.payments.events import BooksCheck
from tawsil.payments.model.faults import Fault
from tawsil.payments.service import faults
from tawsil.payments.store import faults as store
from tawsil.payments.store import ledger

WHOLE_EVERY: Final = timedelta(hours=1)
OVERLAP: Final = timedelta(minutes=5)
"""Longer than a transaction may take, whose entries are older than their being seen."""


async def check_books(database: Database, *, since_at: datetime | None = None) -> Sequence[Fault]:
    """Add the books up: transfers, references, currencies, holdings, and what was promised.

    Whoever watches is told of what is wrong, by metric, log, event and so a ticket. With `since_at`
    only what moved since then is looked at; what was found before stays in the metrics.
    """
    async with database.transaction() as tx:
        found = await faults.check(tx, since_at=since_at)
        standing = await store.standing(tx)
        moved = await ledger.imbalance(tx, since_at=since_at)
    counts = Counter(fault.check for fault in standing)
    for each in BooksCheck:
        metrics.ledger_faults.labels(each.value).set(counts[each])
    imbalance = Counter(dict.fromkeys(moved, 0))
    for fault in standing:
        if fault.check is BooksCheck.TRANSFER:
            imbalance[fault.currency] += abs(fault.amount_minor)
    for currency, imbalance_minor in imbalance.items():
        metrics.ledger_imbalance.labels(currency).set(imbalance_minor)
    return found


class Auditor:
    """Looks through what is new each time it is asked, and now and then through everything."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._whole_at: datetime | None = None
        self._at: datetime | None = None

    async def check(self) -> None:
        now = self._database.now()
        whole = self._whole_at is None or now - self._whole_at >= WHOLE_EVERY
        since_at = None if whole or self._at is None else self._at - OVERLAP
        await check_books(self._database, since_at=since_at)
        self._at = now
        if whole:
            self._whole_at = now
