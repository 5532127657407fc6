"""Putting right what was booked wrongly."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.payments.events import Posting
from tawsil.payments.model.corrections import Correction, correcting
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.service.booking import transfer
from tawsil.payments.store import corrections as store


class Correct(Command, frozen=True, kw_only=True):
    """Put the transfer `transfer_id` right: take all of it back (`None`), or post what is given.

    Either way it is a new transfer of the same reference and currency, under the id `id`.
    """

    id: UUID
    transfer_id: UUID
    postings: tuple[Posting, ...] | None
    reason: str


async def correct(tx: Tx, commands: Sequence[Correct]) -> list[Correction | Refusal]:
    """Corrections are seldom, and each is decided on the books as the one before left them."""
    return [await _correct(tx, command) for command in commands]


async def _correct(tx: Tx, command: Correct) -> Correction | Refusal:
    tenant_id = command.by.tenant_id
    found = await store.lock(tx, tenant_id=tenant_id, transfer_ids=[command.transfer_id])
    booked = found.get(command.transfer_id)
    if booked is None:
        return refuse("request.not_found", status=404)
    known = await store.known(
        tx,
        tenant_id=tenant_id,
        currency=booked.currency,
        accounts=[posting.account for posting in command.postings or ()],
    )
    postings = correcting(booked, command.postings, known=known)
    if isinstance(postings, Refusal):
        return postings
    (moved,) = await transfer(
        tx,
        [
            Transfer(
                by=command.by,
                id=command.id,
                kind=TransferKind.CORRECTION,
                reference_id=booked.reference_id,
                currency=booked.currency,
                postings=postings,
            )
        ],
    )
    if isinstance(moved, Refusal):
        return moved
    correction = Correction(
        transfer_id=command.id,
        corrects=booked.id,
        reverses=command.postings is None,
        reason=command.reason,
        corrected_by=command.by.actor_id,
        currency=booked.currency,
        postings=moved.postings,
    )
    transfer_id = await store.add(tx, key=command.id, tenant_id=tenant_id, correction=correction)
    return replace(correction, transfer_id=transfer_id)
