"""What couriers and operations hear at once when a job is in doubt or changes hands."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from tawsil.apps.live import TRANSLATIONS
from tawsil.dispatch import events
from tawsil.dispatch.events import Cause
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.live import LiveMessage

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ABOUT = {"delivery_id": UUID(int=1), "reference_id": UUID(int=2)}
RIDER, OTHER = UUID(int=3), UUID(int=4)


def heard(event: events.DeliveryEvent) -> dict[str, LiveMessage]:
    recorded: Recorded[Any] = Recorded(
        seq=1,
        id=UUID(int=9),
        stream="delivery",
        stream_id=event.delivery_id,
        version=1,
        event=event,
        actor_id=None,
        actor_role="system",
        tenant_id=UUID(int=8),
        city_id=UUID(int=7),
        correlation_id=event.reference_id,
        causation_id=None,
        at=NOON,
    )
    return {message.event: message for message in TRANSLATIONS[type(event)](recorded)}


@pytest.mark.parametrize("alarms", [True, False])
def test_a_rung_raises_an_alarm_where_it_asks_for_one(*, alarms: bool):
    actions = ("ticket", "alert") if alarms else ("widen", "raise")
    climbed = events.DeliveryEscalated(**ABOUT, level=3, reason="nobody_yet", actions=actions)
    told = heard(climbed)
    assert ("operator_alert" in told) is alarms
    assert told["unassigned_order_escalated"].data["level"] == 3
    assert all(message.audience.operators for message in told.values())


def test_both_couriers_hear_that_it_changed_hands():
    handed = events.DeliveryHandedOver(
        **ABOUT, from_courier_id=RIDER, courier_id=OTHER, dropoff_eta_at=NOON
    )
    changed = heard(handed)["delivery_courier_changed"]
    assert changed.audience.user_ids == {RIDER, OTHER}
    assert (changed.data["driverId"], changed.data["before"]) == (OTHER, RIDER)


def test_who_lost_it_hears_why():
    lost = events.DeliveryUnassigned(**ABOUT, courier_id=RIDER, reason="courier_stalled")
    changed = heard(lost)["delivery_courier_changed"]
    assert changed.audience.user_ids == {RIDER}
    assert (changed.data["driverId"], changed.data["reason"]) == (None, "courier_stalled")


def test_a_courier_in_doubt_hears_until_when():
    doubted = events.DeliveryAtRisk(
        **ABOUT, courier_id=RIDER, cause=Cause.COURIER_OFFLINE, collected=False, until_at=NOON
    )
    well = events.DeliveryRecovered(
        **ABOUT, courier_id=RIDER, cause=Cause.COURIER_OFFLINE, at_risk_s=40
    )
    begun, ended = (heard(event)["delivery_at_risk_updated"].data for event in (doubted, well))
    assert (begun["atRisk"], begun["until"]) == (True, NOON)
    assert (ended["atRisk"], ended["until"]) == (False, None)
