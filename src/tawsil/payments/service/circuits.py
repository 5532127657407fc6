"""Which providers may be asked: what their silences have come to, and what operators say."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel import metrics
from tawsil.kernel.db import Job, Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal
from tawsil.payments.events import Provider, Step
from tawsil.payments.model import breaker as model
from tawsil.payments.model.breaker import Breaker, Circuit
from tawsil.payments.provider_events import ProviderClosed, ProviderHalfOpened
from tawsil.payments.store import breakers as store

PROBE: Final = "payments.probe"
CATCH_UP: Final = "payments.catch_up"


class ProviderJob(Struct, frozen=True):
    """The payload of a job about a whole provider."""

    tenant_id: UUID
    provider: Provider


class PauseProvider(Command, frozen=True, kw_only=True):
    provider: Provider
    reason: str


class ResumeProvider(Command, frozen=True, kw_only=True):
    provider: Provider


async def admit(
    tx: Tx, *, tenant_id: UUID, provider: Provider, step: Step | None
) -> Circuit | None:
    """As what the provider may be asked, `None`: not at all. `step` is left out for a look."""
    known = (await store.of_tenants(tx, tenant_ids=[tenant_id]))[tenant_id].get(provider)
    if known is None or known.circuit is Circuit.CLOSED:
        return Circuit.CLOSED
    if not known.takes(step, at=tx.now):
        return None
    if step is not Step.AUTHORISE:
        return known.circuit
    locked = await store.lock(tx, tenant_id=tenant_id, provider=provider)
    if not locked.takes(step, at=tx.now):
        return None
    await store.save(tx, model.on_trial(locked, at=tx.now))
    return locked.circuit


async def silent(tx: Tx, *, tenant_id: UUID, provider: Provider, heard_before: int) -> None:
    """The provider did not answer, after so many answers."""
    known = await store.lock(tx, tenant_id=tenant_id, provider=provider)
    await _save(tx, known, model.silent(known, heard_before=heard_before, at=tx.now))


async def answered(tx: Tx, *, tenant_id: UUID, provider: Provider) -> None:
    """The provider answered an authorisation while it was on trial."""
    known = await store.lock(tx, tenant_id=tenant_id, provider=provider)
    await _save(tx, known, model.answered(known, at=tx.now))


async def probed(tx: Tx, *, tenant_id: UUID, provider: Provider, heard: bool) -> None:
    known = await store.lock(tx, tenant_id=tenant_id, provider=provider)
    await _save(tx, known, model.probed(known, heard=heard, at=tx.now))


async def pause(tx: Tx, commands: Sequence[PauseProvider]) -> list[Breaker | Refusal]:
    """Take providers out of use: nothing is asked of them until they are resumed."""
    return [
        await _command(tx, c, lambda b, c=c: model.pause(b, reason=c.reason, at=tx.now))
        for c in commands
    ]


async def resume(tx: Tx, commands: Sequence[ResumeProvider]) -> list[Breaker | Refusal]:
    return [await _command(tx, c, lambda b: model.resume(b, at=tx.now)) for c in commands]


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Providers that have been left alone long enough are probed."""
    found = await store.lock_ids(tx, ids=[d.subject_id for d in due])
    for known in still_due(due, found, now=tx.now):
        await _save(tx, known, model.probing(known, at=tx.now))
        await tx.enqueue(_job(PROBE, known))


async def _command(
    tx: Tx,
    command: PauseProvider | ResumeProvider,
    decide: Callable[[Breaker], Decision[Breaker]],
) -> Breaker | Refusal:
    known = await store.lock(tx, tenant_id=command.by.tenant_id, provider=command.provider)
    decision = decide(known)
    if isinstance(decision, Refusal):
        return decision
    await _save(tx, known, decision, by=command.by)
    return decision.state


async def _save(
    tx: Tx, before: Breaker, decision: Accepted[Breaker], *, by: By | None = None
) -> None:
    after = decision.state
    if after == before:
        return
    await store.save(tx, after)
    who = by or By(tenant_id=after.tenant_id, correlation_id=tx.ids())
    await tx.record([(who, decision)])
    await tx.await_again([after])
    if any(isinstance(e, ProviderHalfOpened | ProviderClosed) for e in decision.events):
        await tx.enqueue(_job(CATCH_UP, after))
    metrics.provider_circuit.labels(after.provider.value).set(OPENNESS[after.circuit])


OPENNESS: Final = {
    Circuit.CLOSED: 0.0,
    Circuit.HALF_OPEN: 0.5,
    Circuit.OPEN: 1.0,
    Circuit.PAUSED: 1.0,
}


def _job(name: str, breaker: Breaker) -> Job:
    payload = ProviderJob(tenant_id=breaker.tenant_id, provider=breaker.provider)
    return Job(name=name, payload=payload)
