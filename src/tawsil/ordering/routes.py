"""Ordering over HTTP: orders, and every step of the journey for whoever takes it."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    allow,
    envelope,
)
from tawsil.kernel.reach import Reach
from tawsil.ordering import cancellation, cart, journey, lists, public, store, whereabouts
from tawsil.ordering.access import acting, visible
from tawsil.ordering.address_book import routes as address_book
from tawsil.ordering.asking import STEPS, Step, canceller, cancelling, placing, towards
from tawsil.ordering.chat import routes as chat
from tawsil.ordering.kitchen import routes as kitchen
from tawsil.ordering.moves import Party
from tawsil.ordering.outbox import routes as outbox
from tawsil.ordering.proofs import routes as proofs
from tawsil.ordering.refunds import routes as refunds
from tawsil.ordering.refunds import store as refund_store
from tawsil.ordering.refunds.views import RefundView
from tawsil.ordering.reports import routes as reports
from tawsil.ordering.reviews import routes as reviews
from tawsil.ordering.reviews import store as review_store
from tawsil.ordering.reviews.views import OrderReviewView
from tawsil.ordering.sharing import routes as sharing
from tawsil.ordering.tips import routes as tips
from tawsil.ordering.tips import store as tip_store
from tawsil.ordering.tips.views import TipView
from tawsil.ordering.views import (
    AcceptBody,
    ChoiceBody,
    DeliverBody,
    OrderView,
    PlaceOrderBody,
    ReadyTimeBody,
    ReasonBody,
    StatusBody,
    TimelineEntry,
)

REVIEWED: Final = frozenset({Party.CUSTOMER, Party.OPERATOR})
"""To whom a review is shown with its order; the others read it among all that were given."""

# ── orders ─────────────────────────────────────────────────────────────────────────────────────


@post("/v4/orders", opt={"rule": allow("order:create")}, tags=["Orders"], summary="Place an order")
async def place_order(
    data: JSONBody[PlaceOrderBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    state: State,
) -> Response[Envelope[OrderView]]:
    """Turn a binding quote into an order. Send an Idempotency-Key: repeats then do no harm."""
    return await commands.submit(
        journey.place,
        placing(
            caller,
            quote_id=data.quote_id,
            paid_by=data.payment_method,
            card_tokens=data.cards(state.providers),
            notes=data.notes,
            digester=state.get("digester"),
        ),
        view=lambda order: OrderView.of(order, handover_pin=order.handover_pin),
        status=201,
    )


@get(
    "/v4/orders/{order_id:uuid}",
    opt={"rule": allow("order:read")},
    tags=["Orders"],
    summary="One order",
)
async def get_order(
    order_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[OrderView]:
    async with database.transaction() as tx:
        order, party = await visible(tx, reach=reach, order_id=order_id)
        items = (await store.items(tx, [order_id]))[order_id]
        returned = (await refund_store.of_orders(tx, [order_id]))[order_id]
        given = (await tip_store.of_orders(tx, [order_id]))[order_id]
        reviewed = (await review_store.of_orders(tx, [order_id])).get(order_id)
        staff = party is Party.OPERATOR
        remarks = await store.remarks(tx, order_id) if staff else []
        destination = (await store.destinations(tx, [order_id])).get(order_id)
    knows_the_way = party is not Party.MERCHANT
    return envelope(
        OrderView.of(
            order,
            items=items,
            tips=[TipView.of(tip) for tip in given] if party is not Party.MERCHANT else None,
            review=OrderReviewView.of(reviewed) if reviewed and party in REVIEWED else None,
            refunds=[RefundView.of(refund, seen_by=party) for refund in returned],
            destination=destination if knows_the_way else None,
            remarks=[f"{remark.actor_role}: {remark.words}" for remark in remarks],
            handover_pin=order.handover_pin if party is Party.CUSTOMER else None,
        )
    )


@get(
    "/v4/orders/{order_id:uuid}/timeline",
    opt={"rule": allow("order:read")},
    tags=["Orders"],
    summary="An order's complete story",
)
async def get_timeline(
    order_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    state: State,
) -> Envelope[list[TimelineEntry]]:
    """Every event of the order, its payment and its delivery, in the order it was recorded."""
    async with database.transaction() as tx:
        _, party = await visible(tx, reach=reach, order_id=order_id)
        story = await public.timeline(tx, state.registry, order_id=order_id)
    staff = party is Party.OPERATOR
    return envelope(
        [TimelineEntry.of(recorded) for recorded in story if staff or recorded.stream == "order"]
    )


# ── steps ──────────────────────────────────────────────────────────────────────────────────────


@post(
    "/v4/orders/{order_id:uuid}/accept",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=["Orders"],
    summary="The merchant takes the order",
)
async def accept_order(
    order_id: FromPath[UUID],
    data: JSONBody[AcceptBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    minutes = data.prep_time_minutes
    return await commands.submit(
        journey.accept_order,
        journey.AcceptOrder(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "order:update"),
            prep_time_s=None if minutes is None else minutes * 60,
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/ready-time",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=["Orders"],
    summary="More time, or less",
)
async def change_ready_time(
    order_id: FromPath[UUID],
    data: JSONBody[ReadyTimeBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    return await commands.submit(
        journey.change_ready_time,
        journey.ChangeReadyTime(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "order:update"),
            delta_s=data.delta_minutes * 60,
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/steps/{step:str}",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=["Orders"],
    summary="Take a step that needs nothing but the order",
)
async def take_step(
    order_id: FromPath[UUID],
    step: FromPath[Step],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    return await commands.submit(
        STEPS[step],
        journey.MoveOrder(by=caller.by, order_id=order_id, acting=acting(caller, "order:update")),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/deliver",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=["Orders"],
    summary="Hand the order over",
)
async def deliver(
    order_id: FromPath[UUID],
    data: JSONBody[DeliverBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    return await commands.submit(
        journey.deliver,
        journey.DeliverOrder(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "order:update"),
            pin=data.pin,
            proof_ids=data.proof_ids,
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/cancel",
    opt={"rule": allow("order:read")},
    status_code=200,
    tags=["Orders"],
    summary="Call the order off",
)
async def cancel(
    order_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    """The customer until the kitchen has begun; the merchant and operations until pick-up."""
    return await commands.submit(
        journey.cancel,
        cancelling(caller, order_id=order_id, reason=data.reason),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/choice",
    opt={"rule": allow("order:read")},
    status_code=200,
    tags=["Orders"],
    summary="Wait on for a courier, or call the order off free of charge",
)
async def choose(
    order_id: FromPath[UUID],
    data: JSONBody[ChoiceBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    """While `choice_until_at` is set: nobody has taken the order, and the customer may choose."""
    return await commands.submit(
        journey.choose,
        journey.Choose(
            by=caller.by, order_id=order_id, acting=canceller(caller), choice=data.choice
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/undeliverable",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=["Orders"],
    summary="Nobody to hand it to",
)
async def mark_undeliverable(
    order_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    """Reasons: customer_absent, customer_refused, wrong_address, damaged, accident, vehicle,
    unsafe_place.
    """
    return await commands.submit(
        journey.mark_undeliverable,
        journey.MarkUndeliverable(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "order:update"),
            reason=data.reason,
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/dispute",
    opt={"rule": allow("order:read")},
    status_code=200,
    tags=["Orders"],
    summary="Complain about a delivered order",
)
async def dispute(
    order_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    return await commands.submit(
        journey.dispute,
        journey.ComplainAbout(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "order:read"),
            reason=data.reason,
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/dispute/dismiss",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=["Orders"],
    summary="Close a complaint: the order stands as delivered",
)
async def dismiss_dispute(
    order_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    """For staff. The reason is a code, such as `photo_shows_it`; it stands in the order's story."""
    return await commands.submit(
        journey.dismiss,
        journey.ComplainAbout(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "order:update"),
            reason=data.reason,
        ),
        view=OrderView.of,
    )


@post(
    "/v4/orders/{order_id:uuid}/refund",
    opt={"rule": allow("payment:refund")},
    status_code=200,
    tags=["Orders"],
    summary="Give the customer everything back",
)
async def refund(
    order_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OrderView]]:
    return await commands.submit(
        journey.refund,
        journey.ComplainAbout(
            by=caller.by,
            order_id=order_id,
            acting=acting(caller, "payment:refund"),
            reason=data.reason,
        ),
        view=OrderView.of,
    )


@put(
    "/v4/orders/{order_id:uuid}/status",
    opt={"rule": allow("order:update")},
    tags=["Orders"],
    summary="Set a status (older clients)",
)
async def put_status(
    order_id: FromPath[UUID],
    data: JSONBody[StatusBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[OrderView]]:
    """Mapped to the same commands; an illegal move is a 409 that names the legal ones."""
    handle, command = await towards(
        database, caller, reach=reach, order_id=order_id, to=data.status, notes=data.notes
    )
    return await commands.submit(handle, command, view=OrderView.of)


routes: Final = [
    *address_book.routes,
    *cart.routes,
    *lists.routes,
    *whereabouts.routes,
    *refunds.routes,
    *tips.routes,
    *chat.routes,
    *reports.routes,
    *reviews.routes,
    *sharing.routes,
    *cancellation.routes,
    *kitchen.routes,
    *proofs.routes,
    *outbox.routes,
    place_order,
    get_order,
    get_timeline,
    accept_order,
    change_ready_time,
    take_step,
    deliver,
    cancel,
    choose,
    mark_undeliverable,
    dispute,
    dismiss_dispute,
    refund,
    put_status,
]
