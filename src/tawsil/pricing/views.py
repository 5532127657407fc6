"""How promotions look over HTTP: to those who run them, and to those who may have them."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.text import Prose
from tawsil.pricing.model.promotions import (
    MOST_CODES,
    MOVES,
    Kind,
    PositiveMinor,
    Promotion,
    PromotionTerms,
    Signal,
    Status,
)
from tawsil.pricing.model.redemptions import Review, Verdict
from tawsil.pricing.store.redemptions import Figures

Code = Annotated[Prose, Meta(min_length=3, max_length=60, examples=["SUMMER20"])]
EXAMPLE: Final[dict[str, Any]] = {
    "currency": "AED",
    "terms": {
        "name_en": "A fifth off",
        "name_ar": "خصم الخُمس",
        "terms_en": "Up to AED 20, on orders over AED 50.",
        "terms_ar": "حتى 20 درهمًا، للطلبات التي تزيد على 50 درهمًا.",
        "kind": "percent",
        "value": 2_000,
        "most_minor": 2_000,
        "least_subtotal_minor": 5_000,
        "from_at": "2026-12-01T00:00:00Z",
        "until_at": "2027-01-01T00:00:00Z",
        "most_per_user": 3,
        "watches": [{"signal": "device", "most_others": 1, "then": "flag"}],
    },
    "budget_minor": 1_000_000,
    "codes": ["SUMMER20"],
}


class DraftPromotionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to promise. A merchant's own holds at that merchant alone, which bears all of it."""

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    terms: PromotionTerms
    budget_minor: PositiveMinor | None = None
    codes: Annotated[tuple[Code, ...], Meta(max_length=20)] = ()


class ChangePromotionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a draft at once: what is left out becomes what it is without."""

    terms: PromotionTerms
    budget_minor: PositiveMinor | None = None


class RaiseBudgetBody(Struct, frozen=True, forbid_unknown_fields=True):
    by_minor: Annotated[int, Meta(ge=1, le=10**12, examples=[500_000])]


class MakeCodesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """So many codes, each for a single use."""

    count: Annotated[int, Meta(ge=1, le=MOST_CODES, examples=[100])]


class JudgeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`cleared`: the customer may have the promotion; `upheld`: not; `open`: nobody knows yet."""

    verdict: Annotated[Verdict, Meta(examples=["cleared"])]


DraftBody = Annotated[DraftPromotionBody, Meta(examples=[EXAMPLE])]
ChangeBody = Annotated[
    ChangePromotionBody,
    Meta(examples=[{"terms": EXAMPLE["terms"], "budget_minor": EXAMPLE["budget_minor"]}]),
]


class PromotionView(Struct, frozen=True, kw_only=True):
    """`taken_minor` is what placed orders have of the budget, paid or not yet."""

    id: UUID
    merchant_id: UUID | None
    currency: str
    terms: PromotionTerms
    status: Status
    budget_minor: int | None
    taken_minor: int
    remaining_minor: int | None
    redemptions: int
    legal_moves: list[str]
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, promotion: Promotion) -> "PromotionView":
        return cls(
            id=promotion.id,
            merchant_id=promotion.merchant_id,
            currency=promotion.currency,
            terms=promotion.terms,
            status=promotion.status,
            budget_minor=promotion.budget_minor,
            taken_minor=promotion.taken_minor,
            remaining_minor=promotion.remaining_minor,
            redemptions=promotion.redemptions,
            legal_moves=sorted(MOVES[promotion.status]),
            created_at=promotion.created_at,
            ended_at=promotion.ended_at,
        )


class PromotionFigures(Struct, frozen=True, kw_only=True):
    """What became of it: `reserved` by orders under way, `spent` by paid ones."""

    promotion: PromotionView
    reserved: int
    reserved_minor: int
    spent: int
    spent_minor: int
    customers: int

    @classmethod
    def of(cls, promotion: Promotion, figures: Figures) -> "PromotionFigures":
        return cls(
            promotion=PromotionView.of(promotion),
            reserved=figures.reserved,
            reserved_minor=figures.reserved_minor,
            spent=figures.spent,
            spent_minor=figures.spent_minor,
            customers=figures.customers,
        )


class UsablePromotionView(Struct, frozen=True, kw_only=True):
    """A promotion as a customer sees it; who pays for it is none of theirs."""

    id: UUID
    name_en: str
    name_ar: str
    terms_en: str
    terms_ar: str
    kind: Kind
    value: int
    most_minor: int | None
    currency: str
    least_subtotal_minor: int
    until_at: datetime | None

    @classmethod
    def of(cls, promotion: Promotion) -> "UsablePromotionView":
        terms = promotion.terms
        return cls(
            id=promotion.id,
            name_en=terms.name_en,
            name_ar=terms.name_ar,
            terms_en=terms.terms_en,
            terms_ar=terms.terms_ar,
            kind=terms.kind,
            value=terms.value,
            most_minor=terms.most_minor,
            currency=promotion.currency,
            least_subtotal_minor=terms.least_subtotal_minor,
            until_at=terms.until_at,
        )


class ReviewView(Struct, frozen=True, kw_only=True):
    """A customer who seems to be another one: by which signals, and whether it was refused."""

    id: UUID
    promotion_id: UUID
    customer_id: UUID
    quote_id: UUID
    signals: tuple[Signal, ...]
    refused: bool
    verdict: Verdict
    at: datetime

    @classmethod
    def of(cls, review: Review) -> "ReviewView":
        return cls(**{name: getattr(review, name) for name in cls.__struct_fields__})
