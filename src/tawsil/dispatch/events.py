"""What happens to a delivery and to the offers made for it. Ids, instants and places only."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.decisions import Event
from tawsil.kernel.places import Place
from tawsil.tracking.events import StopKind


class Stop(Struct, frozen=True, kw_only=True):
    """A door of a route: which deliveries change hands there, and when that is expected."""

    kind: StopKind
    delivery_ids: tuple[UUID, ...]
    place: Place
    at: datetime


class Cause(StrEnum):
    """Why a courier may lose, or lost, a delivery."""

    COURIER_OFFLINE = "courier_offline"  # off duty, or not seen for too long
    COURIER_STALLED = "courier_stalled"  # came no nearer to where they are to collect
    COURIER_CANCELLED = "courier_cancelled"
    VEHICLE_UNSAFE = "vehicle_unsafe"
    TOO_LATE = "too_late"
    BY_HAND = "by_hand"  # an operator decided
    UNDONE = "undone"  # an operator took back what was decided by hand


class DeliveryEvent(Event, frozen=True, kw_only=True):
    delivery_id: UUID
    reference_id: UUID


class DeliveryRequested(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.requested.v1"):
    site_id: UUID
    ready_at: datetime
    urgent_at: datetime


class ReadyTimeMoved(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.ready_time_moved.v1"):
    ready_at: datetime


class DeliveryOffered(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.offered.v1"):
    """A round of offers began: `courier_id` is asked, and `also_asked` at the same time."""

    offer_id: UUID
    courier_id: UUID
    also_asked: tuple[UUID, ...] = ()


class OfferFellThrough(
    DeliveryEvent, frozen=True, kw_only=True, tag="delivery.offer_fell_through.v1"
):
    """The delivery waits again; `reason` is how the last offer of its round ended."""

    offer_id: UUID
    courier_id: UUID
    reason: str


class DeliveryEscalated(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.escalated.v1"):
    """Nobody has taken it yet: it climbed to rung `level` of the ladder (1, 2, 3, …).

    `actions` is what this rung asks for; `incentive_minor` is on top of the earning from now on.
    """

    level: int
    reason: str
    actions: tuple[str, ...] = ()
    incentive_minor: int = 0


class DeliveryAssigned(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.assigned.v1"):
    """`first_offered_at` is when somebody was first asked in this search."""

    courier_id: UUID
    pickup_eta_at: datetime
    dropoff_eta_at: datetime
    urgent_at: datetime
    first_offered_at: datetime


class EtaMoved(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.eta_moved.v1"):
    """Something was added to the courier's route, or the goods will be ready at another time."""

    courier_id: UUID
    pickup_eta_at: datetime
    dropoff_eta_at: datetime


class DeliveryUnassigned(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.unassigned.v1"):
    """The courier will not come; another is looked for. `reason` is a `Cause`."""

    courier_id: UUID
    reason: str


class DeliveryAtRisk(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.at_risk.v1"):
    """Its courier may be lost. Unless that changes by `until_at`, another courier is looked for;
    what is on board already (`collected`) stays with them, and somebody has to look after it.
    """

    courier_id: UUID
    cause: Cause
    collected: bool
    until_at: datetime


class DeliveryRecovered(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.recovered.v1"):
    """What put it at risk is over: the courier goes on with it."""

    courier_id: UUID
    cause: Cause
    at_risk_s: int


class DeliveryHandedOver(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.handed_over.v1"):
    """What was on board went from one courier to another, as an operator noted."""

    from_courier_id: UUID
    courier_id: UUID
    dropoff_eta_at: datetime
    place: Place | None = None


class DeliveryStranded(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.stranded.v1"):
    """Its courier is lost with the goods on board: people must see to it. `cause` says how."""

    courier_id: UUID
    cause: str


class StepEvent(DeliveryEvent, frozen=True, kw_only=True):
    """`happened_at`: when the courier did it, if they were out of reach and told of it later."""

    courier_id: UUID
    happened_at: datetime | None = None


class DeliveryArrived(StepEvent, frozen=True, kw_only=True, tag="delivery.arrived.v1"):
    kind: StopKind


class DeliveryPickedUp(StepEvent, frozen=True, kw_only=True, tag="delivery.picked_up.v1"):
    pass


class DeliveryDone(StepEvent, frozen=True, kw_only=True, tag="delivery.done.v1"):
    pass


class DeliveryFailed(StepEvent, frozen=True, kw_only=True, tag="delivery.failed.v1"):
    """It could not be handed over: the courier takes it back to where it came from."""


class DeliveryReturned(StepEvent, frozen=True, kw_only=True, tag="delivery.returned.v1"):
    pass


class DeliveryWithdrawn(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.withdrawn.v1"):
    """Whoever asked for the delivery does not want it any more."""

    courier_id: UUID | None
    reason: str


class DeliveryGivenUp(DeliveryEvent, frozen=True, kw_only=True, tag="delivery.given_up.v1"):
    """The whole ladder was climbed and nobody came."""

    reason: str


class RulesChanged(Event, frozen=True, kw_only=True, tag="rules.changed.v1"):
    """A city set rules for its dispatch; deliveries asked for from now on go by them."""

    rules_id: UUID
    city_id: UUID


class Prep(StrEnum):
    """Whether there is something to collect already, as far as is known."""

    READY = "ready"
    PREPARING = "preparing"


class PolicyCreated(Event, frozen=True, kw_only=True, tag="policy.created.v1"):
    """A version of a policy: weights by which a city may decide. It decides nothing yet."""

    policy_id: UUID
    name: str
    number: int


class PolicySetLive(Event, frozen=True, kw_only=True, tag="policy.set_live.v1"):
    """A city decides by it from now on; `override`: without a passed simulated week."""

    policy_id: UUID
    city_id: UUID
    name: str
    number: int
    override: bool


class PayParts(Struct, frozen=True, kw_only=True):
    """What an earning is made of, but for the incentive; zeros where nobody said."""

    base_minor: int = 0
    distance_minor: int = 0
    surge_minor: int = 0
    tip_minor: int = 0


class OfferPayload(Struct, frozen=True, kw_only=True):
    """What a courier decides on: what it pays, how far it goes, where and when.

    `earning_minor` is the sum of `parts` and `incentive_minor`; `collect_minor` is cash to be
    collected at the doors. `distance_m` is the whole way from where the
    courier is: `to_pickup_m` to the first pick-up, the rest from there on. `prep` is as of the
    offer, `ready_at` when all of it is expected to be ready.
    """

    earning_minor: int
    currency: str
    distance_m: int
    stops: tuple[Stop, ...]
    incentive_minor: int = 0
    to_pickup_m: int = 0
    deliveries: int = 1
    prep: Prep = Prep.PREPARING
    ready_at: datetime | None = None
    parts: PayParts = PayParts()
    collect_minor: int = 0


class MoveSuggested(Event, frozen=True, kw_only=True, tag="suggestion.made.v1"):
    """An idle courier does better to wait near a site; whether they do is theirs to decide."""

    suggestion_id: UUID
    courier_id: UUID
    site_id: UUID
    place: Place
    until_at: datetime


class OfferEvent(Event, frozen=True, kw_only=True):
    offer_id: UUID
    courier_id: UUID
    delivery_ids: tuple[UUID, ...]
    reference_ids: tuple[UUID, ...]


class OfferMade(OfferEvent, frozen=True, kw_only=True, tag="offer.made.v1"):
    """`round_id` is shared by all who are asked for the same at once; the first yes wins."""

    expires_at: datetime
    payload: OfferPayload
    round_id: UUID | None = None
    mode: str = "one_by_one"


class OfferAccepted(OfferEvent, frozen=True, kw_only=True, tag="offer.accepted.v1"):
    response_time_s: float


class OfferRejected(OfferEvent, frozen=True, kw_only=True, tag="offer.rejected.v1"):
    response_time_s: float
    reason: str | None = None


class OfferExpired(OfferEvent, frozen=True, kw_only=True, tag="offer.expired.v1"):
    pass


class OfferWithdrawn(OfferEvent, frozen=True, kw_only=True, tag="offer.withdrawn.v1"):
    """The platform took it back before it was answered: `taken_by_another`, for one."""

    reason: str


class IncidentKind(StrEnum):
    """What costs a courier points."""

    LATE_HANDOVER = "late_handover"
    JOB_CANCELLED = "job_cancelled"
    WENT_OFFLINE = "went_offline"
    STALLED = "stalled"
    RAN_LATE = "ran_late"  # so late that somebody else was sent
    OFFER_MISSED = "offer_missed"
    OFFER_DECLINED = "offer_declined"


class IncidentEvent(Event, frozen=True, kw_only=True):
    """Something that counts against a courier; what people say about it is kept elsewhere."""

    incident_id: UUID
    courier_id: UUID
    kind: IncidentKind


class IncidentNoted(IncidentEvent, frozen=True, kw_only=True, tag="incident.noted.v1"):
    """`subject_id`: the offer, or what the delivery is called by whoever asked for it."""

    subject_id: UUID
    happened_at: datetime


class IncidentContested(IncidentEvent, frozen=True, kw_only=True, tag="incident.contested.v1"):
    """The courier says it should not count; undecided by `decide_by_at`, it does not."""

    decide_by_at: datetime


class IncidentUpheld(IncidentEvent, frozen=True, kw_only=True, tag="incident.upheld.v1"):
    pass


class IncidentStruck(IncidentEvent, frozen=True, kw_only=True, tag="incident.struck.v1"):
    """It does not count any more; `by_clock`: because nobody decided about it in time."""

    by_clock: bool


class PerformanceUpdated(Event, frozen=True, kw_only=True, tag="performance.updated.v1"):
    """A courier's score, 0 to 100, is another whole number than before; shares are 0 to 1."""

    courier_id: UUID
    score: int
    on_time: float
    completion: float
    acceptance: float | None
    response_time_s: float | None


EVENTS: Final = (
    PolicyCreated,
    PolicySetLive,
    DeliveryRequested,
    ReadyTimeMoved,
    DeliveryOffered,
    OfferFellThrough,
    DeliveryEscalated,
    DeliveryAssigned,
    EtaMoved,
    DeliveryAtRisk,
    DeliveryRecovered,
    DeliveryUnassigned,
    DeliveryStranded,
    DeliveryHandedOver,
    DeliveryArrived,
    DeliveryPickedUp,
    DeliveryDone,
    DeliveryFailed,
    DeliveryReturned,
    DeliveryWithdrawn,
    DeliveryGivenUp,
    OfferMade,
    OfferAccepted,
    OfferRejected,
    OfferExpired,
    OfferWithdrawn,
    MoveSuggested,
    RulesChanged,
    IncidentNoted,
    IncidentContested,
    IncidentUpheld,
    IncidentStruck,
    PerformanceUpdated,
)
