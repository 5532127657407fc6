"""Of many orders, lists are read from indexes, wherever they begin."""

import json
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Slice
from tawsil.kernel.reach import Reach
from tawsil.ordering import public
from tawsil.ordering.events import Status
from tawsil.ordering.public import SORTS, Filter

TENANT = UUID("01900000-0000-7000-8000-000000000001")
ORDERS, CITIES, CUSTOMERS, MERCHANTS, COURIERS = 30_000, 10, 20_000, 400, 1_000
SLOWEST_S = 1.0  # on a machine that does other things besides; figures are in docs/adr/0018


def one(kind: int, n: int) -> UUID:
    return UUID(int=(kind << 64) + n)


class Watching(Tx):
    """A transaction that explains each statement before it is run."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx._connection, now=tx.now, ids=tx.ids, jobs=tx._jobs)
        self.plans: list[Any] = []

    async def rows(self, sql: str, *args: object) -> Any:
        (plan,) = await super().rows(f"explain (format json) {sql}", *args)
        self.plans.append(json.loads(plan[0])[0]["Plan"])
        return await super().rows(sql, *args)


def nodes(plan: Any) -> list[str]:
    below = [node for child in plan.get("Plans", ()) for node in nodes(child)]
    return [f"{plan['Node Type']} {plan.get('Relation Name', '')}".strip(), *below]


@pytest.fixture
async def many(tx: Tx) -> Watching:
    """Orders of a month; the newest thousand are live."""
    await tx.execute(
        """
        insert into ordering."order" (id, version, tenant_id, city_id, number, quote_id,
            customer_id, merchant_id, courier_id, status, payment, paid_by, currency,
            subtotal_minor, delivery_fee_minor, service_fee_minor, small_order_fee_minor,
            discount_minor, tax_minor, tip_minor, total_minor, merchant_minor, courier_minor,
            platform_minor, pickup_latitude, pickup_longitude, dropoff_latitude,
            dropoff_longitude, prep_time_s, travel_time_s, handover_pin, placed_at, offered_at,
            accepted_at, ready_at, promised_at, picked_up_at, delivered_at, ended_at,
            delivery_fee_parts)
        select gen_random_uuid(), 1, $1, lpad(to_hex(n % $3), 32, '1')::uuid, 1000000 + n,
            gen_random_uuid(), lpad(to_hex(n * 7919 % $4), 32, '2')::uuid,
            lpad(to_hex(n * 31 % $5), 32, '3')::uuid, lpad(to_hex(n % $6), 32, '4')::uuid,
            case when n > $2 - 1000 then 'PENDING' else 'DELIVERED' end, 'settled', 'card', 'AED',
            n % 9000, 0, 0, 0, 0, 0, 0, n % 9000, n % 9000, 0, 0, 24, 53, 24, 53, 600, 600, '4711',
            at, at, at, at, at, at, at, at, '{}'
        from generate_series(1, $2::int) n,
            lateral (select $7::timestamptz - ($2 - n) * interval '86 seconds' as at)
        """,
        TENANT,
        ORDERS,
        CITIES,
        CUSTOMERS,
        MERCHANTS,
        COURIERS,
        tx.now,
    )
    await tx.execute('analyze ordering."order"')
    return Watching(tx)


class Case(Struct, frozen=True):
    reach: Reach
    which: Filter = Filter()


def city(n: int) -> UUID:
    return UUID(f"{n:x}".rjust(32, "1"))


ALL = Reach(tenant_id=TENANT, everything=True)
CUSTOMER = UUID("7".rjust(32, "2"))
CASES = {
    "operations": Case(ALL),
    "manager of a city": Case(Reach(tenant_id=TENANT, city_ids=frozenset({city(3)}))),
    "manager of half": Case(
        Reach(tenant_id=TENANT, city_ids=frozenset(city(n) for n in range(CITIES // 2)))
    ),
    "customer": Case(Reach(tenant_id=TENANT, user_id=CUSTOMER)),
    "merchant": Case(Reach(tenant_id=TENANT, location_id=UUID("5".rjust(32, "3")))),
    "courier": Case(Reach(tenant_id=TENANT, assigned_to=UUID("9".rjust(32, "4")))),
    "live of a city": Case(ALL, Filter(statuses=(Status.PENDING,), city_id=city(3))),
    "a number": Case(ALL, Filter(words="1010000")),
    "nobody's": Case(Reach(tenant_id=TENANT, user_id=city(1))),
}


async def test_lists_are_read_from_indexes_wherever_they_begin(many: Watching) -> None:
    for name, case in CASES.items():
        begun = perf_counter()
        first = await search(many, case)
        if first.next_cursor is not None:
            last = first.items[-1]
            fortnight_ago = last.placed_at - timedelta(days=14)
            take = SORTS.take(case.which, limit=20)
            await search(many, case, cursor=take.cursor_at([fortnight_ago, last.id]))
        assert perf_counter() - begun < SLOWEST_S, name
        scans = {node for plan in many.plans for node in nodes(plan) if "Scan" in node}
        assert scans, name
        assert "Seq Scan order" not in scans, (name, scans)
        many.plans.clear()


async def search(tx: Tx, case: Case, *, cursor: str | None = None) -> Slice[public.Order]:
    take = SORTS.take(case.which, limit=20, cursor=cursor)
    return await public.search_orders(tx, reach=case.reach, which=case.which, take=take)
