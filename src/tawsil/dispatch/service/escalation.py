"""Nobody has it yet: the ladder that a delivery climbs."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tawsil.dispatch import model, store
from tawsil.dispatch.model import Delivery
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import Outcomes, unknown
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal

BY_HAND: Final = "by_hand"


class Escalate(Command, frozen=True, kw_only=True):
    reference_id: UUID
    reason: str


async def escalate(tx: Tx, commands: Sequence[Escalate]) -> Outcomes:
    """Climb a rung before its time, as an operator asks."""
    board = await Board.of_references(tx, [c.reference_id for c in commands])
    outcomes: Outcomes = []
    said: list[tuple[By, UUID, str]] = []
    for command in commands:
        delivery = board.find(command.by, command.reference_id)
        outcome = climb(board, command.by, delivery, reason=BY_HAND) if delivery else unknown()
        outcomes.append(outcome)
        if not isinstance(outcome, Refusal):
            said.append((command.by, outcome.id, command.reason))
    await board.save()
    await store.add_remarks(tx, said)
    return outcomes


def climb(board: Board, by: By, delivery: Delivery, *, reason: str) -> Delivery | Refusal:
    higher = board.decide(by, model.escalate(delivery, reason=reason))
    if not isinstance(higher, Refusal):
        metrics.escalations.labels(str(higher.level)).inc()
    return higher
