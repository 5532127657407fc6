"""What the people of the virtual city do, and when: chance with a seed, no network, no clock.

Every function takes its caller's `random.Random`. Give each person one of their own, such as
`random_for(seed, "courier habits", courier.index)` of `city.dice`, and one person's day does not
change because another's did.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from msgspec import Struct

from tawsil.kernel.places import Place, distance_m
from tawsil.simulation.city import City
from tawsil.simulation.city.cuisine import OptionGroup, Product
from tawsil.simulation.city.dice import (
    Wheel,
    between,
    chance,
    normal,
    pick,
    spread,
    waiting,
    weighted,
)
from tawsil.simulation.city.layout import moved
from tawsil.simulation.city.residents import Address, Courier, Customer, Merchant

# Orders by local hour; breakfast is small, lunch a peak, dinner the higher one.
_WEEKDAY_CURVE: Final = (
    0.45, 0.22, 0.12, 0.06, 0.05, 0.10, 0.22, 0.45, 0.60, 0.65, 0.80, 1.30,
    2.10, 2.35, 1.65, 1.00, 0.85, 1.05, 1.70, 2.60, 2.85, 2.20, 1.40, 0.80,
)  # fmt: skip
_WEEKEND_CURVE: Final = (
    0.80, 0.45, 0.25, 0.12, 0.06, 0.06, 0.10, 0.22, 0.50, 0.85, 1.05, 1.30,
    1.45, 1.90, 2.05, 1.45, 1.15, 1.30, 1.85, 2.70, 3.10, 2.60, 1.80, 1.15,
)  # fmt: skip
_WEEKEND: Final = (5, 6)


class Habits(Struct, frozen=True, kw_only=True):
    """How often and how fast. Shares are of one, times in seconds.

    With these defaults fewer than two orders in a thousand fail because a merchant refuses or
    misses them or nobody opens the door, and couriers accept about nine offers in ten.
    """

    # Customers
    order_to_work_share: float = 0.35  # on a weekday between 9 and 17, when one has a workplace
    reach_m: float = 4500.0  # farther merchants are not ordered from
    favourite_weight: float = 4.0  # how much rather one orders a cuisine one likes
    mean_products: float = 2.2
    tip_share: float = 0.35
    cash_share: float = 0.12
    declined_share: float = 0.010  # of card payments
    insufficient_share: float = 0.006
    unknown_share: float = 0.004  # the provider does not say; found out later
    cancel_share: float = 0.015
    cancel_within_s: float = 100.0
    away_share: float = 0.0006  # does not open the door
    door_s: float = 45.0  # median from arrival to an open door
    review_share: float = 0.3
    later_tip_share: float = 0.05  # tips when the food was eaten
    missing_share: float = 0.02  # asks for a piece back that was not in the bag
    points_share: float = 0.4  # pays with what there is in points and credit
    afterwards_s: tuple[float, float] = (5_400.0, 14_400.0)  # from placing

    # Merchants
    react_s: float = 22.0  # median from a new order to an answer
    react_sigma: float = 0.6
    react_at_most_s: float = 150.0
    reject_share: float = 0.0005
    miss_share: float = 0.0003  # never answers
    rush_share: float = 0.12  # longer per order beyond what the kitchen handles side by side
    rush_at_most: float = 0.8
    product_share: float = 0.04  # longer per product after the second

    # Couriers
    think_s: float = 6.0  # median before answering an offer
    think_sigma: float = 0.5
    think_at_most_s: float = 25.0
    ignore_share: float = 0.012  # lets an offer run out
    decline_share: float = 0.03  # declines a near and fairly paid offer all the same
    near_m: float = 3500.0  # whole trip; beyond this every kilometre puts one off
    decline_share_per_km: float = 0.035
    fair_pay_minor_per_km: float = 200.0  # of the whole trip
    decline_share_underpaid: float = 0.35  # more, when nothing at all is paid
    decline_at_most: float = 0.7
    follow_share: float = 0.7  # goes to wait where the platform suggests
    break_after_s: float = 3.0 * 3600  # mean time on shift between breaks
    break_s: float = 900.0
    pickup_s: float = 75.0  # median at the counter once the order is ready
    drop_off_s: float = 60.0  # median at the building, door included
    dwell_sigma: float = 0.4
    speed_sigma: float = 0.15
    gps_error_m: float = 6.0
    gps_gap_share: float = 0.01  # a ping that starts a gap
    gps_gap_s: float = 25.0  # mean length of a gap
    gps_jump_share: float = 0.002  # a ping far off the road
    gps_jump_m: float = 120.0


DEFAULT_HABITS: Final = Habits()


# Customers ------------------------------------------------------------------------------------


class Arrival(Struct, frozen=True):
    """Somebody wants to order; `customer` is an index into the city's customers."""

    at: datetime
    customer: int


def demand(local: datetime) -> float:
    """How busy a moment is compared with the mean of its day, between the hours in a line."""
    weekend = local.weekday() in _WEEKEND
    curve = _WEEKEND_CURVE if weekend else _WEEKDAY_CURVE
    share = (local.minute + local.second / 60) / 60
    here, after = curve[local.hour], curve[(local.hour + 1) % 24]
    return (here + (after - here) * share) / (sum(curve) / len(curve))


def arrivals(
    city: City, *, start_at: datetime, hours: float, rate_per_hour: float, rng: Random
) -> list[Arrival]:
    """Orders of some hours, in order of time: a Poisson process whose rate follows `demand`.

    `rate_per_hour` is the mean over a whole day; dinner is about two and a half times as busy.
    Lewis and Shedler's thinning: draw at the highest rate, keep each in proportion to the rate
    of its moment.
    """
    if rate_per_hour <= 0 or hours <= 0:
        return []
    peak = max(max(curve) / (sum(curve) / len(curve)) for curve in (_WEEKDAY_CURVE, _WEEKEND_CURVE))
    customers = Wheel([customer.appetite for customer in city.customers])
    found: list[Arrival] = []
    after_s = 0.0
    while True:
        after_s += waiting(rng, 3600 / (rate_per_hour * peak))
        if after_s >= hours * 3600:
            return found
        at = start_at + timedelta(milliseconds=int(after_s * 1000))
        if chance(rng, demand(city.local(at)) / peak):
            found.append(Arrival(at, customers.spin(rng)))


class CartLine(Struct, frozen=True):
    """`choices` are (option group key, choice key) pairs; `unit_minor` includes them."""

    product: str
    quantity: int
    choices: tuple[tuple[str, str], ...]
    unit_minor: int

    @property
    def total_minor(self) -> int:
        return self.unit_minor * self.quantity


class PaymentMethod(StrEnum):
    CARD = "card"
    CASH = "cash"


class Payment(Struct, frozen=True):
    """How somebody pays; `token` is a test card's, and absent for cash."""

    method: PaymentMethod
    token: str | None
    tip_minor: int


WELCOME: Final = "WELCOME"
"""The code of a promotion for first orders."""
_HEARD_OF_IT: Final = 4  # one customer in so many


class Afterwards(Struct, frozen=True):
    """What somebody does about an order when it has been eaten."""

    after_s: float
    tip_minor: int
    misses: bool


class Wish(Struct, frozen=True):
    """Everything a customer has in mind for one order, decided before it is placed.

    `cancels_after_s` counts from placing; `opens_after_s` from the courier's arrival, and is
    absent when nobody will open. `stars` is absent when no review will be written. `codes` are
    those of promotions that one has heard of.
    """

    merchant: Merchant
    lines: tuple[CartLine, ...]
    payment: Payment
    address: Address
    cancels_after_s: float | None
    opens_after_s: float | None
    stars: int | None
    codes: tuple[str, ...] = ()
    saves: bool = False
    """Whether points and credit are used."""
    afterwards: Afterwards | None = None

    @property
    def subtotal_minor(self) -> int:
        return sum(line.total_minor for line in self.lines)


def wish(
    city: City,
    customer: Customer,
    *,
    at: datetime,
    rng: Random,
    habits: Habits = DEFAULT_HABITS,
) -> Wish | None:
    """What a customer wants now, or nothing when no merchant in reach is open."""
    local = city.local(at)
    address = _where(customer, local, rng, habits)
    merchant = choose_merchant(
        city.merchants, customer, near=address.place, local=local, rng=rng, habits=habits
    )
    if merchant is None:
        return None
    lines = fill_cart(merchant, rng=rng, habits=habits)
    payment = choose_payment(
        subtotal_minor=sum(line.total_minor for line in lines), rng=rng, habits=habits
    )
    cancels = chance(rng, habits.cancel_share)
    away = chance(rng, habits.away_share)
    return Wish(
        merchant=merchant,
        lines=lines,
        payment=payment,
        address=address,
        cancels_after_s=round(between(rng, 5, habits.cancel_within_s), 1) if cancels else None,
        opens_after_s=None if away else round(min(240.0, spread(rng, habits.door_s, 0.5)), 1),
        stars=weighted(rng, (5, 4, 3, 2, 1), (58, 25, 9, 4, 4))
        if chance(rng, habits.review_share)
        else None,
        codes=(WELCOME,) if customer.index % _HEARD_OF_IT == 0 else (),
        saves=chance(rng, habits.points_share),
        afterwards=_afterwards(rng, habits),
    )


def _afterwards(rng: Random, habits: Habits) -> Afterwards | None:
    tips, misses = chance(rng, habits.later_tip_share), chance(rng, habits.missing_share)
    after_s = round(between(rng, *habits.afterwards_s), 1)
    tip_minor = weighted(rng, (300, 500, 1_000), (5, 4, 1)) if tips else 0
    return Afterwards(after_s, tip_minor, misses) if tips or misses else None


def _where(customer: Customer, local: datetime, rng: Random, habits: Habits) -> Address:
    at_work = local.weekday() not in _WEEKEND and 9 <= local.hour < 17
    if customer.work is not None and at_work and chance(rng, habits.order_to_work_share):
        return customer.work
    return customer.home


def choose_merchant(
    merchants: Sequence[Merchant],
    customer: Customer,
    *,
    near: Place,
    local: datetime,
    rng: Random,
    habits: Habits = DEFAULT_HABITS,
) -> Merchant | None:
    """One of the open merchants in reach; liked cuisines and short ways are likelier."""
    in_reach: list[Merchant] = []
    weights: list[float] = []
    for merchant in merchants:
        away_m = distance_m(near, merchant.address.place)
        if away_m > habits.reach_m or not merchant.open_at(local):
            continue
        liked = habits.favourite_weight if merchant.cuisine in customer.tastes else 1.0
        in_reach.append(merchant)
        weights.append(liked / (1.0 + round(away_m) / 1500.0))
    return weighted(rng, in_reach, weights) if in_reach else None


def fill_cart(
    merchant: Merchant, *, rng: Random, habits: Habits = DEFAULT_HABITS
) -> tuple[CartLine, ...]:
    """One or more different products, the first of them from the first two categories."""
    mains = [p for category in merchant.menu.categories[:2] for p in category.products]
    chosen = [pick(rng, mains)]
    others = [p for p in merchant.menu.products if p is not chosen[0]]
    go_on = 1 - 1 / max(1.0, habits.mean_products)
    while others and len(chosen) < 8 and chance(rng, go_on):
        chosen.append(others.pop(int(rng.random() * len(others))))
    return tuple(_line(product, rng) for product in chosen)


def _line(product: Product, rng: Random) -> CartLine:
    choices: list[tuple[str, str]] = []
    unit_minor = product.price_minor
    for group in product.options:
        for at in _chosen(group, rng):
            choices.append((group.key, group.choices[at].key))
            unit_minor += group.choices[at].extra_minor
    quantity = weighted(rng, (1, 2, 3, 4), (78, 16, 4, 2))
    return CartLine(product.key, quantity, tuple(choices), unit_minor)


def _chosen(group: OptionGroup, rng: Random) -> list[int]:
    """As few as allowed, and now and then one or two more; the cheaper choices are likelier."""
    count = group.least
    while count < group.most and chance(rng, 0.25):
        count += 1
    left = list(range(len(group.choices)))
    taken: list[int] = []
    for _ in range(count):
        dearest_last = [1.0 / (1 + at) for at in left]
        taken.append(left.pop(Wheel(dearest_last).spin(rng)))
    return sorted(taken)


def choose_payment(*, subtotal_minor: int, rng: Random, habits: Habits = DEFAULT_HABITS) -> Payment:
    """Mostly cards that work; tips are rounded to half a currency unit."""
    cash = chance(rng, habits.cash_share)
    token = None if cash else _card(rng, habits)
    tip_minor = 0
    if chance(rng, habits.tip_share):
        tip_minor = max(200, round(subtotal_minor * pick(rng, (0.05, 0.1, 0.15)) / 50) * 50)
    return Payment(PaymentMethod.CASH if cash else PaymentMethod.CARD, token, tip_minor)


def _card(rng: Random, habits: Habits) -> str:
    troubles = (habits.declined_share, habits.insufficient_share, habits.unknown_share)
    tokens = ("tok_declined", "tok_insufficient_funds", "tok_unknown", "tok_visa")
    return weighted(rng, tokens, (*troubles, 1 - sum(troubles)))


# Merchants ------------------------------------------------------------------------------------


class Reply(StrEnum):
    """An answer to a new order or to an offer; `IGNORE` never comes."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    IGNORE = "ignore"


class Reaction(Struct, frozen=True):
    """`after_s` is how long it takes; a refusal has a reason, a machine-readable word."""

    reply: Reply
    after_s: float
    reason: str | None = None


def react_to_order(*, rng: Random, habits: Habits = DEFAULT_HABITS) -> Reaction:
    """What a merchant does with a new order."""
    after_s = _no_longer_than(habits.react_at_most_s, rng, habits.react_s, habits.react_sigma)
    roll = rng.random()
    if roll < habits.miss_share:
        return Reaction(Reply.IGNORE, after_s)
    if roll < habits.miss_share + habits.reject_share:
        reason = pick(rng, ("item_unavailable", "too_busy", "closing_early"))
        return Reaction(Reply.REFUSE, after_s, reason)
    return Reaction(Reply.ACCEPT, after_s)


def prep_s(
    merchant: Merchant,
    *,
    products: int,
    in_kitchen: int,
    rng: Random,
    habits: Habits = DEFAULT_HABITS,
) -> float:
    """How long the kitchen takes: more products and more orders beside it take longer."""
    waiting_orders = max(0, in_kitchen - merchant.kitchen)
    rush = min(habits.rush_at_most, habits.rush_share * waiting_orders)
    size = habits.product_share * max(0, products - 2)
    usual = merchant.prep_mean_s * (1 + rush) * (1 + size)
    return round(max(120.0, spread(rng, usual, merchant.prep_sigma)), 1)


# Couriers -------------------------------------------------------------------------------------


def decline_probability(
    *, distance_m: float, pay_minor: int, habits: Habits = DEFAULT_HABITS
) -> float:
    """Long ways and little pay put couriers off; `distance_m` is the whole trip to the door."""
    far_km = max(0.0, distance_m - habits.near_m) / 1000
    fair_minor = habits.fair_pay_minor_per_km * max(distance_m, 1000.0) / 1000
    underpaid = max(0.0, 1 - pay_minor / fair_minor)
    probability = (
        habits.decline_share
        + habits.decline_share_per_km * far_km
        + habits.decline_share_underpaid * underpaid
    )
    return min(habits.decline_at_most, probability)


def answer_offer(
    *, distance_m: float, pay_minor: int, rng: Random, habits: Habits = DEFAULT_HABITS
) -> Reaction:
    """What a courier does with an offer."""
    after_s = _no_longer_than(habits.think_at_most_s, rng, habits.think_s, habits.think_sigma)
    if chance(rng, habits.ignore_share):
        return Reaction(Reply.IGNORE, after_s)
    probability = decline_probability(distance_m=distance_m, pay_minor=pay_minor, habits=habits)
    if chance(rng, probability):
        far = distance_m > habits.near_m
        return Reaction(Reply.REFUSE, after_s, "too_far" if far else "low_pay_or_personal")
    return Reaction(Reply.ACCEPT, after_s)


class Break(Struct, frozen=True):
    """The next break of a courier, in seconds from now."""

    after_s: float
    minutes: int


def next_break(*, rng: Random, habits: Habits = DEFAULT_HABITS) -> Break:
    after_s = max(1800.0, waiting(rng, habits.break_after_s))
    minutes = max(5, min(60, round(spread(rng, habits.break_s / 60, 0.3) / 5) * 5))
    return Break(round(after_s, 1), minutes)


def pickup_s(*, rng: Random, habits: Habits = DEFAULT_HABITS) -> float:
    """At the merchant's counter, once courier and order are both there."""
    return _no_longer_than(600.0, rng, habits.pickup_s, habits.dwell_sigma)


def drop_off_s(*, rng: Random, habits: Habits = DEFAULT_HABITS) -> float:
    """From the kerb to the handover, when the door opens at once."""
    return _no_longer_than(600.0, rng, habits.drop_off_s, habits.dwell_sigma)


def speed_mps(courier: Courier, *, rng: Random, habits: Habits = DEFAULT_HABITS) -> float:
    """The mean speed of one trip."""
    return round(max(1.5, courier.speed_mps * spread(rng, 1.0, habits.speed_sigma)), 2)


class Ping(Struct, frozen=True):
    """What a phone reports: a place, and how far off it may be."""

    place: Place
    accuracy_m: float


class Phone:
    """A courier's phone: noisy positions, a rare jump, now and then silence."""

    def __init__(self, *, rng: Random, habits: Habits = DEFAULT_HABITS) -> None:
        self._rng = rng
        self._habits = habits
        self._silent_until: datetime | None = None

    def ping(self, place: Place, *, at: datetime) -> Ping | None:
        """What it reports from a place, or nothing while it is in a gap."""
        if self._silent_until is not None and at < self._silent_until:
            return None
        self._silent_until = None
        habits, rng = self._habits, self._rng
        if chance(rng, habits.gps_gap_share):
            self._silent_until = at + timedelta(seconds=round(waiting(rng, habits.gps_gap_s), 3))
            return None
        jump = chance(rng, habits.gps_jump_share)
        error_m = habits.gps_jump_m if jump else habits.gps_error_m
        east_m, north_m = normal(rng, 0.0, error_m), normal(rng, 0.0, error_m)
        accuracy_m = round(max(3.0, spread(rng, error_m * 1.6, 0.3)), 1)
        return Ping(moved(place, east_m=east_m, north_m=north_m), accuracy_m)


def _no_longer_than(most_s: float, rng: Random, median_s: float, sigma: float) -> float:
    return round(min(most_s, max(1.0, spread(rng, median_s, sigma))), 1)
