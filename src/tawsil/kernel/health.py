"""How the spine is: who lags behind the log, what could not be heard, what is late, what waits."""

from datetime import datetime

from msgspec import Struct

from tawsil.kernel.db import Tx


class Listener(Struct, frozen=True, kw_only=True):
    """A subscription: how many events it has not heard yet, and how many it could not."""

    name: str
    lag: int
    moved_at: datetime | None
    parked: int


class Overdue(Struct, frozen=True, kw_only=True):
    """Timers of one owner that should have gone off, and since when the oldest should."""

    owner: str
    count: int
    oldest_at: datetime


class Waiting(Struct, frozen=True, kw_only=True):
    """Jobs of one name: those that wait or run, and those that failed for good."""

    name: str
    waiting: int
    held: int
    oldest_at: datetime | None


class Spine(Struct, frozen=True, kw_only=True):
    listeners: list[Listener]
    overdue: list[Overdue]
    jobs: list[Waiting]
    postgres: str
    migration: str


async def spine(tx: Tx) -> Spine:
    listeners = await tx.rows(
        """
        select name, greatest(0, (select coalesce(max(seq), 0) from kernel.event) - seq) as lag,
            at as moved_at,
            (select count(*) from kernel.parked_event p where p.subscription = s.name) as parked
        from kernel.subscription s order by name
        """
    )
    overdue = await tx.rows(
        """
        select owner, count(*) as count, min(due_at) as oldest_at from kernel.deadline
        where due_at < $1 group by owner order by owner
        """,
        tx.now,
    )
    jobs = await tx.rows(
        """
        select entrypoint as name,
            count(*) filter (where status in ('queued', 'picked')) as waiting,
            count(*) filter (where status = 'failed') as held,
            min(created) filter (where status in ('queued', 'picked')) as oldest_at
        from jobs.pgqueuer group by entrypoint order by entrypoint
        """
    )
    return Spine(
        listeners=[Listener(**row) for row in listeners],
        overdue=[Overdue(**row) for row in overdue],
        jobs=[Waiting(**row) for row in jobs],
        postgres=await tx.value("show server_version"),
        migration=await tx.value("select version_num from alembic_version"),
    )
