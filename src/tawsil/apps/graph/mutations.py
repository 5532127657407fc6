"""What can be done. Each is a command that REST knows too, handled in the same batch.

Send an Idempotency-Key: a repeat of the request finds what the first one did, and does nothing.
"""

from typing import Any

import msgspec
import strawberry

from tawsil.apps.graph.asked import Info, identified
from tawsil.apps.graph.objects import Order
from tawsil.ordering import public as ordering
from tawsil.ordering.views import PlaceOrderBody, ReasonBody, StatusBody


@strawberry.input(description="A binding quote, and how it is paid.")
class CreateOrderInput:
    quote_id: strawberry.ID
    payment_method: ordering.PaidBy
    card_token: str | None = None
    notes: str = ""


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Turn a binding quote into an order.")
    async def create_order(self, info: Info, input: CreateOrderInput) -> Order | None:  # noqa: A002 - as everybody calls it
        asked = info.context
        await asked.reach("order:create")
        body = msgspec.convert(vars(input), PlaceOrderBody)
        command = ordering.placing(
            asked.caller,
            quote_id=body.quote_id,
            paid_by=body.payment_method,
            card_token=body.card_token,
            notes=body.notes,
        )
        return await _changed(info, ordering.place, command, as_=ordering.Party.CUSTOMER)

    @strawberry.mutation(description="Bring an order to a status, by the step that leads there.")
    async def update_order_status(
        self, info: Info, order_id: strawberry.ID, status: ordering.Status, notes: str = ""
    ) -> Order | None:
        asked = info.context
        reach = await asked.reach("order:update")
        body = msgspec.convert({"status": status, "notes": notes}, StatusBody)
        handle, command = await ordering.towards(
            asked.database,
            asked.caller,
            reach=reach,
            order_id=identified(order_id),
            to=body.status,
            notes=body.notes,
        )
        return await _changed(info, handle, command, as_=command.acting.party)

    @strawberry.mutation(description="Call an order off, for a reason such as `changed_my_mind`.")
    async def cancel_order(self, info: Info, order_id: strawberry.ID, reason: str) -> Order | None:
        asked = info.context
        await asked.reach("order:read")
        body = msgspec.convert({"reason": reason}, ReasonBody)
        command = ordering.cancelling(
            asked.caller, order_id=identified(order_id), reason=body.reason
        )
        return await _changed(info, ordering.cancel, command, as_=command.acting.party)


async def _changed(info: Info, handle: Any, command: Any, *, as_: ordering.Party) -> Order:
    order_id = await info.context.submit(handle, command)
    async with info.context.reading.tx() as tx:
        known = await ordering.get_many(tx, tenant_id=info.context.caller.tenant_id, ids=[order_id])
    return Order.of(known[order_id], party=as_)
