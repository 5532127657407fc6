"""What an actor may do and hear, whoever carries it out: the platform in process, or its HTTP API.

Seconds here are the city's: under virtual time the platform's own, over HTTP as many times faster
than the wall clock as the city is sped up.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal, Protocol
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.habits import CartLine, Wish

Step = Literal["prepare", "ready", "pick-up", "depart", "return"]
GOOD_CARD: Final = "tok_visa"
Refused = str
"""The code of a refusal."""


class NewOrder(Struct, frozen=True):
    """A merchant is asked to take an order."""

    order_id: UUID


class OrderMoved(Struct, frozen=True):
    order_id: UUID
    status: str


class JobLost(Struct, frozen=True):
    """A courier need not collect this any more."""

    order_id: UUID


class Offered(Struct, frozen=True, kw_only=True):
    """A courier is asked to collect orders together; `route` is every stop, in order."""

    offer_id: UUID
    order_ids: tuple[UUID, ...]
    distance_m: float
    pay_minor: int
    route: tuple[Place, ...]


class Suggested(Struct, frozen=True):
    """An idle courier does better to wait there."""

    place: Place


News = NewOrder | OrderMoved | JobLost | Offered | Suggested


class Placed(Struct, frozen=True):
    order_id: UUID
    pin: str | None


class Seen(Struct, frozen=True):
    """An order as its courier or merchant sees it."""

    id: UUID
    status: str
    pickup: Place
    dropoff: Place


class Hands(Protocol):
    """What one person may do. What is refused is answered with the refusal's code, else `None`."""

    async def order(self, wish: Wish) -> Placed | Refused: ...
    async def cancel(self, order_id: UUID, *, reason: str) -> Refused | None: ...
    async def tip(self, order_id: UUID, *, amount_minor: int) -> Refused | None:
        """After delivery, with a card that works."""
        ...

    async def miss_something(self, order_id: UUID) -> Refused | None:
        """One piece of the first line was not in the bag: ask for it back as credit."""
        ...

    async def accept(self, order_id: UUID, *, prep_s: float) -> Refused | None: ...
    async def more_time(self, order_id: UUID, *, more_s: float) -> Refused | None: ...
    async def step(self, order_id: UUID, step: Step) -> Refused | None: ...
    async def start_shift(self, *, for_s: float | None) -> Refused | None: ...
    async def take_break(self, *, minutes: int) -> Refused | None: ...
    async def accept_offer(self, offer_id: UUID) -> Refused | None: ...
    async def reject_offer(self, offer_id: UUID, *, reason: str) -> Refused | None: ...
    async def look(self, order_id: UUID) -> Seen | None:
        """An order of one's own; nothing when it is not, or not any more."""
        ...

    async def unfinished(self) -> list[Seen]:
        """One's orders that have not ended, oldest first: whoever wakes up in the middle asks."""
        ...

    async def deliver(self, order_id: UUID, *, pin: str | None) -> Refused | None: ...
    async def undeliverable(self, order_id: UUID, *, reason: str) -> Refused | None: ...
    async def hand_in_cash(self, *, all_of_it: bool) -> Refused | None:
        """At a hub: when it has become much, or `all_of_it` there is."""
        ...


def cash_to_hand_in(held_minor: int, level: str, all_of_it: bool) -> bool:  # noqa: FBT001 - one question
    return held_minor > 0 and (all_of_it or level != "well")


class Life(Protocol):
    """The time somebody lives in, and the news that reaches them there."""

    @property
    def seconds(self) -> float:
        """Since the city woke up."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    async def hear(self, *, within_s: float) -> News | None:
        """The next news, or nothing when none comes in time."""
        ...

    def begin(self, behaviour: "Behaviour") -> None:
        """Do something beside: it hears no news."""
        ...


Behaviour = Callable[[Life], Awaitable[None]]


class Door(Struct, frozen=True):
    """What waits where an order goes; nobody opens when there is no `opens_after_s`."""

    opens_after_s: float | None
    pin: str | None
    products: int


class Town:
    """What people tell each other without the platform: who is at the door, and with which PIN."""

    def __init__(self) -> None:
        self._doors: dict[UUID, Door] = {}

    def expect(self, placed: Placed, wish: Wish) -> None:
        self._doors[placed.order_id] = Door(
            opens_after_s=wish.opens_after_s, pin=placed.pin, products=len(wish.lines)
        )

    def door(self, order_id: UUID) -> Door:
        """Somebody from outside the simulation opens after a while and says no PIN."""
        return self._doors.get(order_id, Door(opens_after_s=40.0, pin=None, products=2))

    def forget(self, order_id: UUID) -> None:
        self._doors.pop(order_id, None)


class Chosen(Struct, frozen=True):
    """A line of a cart by the platform's ids."""

    product_id: UUID
    quantity: int
    option_ids: tuple[UUID, ...]


class MenuIds(Struct, frozen=True):
    """A merchant's products and options by their English names."""

    products: Mapping[str, UUID]
    options: Mapping[tuple[str, str, str], UUID]

    def choose(self, lines: tuple[CartLine, ...], *, wish: Wish) -> tuple[Chosen, ...]:
        products = {product.key: product for product in wish.merchant.menu.products}
        chosen: list[Chosen] = []
        for line in lines:
            product = products[line.product]
            names = {
                (group.key, choice.key): (product.name.en, group.name.en, choice.name.en)
                for group in product.options
                for choice in group.choices
            }
            chosen.append(
                Chosen(
                    product_id=self.products[product.name.en],
                    quantity=line.quantity,
                    option_ids=tuple(self.options[names[pair]] for pair in line.choices),
                )
            )
        return tuple(chosen)
