"""Deadlines: one row per live subject; when it is due, the subject's owner is called."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar, cast
from uuid import UUID

import structlog
from msgspec import Struct

from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Subject

S = TypeVar("S")
log = structlog.get_logger(__name__)

RETRY_AFTER: Final = timedelta(seconds=5)


class Due(Struct, frozen=True):
    """A deadline that has passed: `owner` is the subject's stream."""

    subject_id: UUID
    owner: str
    kind: str
    due_at: datetime


Owner = Callable[[Tx, Sequence[Due]], Awaitable[None]]


def still_due(due: Sequence[Due], subjects: Mapping[UUID, S], *, now: datetime) -> list[S]:
    """Of the subjects, locked by now, those that nobody has moved on in the meantime."""
    found = [(d, cast("Subject", subjects.get(d.subject_id))) for d in due]
    return [
        cast("S", subject)
        for d, subject in found
        if subject and (waits := subject.deadline) and waits.kind == d.kind and waits.at <= now
    ]


class Deadlines:
    """Calls each owner with what of its has come due, in a transaction per owner.

    The owner locks its subjects and decides about those that are `still_due`; its decision
    replaces or clears the row. A row that the owner left as it was would fire
    for ever, so it is an error; after any error the rows are due again a little later.
    """

    def __init__(self, owners: Mapping[str, Owner]) -> None:
        self._owners = owners

    async def fire(self, database: Database, *, most: int = 200) -> int:
        """Handle what is due now; how many there were."""
        return sum([await self._fire(database, owner, most=most) for owner in self._owners])

    async def _fire(self, database: Database, owner: str, *, most: int) -> int:
        due: list[Due] = []
        try:
            async with database.transaction() as tx:
                due = await self._claim(tx, owner, most=most)
                if due:
                    await self._owners[owner](tx, due)
                    await self._assert_moved(tx, due)
        except Exception as error:
            if not due:
                raise
            if len(due) > 1:
                log.warning("deadlines.batch_failed", owner=owner, error=repr(error))
                return await self._fire(database, owner, most=1)
            log.exception("deadlines.failed", owner=owner, subject_id=str(due[0].subject_id))
            await self._postpone(database, due[0])
        return len(due)

    async def _claim(self, tx: Tx, owner: str, *, most: int) -> list[Due]:
        """What is due, for one poller at a time.

        The rows are not locked: whoever changes a subject locks it first and its deadline after,
        and an owner must be able to do the same.
        """
        if not await tx.value(
            "select pg_try_advisory_xact_lock(hashtextextended('deadline ' || $1, 0))", owner
        ):
            return []
        rows = await tx.rows(
            """
            select subject_id, owner, kind, due_at from kernel.deadline
            where owner = $1 and due_at <= $2 order by due_at, subject_id limit $3
            """,
            owner,
            tx.now,
            most,
        )
        return [Due(**row) for row in rows]

    async def _assert_moved(self, tx: Tx, due: Sequence[Due]) -> None:
        left = await tx.rows(
            """
            select d.subject_id, d.kind from kernel.deadline d
            join unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
                u (subject_id, owner, kind, due_at)
            using (subject_id, owner, kind, due_at)
            """,
            [d.subject_id for d in due],
            [d.owner for d in due],
            [d.kind for d in due],
            [d.due_at for d in due],
        )
        assert not left, f"an owner left its deadline where it was: {left[0]['kind']}"

    async def _postpone(self, database: Database, due: Due) -> None:
        async with database.transaction() as tx:
            await tx.execute(
                """
                update kernel.deadline set due_at = $2, attempts = attempts + 1
                where subject_id = $1 and due_at = $3 and owner = $4
                """,
                due.subject_id,
                tx.now + RETRY_AFTER,
                due.due_at,
                due.owner,
            )


async def waiting(tx: Tx, *, owner: str, most: int) -> list[UUID]:
    """An owner's subjects that wait for something, whoever is due first coming first."""
    rows = await tx.rows(
        "select subject_id from kernel.deadline where owner = $1 order by due_at limit $2",
        owner,
        most,
    )
    return [row["subject_id"] for row in rows]


async def next_due_at(tx: Tx) -> datetime | None:
    """When the earliest deadline falls."""
    return await tx.value("select min(due_at) from kernel.deadline")
