"""Going along with dispatch: the steps of orders as those of their deliveries."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.ordering.model import Order
from tawsil.ordering.steps import Agree


def ending(
    step: Callable[[Tx, Sequence[dispatch.Step]], Awaitable[list[dispatch.Delivery | Refusal]]],
    ended: list[dispatch.Delivery],
) -> Agree:
    """The last step of deliveries; those that dispatch agreed to are added to `ended`."""

    async def agree(tx: Tx, taken: Sequence[tuple[By, Order]]) -> Sequence[Any]:
        outcomes = await step(tx, steps_of(taken))
        ended.extend(d for d in outcomes if not isinstance(d, Refusal))
        return outcomes

    return agree


def steps_of(taken: Sequence[tuple[By, Order]]) -> list[dispatch.Step]:
    """The step as dispatch sees it, which refuses it if it has sent another courier meanwhile."""
    steps: list[dispatch.Step] = []
    for by, order in taken:
        assert order.courier_id is not None, "what is carried has a courier"
        at = order.ended_at or order.picked_up_at
        step = dispatch.Step(by=by, reference_id=order.id, courier_id=order.courier_id, at=at)
        steps.append(step)
    return steps
