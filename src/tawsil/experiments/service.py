"""Planning experiments, running them, and taking down what is measured."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.experiments import design, model, store
from tawsil.experiments.analysis import Measured
from tawsil.experiments.design import Cell
from tawsil.experiments.events import Module, StopCause
from tawsil.experiments.model import Experiment, Metric, Observation, Status
from tawsil.experiments.modules import store as modules
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, accepted, refuse

NOT_FOUND: Final = refuse("request.not_found", status=404)
SEEDS: Final = 2**53  # any of them is exact in JSON


class Draft(Command, frozen=True, kw_only=True):
    """No seed: one is drawn. No units: the city is one."""

    city_id: UUID
    name: str
    arms: tuple[str, str]
    metrics: tuple[Metric, ...]
    units: tuple[UUID, ...] = ()
    block_min: int
    washout_s: int = 0
    starts_at: datetime
    ends_at: datetime
    seed: int | None = None


class Schedule(Command, frozen=True, kw_only=True):
    experiment_id: UUID


class Stop(Command, frozen=True, kw_only=True):
    experiment_id: UUID
    cause: StopCause
    note: str = ""


class Running(Struct, frozen=True, kw_only=True):
    """The arms of the block that runs in a city: by zone, or by the city's id if it is one unit."""

    experiment_id: UUID
    city_id: UUID
    arms: Mapping[UUID, str]
    block: int
    block_starts_at: datetime
    block_ends_at: datetime

    def arm_of(self, zone_id: UUID | None) -> str | None:
        """The arm that holds in a zone; None where the experiment does not reach."""
        whole = self.arms.get(self.city_id)
        if whole is not None or zone_id is None:
            return whole
        return self.arms.get(zone_id)


async def draft(tx: Tx, commands: Sequence[Draft]) -> list[Experiment | Refusal]:
    decisions = [
        model.draft(
            Experiment(
                id=tx.ids(),
                tenant_id=command.by.tenant_id,
                city_id=command.city_id,
                name=command.name,
                arms=command.arms,
                metrics=command.metrics,
                units=command.units,
                block_min=command.block_min,
                washout_s=command.washout_s,
                starts_at=command.starts_at,
                ends_at=command.ends_at,
                seed=tx.ids.number(below=SEEDS) if command.seed is None else command.seed,
            )
        )
        for command in commands
    ]
    await store.insert(tx, [d.state for d in accepted(decisions)])
    return await _record(tx, commands, decisions)


async def schedule(tx: Tx, commands: Sequence[Schedule]) -> list[Experiment | Refusal]:
    """Fix each table of arms, one experiment at a time in a city."""
    known = await store.lock(tx, ids=[c.experiment_id for c in commands])
    busy = await store.waiting_or_running(tx, city_ids=[e.city_id for e in known.values()])
    decisions: list[Decision[Experiment]] = []
    for command in commands:
        experiment = _own(command, known.get(command.experiment_id))
        if experiment is None:
            decisions.append(NOT_FOUND)
            continue
        cells = lay_out(experiment)
        decision = model.schedule(
            experiment,
            assignment_sha256=design.fingerprint(table_of(experiment, cells)),
            others=[
                other
                for other in busy
                if (other.tenant_id, other.city_id) == (experiment.tenant_id, experiment.city_id)
            ],
            now=tx.now,
        )
        if isinstance(decision, Accepted):
            known[experiment.id] = decision.state
            busy.append(decision.state)
            await store.insert_assignment(tx, experiment_id=experiment.id, cells=cells)
        decisions.append(decision)
    await store.save(tx, accepted(decisions))
    return await _record(tx, commands, decisions)


async def stop(tx: Tx, commands: Sequence[Stop]) -> list[Experiment | Refusal]:
    """End experiments early; what was measured stays."""
    known = await store.lock(tx, ids=[c.experiment_id for c in commands])
    decisions: list[Decision[Experiment]] = []
    for command in commands:
        experiment = _own(command, known.get(command.experiment_id))
        if experiment is None:
            decisions.append(NOT_FOUND)
            continue
        decision = model.stop(experiment, cause=command.cause, note=command.note, now=tx.now)
        if isinstance(decision, Accepted):
            known[experiment.id] = decision.state
        decisions.append(decision)
    await store.save(tx, accepted(decisions))
    return await _record(tx, commands, decisions)


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Experiments begin and end by themselves; those that end first, to make room in their city."""
    known = await store.lock(tx, ids=[d.subject_id for d in due])
    waking = still_due(due, known, now=tx.now)
    for running in (True, False):
        decisions = [
            (By(tenant_id=e.tenant_id, correlation_id=tx.ids()), model.wake(e, now=tx.now))
            for e in waking
            if (e.status is Status.RUNNING) == running
        ]
        await store.save(tx, accepted([decision for _, decision in decisions]))
        await tx.record([(by, d) for by, d in decisions if isinstance(d, Accepted)])


def lay_out(experiment: Experiment) -> list[Cell]:
    """The experiment's table of arms, drawn from its seed."""
    return design.lay_out(
        units=experiment.unit_ids,
        blocks=experiment.blocks,
        block_min=experiment.block_min,
        seed=experiment.seed,
    )


def table_of(experiment: Experiment, cells: Sequence[Cell]) -> str:
    return design.as_csv(
        cells,
        arms=experiment.arms,
        starts_at=experiment.starts_at,
        block_min=experiment.block_min,
    )


async def arm_at(tx: Tx, *, tenant_id: UUID, city_id: UUID, at: datetime) -> Running | None:
    """Which arms a city runs at an instant; None when no experiment runs in it.

    So it is, too, while its tenant does without experiments.
    """
    if Module.EXPERIMENTS in (await modules.off(tx, tenant_ids=[tenant_id])).get(tenant_id, ()):
        return None
    rows = await store.cells_at(tx, tenant_id=tenant_id, city_id=city_id, at=at)
    if not rows:
        return None
    (one,) = {(row["id"], row["block"], row["starts_at"], row["block_min"]) for row in rows}
    experiment_id, block, starts_at, block_min = one
    length = timedelta(minutes=block_min)
    return Running(
        experiment_id=experiment_id,
        city_id=city_id,
        arms={row["unit_id"]: row["arm"] for row in rows},
        block=block,
        block_starts_at=starts_at + block * length,
        block_ends_at=starts_at + (block + 1) * length,
    )


async def observe(tx: Tx, observations: Sequence[Observation]) -> int:
    """Keep what was measured, in the block in which each subject began; how many were new.

    Only the first value of a metric counts for a subject. What belongs to no experiment of its city
    (none ran, the zone takes no part, nobody asks for the metric) is left out, so that a caller
    need not ask first.
    """
    return await store.insert_observations(tx, observations) if observations else 0


async def measured(tx: Tx, *, experiment: Experiment) -> list[Measured]:
    """What was measured, by metric, block and unit, for `read`."""
    return await store.measured(tx, experiment_id=experiment.id)


async def experiment(tx: Tx, *, tenant_id: UUID, experiment_id: UUID) -> Experiment | None:
    found = await store.experiment(tx, experiment_id=experiment_id)
    return found if found is not None and found.tenant_id == tenant_id else None


async def assignment(tx: Tx, *, experiment: Experiment) -> str | None:
    """The table as it was fixed, as CSV; None before. Its SHA-256 is in `experiment.scheduled`."""
    if experiment.assignment_sha256 is None:
        return None
    table = table_of(experiment, await store.assignment(tx, experiment_id=experiment.id))
    assert design.fingerprint(table) == experiment.assignment_sha256, "a fixed table changed"
    return table


def _own(command: Command, experiment: Experiment | None) -> Experiment | None:
    if experiment is None or experiment.tenant_id != command.by.tenant_id:
        return None
    return experiment


async def _record(
    tx: Tx, commands: Sequence[Command], decisions: Sequence[Decision[Experiment]]
) -> list[Experiment | Refusal]:
    await tx.record(
        [(c, d) for c, d in zip(commands, decisions, strict=True) if isinstance(d, Accepted)]
    )
    return [d.state if isinstance(d, Accepted) else d for d in decisions]
