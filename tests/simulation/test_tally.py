"""What a day comes to, from a handful of events."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.dispatch import events as dispatched
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.ordering import events as ordered
from tawsil.simulation.city.dice import random_for
from tawsil.simulation.day import EVENING
from tawsil.simulation.tally import Tally, percentile

clock = VirtualClock(EVENING)
ids = Ids(clock, random_for(7, "tally"))
ORDER, DELIVERY, COURIER, OFFER = ids(), ids(), ids(), ids()


def told(tally: Tally, event: Event, *, after_s: float = 0.0, role: str = "system") -> None:
    tally.watch(
        Recorded(
            seq=1,
            id=ids(),
            stream="any",
            stream_id=ids(),
            version=1,
            event=event,
            actor_id=None,
            actor_role=role,
            tenant_id=ids(),
            city_id=None,
            correlation_id=ids(),
            causation_id=None,
            at=EVENING + timedelta(seconds=after_s),
        )
    )


def of_order(cls: Any, **more: Any) -> Event:
    status = ordered.Status.PENDING
    return cls(
        order_id=ORDER,
        customer_id=ids(),
        merchant_id=ids(),
        courier_id=None,
        status=status,
        **more,
    )


def placed() -> Event:
    return of_order(ordered.OrderPlaced, number=1, quote_id=ids(), total_minor=100, currency="AED")


@pytest.mark.parametrize(
    ("reason", "role", "success_pct"),
    [
        ("changed_my_mind", "customer", 100.0),
        ("too_busy", "merchant", 100.0),
        ("payment_card_declined", "system", 100.0),
        ("payment_timeout", "system", 0.0),
        ("merchant_timeout", "system", 0.0),
        ("no_courier_found", "system", 0.0),
    ],
)
def test_only_what_somebody_called_off_is_no_failure(reason: str, role: str, success_pct: float):
    tally = Tally()
    told(tally, placed())
    told(tally, of_order(ordered.OrderCancelled, reason=reason), role=role)
    assert tally.success_pct == success_pct
    assert not tally.live


@pytest.mark.parametrize(("charged", "success_pct"), [(True, 100.0), (False, 0.0)])
def test_what_came_back_is_a_failure_unless_its_customer_was_not_there(
    *, charged: bool, success_pct: float
):
    tally = Tally()
    told(tally, placed())
    told(tally, of_order(ordered.OrderReturned, charged=charged))
    assert tally.success_pct == success_pct
    assert not tally.live


def requested(*, ready_in_s: float) -> Event:
    ready_at = EVENING + timedelta(seconds=ready_in_s)
    return dispatched.DeliveryRequested(
        delivery_id=DELIVERY,
        reference_id=ORDER,
        site_id=ids(),
        ready_at=ready_at,
        urgent_at=EVENING,
    )


def assigned(*, pickup_in_s: float) -> Event:
    pickup_at = EVENING + timedelta(seconds=pickup_in_s)
    return dispatched.DeliveryAssigned(
        delivery_id=DELIVERY,
        reference_id=ORDER,
        courier_id=COURIER,
        pickup_eta_at=pickup_at,
        dropoff_eta_at=pickup_at,
        urgent_at=EVENING,
        first_offered_at=EVENING,
    )


def test_a_courier_told_ahead_of_time_took_no_time():
    tally = Tally()
    told(tally, requested(ready_in_s=900))
    told(tally, assigned(pickup_in_s=900), after_s=400)
    assert tally.assigned_after_s == [0.0]
    assert tally.unassigned_pct == 0.0


def test_time_counts_from_when_the_courier_had_to_set_off():
    tally = Tally()
    told(tally, requested(ready_in_s=600))
    told(tally, assigned(pickup_in_s=600 + 60 + 45), after_s=500)
    assert tally.assigned_after_s == [45.0]


def test_time_counts_from_the_request_when_that_came_late():
    tally = Tally()
    told(tally, requested(ready_in_s=0))
    told(tally, assigned(pickup_in_s=600), after_s=20)
    assert tally.assigned_after_s == [20.0]


def lost() -> Event:
    return dispatched.DeliveryUnassigned(
        delivery_id=DELIVERY, reference_id=ORDER, courier_id=COURIER, reason="courier_stalled"
    )


def test_a_lost_courier_is_made_good_by_another():
    tally = Tally()
    told(tally, requested(ready_in_s=0))
    told(tally, assigned(pickup_in_s=60))
    told(tally, lost(), after_s=600)
    assert tally.waiting == {DELIVERY}
    assert tally.reassigned_ok_pct == 0.0
    told(tally, assigned(pickup_in_s=700), after_s=610)
    assert tally.waiting == set()
    assert tally.reassigned_ok_pct == 100.0


def test_goods_that_wait_two_minutes_without_anybody_count_as_unassigned():
    tally = Tally()
    told(tally, requested(ready_in_s=0))
    told(tally, assigned(pickup_in_s=400), after_s=121)
    assert tally.unassigned_pct == 100.0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_not_exceeded_by_its_share(values: list[float], share: float):
    found = percentile(values, share)
    within = sum(round(value, 1) <= found for value in values)
    assert within >= share * len(values) - 1e-9
    assert found in {round(value, 1) for value in values}


def test_nothing_happened():
    tally = Tally()
    assert (tally.success_pct, tally.acceptance_pct, tally.unassigned_pct) == (100.0, 100.0, 0.0)
    assert tally.time_to_assign_p95_s == 0.0
