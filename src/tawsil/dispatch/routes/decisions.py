"""Why this courier, and all that happened to a delivery."""

from typing import Final
from uuid import UUID

from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath

from tawsil.dispatch import store
from tawsil.dispatch.routes.access import ASSIGN, TAGS, of_operations, the_delivery
from tawsil.dispatch.service import journal
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
    page_envelope,
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


routes: Final = [list_decisions, show_audit]
