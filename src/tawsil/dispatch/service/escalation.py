"""Nobody has it yet: the ladder that a delivery climbs."""

from collections.abc import Sequence
from uuid import UUID

from tawsil.dispatch import model
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import Outcomes, unknown
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command


class Escalate(Command, frozen=True, kw_only=True):
    reference_id: UUID
    reason: str


async def escalate(tx: Tx, commands: Sequence[Escalate]) -> Outcomes:
    """Climb a rung before its time, as an operator asks."""
    board = await Board.of_references(tx, [c.reference_id for c in commands])
    outcomes: Outcomes = []
    for command in commands:
        delivery = board.find(command.by, command.reference_id)
        outcomes.append(
            unknown()
            if delivery is None
            else board.decide(command.by, model.escalate(delivery, reason=command.reason))
        )
    await board.save()
    return outcomes
