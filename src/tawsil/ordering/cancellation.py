"""What calling an order off would mean now, decided by the code that calls it off."""

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.http import Caller, Envelope, Problem, allow, envelope, not_found
from tawsil.kernel.http.errors import refusal_envelope
from tawsil.ordering import model, store
from tawsil.ordering.asking import canceller
from tawsil.ordering.model import PaymentStage
from tawsil.ordering.steps import concerns


class CancellationView(Struct, frozen=True, kw_only=True):
    """If `possible`, what would be charged and what given back; else why not, in a sentence.

    What the bank only holds is let go: it takes some days to show on a statement.
    """

    possible: bool
    because: str | None
    message: str | None
    currency: str
    charged_minor: int
    returned_minor: int
    points_minor: int
    """What of the customer's points comes back; `credit_minor` likewise of their credit."""
    credit_minor: int


@get(
    "/v4/orders/{order_id:uuid}/cancellation",
    opt={"rule": allow("order:read")},
    tags=["Orders"],
    summary="What calling the order off would cost now",
)
async def show_cancellation(
    order_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[CancellationView]:
    """For whoever may call it off, before they do."""
    acting = canceller(caller)
    async with database.transaction() as tx:
        order = (await store.get(tx, [order_id])).get(order_id)
        now = tx.now
    if order is None or not concerns(order, tenant_id=caller.tenant_id, acting=acting):
        raise not_found()
    decision = model.cancel(order, party=acting.party, reason="asked", now=now)
    if isinstance(decision, Refusal) and decision.status == HTTPStatus.FORBIDDEN:
        raise Problem(decision.status, decision.code, **decision.detail)
    amounts = order.amounts
    refused = decision if isinstance(decision, Refusal) else None
    held = refused is None and order.payment is PaymentStage.SAFE
    in_hand = held and order.paid_by is not model.PaidBy.CASH
    return envelope(
        CancellationView(
            possible=refused is None,
            because=refused.code if refused else None,
            message=refusal_envelope(refused).errors[0].message if refused else None,
            currency=amounts.currency,
            charged_minor=0,
            returned_minor=amounts.due_minor if in_hand else 0,
            points_minor=amounts.points_minor if refused is None else 0,
            credit_minor=amounts.credit_minor if refused is None else 0,
        )
    )


routes: Final[list[Any]] = [show_cancellation]
