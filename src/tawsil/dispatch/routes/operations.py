"""What operations see and do about who has a delivery, and how a courier gives one back."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.dispatch import store
from tawsil.dispatch.routes.access import (
    ASSIGN,
    TAGS,
    UPDATE,
    acts_for,
    of_operations,
    the_delivery,
)
from tawsil.dispatch.service import doubts, escalation, history, reassignment
from tawsil.dispatch.service.doubts import GiveBack
from tawsil.dispatch.service.escalation import Escalate
from tawsil.dispatch.service.history import Assignment
from tawsil.dispatch.service.reassignment import CarryOn, HandOver, Reassign, UndoReassignment
from tawsil.dispatch.views import DeliveryView, UnassignedView
from tawsil.kernel.db import Database
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
    page_envelope,
    since_v2,
)
from tawsil.kernel.places import Place
from tawsil.kernel.text import Prose

Reason = Annotated[Prose, Meta(min_length=1, max_length=200, examples=["a flat tyre"])]


class ReasonBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class ReassignBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Without a courier the delivery goes back to the search."""

    reason: Reason
    courier_id: UUID | None = None


class HandOverBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`place`: where the couriers met, if it is known."""

    courier_id: UUID
    reason: Reason
    place: Place | None = None


class GiveBackBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason
    whole_job: bool = False


@get(
    since_v2("/admin/unassigned-orders"),
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
) -> Envelope[list[UnassignedView]]:
    """Those searched for longest come first; each with the rung it is on and the next one."""
    of_operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        found, total = await store.unassigned(
            tx,
            tenant_id=caller.tenant_id,
            city_id=city_id,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[UnassignedView.of(d) for d in found], total=total), query)


@post(
    since_v2("/admin/unassigned-orders/{reference_id:uuid}/escalate"),
    opt={"rule": allow(ASSIGN)},
    status_code=200,
    tags=TAGS,
    summary="Climb a rung of the ladder",
)
async def escalate(
    reference_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """Raise the alarm before its time: it counts more at the next tick, and those who declined
    may be asked again.
    """
    of_operations(caller)
    return await commands.submit(
        escalation.escalate,
        Escalate(by=caller.by, reference_id=reference_id, reason=data.reason),
        view=DeliveryView.of,
    )


@post(
    since_v2("/admin/assignments/{reference_id:uuid}/reassign"),
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
    """To the courier named, or back to the search; not once it is collected. For a while it can be
    taken back: see `undo_until_at`.
    """
    of_operations(caller)
    return await commands.submit(
        reassignment.reassign,
        Reassign(
            by=caller.by,
            reference_id=reference_id,
            courier_id=data.courier_id,
            reason=data.reason,
        ),
        view=DeliveryView.of,
    )


@post(
    "/v4/admin/assignments/{reference_id:uuid}/undo",
    opt={"rule": allow(ASSIGN)},
    status_code=200,
    tags=TAGS,
    summary="Take back what was decided by hand",
)
async def undo(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """Whoever had it before has it again; or nobody, if nobody had it. Only until `undo_until_at`,
    before it is collected, and while the former courier is free and was asked nothing else.
    """
    of_operations(caller)
    return await commands.submit(
        reassignment.undo,
        UndoReassignment(by=caller.by, reference_id=reference_id),
        view=DeliveryView.of,
    )


@post(
    "/v4/admin/assignments/{reference_id:uuid}/handover",
    opt={"rule": allow(ASSIGN)},
    status_code=200,
    tags=TAGS,
    summary="Note that another courier carries it now",
)
async def hand_over(
    reference_id: FromPath[UUID],
    data: JSONBody[HandOverBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """For what is on board already: the couriers met, and it went from one to the other. Both are
    told. What is not collected yet is reassigned instead.
    """
    of_operations(caller)
    return await commands.submit(
        reassignment.hand_over,
        HandOver(
            by=caller.by,
            reference_id=reference_id,
            courier_id=data.courier_id,
            reason=data.reason,
            place=data.place,
        ),
        view=DeliveryView.of,
    )


@post(
    "/v4/admin/assignments/{reference_id:uuid}/continue",
    opt={"rule": allow(ASSIGN)},
    status_code=200,
    tags=TAGS,
    summary="Leave it with its courier",
)
async def carry_on(
    reference_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """Whatever puts it at risk: somebody has reached the courier, who goes on."""
    of_operations(caller)
    return await commands.submit(
        reassignment.carry_on,
        CarryOn(by=caller.by, reference_id=reference_id, reason=data.reason),
        view=DeliveryView.of,
    )


@get(
    "/v4/admin/assignments/{reference_id:uuid}/history",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="Who had a delivery, and who lost it",
)
async def show_history(
    reference_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    state: State,
) -> Envelope[list[Assignment]]:
    """Every assignment in the order of time: by whom, what put it at risk and how long the grace
    was, how it ended and why, and what people said.
    """
    of_operations(caller)
    async with database.transaction() as tx:
        delivery = await the_delivery(tx, caller, reference_id)
        told = await story(tx, state.registry, correlation_id=delivery.correlation_id)
        remarks = await store.remarks_about(tx, delivery_id=delivery.id)
    about = [recorded for recorded in told if recorded.stream_id == delivery.id]
    return envelope(history.told(about, remarks))


@post(
    "/v4/drivers/{courier_id:uuid}/deliveries/{reference_id:uuid}/cancel",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Give a job back",
)
async def give_back(
    courier_id: FromPath[UUID],
    reference_id: FromPath[UUID],
    data: JSONBody[GiveBackBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DeliveryView]]:
    """Before it is collected; another courier is looked for at once, unless the city leaves a
    moment to think again. `whole_job` gives back all that is not collected yet.
    """
    acts_for(caller, UPDATE, courier_id)
    return await commands.submit(
        doubts.give_back,
        GiveBack(
            by=caller.by,
            courier_id=courier_id,
            reference_id=reference_id,
            reason=data.reason,
            whole=data.whole_job,
        ),
        view=DeliveryView.of,
    )


routes: Final = [
    list_unassigned,
    escalate,
    reassign,
    undo,
    hand_over,
    carry_on,
    show_history,
    give_back,
]
