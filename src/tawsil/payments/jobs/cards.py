"""What needs the acquirer: each job reads, asks outside any transaction, and records the answer.

A job looks first whether its step is still under way, and asks under the step's own key, so running
it twice has one effect.
"""

from tawsil.kernel.db import Database
from tawsil.payments.events import Step
from tawsil.payments.model.payment import WAITS_FOR, Payment
from tawsil.payments.model.psp import Charge, Psp, Refused, Unheard, Word
from tawsil.payments.providers.known import Providers
from tawsil.payments.service import paying as service
from tawsil.payments.service.paying import PaymentJob
from tawsil.payments.store import payments as store


class NotHeardError(Exception):
    """The acquirer did not answer; the job is to be run again."""


class CardJobs:
    """The jobs `payments.authorise`, `capture`, `void`, `refund` and `reconcile`."""

    def __init__(self, *, database: Database, providers: Providers) -> None:
        self._database = database
        self._providers = providers

    async def authorise(self, job: PaymentJob) -> None:
        payment = await self._under_way(job, Step.AUTHORISE)
        if payment is None or payment.release_reason is not None:
            return
        word = await self._of(payment).authorise(
            key=payment.key,
            reference=str(payment.id),
            card_token=payment.card_token,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
        )
        await self._hear(job, word, key=payment.key)

    async def capture(self, job: PaymentJob) -> None:
        payment = await self._under_way(job, Step.CAPTURE)
        if payment is not None:
            word = await self._of(payment).capture(
                key=payment.key,
                charge_id=_charge_id(payment),
                amount_minor=payment.asks[0].amount_minor,
            )
            await self._settle(job, payment, word)

    async def void(self, job: PaymentJob) -> None:
        payment = await self._under_way(job, Step.VOID)
        if payment is not None:
            word = await self._of(payment).void(key=payment.key, charge_id=_charge_id(payment))
            await self._settle(job, payment, word)

    async def refund(self, job: PaymentJob) -> None:
        payment = await self._under_way(job, Step.REFUND)
        if payment is not None:
            word = await self._of(payment).refund(
                key=payment.key,
                charge_id=_charge_id(payment),
                amount_minor=payment.asks[0].amount_minor,
            )
            await self._settle(job, payment, word)

    async def reconcile(self, job: PaymentJob) -> None:
        """Look the charge up; what is still undone after a silence is asked for again.

        Raises:
            NotHeardError: nobody answered, and no deadline will make anybody look again.
        """
        async with self._database.transaction() as tx:
            known = await store.find(tx, payment_id=job.payment_id)
        if known is None or known.provider is None:
            return
        word = await self._look(known)
        async with self._database.transaction() as tx:
            payment = await service.hear(
                tx,
                payment_id=job.payment_id,
                word=word,
                ask_again=True,
                correlation_id=job.correlation_id,
            )
        looked_for = payment is not None and payment.state not in WAITS_FOR
        if isinstance(word, Unheard) and looked_for:
            raise NotHeardError(word.why)

    async def _look(self, payment: Payment) -> Word:
        return await self._of(payment).retrieve(
            reference=str(payment.id), charge_id=payment.psp_charge_id
        )

    def _of(self, payment: Payment) -> Psp:
        assert payment.provider is not None, "only what has an acquirer is asked of one"
        return self._providers[payment.provider]

    async def _under_way(self, job: PaymentJob, step: Step) -> Payment | None:
        async with self._database.transaction() as tx:
            payment = await store.find(tx, payment_id=job.payment_id)
        waits = payment is not None and WAITS_FOR.get(payment.state) is step
        return payment if waits else None

    async def _settle(self, job: PaymentJob, payment: Payment, word: Word) -> None:
        """Record an answer. A refusal may mean that it is done already: look before believing."""
        if isinstance(word, Refused):
            seen = await self._look(payment)
            if isinstance(seen, Unheard):
                word = seen
            elif isinstance(seen, Charge):
                await self._hear(job, seen, key=None)
        await self._hear(job, word, key=payment.key)

    async def _hear(self, job: PaymentJob, word: Word, *, key: str | None) -> None:
        async with self._database.transaction() as tx:
            await service.hear(
                tx,
                payment_id=job.payment_id,
                word=word,
                key=key,
                correlation_id=job.correlation_id,
            )


def _charge_id(payment: Payment) -> str:
    assert payment.psp_charge_id is not None, "an authorised card payment has a charge"
    return payment.psp_charge_id
