"""The tables of experiments."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from tawsil.experiments.analysis import Measured
from tawsil.experiments.design import Cell
from tawsil.experiments.events import StopCause
from tawsil.experiments.model import Experiment, Metric, Observation, Status
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

_metrics = msgspec.json.Decoder(tuple[Metric, ...])


async def insert(tx: Tx, experiments: Sequence[Experiment]) -> None:
    if not experiments:
        return
    await tx.execute(
        """
        insert into experiments.experiment (id, version, tenant_id, city_id, name, arms, metrics,
            metric_names, units, block_min, washout_s, starts_at, ends_at, seed, status, stop_note)
        select id, version, tenant_id, city_id, name,
            array(select jsonb_array_elements_text(arms)), metrics,
            array(select m ->> 'name' from jsonb_array_elements(metrics) with ordinality e (m, n)
                order by n),
            array(select jsonb_array_elements_text(units)::uuid), block_min, washout_s, starts_at,
            ends_at, seed, status, ''
        from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::jsonb[],
            $7::jsonb[], $8::jsonb[], $9::int[], $10::int[], $11::timestamptz[],
            $12::timestamptz[], $13::bigint[], $14::text[])
            u (id, version, tenant_id, city_id, name, arms, metrics, units, block_min, washout_s,
                starts_at, ends_at, seed, status)
        """,
        [e.id for e in experiments],
        [e.version for e in experiments],
        [e.tenant_id for e in experiments],
        [e.city_id for e in experiments],
        [e.name for e in experiments],
        [_json(e.arms) for e in experiments],
        [_json(e.metrics) for e in experiments],
        [_json(e.units) for e in experiments],
        [e.block_min for e in experiments],
        [e.washout_s for e in experiments],
        [e.starts_at for e in experiments],
        [e.ends_at for e in experiments],
        [e.seed for e in experiments],
        [e.status for e in experiments],
    )


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Experiment]:
    rows = await tx.rows(
        "select * from experiments.experiment where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _experiment(row) for row in rows}


async def waiting_or_running(tx: Tx, *, city_ids: Sequence[UUID]) -> list[Experiment]:
    """Those of some cities; nobody else can ask the same until this transaction ends."""
    for city_id in sorted(set(city_ids)):
        await tx.value(
            "select pg_advisory_xact_lock(hashtextextended('experiments ' || $1, 0))", str(city_id)
        )
    rows = await tx.rows(
        """
        select * from experiments.experiment
        where city_id = any($1::uuid[]) and status in ('scheduled', 'running') order by starts_at
        """,
        list(city_ids),
    )
    return [_experiment(row) for row in rows]


async def save(tx: Tx, decisions: Sequence[Accepted[Experiment]]) -> None:
    """Write what was decided; several decisions about one stand in their order.

    What an experiment compares, where and when, is written once, by `insert`.
    """
    last = {d.state.id: d.state for d in decisions}
    if not last:
        return
    first = {d.state.id: d.expected_version for d in reversed(decisions)}
    saved = await tx.execute(
        """
        update experiments.experiment e
        set version = u.version, status = u.status, assignment_sha256 = u.assignment_sha256,
            started_at = u.started_at, finished_at = u.finished_at, stop_cause = u.stop_cause,
            stop_note = u.stop_note
        from unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[], $6::timestamptz[],
            $7::timestamptz[], $8::text[], $9::text[])
            u (id, expected, version, status, assignment_sha256, started_at, finished_at,
                stop_cause, stop_note)
        where e.id = u.id and e.version = u.expected
        """,
        list(last),
        [first[id_] for id_ in last],
        [e.version for e in last.values()],
        [e.status for e in last.values()],
        [e.assignment_sha256 for e in last.values()],
        [e.started_at for e in last.values()],
        [e.finished_at for e in last.values()],
        [e.stop_cause for e in last.values()],
        [e.stop_note for e in last.values()],
    )
    assert saved == len(last), "a locked experiment cannot have changed"


async def insert_assignment(tx: Tx, *, experiment_id: UUID, cells: Sequence[Cell]) -> None:
    await tx.execute(
        """
        insert into experiments.assignment (experiment_id, block, unit_id, arm, coin, flipped)
        select $1, * from unnest($2::int[], $3::uuid[], $4::smallint[], $5::int[], $6::boolean[])
        """,
        experiment_id,
        [c.block for c in cells],
        [c.unit_id for c in cells],
        [c.arm for c in cells],
        [c.coin for c in cells],
        [c.flipped for c in cells],
    )


async def assignment(tx: Tx, *, experiment_id: UUID) -> list[Cell]:
    rows = await tx.rows(
        """
        select unit_id, block, arm, coin, flipped from experiments.assignment
        where experiment_id = $1 order by block, unit_id
        """,
        experiment_id,
    )
    return [Cell(**row) for row in rows]


async def experiment(tx: Tx, *, experiment_id: UUID) -> Experiment | None:
    row = await tx.row("select * from experiments.experiment where id = $1", experiment_id)
    return _experiment(row) if row else None


async def experiments(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID | None,
    status: Status | None,
    offset: int,
    limit: int,
) -> tuple[list[Experiment], int]:
    """A page of a tenant's experiments, the latest first, and how many there are in all."""
    matching = """
        from experiments.experiment where tenant_id = $1 and ($2::uuid is null or city_id = $2)
            and ($3::text is null or status = $3)
        """
    total = await tx.value(f"select count(*) {matching}", tenant_id, city_id, status)
    rows = await tx.rows(
        f"select * {matching} order by starts_at desc, id offset $4 limit $5",
        tenant_id,
        city_id,
        status,
        offset,
        limit,
    )
    return [_experiment(row) for row in rows], total


async def cells_at(tx: Tx, *, tenant_id: UUID, city_id: UUID, at: datetime) -> list[asyncpg.Record]:
    """The arm of each unit of the experiment that runs in a city at an instant."""
    return await tx.rows(
        """
        select e.id, e.arms[a.arm + 1] as arm, a.unit_id, a.block, e.starts_at, e.block_min
        from experiments.experiment e
        join experiments.assignment a on a.experiment_id = e.id
            and a.block = floor(extract(epoch from $3 - e.starts_at) / (e.block_min * 60))::int
        where e.tenant_id = $1 and e.city_id = $2 and e.status = 'running'
            and e.starts_at <= $3 and $3 < e.ends_at
        """,
        tenant_id,
        city_id,
        at,
    )


async def insert_observations(tx: Tx, observations: Sequence[Observation]) -> int:
    """Keep those that belong to an experiment; how many are new."""
    return await tx.execute(
        """
        insert into experiments.observation (experiment_id, metric, subject_id, unit_id, block,
            value, started_at, at)
        select e.id, o.metric, o.subject_id, a.unit_id, a.block, o.value, o.started_at, $8
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[],
            $7::double precision[]) with ordinality
            o (tenant_id, city_id, zone_id, subject_id, started_at, metric, value, place)
        join experiments.experiment e on e.tenant_id = o.tenant_id and e.city_id = o.city_id
            and e.started_at <= o.started_at
            and o.started_at < coalesce(e.finished_at, e.ends_at)
            and o.metric = any(e.metric_names)
        join experiments.assignment a on a.experiment_id = e.id
            and a.block
                = floor(extract(epoch from o.started_at - e.starts_at) / (e.block_min * 60))::int
            and a.unit_id = case when e.units = '{}' then e.city_id else o.zone_id end
        order by e.id, o.metric, o.subject_id, o.place
        on conflict do nothing
        """,
        [o.tenant_id for o in observations],
        [o.city_id for o in observations],
        [o.zone_id for o in observations],
        [o.subject_id for o in observations],
        [o.started_at for o in observations],
        [o.metric for o in observations],
        [o.value for o in observations],
        tx.now,
    )


async def measured(tx: Tx, *, experiment_id: UUID) -> list[Measured]:
    """Each metric by block, without what began while the other arm still had its hand in it."""
    rows = await tx.rows(
        """
        select a.unit_id, a.block, a.arm, a.coin, a.flipped, o.metric, count(*) as n,
            avg(o.value) as mean, var_pop(o.value) * count(*) as squares
        from experiments.observation o
        join experiments.experiment e on e.id = o.experiment_id
        join experiments.assignment a using (experiment_id, block, unit_id)
        where o.experiment_id = $1 and o.started_at >= e.starts_at
            + make_interval(mins => o.block * e.block_min) + make_interval(secs => e.washout_s)
        group by a.unit_id, a.block, a.arm, a.coin, a.flipped, o.metric
        order by o.metric, a.block, a.unit_id
        """,
        experiment_id,
    )
    return [
        Measured(
            cell=Cell(row["unit_id"], row["block"], row["arm"], row["coin"], row["flipped"]),
            metric=row["metric"],
            n=row["n"],
            mean=row["mean"],
            squares=row["squares"],
        )
        for row in rows
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _experiment(row: asyncpg.Record) -> Experiment:
    control, challenger = row["arms"]
    return Experiment(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        name=row["name"],
        arms=(control, challenger),
        metrics=_metrics.decode(row["metrics"]),
        units=tuple(row["units"]),
        block_min=row["block_min"],
        washout_s=row["washout_s"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        seed=row["seed"],
        status=Status(row["status"]),
        assignment_sha256=row["assignment_sha256"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        stop_cause=StopCause(row["stop_cause"]) if row["stop_cause"] else None,
        stop_note=row["stop_note"],
    )
