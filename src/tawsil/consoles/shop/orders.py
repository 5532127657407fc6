"""An order as its customer sees it: how far it is, when it comes, and what can be done now."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.consoles.shop.bills import Bill, Row, Taken, rows
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.places import Place

STEPS: Final = ("placed", "accepted", "ready", "picked_up", "delivered")
LIVE: Final = frozenset(
    {"PENDING", "ACCEPTED", "PREPARING", "READY_FOR_PICKUP", "PICKED_UP", "IN_TRANSIT"}
)
HAD: Final = frozenset({"DELIVERED", "DISPUTED", "REFUNDED"})
"""What was brought, and so may be rated, tipped and complained about."""
RATE_WITHIN: Final = timedelta(days=30)
TIP_WITHIN: Final = timedelta(days=7)
MOST_TIPS: Final = 3
MOVED_BY: Final = {
    "order.ready_time_moved.v1": "kitchen",
    "order.courier_lost.v1": "courier_lost",
    "order.overdue.v1": "overdue",
}
"""Events that move the arrival, and what is said of each; the last one counts."""
SETTLED_AGAIN: Final = frozenset({"order.courier_assigned.v1", "order.picked_up.v1"})


class Item(Struct, frozen=True, kw_only=True):
    product_id: UUID
    name_en: str
    name_ar: str
    quantity: int
    options: list[str]
    options_ar: list[str]
    total_minor: int

    @property
    def named(self) -> str:
        return self.name_ar if current_locale.get() == "ar" else self.name_en

    @property
    def chosen(self) -> list[str]:
        return self.options_ar if current_locale.get() == "ar" else self.options


class Destination(Struct, frozen=True, kw_only=True):
    address: str
    instructions: str = ""
    notes: str = ""


class Review(Struct, frozen=True, kw_only=True):
    merchant_rating: int | None
    merchant_words: str
    courier_rating: int | None
    courier_words: str
    changeable_until_at: datetime


class Tip(Struct, frozen=True, kw_only=True):
    id: UUID
    amount_minor: int
    state: str

    @property
    def asked(self) -> bool:
        """Whether its money is still to be heard of."""
        return self.state == "asked"


class Refund(Struct, frozen=True, kw_only=True):
    amount_minor: int
    state: str


class Order(Bill, frozen=True, kw_only=True):
    id: UUID
    number: int
    city_id: UUID
    merchant_id: UUID
    courier_id: UUID | None
    status: str
    payment: str
    payment_method: str
    currency: str
    points_minor: int
    credit_minor: int
    due_minor: int
    discounts: tuple[Taken, ...]
    pickup: Place
    dropoff: Place
    scheduled_for: datetime | None
    placed_at: datetime
    accepted_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    next_deadline: str | None
    choice_until_at: datetime | None
    handover_pin: str | None = None
    items: list[Item] | None = None
    destination: Destination | None = None
    refunds: list[Refund] | None = None
    tips: list[Tip] | None = None
    review: Review | None = None

    @property
    def rows(self) -> list[Row]:
        return list(rows(self, self.discounts))

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def held(self) -> bool:
        """For later, and the merchant has not been asked yet."""
        return self.next_deadline == "offer"

    @property
    def had(self) -> bool:
        return self.status in HAD and self.delivered_at is not None

    @property
    def may_be_tipped(self) -> bool:
        given = [tip for tip in self.tips or [] if tip.state != "declined"]
        return self.had and self.courier_id is not None and len(given) < MOST_TIPS


class Sighting(Struct, frozen=True, kw_only=True):
    latitude: float
    longitude: float
    age_s: float


class Progress(Struct, frozen=True, kw_only=True):
    """How far the delivery is."""

    courier_name: str | None
    expected_dropoff_at: datetime | None
    expected_dropoff_by_at: datetime | None
    location: Sighting | None


NOT_CONFIRMED: Final = frozenset(
    {
        "authentication_failed",
        "authentication_not_completed",
        "payment_intent_authentication_failure",
    }
)
"""How acquirers call it that the bank did not hear from the cardholder what it asked."""


class Payment(Struct, frozen=True, kw_only=True):
    state: str
    decline_code: str | None
    next_action_url: str | None

    @property
    def not_confirmed(self) -> bool:
        return self.decline_code in NOT_CONFIRMED


class Cancellation(Struct, frozen=True, kw_only=True):
    possible: bool
    message: str | None
    charged_minor: int
    returned_minor: int
    points_minor: int
    credit_minor: int


class Merchant(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    address: str = ""
    phone: str = ""


class City(Struct, frozen=True, kw_only=True):
    timezone: str


class Step(Struct, frozen=True, kw_only=True):
    """A step of the way: done at an instant, under way, or still to come."""

    word: str
    at: datetime | None
    now: bool


class _Entry(Struct, frozen=True, kw_only=True):
    type: str


class Told(Struct, frozen=True, kw_only=True):
    """Everything a page about one order says."""

    order: Order
    progress: Progress
    merchant: Merchant | None
    timezone: str
    moved_by: str | None
    payment: Payment | None
    cancellation: Cancellation | None
    tip_challenges: dict[UUID, str] = {}
    """Where the bank asks about a tip, by the tip."""

    @property
    def steps(self) -> list[Step]:
        return steps(self.order, self.order.status)

    @property
    def challenge(self) -> str | None:
        """Where the bank asks the customer, while it does."""
        return self.payment.next_action_url if self.payment else None


def steps(reached: Any, status: str) -> list[Step]:
    """The steps of the way; `reached` has the instant of each that was taken.

    A kitchen's ready time is a forecast until the food is ready, so it counts from then on.
    """
    cooked = status not in {"PENDING", "ACCEPTED", "PREPARING"}
    instants = {
        word: getattr(reached, f"{word}_at") if cooked or word != "ready" else None
        for word in STEPS
    }
    first = next((word for word in STEPS if instants[word] is None), None)
    under_way = first if status in LIVE else None
    return [Step(word=word, at=instants[word], now=word == under_way) for word in STEPS]


async def told_of(request: Asked, order_id: UUID) -> Told:
    """What the API says of an order and of what belongs to it.

    Raises:
        Problem: it is not the caller's to see.
    """
    base = f"/v4/orders/{order_id}"
    order = answered(await ask_as_caller(request, "GET", base), Order)
    asked = [
        ask_as_caller(request, "GET", f"{base}/delivery-status"),
        ask_as_caller(request, "GET", f"{base}/timeline"),
        ask_as_caller(request, "GET", f"/v4/cities/{order.city_id}"),
        ask_as_caller(request, "GET", f"/v4/merchants/{order.merchant_id}"),
        ask_as_caller(request, "GET", f"{base}/cancellation"),
        ask_as_caller(request, "GET", f"/v4/payments/{order_id}"),
    ]
    progress, story, city, merchant, off, payment = await asyncio.gather(*asked)
    return Told(
        order=order,
        progress=answered(progress, Progress),
        merchant=answered(merchant, Merchant) if merchant.is_success else None,
        timezone=answered(city, City).timezone,
        moved_by=moved_by([e.type for e in answered(story, list[_Entry])]),
        payment=answered(payment, Payment) if payment.is_success else None,
        cancellation=answered(off, Cancellation) if off.is_success and order.live else None,
        tip_challenges=await _challenges(request, [t for t in order.tips or [] if t.asked]),
    )


async def _challenges(request: Asked, tips: Sequence[Tip]) -> dict[UUID, str]:
    answers = [await ask_as_caller(request, "GET", f"/v4/payments/{tip.id}") for tip in tips]
    payments = [answered(one, Payment) if one.is_success else None for one in answers]
    asked = zip(tips, (one and one.next_action_url for one in payments), strict=True)
    return {tip.id: url for tip, url in asked if url}


def moved_by(story: Sequence[str]) -> str | None:
    """What moved the arrival last, unless it has been made good since."""
    why = None
    for happened in story:
        if happened in SETTLED_AGAIN and why != "kitchen":
            why = None
        why = MOVED_BY.get(happened, why)
    return why


class _Choice(Struct, frozen=True, kw_only=True):
    id: UUID
    name_en: str


class _Group(Struct, frozen=True, kw_only=True):
    options: list[_Choice]


class _Product(Struct, frozen=True, kw_only=True):
    id: UUID
    option_groups: list[_Group] = []

    def chosen(self, names: Sequence[str]) -> list[UUID]:
        """The options by what they were called when they were sold."""
        return [o.id for group in self.option_groups for o in group.options if o.name_en in names]


class _Category(Struct, frozen=True, kw_only=True):
    products: list[_Product]


class _Menu(Struct, frozen=True, kw_only=True):
    categories: list[_Category]


async def again(request: Asked, order_id: UUID) -> Order:
    """Put the same things into the cart; what they cost now, or that they are gone, it says."""
    order = answered(await ask_as_caller(request, "GET", f"/v4/orders/{order_id}"), Order)
    path = f"/v4/merchants/{order.merchant_id}/menu"
    menu = answered(await ask_as_caller(request, "GET", path), _Menu)
    products = {product.id: product for c in menu.categories for product in c.products}
    lines = [
        {
            "product_id": item.product_id,
            "quantity": item.quantity,
            "option_ids": products[item.product_id].chosen(item.options)
            if item.product_id in products
            else [],
        }
        for item in order.items or []
    ]
    body = {"merchant_id": order.merchant_id, "lines": lines}
    answered(await ask_as_caller(request, "PUT", "/v4/cart", json=body), dict[str, Any])
    return order


async def mine(request: Asked, *, page: int) -> tuple[list[Order], bool]:
    """Some of the caller's orders, the newest first, and whether there are more."""
    limit = 20
    path = f"/v4/orders?page={page}&limit={limit}"
    found = answered(await ask_as_caller(request, "GET", path), list[Order])
    return found, len(found) == limit


async def merchants_of(request: Asked, orders: Sequence[Order]) -> dict[UUID, Merchant]:
    """Those that orders are from and that still sell."""
    ids = list({order.merchant_id for order in orders})
    answers = await asyncio.gather(
        *(ask_as_caller(request, "GET", f"/v4/merchants/{id_}") for id_ in ids)
    )
    return {
        id_: answered(answer, Merchant)
        for id_, answer in zip(ids, answers, strict=True)
        if answer.is_success
    }


async def timezones_of(request: Asked, orders: Sequence[Order]) -> dict[UUID, str]:
    ids = list({order.city_id for order in orders})
    answers = await asyncio.gather(
        *(ask_as_caller(request, "GET", f"/v4/cities/{id_}") for id_ in ids)
    )
    return {id_: answered(a, City).timezone for id_, a in zip(ids, answers, strict=True)}
