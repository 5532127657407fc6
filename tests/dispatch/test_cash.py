"""Cash that is to be collected goes to who may come to hold it."""

from typing import Any

from msgspec.structs import replace

from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal

City = Any


async def test_cash_goes_to_who_may_hold_it(tx: Tx, city: City):
    near, far = await city.on_duty(tx, count=2)
    await couriers.set_cash(
        tx,
        [
            couriers.Cash(
                courier_id=near,
                tenant_id=city.by.tenant_id,
                currency="AED",
                held_minor=800,
                limit_minor=1_000,
            )
        ],
    )
    await dispatch.request(tx, [replace(city.wish(tx), collect_minor=201)])
    offer = await city.offer(tx)
    assert offer.courier_id == far
    assert offer.payload.collect_minor == 201


async def test_what_is_on_its_way_counts_and_nobody_is_passed_over_in_silence(tx: Tx, city: City):
    (courier_id,) = await city.on_duty(tx)
    await couriers.set_cash(
        tx,
        [
            couriers.Cash(
                courier_id=courier_id,
                tenant_id=city.by.tenant_id,
                currency="AED",
                held_minor=0,
                limit_minor=1_000,
            )
        ],
    )
    await dispatch.request(tx, [replace(city.wish(tx), collect_minor=600)])
    offer = await city.offer(tx)
    await dispatch.accept(tx, [city.answer(offer)])
    second = city.wish(tx)
    await dispatch.request(tx, [replace(second, collect_minor=401)])
    assert (await city.tick(tx)).offers == ()
    (given,) = await dispatch.reassign(
        tx,
        [dispatch.Reassign(by=city.by, reference_id=second.reference_id, courier_id=courier_id)],
    )
    assert isinstance(given, Refusal)
    assert given.code == "dispatch.over_cash_limit"
    assert given.detail == {"collect_minor": 401, "room_minor": 400}


async def test_who_kept_cash_for_too_long_collects_none_but_carries_what_is_paid(
    tx: Tx, city: City
):
    (courier_id,) = await city.on_duty(tx)
    await couriers.set_cash(
        tx,
        [
            couriers.Cash(
                courier_id=courier_id,
                tenant_id=city.by.tenant_id,
                currency="AED",
                held_minor=10,
                blocked=True,
            )
        ],
    )
    await dispatch.request(tx, [replace(city.wish(tx, site_id=city.id), collect_minor=1)])
    assert (await city.tick(tx)).offers == ()
    await dispatch.request(tx, [city.wish(tx)])
    assert (await city.offer(tx)).courier_id == courier_id


async def test_a_city_where_everybody_is_full_feels_it(tx: Tx, city: City):
    staff = await city.on_duty(tx, count=4)
    await dispatch.request(tx, [replace(city.wish(tx), collect_minor=500) for _ in range(3)])
    calm = await dispatch.sense(tx, tenant_id=city.by.tenant_id, city_id=city.id)
    assert (calm.wanted, calm.couriers) == (3, 4)
    await tx.execute("delete from dispatch.pressure")
    await couriers.set_cash(
        tx,
        [
            couriers.Cash(
                courier_id=id_,
                tenant_id=city.by.tenant_id,
                currency="AED",
                held_minor=900,
                limit_minor=1_000,
            )
            for id_ in staff[1:]
        ],
    )
    full = await dispatch.sense(tx, tenant_id=city.by.tenant_id, city_id=city.id)
    assert (full.wanted, full.couriers) == (3, 1)
    assert full.load > calm.load
