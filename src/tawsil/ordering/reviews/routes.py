"""Reviews over HTTP: given by the customer, read by everybody."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    PUBLIC,
    SEARCH,
    Asked,
    Caller,
    Commands,
    Envelope,
    allow,
    asked_of,
    list_envelope,
)
from tawsil.ordering.moves import Party
from tawsil.ordering.reviews import service, store
from tawsil.ordering.reviews.views import OrderReviewBody, OrderReviewView, PublicReviewView
from tawsil.ordering.steps import Acting

Stars = Annotated[int | None, QueryParameter(ge=1, le=5)]


@post(
    "/v4/orders/{order_id:uuid}/review",
    opt={"rule": allow("review:create")},
    status_code=200,
    tags=["Reviews"],
    summary="Rate a delivered order",
)
async def give_review(
    order_id: FromPath[UUID],
    data: JSONBody[OrderReviewBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderReviewView]]:
    """Within thirty days. Given again within two days, it takes the place of what was said."""
    return await commands.submit(
        service.give,
        service.GiveReview(
            by=caller.by,
            order_id=order_id,
            acting=Acting(Party.CUSTOMER, caller.user_id),
            opinion=data.opinion(),
        ),
        view=OrderReviewView.of,
    )


@get(
    "/v4/merchants/{merchant_id:uuid}/reviews",
    opt={"rule": PUBLIC, "limit": SEARCH},
    dependencies=asked_of(store.SORTS),
    tags=["Reviews"],
    summary="What people say about a merchant",
)
async def list_reviews(
    merchant_id: FromPath[UUID],
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
    least: Stars = None,
    most: Stars = None,
) -> Envelope[list[PublicReviewView]]:
    """Each is of an order that was delivered; none says who wrote it."""
    which = store.Filter(merchant_id=merchant_id, least=least, most=most)
    async with database.transaction() as tx:
        found = await store.of_merchant(tx, which=which, take=asked.take(which))
    return list_envelope(found.map(PublicReviewView.of), asked)


routes: Final[list[Any]] = [give_review, list_reviews]
