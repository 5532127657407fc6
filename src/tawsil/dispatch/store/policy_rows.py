"""Policies, their trials, and which is live where."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.dispatch.model.policies import (
    Finding,
    LivePolicy,
    Metrics,
    PolicyVersion,
    Trial,
    policy_of,
    weights_of,
)
from tawsil.dispatch.planning import Policy
from tawsil.dispatch.store.rows import page
from tawsil.kernel.db import Tx

_LIVE: Final = """
    select l.*, p.name, p.number from dispatch.policy_live l
    join dispatch.policy p on p.id = l.policy_id
"""


async def lock_name(tx: Tx, *, tenant_id: UUID, name: str) -> None:
    """One version of a name at a time."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended('policy:' || $1 || ':' || $2, 0))",
        str(tenant_id),
        name,
    )


async def add_policy(tx: Tx, policy: PolicyVersion) -> None:
    await tx.execute(
        """
        insert into dispatch.policy (id, version, tenant_id, name, number, weights, weights_hash,
            note, created_at, created_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        """,
        policy.id,
        policy.version,
        policy.tenant_id,
        policy.name,
        policy.number,
        msgspec.json.encode(weights_of(policy.policy)).decode(),
        policy.weights_hash,
        policy.note,
        policy.created_at,
        policy.created_by,
    )


async def policy(
    tx: Tx, *, tenant_id: UUID, name: str, number: int | None = None
) -> PolicyVersion | None:
    """A version of a policy; without a number the newest."""
    row = await tx.row(
        """
        select * from dispatch.policy
        where tenant_id = $1 and name = $2 and ($3::int is null or number = $3)
        order by number desc limit 1
        """,
        tenant_id,
        name,
        number,
    )
    return None if row is None else _policy(row)


async def policy_by_id(tx: Tx, *, id_: UUID) -> PolicyVersion | None:
    row = await tx.row("select * from dispatch.policy where id = $1", id_)
    return None if row is None else _policy(row)


async def policies(
    tx: Tx, *, tenant_id: UUID, limit: int, offset: int
) -> tuple[list[PolicyVersion], int]:
    """Every version of every policy, newest first."""
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.policy where tenant_id = $1
        order by created_at desc, id desc limit $2 offset $3
        """,
        tenant_id,
        limit=limit,
        offset=offset,
    )
    return [_policy(row) for row in rows], total


async def add_live(tx: Tx, live: LivePolicy) -> None:
    await tx.execute(
        """
        insert into dispatch.policy_live (id, version, tenant_id, city_id, policy_id, since_at,
            set_by, reason, override)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        live.id,
        live.version,
        live.tenant_id,
        live.city_id,
        live.policy_id,
        live.since_at,
        live.set_by,
        live.reason,
        live.override,
    )


async def live_weights(tx: Tx, *, city_id: UUID) -> Policy | None:
    """What a city decides by now, if it ever chose."""
    row = await tx.row(
        """
        select p.name, p.number, p.weights from dispatch.policy_live l
        join dispatch.policy p on p.id = l.policy_id
        where l.city_id = $1 order by l.since_at desc, l.id desc limit 1
        """,
        city_id,
    )
    if row is None:
        return None
    return policy_of(msgspec.json.decode(row["weights"]), name=row["name"], number=row["number"])


async def live_history(
    tx: Tx, *, tenant_id: UUID, city_id: UUID, limit: int, offset: int
) -> tuple[list[LivePolicy], int]:
    """What a city decided by, the present one first."""
    rows, total = await page(
        tx,
        f"""
        with lived as ({_LIVE} where l.city_id = $2 and l.tenant_id = $1)
        select *, count(*) over () as total from lived
        order by since_at desc, id desc limit $3 offset $4
        """,  # noqa: S608 - a constant
        tenant_id,
        city_id,
        limit=limit,
        offset=offset,
    )
    return [_live(row) for row in rows], total


async def add_trial(tx: Tx, trial: Trial) -> None:
    await tx.execute(
        """
        insert into dispatch.policy_trial (id, tenant_id, city_id, policy_id, weights_hash, seed,
            asked_at, asked_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        trial.id,
        trial.tenant_id,
        trial.city_id,
        trial.policy_id,
        trial.weights_hash,
        trial.seed,
        trial.asked_at,
        trial.asked_by,
    )


async def finish_trial(tx: Tx, trial: Trial) -> bool:
    """Write down what came of it; False if that was written before."""
    finished = await tx.execute(
        """
        update dispatch.policy_trial set finished_at = $2, against = $3, candidate = $4, live = $5,
            passed = $6, reasons = $7
        where id = $1 and finished_at is null
        """,
        trial.id,
        trial.finished_at,
        trial.against,
        _json(trial.candidate),
        _json(trial.live),
        trial.passed,
        _json(trial.reasons),
    )
    return finished == 1


async def trial(tx: Tx, *, id_: UUID) -> Trial | None:
    row = await tx.row("select * from dispatch.policy_trial where id = $1", id_)
    return None if row is None else _trial(row)


async def last_trial(tx: Tx, *, city_id: UUID, weights_hash: bytes) -> Trial | None:
    """The newest finished one of some weights for a city."""
    row = await tx.row(
        """
        select * from dispatch.policy_trial
        where city_id = $1 and weights_hash = $2 and finished_at is not null
        order by finished_at desc, id desc limit 1
        """,
        city_id,
        weights_hash,
    )
    return None if row is None else _trial(row)


async def trials_of(tx: Tx, *, policy_id: UUID, limit: int) -> Sequence[Trial]:
    """Newest first."""
    rows = await tx.rows(
        """
        select * from dispatch.policy_trial where policy_id = $1
        order by asked_at desc, id desc limit $2
        """,
        policy_id,
        limit,
    )
    return [_trial(row) for row in rows]


def _json(document: Any) -> str:
    return msgspec.json.encode(document).decode()


def _policy(row: asyncpg.Record) -> PolicyVersion:
    weights = msgspec.json.decode(row["weights"])
    return PolicyVersion(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        number=row["number"],
        policy=policy_of(weights, name=row["name"], number=row["number"]),
        weights_hash=row["weights_hash"],
        note=row["note"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def _live(row: asyncpg.Record) -> LivePolicy:
    return LivePolicy(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        policy_id=row["policy_id"],
        name=row["name"],
        number=row["number"],
        since_at=row["since_at"],
        set_by=row["set_by"],
        reason=row["reason"],
        override=row["override"],
    )


def _trial(row: asyncpg.Record) -> Trial:
    finished = row["finished_at"] is not None
    return Trial(
        id=row["id"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        policy_id=row["policy_id"],
        weights_hash=row["weights_hash"],
        seed=row["seed"],
        asked_at=row["asked_at"],
        asked_by=row["asked_by"],
        finished_at=row["finished_at"],
        against=row["against"],
        candidate=msgspec.json.decode(row["candidate"], type=Metrics) if finished else None,
        live=msgspec.json.decode(row["live"], type=Metrics) if finished else None,
        passed=row["passed"],
        reasons=msgspec.json.decode(row["reasons"], type=tuple[Finding, ...]) if finished else (),
    )
