"""Does everything add up? Looked at now and then, though it cannot be otherwise."""

from datetime import datetime

from tawsil.kernel import metrics
from tawsil.kernel.db import Database
from tawsil.payments.store import ledger


async def check_ledger(database: Database, *, since_at: datetime | None = None) -> dict[str, int]:
    """Add the ledger up and show the result to the monitoring: zero per currency."""
    async with database.transaction() as tx:
        found = await ledger.imbalance(tx, since_at=since_at)
    for currency, imbalance_minor in found.items():
        metrics.ledger_imbalance.labels(currency).set(imbalance_minor)
    return found
