"""What couriers did out of reach, over HTTP; and what they need to know to do it."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.geography import public as geography
from tawsil.geography.public import HandoverRules
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope, not_found
from tawsil.kernel.http.errors import refusal_envelope
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach
from tawsil.ordering import store as orders
from tawsil.ordering.chat import store as chats
from tawsil.ordering.events import Status, Thread, Writer
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.outbox import service
from tawsil.ordering.outbox.model import MOST_ACTIONS, AnyAction, Result
from tawsil.ordering.outbox.service import Outcome, Receipt

TAGS: Final = ["Couriers"]


class OutboxBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 50 actions in the order in which they were done. `device_id` is made once by each
    installation of the app, and `sent_at` is its clock as it sends.
    """

    device_id: Annotated[UUID, Meta(examples=["019a9f00-0000-7000-8000-00000000de71"])]
    sent_at: Annotated[datetime, Meta(tz=True, examples=["2026-11-20T12:05:00Z"])]
    actions: Annotated[
        list[AnyAction],
        Meta(
            min_length=1,
            max_length=MOST_ACTIONS,
            examples=[
                [
                    {
                        "do": "take_break",
                        "action_id": "019a9f00-0000-7000-8000-000000000001",
                        "seq": 1,
                        "at": "2026-11-20T12:00:00Z",
                        "minutes": 30,
                    }
                ]
            ],
        ),
    ]


class OutcomeView(Struct, frozen=True, kw_only=True):
    """What came of one action. `held`: not looked at, because what comes before it is missing.

    `kept`: it did not fit any more; it is on record, and people look at it.
    """

    action_id: UUID
    seq: int
    result: Result
    code: str | None
    message: str | None
    kept: bool
    happened_at: datetime | None
    order_id: UUID | None
    order_status: Status | None

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeView":
        refusal = outcome.refusal
        errors = refusal_envelope(refusal).errors if refusal is not None else []
        return cls(
            action_id=outcome.action_id,
            seq=outcome.seq,
            result=outcome.result,
            code=refusal.code if refusal else None,
            message=errors[0].message if errors else None,
            kept=outcome.kept,
            happened_at=outcome.happened_at,
            order_id=outcome.order_id,
            order_status=outcome.order_status,
        )


class OutboxView(Struct, frozen=True, kw_only=True):
    """An outcome for each action, in the same order; and how things stand now."""

    outcomes: list[OutcomeView]
    next_seq: int
    availability: Availability | None
    break_ends_at: datetime | None

    @classmethod
    def of(cls, receipt: Receipt) -> "OutboxView":
        courier = receipt.courier
        return cls(
            outcomes=[OutcomeView.of(one) for one in receipt.outcomes],
            next_seq=receipt.next_seq,
            availability=courier.availability if courier else None,
            break_ends_at=courier.break_ends_at if courier else None,
        )


@post(
    "/v4/drivers/{courier_id:uuid}/outbox",
    opt={"rule": allow("courier:update")},
    status_code=200,
    tags=TAGS,
    summary="Send what was done out of reach",
)
async def send_outbox(
    courier_id: FromPath[UUID],
    data: JSONBody[OutboxBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[OutboxView]]:
    """Each action is taken in once, by its id, and each phone's in the order of `seq`, beginning
    with 1 and without a gap: send again whatever you have no outcome of. One that is refused does
    not stop those after it. The rules are in the guide to working out of reach.
    """
    if caller.user_id != courier_id:
        raise not_found()
    return await commands.submit(
        service.take_in,
        service.SendOutbox(
            by=caller.by,
            courier_id=courier_id,
            device_id=data.device_id,
            sent_at=data.sent_at,
            actions=tuple(data.actions),
        ),
        view=OutboxView.of,
    )


class DoorView(Struct, frozen=True, kw_only=True):
    """Where something is collected or handed over, in words and on earth."""

    name_en: str
    name_ar: str
    address_en: str
    address_ar: str
    instructions: str
    place: Place


class PieceView(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str
    quantity: int
    options: list[str]
    options_ar: list[str]


class SheetView(Struct, frozen=True, kw_only=True):
    """One order of a courier's job: all there is to know at its doors, also without a network.

    `collect_minor` is cash to be collected; `handover` what shows the handover; `unread` how many
    messages of the customer's were not read.
    """

    order_id: UUID
    number: int
    status: Status
    pickup: DoorView
    dropoff: DoorView
    items: list[PieceView]
    currency: str
    collect_minor: int
    ready_at: datetime | None
    promised_at: datetime | None
    picked_up_at: datetime | None
    ended_because: str | None
    handover: HandoverRules
    unread: int


@get(
    "/v4/drivers/{courier_id:uuid}/job-sheet",
    opt={"rule": allow("courier:read")},
    tags=TAGS,
    summary="What a courier has to know at each door",
)
async def show_job_sheet(
    courier_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[list[SheetView]]:
    """The orders of the present job, oldest first, for an app to keep: addresses, instructions,
    what is in the bag, cash to collect, and which proof is asked for.
    """
    async with database.transaction() as tx:
        await couriers.check_reached(tx, reach=reach, courier_id=courier_id)
        carried = await orders.carried_by(tx, courier_ids=[courier_id])
        ids = [order.id for order in carried]
        items = await orders.items(tx, ids)
        where = await orders.destinations(tx, ids)
        merchants = await catalog.merchants(
            tx, tenant_id=reach.tenant_id, ids=sorted({o.merchant_id for o in carried})
        )
        cities = await geography.cities_by_id(tx, ids=sorted({o.city_id for o in carried}))
        unread = await chats.unread(
            tx,
            order_ids=ids,
            thread=Thread.COURIER,
            reader=Writer.COURIER,
            courier_id=courier_id,
        )
    return envelope(
        [
            _sheet(
                order,
                items=items[order.id],
                to=where.get(order.id),
                merchant=merchants[order.merchant_id],
                handover=cities[order.city_id].rules.handover,
                unread=unread.get(order.id, 0),
            )
            for order in carried
        ]
    )


def _sheet(
    order: Order,
    *,
    items: list[orders.Item],
    to: orders.Destination | None,
    merchant: catalog.Merchant,
    handover: HandoverRules,
    unread: int,
) -> SheetView:
    address = to.address if to else ""
    pickup = DoorView(
        name_en=merchant.name_en,
        name_ar=merchant.name_ar,
        address_en=merchant.address_en,
        address_ar=merchant.address_ar,
        instructions="",
        place=order.pickup,
    )
    dropoff = DoorView(
        name_en="",
        name_ar="",
        address_en=address,
        address_ar=address,
        instructions=to.instructions if to else "",
        place=order.dropoff,
    )
    return SheetView(
        order_id=order.id,
        number=order.number,
        status=order.status,
        pickup=pickup,
        dropoff=dropoff,
        items=[
            PieceView(**{name: getattr(i, name) for name in PieceView.__struct_fields__})
            for i in items
        ],
        currency=order.amounts.currency,
        collect_minor=order.amounts.due_minor if order.paid_by is PaidBy.CASH else 0,
        ready_at=order.ready_at,
        promised_at=order.promised_at,
        picked_up_at=order.picked_up_at,
        ended_because=order.ended_because,
        handover=handover,
        unread=unread,
    )


routes: Final[list[Any]] = [send_outbox, show_job_sheet]
