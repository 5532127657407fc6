"""What was booked wrongly is put right by a transfer of today that names it: nothing is changed."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.decisions import Refusal, refuse
from tawsil.payments.events import AccountRef, Posting
from tawsil.payments.model.payment import negated, net

MOST_POSTINGS: Final = 20


class Booked(Struct, frozen=True, kw_only=True):
    """A transfer as it stands in the books. `reversed_by` is what has taken it back."""

    id: UUID
    tenant_id: UUID
    reference_id: UUID
    currency: str
    pending: bool
    postings: tuple[Posting, ...]
    reversed_by: UUID | None = None


class Correction(Struct, frozen=True, kw_only=True):
    """`reverses`: all of it is taken back; else `postings` are what was missing."""

    transfer_id: UUID
    corrects: UUID
    reverses: bool
    reason: str
    corrected_by: UUID | None
    currency: str
    postings: tuple[Posting, ...]


def correcting(
    booked: Booked, postings: Sequence[Posting] | None, *, known: frozenset[AccountRef]
) -> tuple[Posting, ...] | Refusal:
    """What to post: the other side of all of it (`None`), or what is given.

    `known` are the accounts there are: a correction opens none, lest a slip of the pen does.
    """
    if booked.pending or not booked.postings:
        return refuse("ledger.nothing_to_correct")
    if postings is None:
        return refuse("ledger.reversed_already") if booked.reversed_by else negated(booked.postings)
    netted = net(postings)
    if not netted:
        return refuse("ledger.nothing_to_correct")
    for posting in netted:
        if posting.account not in known:
            return refuse(
                "ledger.account_unknown",
                status=422,
                account=posting.account.kind.value,
                owner_id=posting.account.owner_id,
                currency=booked.currency,
            )
    return netted
