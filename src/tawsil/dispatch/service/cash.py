"""Who may be sent to collect cash, as far as their limit goes."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.dispatch.model import Delivery
from tawsil.dispatch.service.board import Board
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal, refuse


async def room_of(
    tx: Tx, deliveries: Sequence[Delivery], *, courier_ids: Sequence[UUID]
) -> Mapping[UUID, int]:
    """How much more cash couriers may hold, if any of these is paid in cash; by courier.

    Who has no limit is left out. Deliveries of one city are paid in one currency.
    """
    paid_in_cash = [d for d in deliveries if d.collect_minor]
    if not paid_in_cash or not courier_ids:
        return {}
    first = paid_in_cash[0]
    return await couriers.cash_room(
        tx, city_id=first.city_id, courier_ids=courier_ids, currency=first.currency
    )


async def over_limit(
    tx: Tx, board: Board, delivery: Delivery, *, courier_ids: Sequence[UUID]
) -> dict[UUID, Refusal]:
    """Why some of these couriers cannot have it: it would make them hold too much cash."""
    room = await room_of(tx, [delivery], courier_ids=courier_ids)
    refused: dict[UUID, Refusal] = {}
    for id_, room_minor in room.items():
        coming = sum(d.collect_minor for d in board.carried(id_) if d.id != delivery.id)
        if delivery.collect_minor > room_minor - coming:
            refused[id_] = refuse(
                "dispatch.over_cash_limit",
                collect_minor=delivery.collect_minor,
                room_minor=max(0, room_minor - coming),
            )
    return refused
