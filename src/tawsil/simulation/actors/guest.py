"""A customer with a wish: browse, order, perhaps think better of it, be at the door, and after."""

from collections.abc import Callable
from random import Random

from tawsil.simulation.actors.port import Behaviour, Hands, Life, Placed, Refused, Town
from tawsil.simulation.city.dice import between
from tawsil.simulation.habits import Wish

_BROWSES_S = (15.0, 90.0)


def ordering(
    wish: Wish,
    *,
    hands: Hands,
    town: Town,
    rng: Random,
    tell: Callable[[Placed | Refused], None] | None = None,
) -> Behaviour:
    """`tell` hears what the platform said to the order."""

    async def order(life: Life) -> None:
        await life.sleep(between(rng, *_BROWSES_S))
        placed = await hands.order(wish)
        if tell is not None:
            tell(placed)
        if isinstance(placed, str):
            return  # closed, sold out or too far by now: this one eats somewhere else
        town.expect(placed, wish)
        if wish.cancels_after_s is not None:
            await life.sleep(wish.cancels_after_s)
            await hands.cancel(placed.order_id, reason="changed_my_mind")
        if wish.afterwards is not None:
            await life.sleep(wish.afterwards.after_s)
            if wish.afterwards.tip_minor:
                await hands.tip(placed.order_id, amount_minor=wish.afterwards.tip_minor)
            if wish.afterwards.misses:
                await hands.miss_something(placed.order_id)

    return order
