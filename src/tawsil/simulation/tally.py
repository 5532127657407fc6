"""What a day comes to, counted from the events it left behind."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tawsil.dispatch import events as dispatched
from tawsil.dispatch.public import LIVE_POLICY
from tawsil.kernel.events import Recorded
from tawsil.ordering import events as ordered

_ENDED: Final = (ordered.OrderCancelled, ordered.OrderSettled, ordered.OrderReturned)
_SEARCHED: Final = (
    dispatched.DeliveryRequested,
    dispatched.OfferFellThrough,
    dispatched.DeliveryUnassigned,
)
_AT_THE_DOOR: Final = timedelta(seconds=LIVE_POLICY.services.pickup_s / 2)
"""What a courier needs between arriving and having the goods in hand."""
_STILL_NOBODY: Final = timedelta(minutes=2)
_FOUND: Final = (
    dispatched.DeliveryOffered,
    dispatched.DeliveryAssigned,
    dispatched.DeliveryWithdrawn,
    dispatched.DeliveryGivenUp,
)


class Tally:
    """Watches the log."""

    def __init__(self) -> None:
        self.placed = 0
        self.delivered = 0
        self.called_off = 0
        """By their customer (or a door that stayed closed), their merchant, or the card's bank."""
        self.failures: dict[str, int] = {}
        """Why orders failed that nobody called off."""
        self.live: set[UUID] = set()
        self.waiting: set[UUID] = set()
        """Deliveries for which nobody has been asked."""
        self.requested = 0
        self.unassigned: set[UUID] = set()
        """Deliveries that nobody had taken when their goods had been ready for a while."""
        self.offers_accepted = 0
        self.offers_answered = 0
        self.assigned_after_s: list[float] = []
        self._ready_at: dict[UUID, datetime] = {}
        self._searched_at: dict[UUID, datetime] = {}
        self._lost: set[UUID] = set()
        self._found_again: set[UUID] = set()

    def watch(self, recorded: Recorded[Any]) -> None:
        event = recorded.event
        match event:
            case ordered.OrderPlaced():
                self.placed += 1
                self.live.add(event.order_id)
            case ordered.OrderDelivered():
                self.delivered += 1
            case ordered.OrderCancelled():
                self._cancelled(recorded, event)
            case ordered.OrderReturned(charged=True):
                self.called_off += 1
            case ordered.OrderReturned():
                self._failed("returned")
            case dispatched.DeliveryEvent():
                self._look_for(recorded.at, event)
            case dispatched.OfferAccepted():
                self.offers_accepted += 1
                self.offers_answered += 1
            case dispatched.OfferRejected() | dispatched.OfferExpired():
                self.offers_answered += 1
            case _:
                pass
        if isinstance(event, _ENDED):
            self.live.discard(event.order_id)

    def _cancelled(self, recorded: Recorded[Any], event: ordered.OrderCancelled) -> None:
        by_card = event.reason.startswith("payment_") and event.reason != "payment_timeout"
        if by_card or recorded.actor_role in {"customer", "merchant"}:
            self.called_off += 1
        else:
            self._failed(event.reason)

    def _failed(self, why: str) -> None:
        self.failures[why] = self.failures.get(why, 0) + 1

    def _look_for(self, at: datetime, event: dispatched.DeliveryEvent) -> None:
        id_ = event.delivery_id
        if isinstance(event, _SEARCHED):
            self.waiting.add(id_)
        elif isinstance(event, _FOUND):
            self.waiting.discard(id_)
        match event:
            case dispatched.DeliveryRequested():
                self.requested += 1
                self._ready_at[id_] = event.ready_at
                self._searched_at[id_] = at
            case dispatched.ReadyTimeMoved():
                self._ready_at[id_] = event.ready_at
            case dispatched.DeliveryAssigned():
                self._assigned(at, event)
            case dispatched.DeliveryGivenUp():
                self.unassigned.add(id_)
            case dispatched.DeliveryUnassigned():
                self._searched_at[id_] = at
                self._lost.add(id_)
                self._found_again.discard(id_)
            case dispatched.DeliveryWithdrawn():
                self._lost.discard(id_)
            case _:
                pass

    def _assigned(self, at: datetime, event: dispatched.DeliveryAssigned) -> None:
        id_, ready_at = event.delivery_id, self._ready_at[event.delivery_id]
        searched = at - self._searched_at[id_]
        late = event.pickup_eta_at - ready_at - _AT_THE_DOOR
        self.assigned_after_s.append(max(0.0, min(searched, late).total_seconds()))
        if at > max(ready_at, self._searched_at[id_]) + _STILL_NOBODY:
            self.unassigned.add(id_)
        if id_ in self._lost:
            self._found_again.add(id_)

    @property
    def success_pct(self) -> float:
        return _percent(self.delivered, self.placed - self.called_off)

    @property
    def acceptance_pct(self) -> float:
        return _percent(self.offers_accepted, self.offers_answered)

    @property
    def unassigned_pct(self) -> float:
        return _percent(len(self.unassigned), self.requested, nothing=0.0)

    @property
    def reassigned_ok_pct(self) -> float:
        return _percent(len(self._found_again & self._lost), len(self._lost))

    @property
    def time_to_assign_p95_s(self) -> float:
        return percentile(self.assigned_after_s, 0.95)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank)."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, max(0, -int(-len(ranked) * share // 1) - 1))], 1)


def _percent(part: int, whole: int, *, nothing: float = 100.0) -> float:
    return round(100 * part / whole, 2) if whole else nothing
