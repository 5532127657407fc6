"""Transfers that put others right."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.payments.events import AccountRef, Posting
from tawsil.payments.model.corrections import Booked, Correction
from tawsil.payments.store.ledger import account_of, named


async def lock(tx: Tx, *, tenant_id: UUID, transfer_ids: Sequence[UUID]) -> dict[UUID, Booked]:
    """Transfers as booked; nobody else corrects them until the transaction ends."""
    transfers = await tx.rows(
        """
        select * from payments.transfer where tenant_id = $1 and id = any($2::uuid[])
        order by id for no key update
        """,
        tenant_id,
        list(transfer_ids),
    )
    entries = await tx.rows(
        """
        select e.transfer_id, e.amount_minor, a.kind, a.owner_id
        from payments.entry e join payments.account a on a.id = e.account_id
        where e.transfer_id = any($1::uuid[])
        """,
        [row["id"] for row in transfers],
    )
    reversals = await tx.rows(
        "select * from payments.correction where reverses and corrects = any($1::uuid[])",
        [row["id"] for row in transfers],
    )
    postings: dict[UUID, list[Posting]] = defaultdict(list)
    for row in entries:
        postings[row["transfer_id"]].append(Posting(account_of(row), row["amount_minor"]))
    reversed_by = {row["corrects"]: row["transfer_id"] for row in reversals}
    return {
        row["id"]: Booked(
            id=row["id"],
            tenant_id=row["tenant_id"],
            reference_id=row["reference_id"],
            currency=row["currency"],
            pending=row["pending"],
            postings=tuple(postings[row["id"]]),
            reversed_by=reversed_by.get(row["id"]),
        )
        for row in transfers
    }


async def known(
    tx: Tx, *, tenant_id: UUID, currency: str, accounts: Sequence[AccountRef]
) -> frozenset[AccountRef]:
    """Which of these accounts there are."""
    rows = await tx.rows(
        """
        select a.kind, a.owner_id from payments.account a
        join unnest($3::text[], $4::uuid[]) as u (kind, owner_id) using (kind, owner_id)
        where a.tenant_id = $1 and a.currency = $2
        """,
        tenant_id,
        currency,
        *named(accounts, tenant_id),
    )
    return frozenset(account_of(row) for row in rows)


async def add(tx: Tx, *, key: UUID, tenant_id: UUID, correction: Correction) -> UUID:
    """Write what a transfer, found by the id it was asked for under, corrects; its id."""
    return await tx.value(
        """
        insert into payments.correction
            (transfer_id, tenant_id, corrects, reverses, reason, corrected_by)
        select id, $2, $3, $4, $5, $6 from payments.transfer where key = $1 returning transfer_id
        """,
        key,
        tenant_id,
        correction.corrects,
        correction.reverses,
        correction.reason,
        correction.corrected_by,
    )
