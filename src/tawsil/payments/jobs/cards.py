"""What needs an acquirer: each job reads, asks outside any transaction, and records the answer.

A job looks first whether its step is still under way, and asks under the step's own key, so running
it twice has one effect. Whether the provider may be asked at all its circuit says; what is not
asked counts as not heard, and its deadline has somebody try again.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Database, Tx
from tawsil.payments.events import Provider, Step
from tawsil.payments.model.breaker import Circuit
from tawsil.payments.model.payment import WAITS_FOR, Payment
from tawsil.payments.model.psp import Charge, Psp, Refused, Unheard, Word
from tawsil.payments.model.stray import Stray, StrayState
from tawsil.payments.providers.known import NOT_ASKED, Providers
from tawsil.payments.service import circuits, strays
from tawsil.payments.service import paying as service
from tawsil.payments.service.circuits import ProviderJob
from tawsil.payments.service.paying import PaymentJob
from tawsil.payments.service.strays import StrayJob
from tawsil.payments.store import payments as store
from tawsil.payments.store import strays as stray_store

Call = Callable[[Psp], Awaitable[Word]]


class NotHeardError(Exception):
    """The acquirer did not answer; the job is to be run again."""


class _Line(Struct, frozen=True):
    """Whom to ask for what, and as what it may be asked; `None`: not at all."""

    tenant_id: UUID
    provider: Provider
    step: Step | None
    admitted: Circuit | None


class CardJobs:
    """The jobs `payments.authorise`, `capture`, `void`, `refund` and `reconcile`, and those about
    strays and providers.
    """

    def __init__(self, *, database: Database, providers: Providers) -> None:
        self._database = database
        self._providers = providers
        self._heard: Counter[tuple[UUID, Provider]] = Counter()

    async def authorise(self, job: PaymentJob) -> None:
        found = await self._under_way(job, Step.AUTHORISE)
        if found is None or found[0].release_reason is not None:
            return
        payment, line = found
        word = await self._ask(
            line,
            lambda psp: psp.authorise(
                key=payment.key,
                reference=str(payment.id),
                card_token=payment.card_token,
                amount_minor=payment.amount_minor,
                currency=payment.currency,
            ),
            patient=len(payment.card_tokens) == 1,
        )
        await self._hear(job, word, key=payment.key, provider=line.provider)

    async def capture(self, job: PaymentJob) -> None:
        await self._settle(
            job,
            Step.CAPTURE,
            lambda payment: (
                lambda psp: psp.capture(
                    key=payment.key,
                    charge_id=_charge_id(payment),
                    amount_minor=payment.asks[0].amount_minor,
                )
            ),
        )

    async def void(self, job: PaymentJob) -> None:
        await self._settle(
            job,
            Step.VOID,
            lambda payment: lambda psp: psp.void(key=payment.key, charge_id=_charge_id(payment)),
        )

    async def refund(self, job: PaymentJob) -> None:
        await self._settle(
            job,
            Step.REFUND,
            lambda payment: (
                lambda psp: psp.refund(
                    key=payment.key,
                    charge_id=_charge_id(payment),
                    amount_minor=payment.asks[0].amount_minor,
                )
            ),
        )

    async def reconcile(self, job: PaymentJob) -> None:
        """Look the charge up; what is still undone after a silence is asked for again.

        Raises:
            NotHeardError: nobody answered, and no deadline will make anybody look again.
        """
        async with self._database.transaction() as tx:
            known = await store.find(tx, payment_id=job.payment_id)
            provider = known and (job.provider or known.provider)
            if known is None or provider is None:
                return
            line = await self._line(tx, known.tenant_id, provider, None)
        word = await self._look(known, line)
        async with self._database.transaction() as tx:
            payment = await service.hear(
                tx,
                payment_id=job.payment_id,
                word=word,
                provider=provider,
                ask_again=True,
                correlation_id=job.correlation_id,
            )
        looked_for = payment is not None and payment.state not in WAITS_FOR
        if isinstance(word, Unheard) and looked_for:
            raise NotHeardError(word.why)

    async def look_for_stray(self, job: StrayJob) -> None:
        """Look whether a provider that was given up has made a charge, and void it."""
        async with self._database.transaction() as tx:
            stray = await stray_store.find(tx, payment_id=job.payment_id, provider=job.provider)
            if stray is None or stray.state is StrayState.CLOSED:
                return
            line = await self._line(tx, stray.tenant_id, stray.provider, None)
        charge_id = stray.charge_id
        if stray.state is StrayState.VOIDING and charge_id is not None:
            word = await self._ask(
                line, lambda psp: psp.void(key=stray.void_key, charge_id=charge_id)
            )
            if not isinstance(word, Refused):
                await self._hear_stray(stray, word)
                return
        word = await self._ask(
            line, lambda psp: psp.retrieve(reference=str(stray.payment_id), charge_id=charge_id)
        )
        await self._hear_stray(stray, word)

    async def probe(self, job: ProviderJob) -> None:
        """Look for a charge that nobody has made: whatever is answered, somebody answers."""
        if job.provider not in self._providers:
            return
        reference = str(self._database.ids())
        word = await self._providers.ask(
            job.provider, None, lambda psp: psp.retrieve(reference=reference, charge_id=None)
        )
        async with self._database.transaction() as tx:
            await circuits.probed(
                tx,
                tenant_id=job.tenant_id,
                provider=job.provider,
                heard=not isinstance(word, Unheard),
            )

    async def catch_up(self, job: ProviderJob) -> None:
        async with self._database.transaction() as tx:
            await service.catch_up(tx, tenant_id=job.tenant_id, provider=job.provider)

    async def _settle(
        self, job: PaymentJob, step: Step, calling: Callable[[Payment], Call]
    ) -> None:
        """Ask, and record the answer. A refusal may mean that it is done: look before believing."""
        found = await self._under_way(job, step)
        if found is None:
            return
        payment, line = found
        word = await self._ask(line, calling(payment))
        if isinstance(word, Refused):
            seen = await self._look(payment, line)
            if isinstance(seen, Unheard):
                word = seen
            elif isinstance(seen, Charge):
                await self._hear(job, seen, key=None, provider=line.provider)
        await self._hear(job, word, key=payment.key, provider=line.provider)

    async def _look(self, payment: Payment, line: _Line) -> Word:
        own = line.provider is payment.provider
        charge_id = payment.psp_charge_id if own else None
        return await self._ask(
            line, lambda psp: psp.retrieve(reference=str(payment.id), charge_id=charge_id)
        )

    async def _under_way(self, job: PaymentJob, step: Step) -> tuple[Payment, _Line] | None:
        async with self._database.transaction() as tx:
            payment = await store.find(tx, payment_id=job.payment_id)
            if payment is None or WAITS_FOR.get(payment.state) is not step:
                return None
            assert payment.provider is not None, "only what has an acquirer waits for one"
            return payment, await self._line(tx, payment.tenant_id, payment.provider, step)

    async def _line(self, tx: Tx, tenant_id: UUID, provider: Provider, step: Step | None) -> _Line:
        admitted = await circuits.admit(tx, tenant_id=tenant_id, provider=provider, step=step)
        return _Line(tenant_id, provider, step, admitted)

    async def _ask(self, line: _Line, call: Call, *, patient: bool = True) -> Word:
        """Ask, and tell the circuit what became of it."""
        if line.admitted is None:
            return Unheard(NOT_ASKED)
        word = await self._providers.ask(line.provider, line.step, call, patient=patient)
        who = line.tenant_id, line.provider
        if isinstance(word, Unheard):
            if word.why != NOT_ASKED:
                async with self._database.transaction() as tx:
                    await circuits.silent(
                        tx,
                        tenant_id=line.tenant_id,
                        provider=line.provider,
                        heard_before=self._heard.pop(who, 0),
                    )
            return word
        self._heard[who] += 1
        if line.admitted is Circuit.HALF_OPEN and line.step is Step.AUTHORISE:
            async with self._database.transaction() as tx:
                await circuits.answered(tx, tenant_id=line.tenant_id, provider=line.provider)
        return word

    async def _hear(
        self, job: PaymentJob, word: Word, *, key: str | None, provider: Provider
    ) -> None:
        async with self._database.transaction() as tx:
            await service.hear(
                tx,
                payment_id=job.payment_id,
                word=word,
                key=key,
                provider=provider,
                correlation_id=job.correlation_id,
            )

    async def _hear_stray(self, stray: Stray, word: Word) -> None:
        async with self._database.transaction() as tx:
            await strays.hear(
                tx,
                payment_id=stray.payment_id,
                provider=stray.provider,
                word=word,
                correlation_id=stray.reference_id,
            )


def _charge_id(payment: Payment) -> str:
    assert payment.psp_charge_id is not None, "an authorised card payment has a charge"
    return payment.psp_charge_id
