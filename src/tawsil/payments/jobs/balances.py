"""Reading acquirers' balance files: now and then, and when somebody asks."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from tawsil.kernel.db import Database, Job
from tawsil.kernel.decisions import By
from tawsil.payments.events import Provider
from tawsil.payments.jobs.cards import NotHeardError
from tawsil.payments.model.psp import Unheard
from tawsil.payments.model.reconciliation import BALANCE_JOB, BalanceFile, BalanceJob
from tawsil.payments.service import reconciliation as service
from tawsil.payments.store import reconciliation as store

READ_AGAIN: Final = timedelta(days=1)
"""An acquirer may still write into what was read; what is known already is passed over."""

AT_FIRST: Final = timedelta(days=31)


class Balances:
    """The job `payments.balance`, and `ask_all` to be done every hour."""

    def __init__(self, *, database: Database, files: Mapping[Provider, BalanceFile]) -> None:
        self._database = database
        self._files = files

    async def read(self, job: BalanceJob) -> None:
        """Read a part of a file and hold it against the books.

        Raises:
            NotHeardError: the acquirer did not answer.
        """
        file = self._files.get(job.provider)
        if file is None:  # it was taken out of the settings since
            return
        lines = await file.balance(since_at=job.since_at, until_at=job.until_at)
        if isinstance(lines, Unheard):
            raise NotHeardError(lines.why)
        async with self._database.transaction() as tx:
            by = By(tenant_id=job.tenant_id, actor_id=job.actor_id, correlation_id=tx.ids())
            await service.take_in(
                tx,
                [
                    service.TakeIn(
                        by=by,
                        provider=job.provider,
                        since_at=job.since_at,
                        until_at=job.until_at,
                        lines=tuple(lines),
                    )
                ],
            )

    async def ask_all(self, *, tenant_id: UUID) -> None:
        """Have every provider's file read up to now, on behalf of the platform's own tenant."""
        async with self._database.transaction() as tx:
            covered = await store.covered_until(tx)
            jobs = [
                BalanceJob(
                    provider=provider,
                    since_at=covered.get(provider, tx.now - AT_FIRST) - READ_AGAIN,
                    until_at=tx.now,
                    tenant_id=tenant_id,
                )
                for provider in self._files
            ]
            await tx.enqueue(*[Job(name=BALANCE_JOB, payload=job) for job in jobs])
