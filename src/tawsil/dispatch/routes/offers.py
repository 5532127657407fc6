"""A courier's offers and job."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch import store
from tawsil.dispatch.model import OfferState
from tawsil.dispatch.routes.access import (
    ASSIGN,
    READ,
    TAGS,
    UPDATE,
    acts_for,
    of_operations,
)
from tawsil.dispatch.service import by_hand, offers
from tawsil.dispatch.service.by_hand import OfferByHand
from tawsil.dispatch.service.offers import Answer
from tawsil.dispatch.views import (
    AskedView,
    JobView,
    OfferView,
    SuggestionView,
)
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    FromInstant,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    ToInstant,
    allow,
    check_window,
    envelope,
    page_envelope,
    since_v2,
)
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import Prose


class RejectBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why not, if the courier wants to say."""

    reason: Annotated[Prose, Meta(max_length=200, examples=["too far"])] | None = None


class AskBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is asked; the first yes wins."""

    courier_ids: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=50)]


@get(
    since_v2("/drivers/{courier_id:uuid}/offers"),
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="A courier's offers",
)
async def list_offers(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    in_state: Annotated[OfferState | None, QueryParameter(name="state")] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[OfferView]]:
    """The pending one first, then the latest; `state`, `from` and `to` (when made) choose."""
    check_window(from_at, to_at)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        found, total = await store.offers_of(
            tx,
            tenant_id=caller.tenant_id,
            courier_id=courier_id,
            state=in_state,
            from_at=from_at,
            to_at=to_at,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[OfferView.of(o) for o in found], total=total), query)


@post(
    since_v2("/drivers/{courier_id:uuid}/offers/{offer_id:uuid}/accept"),
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
    """Take the job. Of all who are asked for the same the first yes counts; later ones are a 409
    that says how it ended.
    """
    acts_for(caller, UPDATE, courier_id)
    return await commands.submit(
        offers.accept,
        Answer(by=caller.by, offer_id=offer_id, courier_id=courier_id),
        view=OfferView.of,
    )


@post(
    since_v2("/drivers/{courier_id:uuid}/offers/{offer_id:uuid}/reject"),
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
    acts_for(caller, UPDATE, courier_id)
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


@post(
    since_v2("/deliveries/{reference_id:uuid}/offers"),
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="Offer a delivery to couriers of your choice",
)
async def offer_by_hand(
    reference_id: FromPath[UUID],
    data: JSONBody[AskBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AskedView]]:
    """All are asked at once and the first yes wins. Whom the dispatcher had asked is told that it
    is taken back. Couriers who are not available are passed over, and the answer says why.
    """
    of_operations(caller)
    return await commands.submit(
        by_hand.offer,
        OfferByHand(by=caller.by, reference_id=reference_id, courier_ids=data.courier_ids),
        view=AskedView.of,
        status=201,
    )


@get(
    "/v4/drivers/{courier_id:uuid}/deliveries",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="A courier's job",
)
async def show_job(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[JobView]:
    """What the courier carries or is to collect, and the stops in the order of driving."""
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        carried = await store.carried_by(tx, tenant_id=caller.tenant_id, courier_ids=[courier_id])
    return envelope(JobView.of(carried))


@get(
    "/v4/drivers/{courier_id:uuid}/suggestion",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Where to wait for work",
)
async def show_suggestion(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[SuggestionView | None]:
    """Where an idle courier does better to wait, while that holds; else null. It may be ignored."""
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        found = await store.fresh_suggestions(
            tx, tenant_id=caller.tenant_id, courier_ids=[courier_id]
        )
    suggestion = found.get(courier_id)
    return envelope(None if suggestion is None else SuggestionView.of(suggestion))


routes: Final = [
    list_offers,
    accept_offer,
    reject_offer,
    offer_by_hand,
    show_job,
    show_suggestion,
]
