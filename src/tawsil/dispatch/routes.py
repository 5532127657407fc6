"""Dispatch over HTTP: a courier's offers and job, and what operations see and do.

Deliveries are addressed by the reference under which they were asked for, such as an order's id.
"""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.dispatch import store
from tawsil.dispatch.model import Delivery
from tawsil.dispatch.service import handlers, journal, offers
from tawsil.dispatch.service.handlers import Escalate, Reassign
from tawsil.dispatch.service.offers import Answer
from tawsil.dispatch.views import (
    AuditView,
    DecisionView,
    DeliveryView,
    JobView,
    OfferView,
)
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.events import story
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
)

READ: Final = "courier:read"
UPDATE: Final = "courier:update"
ASSIGN: Final = "order:assign"
TAGS: Final = ["Dispatch"]

Reason = Annotated[str, Meta(min_length=1, max_length=200, examples=["a flat tyre"])]


class RejectBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why not, if the courier wants to say."""

    reason: Annotated[str, Meta(max_length=200, examples=["too far"])] | None = None


class EscalateBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class ReassignBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Without a courier the delivery goes back to the search."""

    reason: Reason
    courier_id: UUID | None = None


@get(
    "/v4/drivers/{courier_id:uuid}/offers",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="A courier's offers",
)
async def list_offers(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[OfferView]]:
    """The pending one first, then the latest."""
    _reach(caller, READ, courier_id)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        found, total = await store.offers_of(
            tx,
            tenant_id=caller.tenant_id,
            courier_id=courier_id,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[OfferView.of(o) for o in found], total=total), query)


@post(
    "/v4/drivers/{courier_id:uuid}/offers/{offer_id:uuid}/accept",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Accept an offer",
)
async def accept_offer(
    courier_id: FromPath[UUID],
    offer_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OfferView]]:
    """Take the job. Of all answers to an offer the first one counts; later ones are a 409."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        offers.accept,
        Answer(by=caller.by, offer_id=offer_id, courier_id=courier_id),
        view=OfferView.of,
    )


@post(
    "/v4/drivers/{courier_id:uuid}/offers/{offer_id:uuid}/reject",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Decline an offer",
)
async def reject_offer(
    courier_id: FromPath[UUID],
    offer_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    data: JSONBody[RejectBody | None] = None,
) -> Response[Envelope[OfferView]]:
    """Leave it to others; a reason is welcome and never asked for."""
    _reach(caller, UPDATE, courier_id)
    return await commands.submit(
        offers.reject,
        Answer(
            by=caller.by,
            offer_id=offer_id,
            courier_id=courier_id,
            reason=data.reason if data else None,
        ),
        view=OfferView.of,
    )


@get(
    "/v4/drivers/{courier_id:uuid}/deliveries",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="A courier's job",
)
async def show_job(
    courier_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[JobView]:
    """What the courier carries or is to collect, and the stops in the order of driving."""
    _reach(caller, READ, courier_id)
    async with database.transaction() as tx:
        carried = await store.carried_by(tx, tenant_id=caller.tenant_id, courier_ids=[courier_id])
    return envelope(JobView.of(carried))


@get(
    "/v4/admin/unassigned-orders",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="Deliveries that nobody has",
)
async def list_unassigned(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    city_id: FromQuery[UUID | None] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[DeliveryView]]:
    """Those searched for longest come first."""
    _operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        found, total = await store.unassigned(
            tx,
            tenant_id=caller.tenant_id,
            city_id=city_id,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[DeliveryView.of(d) for d in found], total=total), query)


@post(
    "/v4/admin/unassigned-orders/{reference_id:uuid}/escalate",
    opt={"rule": allow(ASSIGN)},
    status_code=200,
    tags=TAGS,
    summary="Climb a rung of the ladder",
)
async def escalate(
    reference_id: FromPath[UUID],
    data: JSONBody[EscalateBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """Raise the alarm before its time: it counts more at the next tick, and those who declined
    may be asked again.
    """
    _operations(caller)
    return await commands.submit(
        handlers.escalate,
        Escalate(by=caller.by, reference_id=reference_id, reason=data.reason),
        view=DeliveryView.of,
    )


@post(
    "/v4/admin/assignments/{reference_id:uuid}/reassign",
    opt={"rule": allow(ASSIGN)},
    status_code=200,
    tags=TAGS,
    summary="Give a delivery to another courier",
)
async def reassign(
    reference_id: FromPath[UUID],
    data: JSONBody[ReassignBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """To the courier named, or back to the search; not once it is collected."""
    _operations(caller)
    return await commands.submit(
        handlers.reassign,
        Reassign(
            by=caller.by,
            reference_id=reference_id,
            courier_id=data.courier_id,
            reason=data.reason,
        ),
        view=DeliveryView.of,
    )


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
    _operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        delivery = await _delivery(tx, caller, reference_id)
        rows, total = await store.decisions_about(
            tx, delivery_id=delivery.id, limit=query.limit, offset=query.offset
        )
    views = [DecisionView.of(journal.explained(row, delivery_id=delivery.id)) for row in rows]
    return page_envelope(Page(items=views, total=total), query)


@get(
    "/v4/admin/deliveries/{reference_id:uuid}/audit",
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
    _operations(caller)
    async with database.transaction() as tx:
        delivery = await _delivery(tx, caller, reference_id)
        offers_made = await store.offers_about(tx, delivery_id=delivery.id)
        # An offer of several deliveries belongs to the story of the first.
        stories = {delivery.correlation_id, *(o.correlation_id for o in offers_made)}
        told = [await story(tx, state.registry, correlation_id=id_) for id_ in stories]
    subjects = {delivery.id, *(o.id for o in offers_made)}
    recorded = [r for one in told for r in one if r.stream_id in subjects]
    return envelope([AuditView.of(r) for r in sorted(recorded, key=lambda r: r.seq)])


async def _delivery(tx: Tx, caller: Caller, reference_id: UUID) -> Delivery:
    found = (await store.of_references(tx, reference_ids=[reference_id])).get(reference_id)
    if found is None or found.tenant_id != caller.tenant_id:
        raise not_found()
    return found


def _reach(caller: Caller, permission: str, courier_id: UUID) -> None:
    """A courier's own scope reaches themselves; operations' reaches every courier of a tenant."""
    scopes = caller.scopes(permission)
    if "all" not in scopes and not ("own" in scopes and caller.user_id == courier_id):
        raise not_found()


def _operations(caller: Caller) -> None:
    if "all" not in caller.scopes(ASSIGN):
        raise not_found()


routes: Final = [
    list_offers,
    accept_offer,
    reject_offer,
    show_job,
    list_unassigned,
    escalate,
    reassign,
    list_decisions,
    show_audit,
]
