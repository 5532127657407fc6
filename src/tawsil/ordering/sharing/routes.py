"""Following an order by a link.

The answer that shows a token is not kept for an Idempotency-Key: only hashes of tokens are stored.
"""

from datetime import datetime
from secrets import token_urlsafe
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, PathParameter
from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import PUBLIC, SEARCH, Caller, Envelope, allow, envelope, not_found, settled
from tawsil.kernel.places import Place
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.sharing import service
from tawsil.ordering.sharing.model import Share
from tawsil.ordering.steps import Acting
from tawsil.ordering.whereabouts import expected, first_name, location_of

TOKEN_BYTES: Final = 24
ON_ITS_WAY: Final = frozenset(
    {
        Status.ACCEPTED,
        Status.PREPARING,
        Status.READY_FOR_PICKUP,
        Status.PICKED_UP,
        Status.IN_TRANSIT,
    }
)
Token = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_-]{20,64}$(?!\n)")]


class SharedView(Struct, frozen=True, kw_only=True):
    """A link, shown this once: `/track/{token}` for people, `/v4/track/{token}` for programs."""

    token: str
    path: str
    until_at: datetime


class StepsView(Struct, frozen=True, kw_only=True):
    """When each step was taken; null before."""

    placed_at: datetime
    accepted_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None


class SightingView(Struct, frozen=True, kw_only=True):
    """Where the courier was seen, and how long ago."""

    latitude: float
    longitude: float
    accuracy_m: float
    age_s: float


class FollowedView(Struct, frozen=True, kw_only=True):
    """An order as anybody sees it who was given a link to it: nothing about its customer.

    Half of all such orders have arrived by `expected_at`, nine in ten by `expected_by_at`.
    """

    number: int
    status: Status
    city_id: UUID
    timezone: str
    merchant_name_en: str
    merchant_name_ar: str
    pickup: Place
    steps: StepsView
    scheduled_for: datetime | None
    expected_at: datetime | None
    expected_by_at: datetime | None
    courier_name: str | None
    """The first name of whoever is on it."""
    courier: SightingView | None
    until_at: datetime


@post(
    "/v4/orders/{order_id:uuid}/share",
    opt={"rule": allow("order:update")},
    status_code=201,
    tags=["Orders"],
    summary="Make a link by which anybody may follow the order",
)
async def share_order(
    order_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[SharedView]:
    """It works until three hours after the order has ended, or until you take it back."""
    token = token_urlsafe(TOKEN_BYTES)
    command = service.ShareOrder(
        by=caller.by,
        order_id=order_id,
        acting=Acting(Party.CUSTOMER, caller.user_id),
        token_hash=service.hash_of(token),
    )
    async with database.transaction() as tx:
        made: Share = settled(await one(service.share, tx, command))
    return envelope(SharedView(token=token, path=f"/track/{token}", until_at=made.until_at))


@delete(
    "/v4/orders/{order_id:uuid}/share",
    opt={"rule": allow("order:update")},
    tags=["Orders"],
    summary="Take every link to the order back",
)
async def revoke_shares(
    order_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> None:
    command = service.ShareOrder(
        by=caller.by, order_id=order_id, acting=Acting(Party.CUSTOMER, caller.user_id)
    )
    async with database.transaction() as tx:
        settled(await one(service.revoke, tx, command))


@get(
    "/v4/track/{token:str}",
    opt={"rule": PUBLIC, "limit": SEARCH},
    tags=["Orders"],
    summary="Follow an order by a link",
)
async def follow(token: Token, state: State) -> Envelope[FollowedView]:
    """Needs no account. The courier is shown only while on this order."""
    database: Database = state.database  # whoever looks, of whatever tenant
    async with database.transaction() as tx:
        found = await service.followed(tx, token)
        if found is None:
            raise not_found()
        return envelope(await _view(tx, *found))


async def _view(tx: Tx, share: Share, order: Order) -> FollowedView:
    ids = [order.merchant_id]
    merchant = (await catalog.merchants(tx, tenant_id=order.tenant_id, ids=ids))[ids[0]]
    city = (await geography.cities_by_id(tx, ids=[order.city_id]))[order.city_id]
    delivery = (await dispatch.of_references(tx, reference_ids=[order.id])).get(order.id)
    on_it = order.status in ON_ITS_WAY
    seen = await location_of(tx, order) if on_it else None
    window = expected(order, delivery.etas if delivery else None, now=tx.now)
    return FollowedView(
        number=order.number,
        status=order.status,
        city_id=order.city_id,
        timezone=city.timezone,
        merchant_name_en=merchant.name_en,
        merchant_name_ar=merchant.name_ar,
        pickup=order.pickup,
        steps=StepsView(**{name: getattr(order, name) for name in StepsView.__struct_fields__}),
        scheduled_for=order.scheduled_for,
        expected_at=window.p50_at if window else None,
        expected_by_at=window.p90_at if window else None,
        courier_name=await first_name(tx, order) if on_it else None,
        courier=SightingView(
            latitude=seen.latitude,
            longitude=seen.longitude,
            accuracy_m=seen.accuracy_m,
            age_s=seen.age_s,
        )
        if seen
        else None,
        until_at=share.until_at,
    )


routes: Final[list[Any]] = [share_order, revoke_shares, follow]
