"""The cart as it is shown: its lines, and a binding price for what was chosen with it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.shop.bills import Bill, Row, Taken, rows
from tawsil.consoles.shop.frame import Cart, CartLine, Visit
from tawsil.consoles.shop.orders import Order
from tawsil.kernel.i18n import current_locale

CODE_MOST: Final = 60
CREDIT: Final = "customer"
"""How the books call what a customer has in credit."""
TIPS_MOST: Final = 10_000
TIP_STEP_BP: Final = 50
STEP_MINUTES: Final = 15
DAYS_AHEAD: Final = 3


class Option(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str

    @property
    def named(self) -> str:
        return self.name_ar if current_locale.get() == "ar" else self.name_en


class PricedLine(Struct, frozen=True, kw_only=True):
    product_id: UUID
    name_en: str
    name_ar: str
    unit_price_minor: int
    quantity: int
    options: tuple[Option, ...] = ()
    total_minor: int

    @property
    def named(self) -> str:
        return self.name_ar if current_locale.get() == "ar" else self.name_en


class SuggestedTip(Struct, frozen=True, kw_only=True):
    tip_bp: int
    tip_minor: int


class NotApplied(Struct, frozen=True, kw_only=True):
    code: str


class Quote(Struct, frozen=True, kw_only=True):
    """A price that binds until `expires_at`."""

    id: UUID
    currency: str
    lines: tuple[PricedLine, ...]
    breakdown: Bill
    discounts: tuple[Taken, ...]
    not_applied: tuple[NotApplied, ...]
    points_minor: int
    credit_minor: int
    due_minor: int
    suggested_tips: list[SuggestedTip]
    distance_m: int
    prep_time_s: int
    extra_wait_s: int
    scheduled_for: datetime | None
    expires_at: datetime

    @property
    def rows(self) -> list[Row]:
        return list(rows(self.breakdown, self.discounts))


class Seller(Struct, frozen=True, kw_only=True):
    id: UUID
    city_id: UUID
    name: str
    open: bool = True


class City(Struct, frozen=True, kw_only=True):
    currency: str
    timezone: str


class WayToPay(Struct, frozen=True, kw_only=True):
    payment_method: str
    possible: bool
    because: str | None


class Purse(Struct, frozen=True, kw_only=True):
    """What the customer has to spend besides cards and cash, in one currency."""

    points_minor: int = 0
    credit_minor: int = 0


class Choices(Struct, frozen=True, kw_only=True):
    """What is chosen with an order, besides what is in the cart and where it goes."""

    code: str = ""
    tip_bp: int = 0
    use_points: bool = False
    use_credit: bool = False
    when: str = ""
    """On the clock of the city, as a browser writes it; empty: as soon as it can be."""
    instructions: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> "Choices":
        tip = str(asked.get("tip", ""))
        later = asked.get("later") != "no"
        return cls(
            code=str(asked.get("code", "")).strip()[:CODE_MOST],
            tip_bp=min(int(tip), TIPS_MOST) if tip.isascii() and tip.isdigit() else 0,
            use_points="points" in asked,
            use_credit="credit" in asked,
            when=str(asked.get("when", "")).strip() if later else "",
            instructions=str(asked.get("instructions", "")).strip()[:500],
        )

    @classmethod
    def of(cls, order: Order, *, timezone: str, now: datetime) -> "Choices":
        """What was chosen with an order, as far as it can be chosen once more."""
        tip_bp = order.tip_minor * 10_000 / order.subtotal_minor if order.subtotal_minor else 0
        later = order.scheduled_for if order.scheduled_for and order.scheduled_for > now else None
        return cls(
            code=next((one.code for one in order.discounts if one.code), ""),
            tip_bp=min(round(tip_bp / TIP_STEP_BP) * TIP_STEP_BP, TIPS_MOST),
            use_points=order.points_minor > 0,
            use_credit=order.credit_minor > 0,
            when=_wall(later, timezone) if later else "",
            instructions=order.destination.instructions if order.destination else "",
        )

    @property
    def mark(self) -> str:
        """The same for the same choices: whether a price is still the one for them."""
        return sha256(msgspec.json.encode(self)).hexdigest()[:16]

    @property
    def query(self) -> dict[str, str]:
        """As an address carries them from the cart on: nothing personal among them."""
        chosen = {
            "code": self.code,
            "tip": str(self.tip_bp or ""),
            "points": "on" if self.use_points else "",
            "credit": "on" if self.use_credit else "",
        }
        return {name: value for name, value in chosen.items() if value}


class Basket(Struct, frozen=True, kw_only=True):
    """The cart with what is known of it: its merchant, and a price or why there is none."""

    cart: Cart
    seller: Seller
    city: City
    choices: Choices
    quote: Quote | None = None
    refused: Refused | None = None
    purse: Purse = Purse()
    names: Mapping[UUID, str] = {}
    """What the lines are called, where there is no price to say so."""

    def first_moment(self, now: datetime) -> str:
        """The earliest a browser should offer, on the clock of the city."""
        minutes = timedelta(minutes=STEP_MINUTES)
        start = now + timedelta(minutes=45)
        rounded = start + (datetime.min.replace(tzinfo=start.tzinfo) - start) % minutes
        return _wall(rounded, self.city.timezone)

    def last_moment(self, now: datetime) -> str:
        return _wall(now + timedelta(days=DAYS_AHEAD), self.city.timezone)


def _wall(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%dT%H:%M")


def instant(when: str, timezone: str) -> datetime | None:
    """What a browser wrote, as an instant; None when it is none."""
    try:
        return datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(timezone))
    except ValueError:
        return None


async def basket_of(request: Asked, visit: Visit, choices: Choices) -> Basket | None:
    """The visitor's cart, priced if they have said where to."""
    cart = visit.cart
    if cart is None:
        return None
    answer = await ask_as_caller(request, "GET", f"/v4/merchants/{cart.merchant_id}")
    if not answer.is_success:
        return None
    seller = answered(answer, Seller)
    city = answered(await ask_as_caller(request, "GET", f"/v4/cities/{seller.city_id}"), City)
    quote = refused = None
    if visit.address is not None:
        body = _wanted(visit, cart, choices, city)
        priced = await ask_as_caller(request, "POST", "/v4/quotes", json=body)
        quote = answered(priced, Quote) if priced.is_success else None
        refused = None if quote else refusal_of(priced)
    return Basket(
        cart=cart,
        seller=seller,
        city=city,
        choices=choices,
        quote=quote,
        refused=refused,
        purse=await purse_of(request, city.currency),
        names={} if quote else await _names(request, cart),
    )


def _wanted(visit: Visit, cart: Cart, choices: Choices, city: City) -> dict[str, Any]:
    address = visit.address
    assert address is not None, "nothing is priced without knowing where it goes"
    later = instant(choices.when, city.timezone)
    return {
        "merchant_id": cart.merchant_id,
        "lines": cart.lines,
        "dropoff": {
            "latitude": address.latitude,
            "longitude": address.longitude,
            "address": address.words,
            "instructions": choices.instructions,
        },
        "tip_bp": choices.tip_bp,
        "codes": [choices.code] if choices.code else [],
        "use_points": "all" if choices.use_points else 0,
        "use_credit": choices.use_credit,
        "scheduled_for": later,
    }


class Lot(Struct, frozen=True, kw_only=True):
    lapses_at: datetime
    left_minor: int


class Points(Struct, frozen=True, kw_only=True):
    currency: str
    available_minor: int
    lots: list[Lot] = []


class _Loyalty(Struct, frozen=True, kw_only=True):
    points: list[Points]


class Balance(Struct, frozen=True, kw_only=True):
    account: str
    currency: str
    available_minor: int


class _Account(Struct, frozen=True, kw_only=True):
    balances: list[Balance] = []


async def savings_of(request: Asked) -> tuple[list[Points], list[Balance]]:
    """The caller's points and credit, in every currency there is any of."""
    loyalty = await ask_as_caller(request, "GET", "/v4/loyalty")
    account = await ask_as_caller(request, "GET", "/v4/accounts/me")
    points = answered(loyalty, _Loyalty).points if loyalty.is_success else []
    balances = answered(account, _Account).balances if account.is_success else []
    return points, [one for one in balances if one.account == CREDIT]


async def purse_of(request: Asked, currency: str) -> Purse:
    points, credit = await savings_of(request)
    return Purse(
        points_minor=sum(one.available_minor for one in points if one.currency == currency),
        credit_minor=sum(one.available_minor for one in credit if one.currency == currency),
    )


class _Product(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str


class _Category(Struct, frozen=True, kw_only=True):
    products: list[_Product]


class _Menu(Struct, frozen=True, kw_only=True):
    categories: list[_Category]


async def _names(request: Asked, cart: Cart) -> dict[UUID, str]:
    answer = await ask_as_caller(request, "GET", f"/v4/merchants/{cart.merchant_id}/menu")
    menu = answered(answer, _Menu) if answer.is_success else _Menu(categories=[])
    return {product.id: product.name for c in menu.categories for product in c.products}


def changed(cart: Cart, *, line: int, quantity: int) -> list[CartLine]:
    """The lines with one of them in another quantity; none of it: without the line."""
    lines = list(cart.lines)
    if not 0 <= line < len(lines):
        return lines
    if quantity <= 0:
        del lines[line]
    else:
        lines[line] = msgspec.structs.replace(lines[line], quantity=min(quantity, 99))
    return lines


async def keep(request: Asked, cart: Cart, lines: list[CartLine]) -> None:
    if not lines:
        await ask_as_caller(request, "DELETE", "/v4/cart")
        return
    body = {"merchant_id": cart.merchant_id, "lines": lines}
    answered(await ask_as_caller(request, "PUT", "/v4/cart", json=body), Cart)


async def ways_to_pay(request: Asked, quote: Quote) -> list[WayToPay]:
    path = f"/v4/quotes/{quote.id}/ways-to-pay"
    return answered(await ask_as_caller(request, "GET", path), list[WayToPay])
