"""Changing a city's conditions: as its dispatch feels pressure, or as an operator says."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, accepted, refuse
from tawsil.pricing.model import conditions as model
from tawsil.pricing.model.conditions import Conditions, Pressure, Terms
from tawsil.pricing.store import conditions as store

C = TypeVar("C", bound="CityCommand")


class CityCommand(Command, frozen=True, kw_only=True):
    city_id: UUID


class FeelPressure(CityCommand, frozen=True, kw_only=True):
    pressure: Pressure
    terms: Terms


class HoldConditions(CityCommand, frozen=True, kw_only=True):
    """Until an instant, or (None) until somebody lets go."""

    terms: Terms
    until: datetime | None
    reason: str


class LetGo(CityCommand, frozen=True, kw_only=True):
    pass


async def conditions(tx: Tx, *, city_ids: Iterable[UUID]) -> dict[UUID, Conditions]:
    """By city; those in which all was always as usual are missing."""
    return await store.conditions_of(tx, city_ids=city_ids)


async def feel_pressure(tx: Tx, commands: Sequence[FeelPressure]) -> list[Conditions | Refusal]:
    """Change what customers meet, unless an operator holds it."""
    return await _each(
        tx, commands, lambda now, c: model.feel(now, pressure=c.pressure, terms=c.terms, now=tx.now)
    )


async def hold_conditions(tx: Tx, commands: Sequence[HoldConditions]) -> list[Conditions | Refusal]:
    def decide(now: Conditions, c: HoldConditions) -> Decision[Conditions]:
        if c.until is not None and c.until <= tx.now:
            return refuse("conditions.until_in_the_past", status=422, until=c.until)
        return model.hold(now, terms=c.terms, until=c.until, reason=c.reason, now=tx.now)

    return await _each(tx, commands, decide)


async def let_go(tx: Tx, commands: Sequence[LetGo]) -> list[Conditions | Refusal]:
    return await _each(tx, commands, lambda now, _: model.let_go(now, now=tx.now))


async def on_due_conditions(tx: Tx, due: Sequence[Due]) -> None:
    known = await store.lock_conditions(tx, city_ids=[d.subject_id for d in due])
    over = still_due(due, known, now=tx.now)
    decisions = [model.reach_deadline(state, now=tx.now) for state in over]
    await store.save_conditions(tx, accepted(decisions))
    bys = [By(tenant_id=state.tenant_id, correlation_id=tx.ids()) for state in over]
    await tx.record(
        [(by, d) for by, d in zip(bys, decisions, strict=True) if isinstance(d, Accepted)]
    )


async def _each(
    tx: Tx, commands: Sequence[C], decide: Callable[[Conditions, C], Decision[Conditions]]
) -> list[Conditions | Refusal]:
    """One after another: a later command of a batch sees what an earlier one decided."""
    known = await store.lock_conditions(tx, city_ids=[c.city_id for c in commands])
    outcomes: list[Conditions | Refusal] = []
    for command in commands:
        usual = Conditions(id=command.city_id, tenant_id=command.by.tenant_id, since_at=tx.now)
        decision = decide(known.get(command.city_id, usual), command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        outcomes.append(decision.state)
        if decision.events:
            known[command.city_id] = decision.state
            await store.save_conditions(tx, [decision])
            await tx.record([(command, decision)])
    return outcomes
