"""Payouts of the sandbox over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, SkipValidation
from msgspec import Struct

from tawsil.simulation.psp.charges import Refusal
from tawsil.simulation.psp.payouts import Disburser, Payout, PayoutAnswer, bank_of

Key = Annotated[str, HeaderParameter(name="Idempotency-Key")]


class Desk(Struct, frozen=True):
    """Where payouts are asked for: with its clock, and how its answers are given."""

    disburser: Disburser
    now: Callable[[], Any]
    reply: Callable[[PayoutAnswer], Awaitable[Response[Any]]]


AtDesk = NamedDependency[SkipValidation[Desk]]


class PayoutOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /payouts`."""

    destination: str
    amount_minor: int
    currency: str
    reference: str


class PayoutList(Struct, frozen=True):
    payouts: list[Payout]


class DestinationView(Struct, frozen=True):
    token: str
    payable: bool


@post("/payouts")
async def pay(data: JSONBody[PayoutOrder], key: Key, desk: AtDesk) -> Response[Any]:
    answer = desk.disburser.pay(
        idempotency_key=key,
        destination=data.destination,
        amount_minor=data.amount_minor,
        currency=data.currency,
        reference=data.reference,
        at=desk.now(),
    )
    return await desk.reply(answer)


@get("/payouts")
async def find(reference: FromQuery[str], desk: AtDesk) -> PayoutList:
    return PayoutList(payouts=desk.disburser.find(reference=reference, at=desk.now()))


@get("/destinations/{token:str}")
async def show_destination(token: FromPath[str]) -> DestinationView:
    bank = bank_of(token)
    if bank is None:
        raise Refusal(404, "destination_not_found", f"there is no destination {token}")
    return DestinationView(token=token, payable=bank.refusal is None)


routes: Final = [pay, find, show_destination]
