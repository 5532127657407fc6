"""How reviews look over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.text import Prose
from tawsil.ordering.reviews.model import Opinion, Review

Rating = Annotated[int, Meta(ge=1, le=5, examples=[5])]
Words = Annotated[Prose, Meta(max_length=1_000, examples=["Warm, and on time."])]


class OrderReviewBody(Struct, forbid_unknown_fields=True):
    """From 1 to 5, with words if you like; of the merchant, of the courier, or of both."""

    merchant_rating: Rating | None = None
    merchant_words: Words = ""
    courier_rating: Rating | None = None
    courier_words: Words = ""

    def opinion(self) -> Opinion:
        return Opinion(**{name: getattr(self, name) for name in Opinion.__struct_fields__})


class OrderReviewView(Struct, frozen=True, kw_only=True):
    """A review as whoever wrote it sees it; until `changeable_until_at` it may be given again."""

    order_id: UUID
    merchant_id: UUID
    merchant_rating: int | None
    merchant_words: str
    courier_rating: int | None
    courier_words: str
    given_at: datetime
    changed_at: datetime | None
    changeable_until_at: datetime

    @classmethod
    def of(cls, review: Review) -> "OrderReviewView":
        opinion = review.opinion
        return cls(
            order_id=review.id,
            merchant_id=review.merchant_id,
            merchant_rating=opinion.merchant_rating,
            merchant_words=opinion.merchant_words,
            courier_rating=opinion.courier_rating,
            courier_words=opinion.courier_words,
            given_at=review.given_at,
            changed_at=review.changed_at,
            changeable_until_at=review.changeable_until_at,
        )


class PublicReviewView(Struct, frozen=True, kw_only=True):
    """What somebody who ordered said about a merchant; not who."""

    rating: int
    words: str
    given_at: datetime

    @classmethod
    def of(cls, review: Review) -> "PublicReviewView":
        rating = review.opinion.merchant_rating
        assert rating is not None, "only what rates the merchant is listed with it"
        return cls(rating=rating, words=review.opinion.merchant_words, given_at=review.given_at)
