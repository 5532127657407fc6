"""A made-up city to draw: one order in each status, and its dispatch under pressure."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from tawsil.consoles.picture import (
    CityFacts,
    Conditions,
    CourierMark,
    MerchantMark,
    Name,
    OrderMark,
    Picture,
    Presence,
    Step,
    ZoneMark,
    by_urgency,
)
from tawsil.consoles.situation import (
    Case,
    Choice,
    Climber,
    Doubt,
    Load,
    PolicyMark,
    Ruling,
    Situation,
    Subject,
    TickMark,
    Undoable,
    Verdict,
    Weighing,
)
from tawsil.consoles.story import (
    CourierStory,
    Entry,
    Errand,
    Story,
    Weighed,
    Why,
)
from tawsil.kernel.clock import Ids
from tawsil.kernel.places import Place

HOSTILE: Final = "<script>alert('x')</script>\"'&"
CENTRE = Place(24.12, 53.1)
CITY = CityFacts(
    id=UUID(int=2),
    slug="marsa",
    name=Name("Marsa", "المرسى"),
    timezone="Asia/Dubai",
    centre=CENTRE,
)
STATUSES = (
    "PENDING",
    "ACCEPTED",
    "PREPARING",
    "READY_FOR_PICKUP",
    "PICKED_UP",
    "IN_TRANSIT",
    "UNDELIVERABLE",
)


ZONES: Final = (
    ZoneMark(UUID(int=7), Name("Old port", "الميناء القديم")),
    ZoneMark(UUID(int=8), Name(HOSTILE, "المدينة")),
)
DECISION_ID: Final = UUID(int=9)


class PaintedWatch:
    """A city that stands still, one order in each status."""

    def __init__(self, *, now: datetime, ids: Ids) -> None:
        self.now = now
        self.couriers = [
            CourierMark(
                id=ids(),
                name=f"Courier {n}",
                presence=presence,
                vehicle="bicycle",
                place=CENTRE,
                seen_at=now,
            )
            for n, presence in enumerate(Presence)
            if presence is not Presence.OFF
        ]
        self.conditions = Conditions()
        carrier = self.couriers[2]
        self.orders = [
            OrderMark(
                id=ids(),
                number=10_001 + n,
                status=status,
                merchant=Name(HOSTILE, "شاورما البحر"),
                courier=carrier.name if n > 3 else None,
                courier_id=carrier.id if n > 3 else None,
                pickup=CENTRE,
                dropoff=Place(24.13, 53.11),
                placed_at=now - timedelta(minutes=20),
                promised_at=now + timedelta(minutes=5 * n - 3) if n else None,
                deadline_kind="merchant_accept",
                deadline_at=now + timedelta(minutes=n + 1),
            )
            for n, status in enumerate(STATUSES)
        ]

    async def city(self, *, tenant_id: UUID, slug: str | None = None) -> CityFacts | None:
        del tenant_id
        return CITY if slug in {None, CITY.slug} else None

    async def rider(self, *, tenant_id: UUID, courier_id: UUID) -> CourierStory | None:
        del tenant_id
        found = next((courier for courier in self.couriers if courier.id == courier_id), None)
        if found is None:
            return None
        return CourierStory(
            city=CITY,
            at=self.now,
            courier=found,
            since_at=self.now - timedelta(minutes=7),
            rating=4.8,
            orders=tuple(order for order in self.orders if order.courier_id == courier_id),
        )

    async def place(self, *, city_id: UUID) -> CityFacts | None:
        return CITY if city_id == CITY.id else None

    async def picture(self, *, tenant_id: UUID, slug: str | None = None) -> Picture | None:
        if await self.city(tenant_id=tenant_id, slug=slug) is None:
            return None
        return Picture(
            city=CITY,
            cities=(CITY,),
            at=self.now,
            orders=by_urgency(self.orders),
            couriers=tuple(self.couriers),
            merchants=(MerchantMark(id=UUID(int=3), name=Name(HOSTILE, "متجر"), place=CENTRE),),
            conditions=self.conditions,
            delivered=12,
            median_s=1_680.0,
            zones=ZONES,
        )

    async def story(self, *, tenant_id: UUID, order_id: UUID) -> Story | None:
        del tenant_id
        found = next((order for order in self.orders if order.id == order_id), None)
        if found is None:
            return None
        return Story(
            city=CITY,
            at=self.now,
            order=found,
            entries=(
                Entry(at=self.now, sentence=f"Said by {HOSTILE}", actor="Customer", kind="order"),
            ),
            errand=Errand(
                incentive="2.25 AED",
                at_risk="courier_stalled",
                since_at=self.now - timedelta(minutes=1),
                ends_at=self.now + timedelta(minutes=1),
            ),
            why=Why(
                decision_id=DECISION_ID,
                at=self.now,
                policy="just_in_time",
                weighed=(
                    Weighed(
                        name="Courier 2", chosen=True, pickup_at=self.now, cost_s=214.0, terms={}
                    ),
                ),
                excluded={"too_far": 3},
            ),
            case=Case(
                subject=self.subject(self.orders.index(found)),
                courier=found.courier,
                collected=found.status in {"PICKED_UP", "IN_TRANSIT", "UNDELIVERABLE"},
                can_escalate=found.courier is None,
                choices=(
                    Choice(id=self.couriers[0].id, name=HOSTILE, distance_m=430.0),
                    Choice(id=self.couriers[1].id, name="Courier 1", distance_m=None),
                ),
            ),
        )

    def subject(self, n: int) -> Subject:
        order = self.orders[n]
        return Subject(reference_id=order.id, number=order.number, merchant=order.merchant)

    async def situation(self, *, tenant_id: UUID, slug: str | None = None) -> Situation | None:
        if await self.city(tenant_id=tenant_id, slug=slug) is None:
            return None
        now, minute = self.now, timedelta(minutes=1)
        choices = (
            Choice(id=self.couriers[0].id, name=HOSTILE, distance_m=430.0),
            Choice(id=self.couriers[1].id, name="Courier 1", distance_m=None),
        )
        return Situation(
            city=CITY,
            cities=(CITY,),
            zones=ZONES,
            at=now,
            conditions=self.conditions,
            load=Load(load=1.34, wanted=27, couriers=20, measured_at=now, steps=(1.2, 1.6, 2.2)),
            ladder=(
                Climber(
                    subject=self.subject(1),
                    urgent_at=now - 6 * minute,
                    offered=True,
                    level=2,
                    rungs=3,
                    actions=("widen", "raise", "broadcast"),
                    next_at=now + 4 * minute,
                    next_actions=("ticket", "alert", "offer_choice"),
                    incentive="2.25 AED",
                    lost_because="courier_offline",
                    choices=choices,
                ),
                Climber(
                    subject=self.subject(2),
                    urgent_at=now - minute,
                    offered=False,
                    level=3,
                    rungs=3,
                    actions=(),
                    next_at=now + 20 * minute,
                    next_actions=(),
                    incentive=None,
                    lost_because=None,
                    choices=(),
                    undo=Undoable(until_at=now + minute, courier=HOSTILE),
                ),
            ),
            more_urgent=4,
            not_urgent=11,
            doubts=(
                Doubt(
                    subject=self.subject(3),
                    courier=HOSTILE,
                    collected=False,
                    cause="courier_stalled",
                    since_at=now - minute,
                    ends_at=now + minute,
                    stranded=False,
                    choices=choices,
                ),
                Doubt(
                    subject=self.subject(4),
                    courier="Courier 2",
                    collected=True,
                    cause="courier_offline",
                    since_at=now - 3 * minute,
                    ends_at=None,
                    stranded=True,
                    choices=choices,
                ),
            ),
            ticks=(
                TickMark(
                    id=DECISION_ID,
                    at=now,
                    jobs=27,
                    couriers=20,
                    told=3,
                    policy="just_in_time_live 1",
                    solver_s=0.0042,
                ),
            ),
            policy=PolicyMark(name="evening", version=2, since_at=now, set_by="Reem"),
        )

    async def ruling(self, *, tenant_id: UUID, decision_id: UUID) -> Ruling | None:
        del tenant_id
        if decision_id != DECISION_ID:
            return None
        return Ruling(
            id=DECISION_ID,
            city=CITY,
            at=self.now,
            policy="evening",
            version=2,
            solver_s=0.0042,
            jobs=2,
            couriers=20,
            expected=0,
            travel="great_circle",
            verdicts=(
                Verdict(
                    subject=self.subject(1),
                    sentence=f"{HOSTILE} was asked.",
                    told=True,
                    weighed=(
                        Weighing(
                            name=HOSTILE,
                            chosen=True,
                            pickup_at=self.now,
                            terms={"waiting": 40.0, "rating": 2.0, "central": -2.0},
                        ),
                        Weighing(
                            name="Courier 1",
                            chosen=False,
                            pickup_at=self.now,
                            terms={"waiting": 98.0, "idle": -2.0},
                        ),
                    ),
                    excluded={"too_far": 3},
                ),
                Verdict(
                    subject=self.subject(2),
                    sentence="Nobody can come.",
                    told=False,
                    weighed=(),
                    excluded={},
                ),
            ),
            more_held=5,
            excluded={"on_break": 2},
            plan="0123456789ab",
        )


HELD: Final = Conditions(
    step=Step.STRAINED,
    extra_wait_s=900,
    surge_bp=2_500,
    reach_m=4_000,
    paused=ZONES[:1],
    since_at=datetime(2026, 11, 20, 11, 30, tzinfo=UTC),
    held=True,
    reason=HOSTILE,
)
