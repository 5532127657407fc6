"""Quotes over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog.public import Line, PricedLine
from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    SIGNED_IN,
    Caller,
    Commands,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.places import Place
from tawsil.kernel.text import OneLine, Prose
from tawsil.pricing import climate, service
from tawsil.pricing.conditions import CALM, Conditions, Pressure, Terms
from tawsil.pricing.model import Breakdown, Quote, QuoteStatus

TAGS: Final = ["Quotes"]
CITY_TAGS: Final = ["Cities"]


class LineBody(Struct, frozen=True, forbid_unknown_fields=True):
    product_id: UUID
    quantity: Annotated[int, Meta(ge=1, le=99, examples=[2])]
    option_ids: Annotated[tuple[UUID, ...], Meta(max_length=50)] = ()


class DropoffBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where to bring it, in degrees and in words."""

    latitude: Annotated[float, Meta(ge=-90, le=90, examples=[24.1213])]
    longitude: Annotated[float, Meta(ge=-180, le=180, examples=[53.1027])]
    address: Annotated[
        OneLine,
        Meta(min_length=1, max_length=500, examples=["Corniche 12, floor 3"]),
    ]
    instructions: Annotated[Prose, Meta(max_length=500, examples=["Ring twice"])] = ""


class QuoteBody(Struct, frozen=True, forbid_unknown_fields=True):
    merchant_id: UUID
    lines: Annotated[tuple[LineBody, ...], Meta(min_length=1, max_length=50)]
    dropoff: DropoffBody
    tip_minor: Annotated[int, Meta(ge=0, le=1_000_000, examples=[500])] = 0


class QuoteView(Struct, frozen=True, kw_only=True):
    """A price that binds until `expires_at`. The tax is added to the subtotal and the fees."""

    id: UUID
    status: QuoteStatus
    merchant_id: UUID
    currency: str
    lines: tuple[PricedLine, ...]
    breakdown: Breakdown
    dropoff: Place
    address: str
    instructions: str
    distance_m: int
    prep_time_s: int
    surge_minor: int
    """What the delivery fee holds because couriers are short just now."""
    extra_wait_s: int
    """By how much longer the delivery is promised to take for the same reason."""
    issued_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, quote: Quote) -> "QuoteView":
        return cls(
            id=quote.id,
            status=quote.status,
            merchant_id=quote.merchant_id,
            currency=quote.currency,
            lines=quote.lines,
            breakdown=quote.breakdown,
            dropoff=quote.dropoff,
            address=quote.address,
            instructions=quote.instructions,
            distance_m=quote.distance_m,
            prep_time_s=quote.prep_time_s,
            surge_minor=quote.surge_minor,
            extra_wait_s=quote.extra_wait_s,
            issued_at=quote.issued_at,
            expires_at=quote.expires_at,
        )


@post(
    "/v4/quotes",
    opt={"rule": allow("order:create")},
    status_code=201,
    tags=TAGS,
    summary="What an order would cost",
)
async def issue_quote(
    data: JSONBody[QuoteBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[QuoteView]]:
    """A binding price for lines of one merchant, brought to one address, for fifteen minutes."""
    command = service.IssueQuote(
        by=caller.by,
        customer_id=caller.user_id,
        merchant_id=data.merchant_id,
        lines=tuple(
            Line(product_id=line.product_id, quantity=line.quantity, option_ids=line.option_ids)
            for line in data.lines
        ),
        dropoff=Place(data.dropoff.latitude, data.dropoff.longitude),
        address=data.dropoff.address,
        instructions=data.dropoff.instructions,
        tip_minor=data.tip_minor,
    )
    return await commands.submit(service.issue, command, view=QuoteView.of, status=201)


@get(
    "/v4/quotes/{quote_id:uuid}",
    opt={"rule": allow("order:create")},
    tags=TAGS,
    summary="A quote of one's own",
)
async def show_quote(
    quote_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[QuoteView]:
    async with database.transaction() as tx:
        quote = await service.quote(tx, quote_id=quote_id, customer_id=caller.user_id)
    if quote is None or quote.tenant_id != caller.tenant_id:
        raise not_found()
    return envelope(QuoteView.of(quote))


class HoldBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The terms to hold; without an end they stay until somebody lets go."""

    terms: Terms
    reason: Annotated[
        Prose,
        Meta(min_length=1, max_length=200, examples=["half the fleet is off"]),
    ]
    until: datetime | None = None


class ConditionsView(Struct, frozen=True, kw_only=True):
    """What customers of a city meet now. `held`: an operator set it, pressure does not move it."""

    city_id: UUID
    pressure: str
    terms: Terms
    since_at: datetime | None
    held: bool
    held_until_at: datetime | None
    reason: str

    @classmethod
    def of(cls, conditions: Conditions) -> "ConditionsView":
        return cls(
            city_id=conditions.city_id,
            pressure=conditions.pressure.name.lower(),
            terms=conditions.terms,
            since_at=conditions.since_at,
            held=conditions.held,
            held_until_at=conditions.held_until_at,
            reason=conditions.reason,
        )

    @classmethod
    def usual(cls, city_id: UUID) -> "ConditionsView":
        return cls(
            city_id=city_id,
            pressure=Pressure.CALM.name.lower(),
            terms=CALM,
            since_at=None,
            held=False,
            held_until_at=None,
            reason="",
        )


@get(
    "/v4/cities/{city_id:uuid}/conditions",
    opt={"rule": SIGNED_IN},
    tags=CITY_TAGS,
    summary="Whether couriers are short, and what that changes",
)
async def show_conditions(
    city_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[ConditionsView]:
    """Longer promises, a surcharge, and what is paused; nothing of it when it is calm."""
    async with database.transaction() as tx:
        await _its_city(tx, caller, city_id)
        now = (await climate.conditions(tx, city_ids=[city_id])).get(city_id)
    return envelope(ConditionsView.of(now) if now else ConditionsView.usual(city_id))


@put(
    "/v4/cities/{city_id:uuid}/conditions",
    opt={"rule": allow("zone:update")},
    tags=CITY_TAGS,
    summary="Hold a city's conditions",
)
async def hold_conditions(
    city_id: FromPath[UUID],
    data: JSONBody[HoldBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[ConditionsView]]:
    """Set longer promises, a surcharge or a pause by hand. Quotes that bind already stay so."""
    async with database.transaction() as tx:
        await _its_city(tx, caller, city_id)
    command = climate.HoldConditions(
        by=caller.by, city_id=city_id, terms=data.terms, until=data.until, reason=data.reason
    )
    return await commands.submit(climate.hold_conditions, command, view=ConditionsView.of)


@delete(
    "/v4/cities/{city_id:uuid}/conditions",
    opt={"rule": allow("zone:update")},
    status_code=200,
    tags=CITY_TAGS,
    summary="Let go of a city's conditions",
)
async def let_go(
    city_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[ConditionsView]]:
    """Back to calm, and from there to what the pressure on couriers asks for."""
    async with database.transaction() as tx:
        await _its_city(tx, caller, city_id)
    command = climate.LetGo(by=caller.by, city_id=city_id)
    return await commands.submit(climate.let_go, command, view=ConditionsView.of)


async def _its_city(tx: Tx, caller: Caller, city_id: UUID) -> None:
    if await geography.city_of(tx, tenant_id=caller.tenant_id, city_id=city_id) is None:
        raise not_found()


routes: Final[list[Any]] = [
    issue_quote,
    show_quote,
    show_conditions,
    hold_conditions,
    let_go,
]
