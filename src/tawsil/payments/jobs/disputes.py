"""What needs the provider of a dispute: looking at it, and sending what we have to say."""

import structlog

from tawsil.kernel.db import Database
from tawsil.payments.events import Provider
from tawsil.payments.jobs.cards import NotHeardError
from tawsil.payments.model.dispute import Desk, Found
from tawsil.payments.model.psp import Refused, Unheard
from tawsil.payments.providers.known import Providers
from tawsil.payments.service import disputes as service
from tawsil.payments.service.disputes import DisputeJob, DisputeLook
from tawsil.payments.store import disputes as store

log = structlog.get_logger(__name__)


class DisputeJobs:
    """The jobs `payments.look_at_dispute` and `payments.answer_dispute`."""

    def __init__(self, *, database: Database, providers: Providers) -> None:
        self._database = database
        self._providers = providers

    async def look(self, job: DisputeLook) -> None:
        """Ask what has become of a dispute.

        Raises:
            NotHeardError: the provider did not answer.
        """
        found = await self._desk(job.provider).look_at_dispute(dispute_id=job.provider_dispute_id)
        if isinstance(found, Unheard):
            raise NotHeardError(found.why)
        if not isinstance(found, Found):
            log.warning("dispute.not_there", dispute=job.provider_dispute_id)
            return
        async with self._database.transaction() as tx:
            known = await service.hear(tx, provider=job.provider, found=found)
        if known is None:
            log.warning("dispute.of_a_strangers_charge", dispute=found.id, charge=found.charge_id)

    async def answer(self, job: DisputeJob) -> None:
        """Send evidence, or accept the loss, under a key of its own.

        Raises:
            NotHeardError: the provider did not answer.
        """
        async with self._database.transaction() as tx:
            dispute = await store.find(tx, dispute_id=job.dispute_id)
        if dispute is None or (dispute.evidence is None and not dispute.accepted):
            return
        desk, known_as = self._desk(dispute.provider), dispute.provider_dispute_id
        if dispute.evidence is None:
            said = await desk.accept_dispute(key=dispute.key, dispute_id=known_as)
        else:
            said = await desk.send_evidence(
                key=dispute.key, dispute_id=known_as, evidence=dispute.evidence
            )
        if isinstance(said, Unheard):
            raise NotHeardError(said.why)
        async with self._database.transaction() as tx:
            if isinstance(said, Found):
                await service.answered(tx, dispute_id=dispute.id, found=said)
            else:
                code = said.code if isinstance(said, Refused) else "not_there"
                await service.answer_refused(tx, dispute_id=dispute.id, code=code)

    def _desk(self, provider: Provider) -> Desk:
        desk = self._providers.desk(provider)
        if desk is None:
            raise NotHeardError(f"{provider} is not in the settings")
        return desk
