"""Why this courier, and all that happened to a delivery."""

from asyncio import to_thread
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch import store
from tawsil.dispatch.routes.access import (
    ASSIGN,
    READ,
    TAGS,
    of_operations,
    the_delivery,
)
from tawsil.dispatch.service import journal, whys
from tawsil.dispatch.service.whys import Answer, WhyMe, WhyNotMe
from tawsil.dispatch.views import (
    AuditView,
    DecisionView,
)
from tawsil.kernel.db import Database
from tawsil.kernel.events import story
from tawsil.kernel.http import (
    Caller,
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
from tawsil.kernel.i18n import DEFAULT, catalogues, text
from tawsil.kernel.reach import Reach


class TermView(Struct, frozen=True, kw_only=True):
    """One of the things that counted, in seconds of waiting; below zero it counted for you."""

    name: str
    seconds: float
    sentence: str


class WhyMeView(Struct, frozen=True, kw_only=True):
    sentence: str
    more: tuple[str, ...]
    at: datetime
    policy: str
    policy_version: int
    pickup_at: datetime
    terms: tuple[TermView, ...]

    @staticmethod
    def of(why: WhyMe) -> "WhyMeView":
        return WhyMeView(
            sentence=text("dispatch.why_me", params=_when(at=why.at, pickup_at=why.pickup_at)),
            more=tuple(_more(why)),
            at=why.at,
            policy=why.policy,
            policy_version=why.policy_version,
            pickup_at=why.pickup_at,
            terms=tuple(
                TermView(name=name, seconds=round(seconds, 1), sentence=_said(f"term_{name}"))
                for name, seconds in sorted(why.terms.items(), key=lambda term: -abs(term[1]))
                if catalogues[DEFAULT].has(f"dispatch.term_{name}")
            ),
        )


class WhyNotMeView(Struct, frozen=True, kw_only=True):
    answer: Answer
    sentence: str
    at: datetime | None
    policy: str | None
    policy_version: int | None

    @staticmethod
    def of(why: WhyNotMe) -> "WhyNotMeView":
        return WhyNotMeView(
            answer=why.answer,
            sentence=_why_not(why),
            at=why.at,
            policy=why.policy,
            policy_version=why.policy_version,
        )


class DecisionRecordView(Struct, frozen=True, kw_only=True):
    """A tick whole: what was known, who was thought of, what came of it; and in words, delivery by
    delivery. `reproducible`: planning again from these inputs gives this plan, to the last bit.
    """

    id: UUID
    city_id: UUID
    at: datetime
    policy: str
    policy_version: int
    weights: Mapping[str, Any]
    solver_s: float
    jobs: int
    couriers: int
    plan_hash: str
    reproducible: bool
    words: Mapping[UUID, str]
    inputs: Mapping[str, Any]
    told: tuple[journal.Told, ...]
    held: tuple[journal.Held, ...]
    considered: tuple[journal.Considered, ...]
    left_out: tuple[journal.LeftOut, ...]


def _more(why: WhyMe) -> list[str]:
    said: list[str] = []
    if why.beside:
        said.append(_said("why_me_beside"))
    if why.joins:
        said.append(_said("why_me_joins"))
    if why.together > 1:
        said.append(_said("why_me_together", together=why.together))
    if why.next_s is None:
        said.append(_said("why_me_only"))
    elif why.next_s >= 1 and not why.beside:
        said.append(_said("why_me_sooner", seconds=round(why.next_s)))
    elif not why.beside:
        said.append(_said("why_me_as_soon"))
    if why.left_out:
        said.append(_said("why_me_left_out", couriers=why.left_out))
    return said


def _why_not(why: WhyNotMe) -> str:
    params = _when(at=why.at) | {
        "seconds": round(why.later_s or 0),
        "minutes": round((why.drive_s or 0) / 60),
        "most_minutes": round((why.most_drive_s or 0) / 60),
        "reason": why.reason or "",
    }
    code = f"why_not_me_{why.answer}"
    if why.reason is not None:
        named = f"why_not_me_{'asked_' if why.answer is Answer.ASKED else ''}{why.reason}"
        code = named if catalogues[DEFAULT].has(f"dispatch.{named}") else code
    return _said(code, **params)


def _said(code: str, **params: Any) -> str:
    return text(f"dispatch.{code}", params=params)


def _when(**ats: datetime | None) -> dict[str, str]:
    return {name: f"{at:%H:%M:%S} UTC" for name, at in ats.items() if at is not None}


@get(
    "/v4/dispatch/decisions/{decision_id:uuid}",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="All that one tick knew and decided",
)
async def show_decision(
    decision_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[DecisionRecordView]:
    """In plain words and in raw terms; it is planned again to see whether it comes out the same."""
    of_operations(caller)
    async with database.transaction() as tx:
        row = await store.decision(tx, tenant_id=caller.tenant_id, id_=decision_id)
    if row is None:
        raise not_found()
    decided = journal.read(row)
    inputs: dict[str, Any] = msgspec.to_builtins(decided.inputs)
    words = {
        id_: DecisionView.of(journal.explained(row, delivery_id=id_)).sentence
        for id_ in row.delivery_ids
    }
    return envelope(
        DecisionRecordView(
            id=row.id,
            city_id=row.city_id,
            at=row.at,
            policy=row.policy,
            policy_version=row.policy_version,
            weights=inputs.pop("policy"),
            solver_s=row.solver_s,
            jobs=row.jobs,
            couriers=row.couriers,
            plan_hash=row.plan_hash.hex(),
            reproducible=await to_thread(journal.reproduces, row),  # seconds, for a metropolis
            words=words,
            inputs=inputs,
            told=decided.story.told,
            held=decided.story.held,
            considered=decided.story.considered,
            left_out=decided.story.left_out,
        )
    )


@get(
    "/v4/drivers/{courier_id:uuid}/offers/{offer_id:uuid}/why",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Why me?",
)
async def why_me(
    courier_id: FromPath[UUID],
    offer_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[WhyMeView]:
    """Why this courier was asked, in words and in what counted; of the others, only how many."""
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        offer = (await store.offers(tx, ids=[offer_id])).get(offer_id)
        if offer is None or (offer.tenant_id, offer.courier_id) != (caller.tenant_id, courier_id):
            raise not_found()
        why = await whys.why_me(tx, offer=offer)
    if why is None:
        raise not_found()
    return envelope(WhyMeView.of(why))


@get(
    "/v4/deliveries/{reference_id:uuid}/why",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Why not me?",
)
async def why_not_me(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    courier_id: FromQuery[UUID | None] = None,
) -> Envelope[WhyNotMeView]:
    """Why a courier was not asked for a delivery of their city, at the moment when whoever has it
    was. Couriers ask about themselves; operations name one.
    """
    about = courier_id or caller.user_id
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=about)
        delivery = await the_delivery(tx, caller, reference_id)
        courier = (await couriers.get_many(tx, ids=[about])).get(about)
        if courier is None or courier.city_id != delivery.city_id:
            raise not_found()
        why = await whys.why_not_me(tx, delivery=delivery, courier_id=about)
    return envelope(WhyNotMeView.of(why))


@get(
    "/v4/deliveries/{reference_id:uuid}/decisions",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="Why this courier",
)
async def list_decisions(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[DecisionView]]:
    """Every tick that considered the delivery, newest first, in plain words."""
    of_operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        delivery = await the_delivery(tx, caller, reference_id)
        rows, total = await store.decisions_about(
            tx, delivery_id=delivery.id, limit=query.limit, offset=query.offset
        )
    views = [DecisionView.of(journal.explained(row, delivery_id=delivery.id)) for row in rows]
    return page_envelope(Page(items=views, total=total), query)


@get(
    since_v2("/admin/deliveries/{reference_id:uuid}/audit"),
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="All that happened to a delivery",
)
async def show_audit(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    state: State,
) -> Envelope[list[AuditView]]:
    """The recorded facts about the delivery and its offers, in the order they happened."""
    of_operations(caller)
    async with database.transaction() as tx:
        delivery = await the_delivery(tx, caller, reference_id)
        offers_made = await store.offers_about(tx, delivery_id=delivery.id)
        # An offer of several deliveries belongs to the story of the first.
        stories = {delivery.correlation_id, *(o.correlation_id for o in offers_made)}
        told = [await story(tx, state.registry, correlation_id=id_) for id_ in stories]
    subjects = {delivery.id, *(o.id for o in offers_made)}
    recorded = [r for one in told for r in one if r.stream_id in subjects]
    return envelope([AuditView.of(r) for r in sorted(recorded, key=lambda r: r.seq)])


routes: Final = [show_decision, why_me, why_not_me, list_decisions, show_audit]
