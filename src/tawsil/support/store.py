"""Support's tables and all its SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.support.events import Cause, Kind, OpenedBy, Priority, Resolution, SubjectKind
from tawsil.support.model import Ticket, TicketStatus

_COLUMNS: Final[Mapping[str, str]] = {
    "id": "uuid",
    "version": "int",
    "tenant_id": "uuid",
    "city_id": "uuid",
    "kind": "text",
    "subject_kind": "text",
    "subject_id": "uuid",
    "customer_id": "uuid",
    "priority": "text",
    "status": "text",
    "opened_by": "text",
    "opener_id": "uuid",
    "assignee_id": "uuid",
    "resolution": "text",
    "opened_at": "timestamptz",
    "waiting_since_at": "timestamptz",
    "closed_at": "timestamptz",
    "overdue_times": "int",
    "raised": "boolean",
    "note_count": "int",
}
_CHANGING: Final = (
    "version",
    "priority",
    "status",
    "assignee_id",
    "resolution",
    "waiting_since_at",
    "closed_at",
    "overdue_times",
    "raised",
    "note_count",
)
_INSERT: Final = (
    f"insert into support.ticket ({', '.join(_COLUMNS)}) select * from unnest("  # noqa: S608 - our own column names
    + ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_COLUMNS.values(), 1))
    + ")"
)
_UPDATE: Final = (
    f"update support.ticket t set {', '.join(f'{c} = u.{c}' for c in _CHANGING)} from unnest("  # noqa: S608 - our own column names
    "$1::uuid[], $2::int[], "
    + ", ".join(f"${n}::{_COLUMNS[c]}[]" for n, c in enumerate(_CHANGING, 3))
    + f") as u (id, expected_version, {', '.join(_CHANGING)}) "
    "where t.id = u.id and t.version = u.expected_version"
)


class Key(Struct, frozen=True, order=True):
    """What there is one open ticket for."""

    tenant_id: UUID
    kind: Kind
    subject_id: UUID


class Note(Struct, frozen=True, kw_only=True):
    """What somebody wrote on a ticket, or why the platform did. Personal data."""

    ticket_id: UUID
    position: int
    at: datetime
    author_id: UUID | None
    author_role: str
    internal: bool
    cause: Cause | None
    detail: dict[str, Any]
    words: str


class Filter(Struct, frozen=True, kw_only=True):
    """Which tickets of a tenant; every field that is set narrows it."""

    tenant_id: UUID
    customer_id: UUID | None = None
    statuses: Sequence[TicketStatus] | None = None
    kinds: Sequence[Kind] | None = None
    priorities: Sequence[Priority] | None = None
    assignee_id: UUID | None = None
    subject_id: UUID | None = None
    city_id: UUID | None = None


def _ticket(row: asyncpg.Record) -> Ticket:
    known = {name: row[name] for name in _COLUMNS}
    resolution = known.pop("resolution")
    return Ticket(
        kind=Kind(known.pop("kind")),
        subject_kind=SubjectKind(known.pop("subject_kind")),
        priority=Priority(known.pop("priority")),
        status=TicketStatus(known.pop("status")),
        opened_by=OpenedBy(known.pop("opened_by")),
        resolution=None if resolution is None else Resolution(resolution),
        **known,
    )


async def claim(tx: Tx, keys: Sequence[Key]) -> None:
    """Nobody else opens tickets for these until the transaction ends.

    The keys are claimed in their order and before any row is locked, so that nobody waits in a
    circle.
    """
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtextextended('ticket ' || k, 0)) from unnest($1::text[]) k
        """,
        [f"{key.tenant_id} {key.kind} {key.subject_id}" for key in sorted(set(keys))],
    )


async def lock_open(tx: Tx, keys: Sequence[Key]) -> dict[Key, Ticket]:
    """The tickets that are not closed for some keys, locked in the order of their ids."""
    wanted = list(set(keys))
    rows = await tx.rows(
        """
        select t.* from support.ticket t
        join unnest($1::uuid[], $2::text[], $3::uuid[]) u (tenant_id, kind, subject_id)
            using (tenant_id, kind, subject_id)
        where status <> 'CLOSED' order by t.id for update of t
        """,
        [key.tenant_id for key in wanted],
        [key.kind for key in wanted],
        [key.subject_id for key in wanted],
    )
    return {key_of(ticket): ticket for ticket in map(_ticket, rows)}


def key_of(ticket: Ticket) -> Key:
    return Key(ticket.tenant_id, ticket.kind, ticket.subject_id)


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Ticket]:
    """Tickets for change, locked in the order of their ids."""
    rows = await tx.rows(
        "select * from support.ticket where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _ticket(row) for row in rows}


async def get(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Ticket]:
    rows = await tx.rows("select * from support.ticket where id = any($1::uuid[])", list(ids))
    return {row["id"]: _ticket(row) for row in rows}


async def add(tx: Tx, tickets: Sequence[Ticket]) -> None:
    if tickets:
        await tx.execute(_INSERT, *[[getattr(t, column) for t in tickets] for column in _COLUMNS])


async def save(tx: Tx, changed: Sequence[Accepted[Ticket]]) -> None:
    """Write changed tickets, each only over the version it was decided on."""
    if not changed:
        return
    touched = await tx.execute(
        _UPDATE,
        [c.state.id for c in changed],
        [c.expected_version for c in changed],
        *[[getattr(c.state, column) for c in changed] for column in _CHANGING],
    )
    assert touched == len(changed), "a ticket changed under a lock"


async def add_notes(tx: Tx, notes: Sequence[Note]) -> None:
    if notes:
        await tx.execute(
            """
            insert into support.note (ticket_id, position, at, author_id, author_role, internal,
                cause, detail, words)
            select * from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::uuid[], $5::text[],
                $6::boolean[], $7::text[], $8::jsonb[], $9::text[])
            """,
            [note.ticket_id for note in notes],
            [note.position for note in notes],
            [note.at for note in notes],
            [note.author_id for note in notes],
            [note.author_role for note in notes],
            [note.internal for note in notes],
            [note.cause for note in notes],
            [msgspec.json.encode(note.detail).decode() for note in notes],
            [note.words for note in notes],
        )


async def notes(tx: Tx, ticket_id: UUID) -> list[Note]:
    """What stands on a ticket, oldest first."""
    rows = await tx.rows(
        "select * from support.note where ticket_id = $1 order by position", ticket_id
    )
    return [_note(dict(row)) for row in rows]


def _note(known: dict[str, Any]) -> Note:
    cause = known.pop("cause")
    detail = msgspec.json.decode(known.pop("detail"), type=dict[str, Any])
    return Note(cause=None if cause is None else Cause(cause), detail=detail, **known)


async def page(tx: Tx, which: Filter, *, limit: int, offset: int) -> tuple[list[Ticket], int]:
    """Newest first, and how many there are in all."""
    chosen = """
        from support.ticket where tenant_id = $1
            and ($2::uuid is null or customer_id = $2)
            and ($3::text[] is null or status = any($3))
            and ($4::text[] is null or kind = any($4))
            and ($5::text[] is null or priority = any($5))
            and ($6::uuid is null or assignee_id = $6)
            and ($7::uuid is null or subject_id = $7)
            and ($8::uuid is null or city_id = $8)
    """
    args = (
        which.tenant_id,
        which.customer_id,
        *(None if many is None else list(many) for many in _closed_lists(which)),
        which.assignee_id,
        which.subject_id,
        which.city_id,
    )
    total = await tx.value(f"select count(*) {chosen}", *args)
    rows = await tx.rows(
        f"select * {chosen} order by opened_at desc, id desc limit $9 offset $10",
        *args,
        limit,
        offset,
    )
    return [_ticket(row) for row in rows], total


def _closed_lists(which: Filter) -> tuple[Sequence[str] | None, ...]:
    return which.statuses, which.kinds, which.priorities


async def open_counts(tx: Tx) -> dict[tuple[Kind, Priority], int]:
    """How many tickets nobody has resolved yet, by what they are about and how urgent."""
    rows = await tx.rows(
        """
        select kind, priority, count(*) as n from support.ticket
        where status not in ('RESOLVED', 'CLOSED') group by kind, priority
        """
    )
    found = {(Kind(row["kind"]), Priority(row["priority"])): row["n"] for row in rows}
    return {(kind, p): found.get((kind, p), 0) for kind in Kind for p in Priority}


async def without_deadline(tx: Tx) -> int:
    """How many tickets that are not closed nothing will wake. Always 0."""
    return await tx.value(
        """
        select count(*) from support.ticket t where status <> 'CLOSED' and not exists (
            select from kernel.deadline d where d.subject_id = t.id and d.owner = 'ticket'
        )
        """
    )
