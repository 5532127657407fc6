"""Looking the books through, and telling people of what is wrong with them, once."""

from datetime import datetime

import structlog

from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.payments.model.faults import Alarm, Fault, raise_alarm
from tawsil.payments.store import cash, earnings
from tawsil.payments.store import faults as store

log = structlog.get_logger(__name__)


async def check(tx: Tx, *, since_at: datetime | None = None) -> list[Fault]:
    """What does not add up; what was not known of yet is logged, and an alarm raised for it."""
    found = await store.faults(tx, since_at=since_at)
    found += await earnings.faults(tx, since_at=since_at)
    if since_at is None:
        found += await cash.faults(tx)
        await store.keep_only(tx, found)
    if not found:
        return found
    cities = await store.cities(tx, found)
    anywhere = {city.tenant_id: city.id for city in reversed(await geography.cities(tx))}
    alarms = [
        Alarm(
            id=tx.ids(),
            fault=fault,
            city_id=cities.get(fault.subject_id) or anywhere.get(fault.tenant_id),
            found_at=tx.now,
        )
        for fault in found
    ]
    new = await store.add(tx, alarms)
    for alarm in alarms:
        if alarm.id in new:
            fault = alarm.fault
            log.error(
                "ledger.imbalance_found",
                check=fault.check.value,
                tenant_id=str(fault.tenant_id),
                subject_id=str(fault.subject_id),
                currency=fault.currency,
                amount_minor=fault.amount_minor,
            )
    await tx.record(
        [
            (By(tenant_id=alarm.tenant_id, correlation_id=alarm.id), raise_alarm(alarm))
            for alarm in alarms
            if alarm.id in new
        ]
    )
    return found
