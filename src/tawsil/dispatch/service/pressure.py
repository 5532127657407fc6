"""Back-pressure: what is wanted of a city's couriers, and what customers meet because of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch import model, store
from tawsil.dispatch.model import Load
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.pricing import public as pricing
from tawsil.pricing.public import Pressure

EVERY: Final = timedelta(seconds=10)
_AT_WORK: Final = frozenset({Availability.AVAILABLE, Availability.ON_OFFER, Availability.ON_JOB})


async def sense(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> Load:
    """Measure a city's load, every ten seconds at most, and go by its rules for back-pressure."""
    before = await store.load_of(tx, city_id=city_id)
    if before is not None and tx.now - before.measured_at < EVERY:
        return before
    rules = (await store.rules_in_force(tx, city_ids=[city_id]))[city_id].back_pressure
    horizon_at = tx.now + timedelta(seconds=rules.horizon_s)
    at_work = [
        c.id
        for c in await couriers.on_duty(tx, city_id=city_id)
        if c.tenant_id == tenant_id and c.availability in _AT_WORK
    ]
    busy = await store.busy_beyond(tx, city_id=city_id, courier_ids=at_work, at=horizon_at)
    wanted = await store.wanted_by(tx, city_id=city_id, at=horizon_at)
    at_hand = len(at_work) - busy
    if wanted:
        in_cash, may = await _in_cash(tx, city_id=city_id, courier_ids=at_work, at=horizon_at)
        if in_cash * max(at_hand, 1) > wanted * max(may, 1):
            wanted, at_hand = in_cash, may
    load = model.measure(before, city_id=city_id, wanted=wanted, couriers=at_hand, now=tx.now)
    await store.keep_load(tx, load)
    metrics.dispatch_load.labels(str(city_id)).set(load.load)
    now = (await pricing.conditions(tx, city_ids=[city_id])).get(city_id)
    at, since_at = (now.pressure, now.since_at) if now else (Pressure.CALM, None)
    pressure = model.felt(load, at=at, since_at=since_at, rules=rules)
    if pressure is not at:
        await pricing.feel_pressure(
            tx,
            [
                pricing.FeelPressure(
                    by=By(tenant_id=tenant_id, correlation_id=tx.ids()),
                    city_id=city_id,
                    pressure=pressure,
                    terms=model.terms_at(pressure, rules=rules),
                )
            ],
        )
    return load


async def _in_cash(
    tx: Tx, *, city_id: UUID, courier_ids: Sequence[UUID], at: datetime
) -> tuple[int, int]:
    """Deliveries that wait and are paid in cash, and couriers at hand who may collect the least."""
    wanted = await store.wanted_in_cash(tx, city_id=city_id, at=at)
    if wanted is None:
        return 0, 0
    room = await couriers.cash_room(
        tx, city_id=city_id, courier_ids=courier_ids, currency=wanted.currency
    )
    may = [id_ for id_ in courier_ids if room.get(id_, wanted.least_minor) >= wanted.least_minor]
    busy = await store.busy_beyond(tx, city_id=city_id, courier_ids=may, at=at)
    return wanted.count, len(may) - busy
