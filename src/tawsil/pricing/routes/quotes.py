"""Quotes over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog.public import Line, PricedLine
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.http.errors import refusal_envelope
from tawsil.kernel.money import share
from tawsil.kernel.places import Place
from tawsil.kernel.text import OneLine, Prose
from tawsil.pricing.model.amounts import Breakdown
from tawsil.pricing.model.discounts import AppliedPromotion, NotApplied
from tawsil.pricing.model.fees import DeliveryFeeParts
from tawsil.pricing.model.funds import AllPoints, PursesOf, Wish
from tawsil.pricing.model.quote import Quote, QuoteStatus
from tawsil.pricing.model.taxes import TaxLine
from tawsil.pricing.service import quotes as service

TAGS: Final = ["Quotes"]


Code = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*$(?!\n)")]


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
    tip_bp: Annotated[int, Meta(ge=0, le=10_000)] = 0
    """Hundredths of a percent of the subtotal, instead of an amount."""
    codes: Annotated[tuple[Code, ...], Meta(max_length=5, examples=[[]])] = ()
    """Of promotions; one that is of no use here is refused, with the reason."""
    use_points: Annotated[int, Meta(ge=0, le=1_000_000_000, examples=[0])] | AllPoints = 0
    """Points to pay with, each of one minor unit, or `all` that the city lets be used."""
    use_credit: bool = False
    """Whether what you have in credit pays as much as it can."""
    scheduled_for: Annotated[datetime, Meta(tz=True)] | None = None
    """When it is to be at the door, within three days; without one, as soon as it can be."""


class TipView(Struct, frozen=True):
    """So much of the subtotal, and what that is."""

    tip_bp: int
    tip_minor: int


class QuoteDiscountView(Struct, frozen=True, kw_only=True):
    """What a promotion takes off, and the code it was had by, if it took one."""

    promotion_id: UUID
    name_en: str
    name_ar: str
    code: str | None
    amount_minor: int

    @classmethod
    def of(cls, applied: AppliedPromotion) -> "QuoteDiscountView":
        return cls(**{name: getattr(applied, name) for name in cls.__struct_fields__})


class BreakdownView(Struct, frozen=True, kw_only=True):
    """What the customer pays, part by part; who bears a discount is between those who do."""

    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    discount_minor: int
    tax_minor: int
    tip_minor: int
    total_minor: int
    tax_included: bool
    taxes: tuple[TaxLine, ...]
    delivery_tax_minor: int
    delivery_fee_parts: DeliveryFeeParts

    @classmethod
    def of(cls, breakdown: Breakdown) -> "BreakdownView":
        return cls(**{name: getattr(breakdown, name) for name in cls.__struct_fields__})


class QuoteView(Struct, frozen=True, kw_only=True):
    """A price that binds until `expires_at`. Whether the tax is added to the subtotal and the fees,
    or in them already, says `breakdown.tax_included`.
    """

    id: UUID
    status: QuoteStatus
    merchant_id: UUID
    currency: str
    lines: tuple[PricedLine, ...]
    breakdown: BreakdownView
    points_minor: int
    """What of the total your points are to pay; `credit_minor` likewise your credit."""
    credit_minor: int
    due_minor: int
    """What is left for card or cash. With nothing due, an order needs no card."""
    suggested_tips: list[TipView]
    dropoff: Place
    address: str
    instructions: str
    distance_m: int
    prep_time_s: int
    surge_minor: int
    """What the delivery fee holds because couriers are short just now."""
    extra_wait_s: int
    """By how much longer the delivery is promised to take for the same reason."""
    discounts: tuple[QuoteDiscountView, ...]
    not_applied: tuple[NotApplied, ...]
    """Codes that are good, though the price is lower without them."""
    scheduled_for: datetime | None
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
            suggested_tips=[
                TipView(bp, share(quote.breakdown.subtotal_minor, basis_points=bp))
                for bp in quote.suggested_tips_bp
            ],
            breakdown=BreakdownView.of(quote.breakdown),
            points_minor=quote.funds.points_minor,
            credit_minor=quote.funds.credit_minor,
            due_minor=quote.due_minor,
            dropoff=quote.dropoff,
            address=quote.address,
            instructions=quote.instructions,
            distance_m=quote.distance_m,
            prep_time_s=quote.prep_time_s,
            surge_minor=quote.surge_minor,
            extra_wait_s=quote.extra_wait_s,
            discounts=tuple(QuoteDiscountView.of(one) for one in quote.promotions),
            not_applied=quote.not_applied,
            scheduled_for=quote.scheduled_for,
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
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[QuoteView]]:
    """A binding price for lines of one merchant, brought to one address, for fifteen minutes.

    Points and credit are taken when the order is placed: if they are spent by then, it is refused.
    """
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
        tip_bp=data.tip_bp,
        codes=data.codes,
        wish=await _wish(data, caller, database, state),
        scheduled_for=data.scheduled_for,
    )
    return await commands.submit(service.issue, command, view=QuoteView.of, status=201)


async def _wish(data: QuoteBody, caller: Caller, database: Database, state: State) -> Wish:
    """How the caller wants to pay; what they have is looked up only for who wants to use it."""
    if not (data.use_points or data.use_credit):
        return Wish()
    purses_of: PursesOf = state.purses_of
    async with database.transaction() as tx:
        purses = await purses_of(tx, caller.tenant_id, caller.user_id)
    return Wish(use_points=data.use_points, use_credit=data.use_credit, purses=purses)


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


class WayToPayView(Struct, frozen=True):
    """A way to pay; if not this quote, why not."""

    payment_method: str
    possible: bool
    because: str | None


@get(
    "/v4/quotes/{quote_id:uuid}/ways-to-pay",
    opt={"rule": allow("order:create")},
    tags=TAGS,
    summary="How a quote may be paid",
)
async def show_ways_to_pay(
    quote_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[list[WayToPayView]]:
    """Cash at the door is for the city to allow, up to some amount."""
    async with database.transaction() as tx:
        quote = await service.quote(tx, quote_id=quote_id, customer_id=caller.user_id)
        if quote is None or quote.tenant_id != caller.tenant_id:
            raise not_found()
        no_cash = await service.no_cash(tx, quote)
    why = refusal_envelope(no_cash).errors[0].message if no_cash else None
    return envelope(
        [WayToPayView("card", True, None), WayToPayView("cash", no_cash is None, why)]  # noqa: FBT003 - `possible`
    )


routes: Final[list[Any]] = [issue_quote, show_quote, show_ways_to_pay]
