"""How a courier does, over HTTP: the score and what makes it, what costs points, and objections."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch.events import IncidentKind
from tawsil.dispatch.model.incident import CONTESTABLE_FOR, Incident, IncidentState
from tawsil.dispatch.model.performance import WEIGHINGS, Component, Measure, Standing
from tawsil.dispatch.routes.access import READ, TAGS, UPDATE, acts_for
from tawsil.dispatch.service import contesting
from tawsil.dispatch.service import performance as service
from tawsil.dispatch.service.contesting import Contest, Decide
from tawsil.dispatch.service.performance import Weighed
from tawsil.dispatch.store import performance_rows as rows
from tawsil.dispatch.store.performance_rows import OfferSummary
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    allow,
    envelope,
    not_found,
    page_envelope,
    since_v2,
)
from tawsil.kernel.i18n import text
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import Prose

ANALYTICS: Final = "analytics:read"
OFFERS_OF: Final = timedelta(days=30)

Words = Annotated[
    Prose, Meta(min_length=1, max_length=500, examples=["The street was closed by the police."])
]


class ContestBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it should not count, in the courier's own words."""

    reason: Words


class DecideBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`upheld`: it goes on counting; otherwise it is struck. The courier reads the reason."""

    upheld: bool
    reason: Words


class ComponentView(Struct, frozen=True):
    """A part of the score: `points` of `most_points`.

    `recent_good` and `recent_bad` are the faded numbers the value is made of, `good` and `bad` how
    often it was so in all. `expected` is what is believed of whoever has not shown anything yet.
    """

    measure: str
    sentence: str
    weight: float
    value: float
    points: float
    most_points: float
    good: int | None
    bad: int | None
    recent_good: float | None
    recent_bad: float | None
    expected: float | None

    @staticmethod
    def of(part: Component) -> "ComponentView":
        counter = part.counter
        weighing = WEIGHINGS[Measure(part.measure)] if counter else None
        params = {
            "points": f"{part.points:.1f}",
            "most": f"{100 * part.weight:.0f}",
            "good": counter.times_good if counter else "",
            "all": counter.times_good + counter.times_bad if counter else "",
        }
        return ComponentView(
            measure=part.measure,
            sentence=text(f"dispatch.performance_{part.measure}", params=params),
            weight=part.weight,
            value=round(part.value, 4),
            points=round(part.points, 2),
            most_points=round(100 * part.weight, 2),
            good=counter.times_good if counter else None,
            bad=counter.times_bad if counter else None,
            recent_good=round(counter.good, 3) if counter else None,
            recent_bad=round(counter.bad, 3) if counter else None,
            expected=weighing.expected if weighing else None,
        )


class IncidentView(Struct, frozen=True):
    """Something that costs a courier `points`, in words, and what was said about it."""

    id: UUID
    courier_id: UUID
    kind: IncidentKind
    what: str
    subject_id: UUID
    at: datetime
    points: float
    state: IncidentState
    contestable_until_at: datetime | None
    decide_by_at: datetime | None
    contest_reason: str | None
    decided_at: datetime | None
    decision_reason: str | None

    @staticmethod
    def of(weighed: Weighed) -> "IncidentView":
        incident = weighed.incident
        noted = incident.state is IncidentState.NOTED
        return IncidentView(
            id=incident.id,
            courier_id=incident.courier_id,
            kind=incident.kind,
            what=_what(incident),
            subject_id=incident.subject_id,
            at=incident.happened_at,
            points=round(weighed.points, 2),
            state=incident.state,
            contestable_until_at=incident.happened_at + CONTESTABLE_FOR if noted else None,
            decide_by_at=incident.deadline.at if incident.deadline else None,
            contest_reason=incident.contest_reason,
            decided_at=incident.decided_at,
            decision_reason=incident.decision_reason,
        )


def _what(incident: Incident) -> str:
    minutes = -(-(incident.late_s or 0) // 60)
    return text(f"dispatch.incident_{incident.kind}", params={"minutes": minutes})


class MetricsView(Struct, frozen=True):
    """How a courier does; shares from 0 to 1. Without five answers there is no acceptance rate."""

    courier_id: UUID
    score: float
    on_time: float
    completion: float
    acceptance_rate: float | None
    response_time_s: float | None
    rating: float

    @staticmethod
    def of(standing: Standing, *, rating: float) -> "MetricsView":
        rate, response_s = standing.acceptance, standing.response_time_s
        return MetricsView(
            courier_id=standing.courier_id,
            score=round(100 * standing.score, 1),
            on_time=round(standing.on_time, 4),
            completion=round(standing.completion, 4),
            acceptance_rate=None if rate is None else round(rate, 4),
            response_time_s=None if response_s is None else round(response_s, 1),
            rating=rating,
        )


class PerformanceView(Struct, frozen=True):
    """The score, what it is made of, what lately cost points, and the offers of 30 days."""

    metrics: MetricsView
    offers: OfferSummary
    sentence: str
    components: tuple[ComponentView, ...]
    incidents: tuple[IncidentView, ...]


@get(
    "/v4/drivers/{courier_id:uuid}/performance",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="How a courier does, and why",
)
async def show_performance(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[PerformanceView]:
    """A score from 0 to 100 with each of its parts and each recent incident that cost points.

    It breaks ties between couriers and never keeps anybody from an offer.
    """
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        courier = await _courier(tx, caller, courier_id)
        standing = (await service.standing(tx, courier_ids=[courier_id]))[courier_id]
        offers = await rows.offer_summary(
            tx,
            tenant_id=caller.tenant_id,
            courier_id=courier_id,
            since_at=tx.now - OFFERS_OF,
        )
        recent = await service.recent(tx, tenant_id=caller.tenant_id, courier_id=courier_id)
    metrics = MetricsView.of(standing, rating=courier.rating)
    return envelope(
        PerformanceView(
            metrics=metrics,
            offers=offers,
            sentence=text("dispatch.performance_score", params={"score": f"{metrics.score:.0f}"}),
            components=tuple(ComponentView.of(part) for part in standing.components),
            incidents=tuple(IncidentView.of(weighed) for weighed in recent),
        )
    )


@get(
    "/v4/drivers/{courier_id:uuid}/performance/incidents",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="All that ever counted against a courier",
)
async def list_incidents(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    in_state: Annotated[IncidentState | None, QueryParameter(name="state")] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[IncidentView]]:
    """The latest first, with what was contested and what was decided; `state` chooses."""
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        await _courier(tx, caller, courier_id)
        noted, total = await rows.incidents_of(
            tx,
            tenant_id=caller.tenant_id,
            courier_id=courier_id,
            states=[in_state] if in_state else list(IncidentState),
            since_at=None,
            limit=query.limit,
            offset=query.offset,
        )
        weighed = await service.weigh(tx, noted)
    return page_envelope(Page(items=[IncidentView.of(w) for w in weighed], total=total), query)


@post(
    "/v4/drivers/{courier_id:uuid}/performance/incidents/{incident_id:uuid}/contest",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Contest an incident",
)
async def contest(
    courier_id: FromPath[UUID],
    incident_id: FromPath[UUID],
    data: JSONBody[ContestBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[IncidentView]]:
    """Say why it should not count, within 30 days, once. Undecided for 7 days, it is struck."""
    acts_for(caller, UPDATE, courier_id)
    return await commands.submit(
        contesting.contest,
        Contest(by=caller.by, courier_id=courier_id, incident_id=incident_id, reason=data.reason),
        view=IncidentView.of,
    )


@post(
    "/v4/drivers/{courier_id:uuid}/performance/incidents/{incident_id:uuid}/decide",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Decide about a contested incident",
)
async def decide(
    courier_id: FromPath[UUID],
    incident_id: FromPath[UUID],
    data: JSONBody[DecideBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[IncidentView]]:
    """By operations: let it count, or strike it, with a reason that the courier reads."""
    _operations(caller, UPDATE)
    return await commands.submit(
        contesting.decide,
        Decide(
            by=caller.by,
            courier_id=courier_id,
            incident_id=incident_id,
            upheld=data.upheld,
            reason=data.reason,
        ),
        view=IncidentView.of,
    )


@get(
    "/v4/admin/performance/contested",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Contested incidents that wait for a decision",
)
async def list_contested(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[IncidentView]]:
    """Those that wait longest come first."""
    _operations(caller, UPDATE)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        noted, total = await rows.contested_incidents(
            tx, tenant_id=caller.tenant_id, limit=query.limit, offset=query.offset
        )
        weighed = await service.weigh(tx, noted)
    return page_envelope(Page(items=[IncidentView.of(w) for w in weighed], total=total), query)


@get(
    since_v2("/admin/analytics/driver-performance"),
    opt={"rule": allow(ANALYTICS)},
    tags=TAGS,
    summary="How couriers do, the lowest scores first",
)
async def list_performance(
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    city_id: FromQuery[UUID | None] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[MetricsView]]:
    """Couriers who were ever offered or assigned anything, to see who may need help."""
    if not reach.from_above:
        raise not_found()
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        tallies, total = await rows.lowest_tallies(
            tx,
            tenant_id=reach.tenant_id,
            city_id=city_id,
            within=None if reach.everything else reach.city_ids,
            limit=query.limit,
            offset=query.offset,
        )
        ids = [tally.id for tally in tallies]
        known = await couriers.get_many(tx, ids=ids)
        standings = await service.standing(tx, courier_ids=ids)
    views = [
        MetricsView.of(standings[id_], rating=known[id_].rating) for id_ in ids if id_ in known
    ]
    return page_envelope(Page(items=views, total=total), query)


async def _courier(tx: Tx, caller: Caller, courier_id: UUID) -> couriers.Courier:
    courier = (await couriers.get_many(tx, ids=[courier_id])).get(courier_id)
    if courier is None or courier.tenant_id != caller.tenant_id:
        raise not_found()
    return courier


def _operations(caller: Caller, permission: str) -> None:
    if "all" not in caller.scopes(permission):
        raise not_found()


routes: Final = [
    show_performance,
    list_incidents,
    contest,
    decide,
    list_contested,
    list_performance,
]
