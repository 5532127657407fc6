"""The live messages as the contract has them: what a browser or an app hears, field by field.

`live.py` makes them out of recorded events, and a test holds it to these; `feeds.py` makes those
of what is not recorded.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from tawsil.catalog.events import SuspendedBecause
from tawsil.catalog.public import Standing
from tawsil.couriers.events import Availability
from tawsil.dispatch.events import Prep, Stop
from tawsil.kernel.places import Place
from tawsil.ordering.events import Status, Thread, Writer
from tawsil.ordering.public import RefundState, TipState
from tawsil.support.events import Kind, Priority, SubjectKind
from tawsil.tracking.events import StopKind


class Message(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What one message says."""


class Reload(Message, frozen=True):
    """More was missed than is told again: load the state anew."""

    after: int
    from_: int = field(name="from")


class OrderStatusUpdated(Message, frozen=True):
    """An order has changed; `happened` is the event that changed it."""

    order_id: UUID
    status: Status
    happened: str
    merchant_id: UUID
    courier_id: UUID | None
    at: datetime


class MerchantStandingUpdated(Message, frozen=True):
    """A merchant may sell from now on, or may not for a while."""

    merchant_id: UUID
    standing: Standing
    reason: SuspendedBecause | None


class MerchantUpdated(Message, frozen=True):
    """A merchant has paused, is busy, or something on its menu has run out; or not any more."""

    merchant_id: UUID
    happened: str


class NewOrder(Message, frozen=True):
    """A merchant is asked to take an order."""

    order_id: UUID
    answer_by: datetime


class OrderChoiceUpdated(Message, frozen=True):
    """A customer may choose to wait on for a courier, or need not any more."""

    order_id: UUID
    open: bool
    until: datetime | None


class OrderMessage(Message, frozen=True):
    """Somebody has written about an order; what, its messages say."""

    order_id: UUID
    message_id: UUID
    thread: Thread
    writer: Writer
    at: datetime


class OrderMessagesRead(Message, frozen=True):
    """Somebody has read what was written, up to this message."""

    order_id: UUID
    message_id: UUID
    thread: Thread
    reader: Writer


class RefundUpdated(Message, frozen=True):
    """A refund has come into this state; the amount in minor units.

    `because` is why it was refused, or the acquirer's code if it failed.
    """

    refund_id: UUID
    order_id: UUID
    merchant_id: UUID
    state: RefundState
    reason: str
    because: str | None
    amount: int
    currency: str


class TipUpdated(Message, frozen=True):
    """A tip after delivery has come into this state; the amount in minor units.

    `because` is the bank's code if it was declined. The courier hears of it when it is paid.
    """

    tip_id: UUID
    order_id: UUID
    courier_id: UUID
    state: TipState
    because: str | None
    amount: int
    currency: str


class EarningParts(Message, frozen=True):
    """What an earning is made of, besides the incentive, in minor units."""

    base: int
    distance: int
    surge: int
    tip: int


class OfferedWork(Message, frozen=True):
    """What a courier is offered: money in minor units, distances in metres.

    `collect` is cash to be collected at the doors.
    """

    estimated_earning: int
    earning_parts: EarningParts
    incentive: int
    collect: int
    currency: str
    distance: int
    distance_to_pickup: int
    distance_from_pickup: int
    pickup: Stop
    dropoff: Stop
    stops: list[Stop]
    deliveries: int
    prep_state: Prep
    ready_at: datetime | None


class OfferCreated(Message, frozen=True):
    """A courier is asked; `deliveryIds` are all that the offer is about."""

    offer_id: UUID
    delivery_id: UUID
    delivery_ids: list[UUID]
    driver_id: UUID
    expires_at: datetime
    payload: OfferedWork


class OfferAccepted(Message, frozen=True):
    """The courier has said yes, after so many seconds."""

    offer_id: UUID
    driver_id: UUID
    response_time: float


class OfferRejected(Message, frozen=True):
    """The courier has said no, has not answered in time, or is not asked any more."""

    offer_id: UUID
    driver_id: UUID
    reason: str | None


class MoveSuggested(Message, frozen=True):
    """An idle courier does better to wait there."""

    driver_id: UUID
    place: Place
    site_id: UUID
    until: datetime


class AvailabilityChanged(Message, frozen=True):
    """A courier has gone from one state to another."""

    driver_id: UUID
    from_: Availability = field(name="from")
    to: Availability
    reason: str
    missed_offers: int


class BreakExpired(Message, frozen=True):
    """A break is over by itself, after so many seconds."""

    driver_id: UUID
    break_duration: int


class ConditionsChanged(Message, frozen=True):
    """What a rush changes in a city."""

    city_id: UUID
    pressure: int
    extra_wait: int
    surge_basis_points: int
    reach: int | None
    held: bool


class UnassignedOrderEscalated(Message, frozen=True):
    """Nobody has it yet: the next rung of the ladder."""

    delivery_id: UUID
    level: int
    reason: str
    actions: list[str]
    incentive: int


class DeliveryAtRiskUpdated(Message, frozen=True):
    """Whether the courier of a delivery can bring it is in doubt, or not any more."""

    delivery_id: UUID
    driver_id: UUID
    happened: str
    cause: str
    at_risk: bool
    until: datetime | None


class DeliveryCourierChanged(Message, frozen=True):
    """Who has a delivery, and who had it before."""

    delivery_id: UUID
    driver_id: UUID | None
    before: UUID | None
    reason: str


class DeliveryCourierArrived(Message, frozen=True):
    """The courier of a delivery stands where it is fetched, or where it is handed over."""

    delivery_id: UUID
    driver_id: UUID
    stop: StopKind
    at: datetime


class DeliveryEtaUpdated(Message, frozen=True):
    """When it should be at the door; `confidence` is the chance that it is there by then."""

    delivery_id: UUID
    eta: datetime
    confidence: float


class DeliveryLocationUpdated(Message, frozen=True):
    """Where a courier is, once a second; `deliveryId` is what they are on.

    Operations of many couriers hear `couriers_moved` instead.
    """

    courier_id: UUID
    delivery_id: UUID | None
    location: Place
    latitude: float
    longitude: float
    accuracy: float
    at: datetime


class CourierMoved(Struct, frozen=True, array_like=True):
    """Who, where (in metres so sure), and when they said so."""

    courier_id: UUID
    longitude: float
    latitude: float
    accuracy: int
    at: datetime


class CouriersMoved(Message, frozen=True):
    """To operations: all who have moved within a second.

    `cityId` is of what they carry; without one they carry nothing.
    """

    city_id: UUID | None
    couriers: list[CourierMoved]


class SupportTicketCreated(Message, frozen=True):
    """Something that people must look at; `deliveryId` if it is about a delivery."""

    ticket_id: UUID
    delivery_id: UUID | None
    kind: Kind
    priority: Priority
    subject_kind: SubjectKind
    subject_id: UUID


class DriverMetrics(Message, frozen=True):
    """How a courier does: shares from 0 to 1, the response time in seconds."""

    score: int
    on_time: float
    completion: float
    acceptance_rate: float | None
    response_time: float | None


class DriverPerformanceUpdated(Message, frozen=True):
    """How a courier does has been reckoned anew."""

    driver_id: UUID
    metrics: DriverMetrics


class ZoneMetrics(Message, frozen=True):
    """Jobs that wait, are late, are carried; couriers free and busy; the mean wait; 0 to 1."""

    waiting: int
    late: int
    carried: int
    free: int
    busy: int
    wait: int
    score: float


class ZoneHealthUpdated(Message, frozen=True):
    """Demand, supply and waiting in a zone have changed; at most every quarter of a minute."""

    zone_id: UUID
    city_id: UUID
    metrics: ZoneMetrics


MESSAGES: Final[Mapping[str, type[Message]]] = {
    "availability_changed": AvailabilityChanged,
    "break_expired": BreakExpired,
    "conditions_changed": ConditionsChanged,
    "couriers_moved": CouriersMoved,
    "delivery_at_risk_updated": DeliveryAtRiskUpdated,
    "delivery_courier_arrived": DeliveryCourierArrived,
    "delivery_courier_changed": DeliveryCourierChanged,
    "delivery_eta_updated": DeliveryEtaUpdated,
    "delivery_location_updated": DeliveryLocationUpdated,
    "driver_performance_updated": DriverPerformanceUpdated,
    "merchant_standing_updated": MerchantStandingUpdated,
    "merchant_updated": MerchantUpdated,
    "move_suggested": MoveSuggested,
    "new_order": NewOrder,
    "offer_accepted": OfferAccepted,
    "offer_created": OfferCreated,
    "offer_rejected": OfferRejected,
    "operator_alert": UnassignedOrderEscalated,
    "order_choice_updated": OrderChoiceUpdated,
    "order_message": OrderMessage,
    "order_messages_read": OrderMessagesRead,
    "order_status_updated": OrderStatusUpdated,
    "refund_updated": RefundUpdated,
    "reload": Reload,
    "support_ticket_created": SupportTicketCreated,
    "tip_updated": TipUpdated,
    "unassigned_order_escalated": UnassignedOrderEscalated,
    "zone_health_updated": ZoneHealthUpdated,
}
