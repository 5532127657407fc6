"""What operations see and do about deliveries that nobody has."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.dispatch import store
from tawsil.dispatch.routes.access import (
    ASSIGN,
    TAGS,
    of_operations,
)
from tawsil.dispatch.service import escalation, reassignment
from tawsil.dispatch.service.escalation import Escalate
from tawsil.dispatch.service.reassignment import Reassign
from tawsil.dispatch.views import (
    DeliveryView,
)
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    allow,
    page_envelope,
)

Reason = Annotated[str, Meta(min_length=1, max_length=200, examples=["a flat tyre"])]


class EscalateBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class ReassignBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Without a courier the delivery goes back to the search."""

    reason: Reason
    courier_id: UUID | None = None


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
    of_operations(caller)
    return await commands.submit(
        escalation.escalate,
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


routes: Final = [list_unassigned, escalate, reassign]
