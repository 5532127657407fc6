"""What a job brings its courier: its parts, and that they are what is booked."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import NOON
from ordering.conftest import TENANT, Street
from ordering.test_incentive import acting, climbed, on_duty, told
from tawsil.geography.public import CourierPay
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.ordering import earnings, journey
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.model import Order
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef, EarningFilter, TransferKind
from tawsil.payments.store import earnings as store
from tawsil.pricing import public as pricing

PAY = CourierPay(wait_grace_s=600, wait_per_minute_minor=10, wait_most_minutes=30)


@given(
    fee=st.builds(
        pricing.DeliveryFeeParts,
        base_minor=st.integers(0, 2_000),
        distance_minor=st.integers(0, 2_000),
        zone_minor=st.integers(0, 500),
        time_minor=st.integers(0, 500),
        surge_minor=st.integers(0, 1_500),
    ),
    for_the_way=st.integers(0, 6_000),
    tip=st.integers(0, 3_000),
)
def test_the_parts_are_the_whole_share(fee: pricing.DeliveryFeeParts, for_the_way: int, tip: int):
    courier = for_the_way + tip
    parts = earnings.parts_of(
        Amounts(
            currency="AED",
            subtotal_minor=courier,
            delivery_fee_minor=0,
            service_fee_minor=0,
            small_order_fee_minor=0,
            discount_minor=0,
            tax_minor=0,
            tip_minor=tip,
            total_minor=courier + tip,
            merchant_minor=tip,
            courier_minor=courier,
            platform_minor=0,
            delivery_fee_parts=fee,
        )
    )
    given = (parts.base_minor, parts.distance_minor, parts.surge_minor, parts.tip_minor)
    assert sum(given) == courier
    assert min(given) >= 0
    assert parts.tip_minor == tip


@pytest.mark.parametrize(
    ("waited", "brings"),
    [
        (timedelta(minutes=10), 0),
        (timedelta(minutes=10, seconds=59), 0),
        (timedelta(minutes=11), 10),
        (timedelta(minutes=25), 150),
        (timedelta(hours=3), 300),
        (timedelta(0), 0),
    ],
)
def test_waiting_is_paid_beyond_the_grace_up_to_a_most(waited: timedelta, brings: int):
    there = earnings.wait_minor(arrived_at=NOON, collected_at=NOON + waited, pay=PAY)
    assert there == brings
    assert earnings.wait_minor(arrived_at=None, collected_at=NOON, pay=PAY) == 0


async def booked(tx: Tx, courier_id: UUID) -> int:
    ref = AccountRef(AccountKind.COURIER, courier_id)
    found = await payments.balances(tx, tenant_id=TENANT, accounts=[ref])
    return sum(balance.posted_minor for balance in found)


@pytest.mark.parametrize("back", [False, True])
async def test_each_part_stands_on_the_couriers_account(
    database: Database, clock: VirtualClock, street: Street, *, back: bool
):
    order = await climbed(database, clock, street)
    async with database.transaction() as tx:
        await on_duty(tx, street)
        offer = await told(tx, street, order)
        parts = offer.payload.parts
        share = parts.base_minor + parts.distance_minor + parts.surge_minor + parts.tip_minor
        assert share + offer.payload.incentive_minor == offer.payload.earning_minor
        assert offer.payload.collect_minor == order.amounts.total_minor, "it is paid in cash"
        await tx.execute(
            "update dispatch.delivery set arrived_at = $1, state = 'at_pickup'", tx.now
        )
    clock.advance(timedelta(minutes=25))
    async with database.transaction() as tx:
        step = journey.MoveOrder(by=street.by, order_id=order.id, acting=acting(street))
        await journey.pick_up(tx, [step])
        if back:
            failed = journey.MarkUndeliverable(
                by=street.by, order_id=order.id, acting=acting(street), reason="accident"
            )
            await journey.mark_undeliverable(tx, [failed])
            (ended,) = await journey.return_to_merchant(tx, [step])
        else:
            handed = journey.DeliverOrder(by=street.by, order_id=order.id, acting=acting(street))
            (ended,) = await journey.deliver(tx, [handed])
        assert isinstance(ended, Order), ended
        which = EarningFilter(courier_id=street.courier_id)
        found = await payments.search_earnings(
            tx, which=which, take=payments.EARNING_SORTS.take(which, limit=10)
        )
        (earning,) = found.items
        assert earning.settled
        assert earning.wait_minor == 150
        assert earning.incentive_minor == offer.payload.incentive_minor > 0
        assert earning.total_minor == await booked(tx, street.courier_id)
        assert await store.faults(tx) == []
        (day,) = await payments.earning_days(tx, which=which, timezone="Asia/Dubai")
        assert (day.jobs, day.total_minor) == (1, earning.total_minor)
        await _fined(tx, street, order)
        (later,) = (
            await payments.search_earnings(
                tx, which=which, take=payments.EARNING_SORTS.take(which, limit=10)
            )
        ).items
        assert later.adjustment_minor == -70
        assert later.total_minor == await booked(tx, street.courier_id)


async def _fined(tx: Tx, street: Street, order: Order) -> None:
    await payments.transfer(
        tx,
        [
            payments.Transfer(
                by=street.by,
                id=street.ids(),
                kind=TransferKind.REFUND,
                reference_id=order.id,
                currency="AED",
                postings=(
                    payments.Posting(AccountRef(AccountKind.COURIER, street.courier_id), -70),
                    payments.Posting(AccountRef(AccountKind.PLATFORM), 70),
                ),
            )
        ],
    )
