"""The tables of couriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from tawsil.couriers.events import (
    Availability,
    AvailabilityChanged,
    Fault,
    Reason,
    SuspendedBecause,
    Vehicle,
)
from tawsil.couriers.model import Courier
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

COLUMNS: Final[Sequence[tuple[str, str]]] = (
    ("id", "uuid"),
    ("version", "int"),
    ("tenant_id", "uuid"),
    ("city_id", "uuid"),
    ("vehicle", "text"),
    ("availability", "text"),
    ("reason", "text"),
    ("since_at", "timestamptz"),
    ("shift_ends_at", "timestamptz"),
    ("break_ends_at", "timestamptz"),
    ("rating", "float8"),
    ("missed_offers", "int"),
    ("vehicle_unsafe_since_at", "timestamptz"),
    ("fault", "text"),
    ("preferred_zones", "uuid[]"),
    ("suspended_since_at", "timestamptz"),
    ("suspended_because", "text"),
)
"""Columns of a courier by name and type; arrays travel as text."""
NAMES: Final = ", ".join(name for name, _ in COLUMNS)
_VALUES: Final = ", ".join(f"u.{name}::{type_}" for name, type_ in COLUMNS)
_UNNEST: Final = ", ".join(
    f"${n}::{'text' if type_.endswith('[]') else type_}[]"
    for n, (_, type_) in enumerate(COLUMNS, start=1)
)
_CHANGES: Final = ", ".join(f"{name} = u.{name}::{type_}" for name, type_ in COLUMNS[1:])


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of time in one availability; the present one has no end."""

    courier_id: UUID
    availability: Availability
    reason: Reason
    from_at: datetime
    to_at: datetime | None


async def add(tx: Tx, couriers: Sequence[Courier]) -> set[UUID]:
    """Insert those that are not there yet; their ids."""
    rows = await tx.rows(
        f"""
        insert into couriers.courier ({NAMES})
        select {_VALUES} from unnest({_UNNEST}) u ({NAMES}) order by u.id
        on conflict (id) do nothing returning id
        """,  # noqa: S608 - the columns are constants
        *_columns(couriers),
    )
    return {row["id"] for row in rows}


class Rated(Struct, frozen=True, kw_only=True):
    """By how much what people gave a courier has changed: so many ratings, so many points."""

    courier_id: UUID
    ratings: int
    points: int


async def rate(tx: Tx, *, rated: Sequence[Rated]) -> None:
    """Move averages; nobody's first order decides, so everybody begins with one rating of five."""
    if not rated:
        return
    await lock(tx, ids=[one.courier_id for one in rated])
    await tx.execute(
        """
        update couriers.courier c set ratings = c.ratings + u.ratings,
            ratings_sum = c.ratings_sum + u.points,
            rating = (c.ratings_sum + u.points + 5)::float8 / (c.ratings + u.ratings + 1)
        from (
            select id, sum(ratings) as ratings, sum(points) as points
            from unnest($1::uuid[], $2::int[], $3::int[]) as r (id, ratings, points) group by id
        ) u where c.id = u.id
        """,
        [one.courier_id for one in rated],
        [one.ratings for one in rated],
        [one.points for one in rated],
    )


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    rows = await tx.rows(
        f"select {NAMES} from couriers.courier where id = any($1::uuid[]) order by id for update",  # noqa: S608 - the column list is a constant
        list(ids),
    )
    return {row["id"]: courier_of(row) for row in rows}


async def get_many(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    rows = await tx.rows(
        f"select {NAMES} from couriers.courier where id = any($1::uuid[])",  # noqa: S608 - the column list is a constant
        list(ids),
    )
    return {row["id"]: courier_of(row) for row in rows}


async def on_duty(tx: Tx, *, city_id: UUID) -> list[Courier]:
    rows = await tx.rows(
        f"""
        select {NAMES} from couriers.courier
        where city_id = $1 and availability <> 'OFFLINE' order by id
        """,  # noqa: S608 - the column list is a constant
        city_id,
    )
    return [courier_of(row) for row in rows]


async def save(tx: Tx, decisions: Sequence[Accepted[Courier]]) -> None:
    """Store the last state of each courier decided about, and what each move ended and began."""
    if not decisions:
        return
    expected: dict[UUID, int] = {}
    for decision in decisions:
        expected.setdefault(decision.state.id, decision.expected_version)
    last = {decision.state.id: decision.state for decision in decisions}
    saved = await tx.execute(
        f"""
        update couriers.courier c set {_CHANGES}
        from unnest({_UNNEST}, ${len(COLUMNS) + 1}::int[]) u ({NAMES}, expected)
        where c.id = u.id and c.version = u.expected
        """,  # noqa: S608 - the columns are constants
        *_columns(list(last.values())),
        [expected[id_] for id_ in last],
    )
    assert saved == len(last), "a courier changed under its lock"
    await _keep_history(tx, decisions)


async def _keep_history(tx: Tx, decisions: Sequence[Accepted[Courier]]) -> None:
    moves = [
        (decision.state.id, decision.expected_version + n, event)
        for decision in decisions
        for n, event in enumerate(decision.events, start=1)
        if isinstance(event, AvailabilityChanged)
    ]
    if not moves:
        return
    await tx.execute(
        """
        update couriers.availability_history set to_at = greatest(from_at, $2)
        where courier_id = any($1::uuid[]) and to_at is null
        """,
        [id_ for id_, _, _ in moves],
        tx.now,
    )
    await tx.execute(
        """
        insert into couriers.availability_history
            (courier_id, version, availability, reason, from_at, to_at)
        select courier_id, version, availability, reason, $5::timestamptz,
            case when lead(version) over (partition by courier_id order by version) is not null
                then $5::timestamptz end
        from unnest($1::uuid[], $2::int[], $3::text[], $4::text[])
            u (courier_id, version, availability, reason)
        """,
        [id_ for id_, _, _ in moves],
        [version for _, version, _ in moves],
        [event.to for *_, event in moves],
        [event.reason for *_, event in moves],
        tx.now,
    )


async def history(
    tx: Tx, *, courier_ids: Sequence[UUID], from_at: datetime, to_at: datetime
) -> list[Span]:
    rows = await tx.rows(
        """
        select courier_id, availability, reason, from_at, to_at from couriers.availability_history
        where courier_id = any($1::uuid[]) and from_at < $3 and (to_at is null or to_at > $2)
        order by courier_id, version
        """,
        list(courier_ids),
        from_at,
        to_at,
    )
    return [_span(row) for row in rows]


async def history_page(
    tx: Tx,
    *,
    courier_id: UUID,
    from_at: datetime | None,
    to_at: datetime | None,
    limit: int,
    offset: int,
) -> tuple[list[Span], int]:
    """A courier's availabilities that overlap a window, the latest first, and how many there are.

    A window without a beginning or an end is open on that side.
    """
    chosen = """
        from couriers.availability_history where courier_id = $1
            and ($2::timestamptz is null or to_at is null or to_at > $2)
            and ($3::timestamptz is null or from_at < $3)
    """
    args = (courier_id, from_at, to_at)
    total = await tx.value(f"select count(*) {chosen}", *args)
    rows = await tx.rows(
        "select courier_id, availability, reason, from_at, to_at "
        f"{chosen} order by version desc limit $4 offset $5",
        *args,
        limit,
        offset,
    )
    return [_span(row) for row in rows], total


def _span(row: asyncpg.Record) -> Span:
    return Span(
        courier_id=row["courier_id"],
        availability=Availability(row["availability"]),
        reason=Reason(row["reason"]),
        from_at=row["from_at"],
        to_at=row["to_at"],
    )


def _columns(couriers: Sequence[Courier]) -> list[list[object]]:
    return [[_value(courier, name) for courier in couriers] for name, _ in COLUMNS]


def _value(courier: Courier, name: str) -> object:
    value: object = getattr(courier, name)
    if name == "preferred_zones":
        return "{" + ",".join(sorted(map(str, courier.preferred_zones))) + "}"
    return value


def courier_of(row: Any) -> Courier:
    because = row["suspended_because"]
    return Courier(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        vehicle=Vehicle(row["vehicle"]),
        availability=Availability(row["availability"]),
        reason=Reason(row["reason"]) if row["reason"] is not None else None,
        since_at=row["since_at"],
        shift_ends_at=row["shift_ends_at"],
        break_ends_at=row["break_ends_at"],
        rating=row["rating"],
        missed_offers=row["missed_offers"],
        vehicle_unsafe_since_at=row["vehicle_unsafe_since_at"],
        fault=Fault(row["fault"]) if row["fault"] is not None else None,
        preferred_zones=frozenset(row["preferred_zones"]),
        suspended_since_at=row["suspended_since_at"],
        suspended_because=SuspendedBecause(because) if because is not None else None,
    )
