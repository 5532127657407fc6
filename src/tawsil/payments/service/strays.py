"""Charges that may have been made where a payment is not any longer: found, and voided."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Job, Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By
from tawsil.payments.events import PaymentRerouted, PaymentSwitched, Provider
from tawsil.payments.model import stray as model
from tawsil.payments.model.payment import Payment
from tawsil.payments.model.psp import Word
from tawsil.payments.model.stray import Stray, StrayState
from tawsil.payments.store import strays as store

LOOK: Final = "payments.look_for_stray"


class StrayJob(Struct, frozen=True):
    """The payload of `payments.look_for_stray`."""

    payment_id: UUID
    provider: Provider
    correlation_id: UUID


async def leave(tx: Tx, decided: Sequence[tuple[By, Accepted[Payment]]]) -> None:
    """Remember where payments that have gone elsewhere may have left a charge."""
    left = [
        (by, model.leave(decision.state, stray_id=tx.ids(), provider=event.left, at=tx.now))
        for by, decision in decided
        for event in decision.events
        if isinstance(event, PaymentRerouted | PaymentSwitched)
    ]
    if left:
        await store.add(tx, [decision.state for _, decision in left])
        await tx.record(left)


async def hear(
    tx: Tx, *, payment_id: UUID, provider: Provider, word: Word, correlation_id: UUID
) -> Stray | None:
    """Take in what a provider says of a charge whose payment has gone elsewhere."""
    stray = await store.lock(tx, payment_id=payment_id, provider=provider)
    if stray is None:
        return None
    by = By(tenant_id=stray.tenant_id, correlation_id=correlation_id)
    decision = model.hear(stray, word, at=tx.now)
    after = decision.state
    if after == stray:
        return stray
    await store.save(tx, [after])
    await tx.record([(by, decision)])
    await tx.await_again([after])
    if after.state is StrayState.VOIDING is not stray.state:
        await tx.enqueue(job(after))
    return after


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    strays = await store.lock_ids(tx, ids=[d.subject_id for d in due])
    again = [model.look_again(one, at=tx.now).state for one in still_due(due, strays, now=tx.now)]
    await store.save(tx, again)
    await tx.await_again(again)
    await tx.enqueue(*[job(one) for one in again])


async def of_ids(tx: Tx, *, ids: Sequence[UUID]) -> list[Stray]:
    return await store.of_ids(tx, ids=ids)


def job(stray: Stray, *, delay_s: float = 0.0) -> Job:
    payload = StrayJob(
        payment_id=stray.payment_id,
        provider=stray.provider,
        correlation_id=stray.reference_id,
    )
    return Job(name=LOOK, payload=payload, delay_s=delay_s)
