"""A review: given once for a delivered order, and changed for a while. No I/O, no clock."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse
from tawsil.ordering import events
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order

GIVE_WITHIN: Final = timedelta(days=30)
CHANGE_WITHIN: Final = timedelta(days=2)
DELIVERED: Final = frozenset({Status.DELIVERED, Status.DISPUTED, Status.REFUNDED})


class Opinion(Struct, frozen=True, kw_only=True):
    """What somebody thinks of the merchant and of the courier: of one of them at least."""

    merchant_rating: int | None = None
    merchant_words: str = ""
    courier_rating: int | None = None
    courier_words: str = ""


class Review(Struct, frozen=True, kw_only=True):
    """An opinion on an order; there is one at most, under the order's id."""

    stream: ClassVar[str] = "review"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None
    opinion: Opinion
    given_at: datetime
    changed_at: datetime | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None

    @property
    def changeable_until_at(self) -> datetime:
        return self.given_at + CHANGE_WITHIN


def give(
    order: Order, opinion: Opinion, *, before: Review | None, now: datetime
) -> Decision[Review]:
    """Say it for the first time, or, soon after, otherwise."""
    if wrong := _wrong(order, opinion):
        return wrong
    if before is not None:
        return _change(before, opinion, now=now)
    delivered_at = order.delivered_at
    assert delivered_at is not None, "what was delivered has its time"
    if now - delivered_at > GIVE_WITHIN:
        return refuse("review.too_late", days=GIVE_WITHIN.days)
    review = Review(
        id=order.id,
        tenant_id=order.tenant_id,
        city_id=order.city_id,
        customer_id=order.customer_id,
        merchant_id=order.merchant_id,
        courier_id=order.courier_id,
        opinion=opinion,
        given_at=now,
    )
    return accept(review, _event(events.ReviewGiven, review))


def _change(before: Review, opinion: Opinion, *, now: datetime) -> Decision[Review]:
    if now > before.changeable_until_at:
        return refuse("review.settled", hours=CHANGE_WITHIN // timedelta(hours=1))
    if opinion == before.opinion:
        return accept(before)
    changed = replace(before, opinion=opinion, changed_at=now)
    return accept(changed, _event(events.ReviewChanged, changed))


def _wrong(order: Order, opinion: Opinion) -> Refusal | None:
    if order.status not in DELIVERED or order.delivered_at is None:
        return refuse("review.not_delivered", status_now=order.status)
    if opinion.merchant_rating is None and opinion.courier_rating is None:
        return refuse("review.says_nothing", status=422)
    wordy = (opinion.merchant_words and opinion.merchant_rating is None) or (
        opinion.courier_words and opinion.courier_rating is None
    )
    return refuse("review.words_alone", status=422) if wordy else None


def _event(cls: Any, review: Review) -> Event:
    return cls(
        order_id=review.id,
        customer_id=review.customer_id,
        merchant_id=review.merchant_id,
        courier_id=review.courier_id,
        merchant_rating=review.opinion.merchant_rating,
        courier_rating=review.opinion.courier_rating,
    )
