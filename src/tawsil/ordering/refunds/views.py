"""How refunds look over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.text import Prose
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds.model import PaidTo, Refund, RefundState
from tawsil.ordering.refunds.parts import Ask, Bearers, Fee, Pieces, Scope
from tawsil.ordering.refunds.reasons import Code, Reason

BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]


class PiecesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """So many of a line; lines are counted from 0, as the order lists its items."""

    position: Annotated[int, Meta(ge=0, le=1_000, examples=[0])]
    quantity: Annotated[int, Meta(ge=1, le=1_000, examples=[1])]


class BearersBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who bears it, in parts of ten thousand; together all of it."""

    merchant_bp: Annotated[int, Meta(ge=0, le=10_000, examples=[5_000])] = 0
    courier_bp: BasisPoints = 0
    platform_bp: Annotated[int, Meta(ge=0, le=10_000, examples=[5_000])] = 0

    def bearers(self) -> Bearers:
        return Bearers(
            merchant_bp=self.merchant_bp,
            courier_bp=self.courier_bp,
            platform_bp=self.platform_bp,
        )


class RefundBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`items` and `fees`, or an `amount_minor`, or neither: then all that is left."""

    reason: Code
    items: Annotated[tuple[PiecesBody, ...], Meta(max_length=50)] = ()
    fees: Annotated[tuple[Fee, ...], Meta(max_length=4, examples=[["delivery"]])] = ()
    amount_minor: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    paid_to: Annotated[PaidTo, Meta(examples=["credit"])] = PaidTo.ORIGINAL
    bearers: BearersBody | None = None
    words: Annotated[Prose, Meta(max_length=500, examples=["The soup was not in the bag."])] = ""

    def ask(self) -> Ask | None:
        """What is asked for; None if it is both an amount and parts."""
        parts = bool(self.items or self.fees)
        if self.amount_minor is not None:
            whole = Ask(scope=Scope.AMOUNT, amount_minor=self.amount_minor)
            return None if parts else whole
        if not parts:
            return Ask(scope=Scope.WHOLE)
        pieces = tuple(Pieces(item.position, item.quantity) for item in self.items)
        return Ask(scope=Scope.ITEMS, pieces=pieces, fees=self.fees)


class RefusalBody(Struct, frozen=True, forbid_unknown_fields=True):
    because: Annotated[Code, Meta(examples=["photo_shows_it"])]


class BearingBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: Code
    bearers: BearersBody
    fees: Annotated[tuple[Fee, ...], Meta(max_length=4, examples=[["delivery"]])] = ()
    self_service: bool = False
    active: bool = True

    def reason(self) -> Reason:
        return Reason(
            code=self.code,
            by=self.bearers.bearers(),
            fees=tuple(dict.fromkeys(self.fees)),
            self_service=self.self_service,
            active=self.active,
        )


class ReasonsBody(Struct, frozen=True, forbid_unknown_fields=True):
    reasons: Annotated[tuple[BearingBody, ...], Meta(min_length=1, max_length=100)]


class ReasonView(Struct, frozen=True, kw_only=True):
    code: str
    merchant_bp: int
    courier_bp: int
    platform_bp: int
    fees: tuple[Fee, ...]
    self_service: bool
    active: bool

    @classmethod
    def of(cls, reason: Reason) -> "ReasonView":
        return cls(
            code=reason.code,
            merchant_bp=reason.by.merchant_bp,
            courier_bp=reason.by.courier_bp,
            platform_bp=reason.by.platform_bp,
            fees=reason.fees,
            self_service=reason.self_service,
            active=reason.active,
        )


class RefundView(Struct, frozen=True, kw_only=True):
    """What is given back and why; who bears it is for those alone who are not the customer."""

    id: UUID
    order_id: UUID
    merchant_id: UUID
    scope: Scope
    paid_to: PaidTo
    reason: str
    state: RefundState
    currency: str
    amount_minor: int
    items: tuple[Pieces, ...]
    fees: tuple[Fee, ...]
    asked_as: Party
    asked_at: datetime
    decided_at: datetime | None
    decided_because: str | None
    ended_at: datetime | None
    merchant_minor: int | None = None
    courier_minor: int | None = None
    platform_minor: int | None = None
    tax_minor: int | None = None

    @classmethod
    def of(cls, refund: Refund, *, seen_by: Party = Party.CUSTOMER) -> "RefundView":
        borne = refund.borne if seen_by in {Party.OPERATOR, Party.MERCHANT} else None
        return cls(
            id=refund.id,
            order_id=refund.order_id,
            merchant_id=refund.merchant_id,
            scope=refund.scope,
            paid_to=refund.paid_to,
            reason=refund.reason,
            state=refund.state,
            currency=refund.currency,
            amount_minor=refund.amount_minor,
            items=refund.back.pieces,
            fees=refund.back.fees,
            asked_as=refund.asked_as,
            asked_at=refund.asked_at,
            decided_at=refund.decided_at,
            decided_because=refund.decided_because,
            ended_at=refund.ended_at,
            merchant_minor=borne.merchant_minor if borne else None,
            courier_minor=borne.courier_minor if borne else None,
            platform_minor=borne.platform_minor if borne else None,
            tax_minor=borne.tax_minor if borne else None,
        )
