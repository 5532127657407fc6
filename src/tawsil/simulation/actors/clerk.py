"""Somebody at the hub, who counts what couriers hand in."""

from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.simulation.actors.over_http import Session


class _Deposit(Struct, frozen=True):
    id: UUID
    announced_minor: int


async def count_cash(session: Session) -> None:
    """Confirm what was announced: it is all there."""
    waiting = await session.ask(
        "GET", "/v4/cash-deposits?state=announced&limit=100", list[_Deposit]
    )
    for deposit in [] if isinstance(waiting, str) else waiting:
        path = f"/v4/cash-deposits/{deposit.id}/confirm"
        body = {"counted_minor": deposit.announced_minor}
        await session.ask("POST", path, msgspec.Raw, body=body)
