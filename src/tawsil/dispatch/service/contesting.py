"""What counts against a courier is contested by them and decided by operations, or by the clock."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from tawsil.dispatch.model import incident as incidents
from tawsil.dispatch.model import performance
from tawsil.dispatch.model.incident import Incident, IncidentState
from tawsil.dispatch.service.performance import Weighed, ratings_of, save, weigh
from tawsil.dispatch.store import performance_rows as rows
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, refuse


class IncidentCommand(Command, frozen=True, kw_only=True):
    courier_id: UUID
    incident_id: UUID
    reason: str


class Contest(IncidentCommand, frozen=True, kw_only=True):
    """The courier says why it should not count."""


class Decide(IncidentCommand, frozen=True, kw_only=True):
    """Operations lets it count (`upheld`) or strikes it."""

    upheld: bool


C = TypeVar("C", bound=IncidentCommand)
Outcomes = list[Weighed | Refusal]


async def contest(tx: Tx, commands: Sequence[Contest]) -> Outcomes:
    return await _handle(
        tx, commands, lambda i, c: incidents.contest(i, reason=c.reason, now=tx.now)
    )


async def decide(tx: Tx, commands: Sequence[Decide]) -> Outcomes:
    return await _handle(
        tx,
        commands,
        lambda i, c: incidents.decide(
            i, upheld=c.upheld, reason=c.reason, actor_id=c.by.actor_id, now=tx.now
        ),
    )


async def _handle(
    tx: Tx, commands: Sequence[C], ask: Callable[[Incident, C], Decision[Incident]]
) -> Outcomes:
    """Decide commands one after another, each on what the one before it left."""
    found = await rows.lock_incidents(tx, ids=[c.incident_id for c in commands])
    outcomes: list[Incident | Refusal] = []
    decided: list[tuple[By, Accepted[Incident]]] = []
    for command in commands:
        incident = found.get(command.incident_id)
        if (
            incident is None
            or incident.tenant_id != command.by.tenant_id
            or incident.courier_id != command.courier_id
        ):
            outcomes.append(refuse("request.not_found", status=404))
            continue
        decision = ask(incident, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        found[incident.id] = decision.state
        decided.append((command.by, decision))
        outcomes.append(decision.state)
    await _settle(tx, decided)
    weighed = {
        w.incident.id: w for w in await weigh(tx, [o for o in outcomes if isinstance(o, Incident)])
    }
    return [o if isinstance(o, Refusal) else weighed[o.id] for o in outcomes]


async def on_due_incident(tx: Tx, due: Sequence[Due]) -> None:
    """What was contested and not decided in time is struck: the owner of their deadlines."""
    found = await rows.lock_incidents(tx, ids=[d.subject_id for d in due])
    await _settle(
        tx,
        [
            (
                By(tenant_id=incident.tenant_id, correlation_id=tx.ids()),
                incidents.let_lapse(incident, now=tx.now),
            )
            for incident in still_due(due, found, now=tx.now)
        ],
    )


async def _settle(tx: Tx, decided: Sequence[tuple[By, Accepted[Incident]]]) -> None:
    """Save what was decided, and count what was struck no more."""
    expected: dict[UUID, int] = {}
    for _, decision in decided:
        expected.setdefault(decision.state.id, decision.expected_version)
    last = {decision.state.id: decision.state for _, decision in decided}
    await rows.save_incidents(tx, list(last.values()), expected=expected)
    await tx.record(decided)
    struck = {
        decision.state.id: (by, decision.state)
        for by, decision in decided
        if decision.state.state is IncidentState.STRUCK
    }
    tallies = await rows.lock_tallies(tx, ids=[i.courier_id for _, i in struck.values()])
    ratings = await ratings_of(tx, tallies)
    after, by_whom = dict(tallies), dict[UUID, By]()
    for by, incident in struck.values():
        id_ = incident.courier_id
        after[id_] = performance.without(after[id_], incident.fact)
        by_whom[id_] = by
    await save(
        tx,
        tallies,
        [
            (by_whom[id_], performance.told(tally, rating=ratings[id_], now=tx.now))
            for id_, tally in after.items()
        ],
    )
