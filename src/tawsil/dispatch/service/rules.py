"""A city sets the rules of its dispatch; what is under way keeps those it began with."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from tawsil.dispatch import model, store
from tawsil.dispatch.model import Rules, RulesSet
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Refusal


class SetRules(Command, frozen=True, kw_only=True):
    city_id: UUID
    rules: Rules
    reason: str


async def set_rules(tx: Tx, commands: Sequence[SetRules]) -> list[RulesSet | Refusal]:
    outcomes: list[RulesSet | Refusal] = []
    for command in commands:
        id_ = tx.ids()
        decision = model.set_rules(
            RulesSet(
                id=id_,
                tenant_id=command.by.tenant_id,
                city_id=command.city_id,
                rules=replace(command.rules, id=id_),
                set_at=tx.now,
                set_by=command.by.actor_id,
                reason=command.reason,
            )
        )
        assert isinstance(decision, Accepted), "whoever may set rules may set any"
        await store.add_rules(tx, decision.state)
        await tx.record([(command.by, decision)])
        outcomes.append(decision.state)
    return outcomes
