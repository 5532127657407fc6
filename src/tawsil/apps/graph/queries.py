"""What can be asked."""

from datetime import datetime
from typing import Annotated

import msgspec
import strawberry
from msgspec import Meta, Struct

from tawsil.apps.graph.asked import Info, identified
from tawsil.apps.graph.lists import Connection, First, connection_of, page_of
from tawsil.apps.graph.objects import Merchant, Order, User, merchant_of
from tawsil.catalog import public as catalog
from tawsil.identity import public as identity
from tawsil.kernel.http import check_window, not_found
from tawsil.kernel.places import Place
from tawsil.ordering import public as ordering

Id = Annotated[strawberry.ID, strawberry.argument(name="id")]


class _Near(Struct):
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class _Words(Struct):
    q: Annotated[str, Meta(max_length=100)] | None


def _words(q: str | None) -> str | None:
    return msgspec.convert({"q": q}, _Words).q


@strawberry.input(description="Degrees (WGS 84).")
class CoordinatesInput:
    latitude: float
    longitude: float


@strawberry.type
class Query:
    @strawberry.field(description="Who I am.")
    async def me(self, info: Info) -> User | None:
        user = await info.context.loads.users.load(info.context.caller.user_id)
        if user is None:
            raise not_found()
        return User.of(user)

    @strawberry.field(description="A user that the caller may read.")
    async def user(self, info: Info, id_: Id) -> User | None:
        asked = info.context
        reach, user_id = await asked.reach("user:read"), identified(id_)
        user = await asked.loads.users.load(user_id)
        if user is None or not (user_id == asked.caller.user_id or reach.city(user.city_id)):
            raise not_found()
        return User.of(user)

    @strawberry.field(description="The users that the caller may read, the newest first.")
    async def users(
        self,
        info: Info,
        first: First = 20,
        after: str | None = None,
        role: list[identity.Role] | None = None,
        q: str | None = None,
        sort: str | None = None,
    ) -> Connection[User] | None:
        reach = await info.context.reach("user:read")
        which = identity.UserFilter(
            roles=None if role is None else tuple(role), words=_words(q) or None
        )
        take = identity.USER_SORTS.take(which, sort=sort, limit=first, cursor=after)
        async with info.context.reading.tx() as tx:
            found = await identity.search_users(tx, reach=reach, which=which, take=take)
        return page_of(found, User.of)

    @strawberry.field(description="An order that the caller may see.")
    async def order(self, info: Info, id_: Id) -> Order | None:
        reach, order_id = await info.context.reach("order:read"), identified(id_)
        async with info.context.reading.tx() as tx:
            order, party = await ordering.visible(tx, reach=reach, order_id=order_id)
        return Order.of(order, party=party)

    @strawberry.field(description="The orders that the caller may see, newest first.")
    async def orders(
        self,
        info: Info,
        first: First = 20,
        after: str | None = None,
        status: list[ordering.Status] | None = None,
        merchant_id: strawberry.ID | None = None,
        placed_from: datetime | None = None,
        placed_to: datetime | None = None,
        sort: str | None = None,
    ) -> Connection[Order] | None:
        reach = await info.context.reach("order:read")
        check_window(placed_from, placed_to)
        which = ordering.Filter(
            statuses=None if status is None else tuple(status),
            merchant_id=None if merchant_id is None else identified(merchant_id),
            from_at=placed_from,
            to_at=placed_to,
        )
        take = ordering.SORTS.take(which, sort=sort, limit=first, cursor=after)
        async with info.context.reading.tx() as tx:
            found = await ordering.search_orders(tx, reach=reach, which=which, take=take)
        return page_of(found, lambda order: Order.of(order, party=ordering.seen_by(order, reach)))

    @strawberry.field(description="A merchant of the caller's tenant.")
    async def merchant(self, info: Info, id_: Id) -> Merchant | None:
        return await merchant_of(info, identified(id_))

    @strawberry.field(description="Merchants: around a place nearest first, otherwise by name.")
    async def merchants(
        self,
        info: Info,
        first: First = 20,
        after: str | None = None,
        near: CoordinatesInput | None = None,
        city_id: strawberry.ID | None = None,
        q: str | None = None,
        open_now: bool = False,  # noqa: FBT001, FBT002 - an argument has a name
    ) -> Connection[Merchant] | None:
        at = msgspec.convert(vars(near), _Near) if near else None
        search = catalog.Search(
            tenant_id=info.context.caller.tenant_id,
            city_id=None if city_id is None else identified(city_id),
            near=Place(at.latitude, at.longitude) if at else None,
            words=_words(q),
            open_now=open_now,
        )
        async with info.context.reading.tx() as tx:
            found = await catalog.search(tx, asked=search)
        return connection_of(found, Merchant.of, first=first, after=after)
