"""Lines of balance files, what was matched or explained of them, and months that are closed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tawsil.kernel.clock import least_id
from tawsil.kernel.db import Tx
from tawsil.payments.events import AccountKind, Provider, provider_id
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.reconciliation import (
    ONLY_THEIRS,
    BookLine,
    Explanation,
    FileLine,
    Moved,
    Pair,
    Run,
)

MOVED: Final[Mapping[TransferKind, Moved]] = {
    TransferKind.CAPTURE: Moved.CHARGE,
    TransferKind.REFUND: Moved.REFUND,
    TransferKind.PAYOUT: Moved.TRANSFER,
    TransferKind.DISPUTE: Moved.DISPUTE,
    TransferKind.DISPUTE_WON: Moved.DISPUTE_WON,
}
FROM_FILE: Final = (
    TransferKind.PSP_FEE,
    TransferKind.PSP_SETTLEMENT,
    TransferKind.RECONCILIATION,
)
"""Booked because a file says so: there is nothing to hold against it."""


async def tenants_of(tx: Tx, *, charge_ids: Sequence[str]) -> dict[str, tuple[UUID, UUID]]:
    """Whose each charge is, and what was paid for with it."""
    rows = await tx.rows(
        """
        select psp_charge_id, tenant_id, reference_id from payments.payment
        where psp_charge_id = any($1::text[])
        """,
        list(charge_ids),
    )
    return {row["psp_charge_id"]: (row["tenant_id"], row["reference_id"]) for row in rows}


async def add_lines(tx: Tx, lines: Sequence[tuple[UUID, FileLine]]) -> set[str]:
    """Keep lines, each with its tenant; the ids of those that were not known."""
    rows = await tx.rows(
        """
        insert into payments.file_line (tenant_id, provider, id, moved, charge_id, amount_minor,
            fee_minor, currency, at)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
            $6::bigint[], $7::bigint[], $8::text[], $9::timestamptz[])
        on conflict (provider, id) do nothing returning id
        """,
        [tenant_id for tenant_id, _ in lines],
        [line.provider.value for _, line in lines],
        [line.id for _, line in lines],
        [line.moved.value for _, line in lines],
        [line.charge_id for _, line in lines],
        [line.amount_minor for _, line in lines],
        [line.fee_minor for _, line in lines],
        [line.currency for _, line in lines],
        [line.at for _, line in lines],
    )
    return {row["id"] for row in rows}


async def match(tx: Tx, pairs: Sequence[tuple[Provider, str, UUID]]) -> None:
    """Say of lines by which transfers they stand in the books."""
    count = await tx.execute(
        """
        update payments.file_line f set transfer_id = u.transfer_id
        from unnest($1::text[], $2::text[], $3::uuid[]) as u (provider, id, transfer_id)
        where f.provider = u.provider and f.id = u.id and f.transfer_id is null
        """,
        [provider.value for provider, *_ in pairs],
        [line_id for _, line_id, _ in pairs],
        [transfer_id for *_, transfer_id in pairs],
    )
    assert count == len(pairs), "a line under the lock is matched once"


async def match_pairs(tx: Tx, pairs: Sequence[Pair]) -> None:
    await match(tx, [(p.line.provider, p.line.id, p.booked.transfer_id) for p in pairs])


async def lock(tx: Tx, *, provider: Provider) -> None:
    """One comparison of a provider at a time."""
    await tx.execute("select pg_advisory_xact_lock(hashtext('reconcile:' || $1))", provider.value)


async def open_lines(tx: Tx, *, tenant_id: UUID, provider: Provider) -> list[FileLine]:
    """Lines that are neither matched nor explained."""
    rows = await tx.rows(
        """
        select f.* from payments.file_line f
        where f.tenant_id = $1 and f.transfer_id is null and f.provider = $2
            and f.moved <> all($3::text[])
            and not exists (select from payments.explanation x
                where x.provider = f.provider and x.line_id = f.id)
        order by f.at, f.id
        """,
        tenant_id,
        provider.value,
        [moved.value for moved in ONLY_THEIRS],
    )
    return [msgspec.convert(dict(row), FileLine) for row in rows]


async def open_bookings(tx: Tx, *, tenant_id: UUID, provider: Provider) -> list[BookLine]:
    """What moved on a provider's clearing account and is neither matched nor explained.

    What was settled once stays so: only what came after the last run's oldest open one is read.
    """
    rows = await tx.rows(
        """
        select e.transfer_id, e.amount_minor, e.currency, t.kind, t.reference_id, t.at,
            p.psp_charge_id
        from payments.account a
        join payments.entry e on e.account_id = a.id
        join payments.transfer t on t.id = e.transfer_id
        left join payments.payment p on p.reference_id = t.reference_id
        where a.tenant_id = $1 and a.kind = $2 and a.owner_id = $3
            and not e.pending and e.transfer_id >= $4
            and not exists (select from payments.file_line f
                where f.transfer_id = e.transfer_id)
            and not exists (select from payments.explanation x
                where x.transfer_id = e.transfer_id)
            and t.kind <> all($5::text[])
        order by e.transfer_id
        """,
        tenant_id,
        AccountKind.PSP_CLEARING.value,
        provider_id(provider),
        least_id(await _open_since(tx, tenant_id=tenant_id, provider=provider)),
        [kind.value for kind in FROM_FILE],
    )
    return [
        BookLine(
            provider=provider,
            transfer_id=row["transfer_id"],
            reference_id=row["reference_id"],
            moved=MOVED.get(TransferKind(row["kind"]), Moved.OTHER),
            charge_id=row["psp_charge_id"],
            amount_minor=-row["amount_minor"],
            currency=row["currency"],
            at=row["at"],
        )
        for row in rows
    ]


async def _open_since(tx: Tx, *, tenant_id: UUID, provider: Provider) -> datetime | None:
    return await tx.value(
        """
        select open_since_at from payments.reconciliation
        where tenant_id = $1 and provider = $2 order by at desc limit 1
        """,
        tenant_id,
        provider.value,
    )


async def explain(tx: Tx, explanation: Explanation) -> bool:
    """Write down what was said of a difference; whether nobody had said anything before."""
    count = await tx.execute(
        """
        insert into payments.explanation (id, tenant_id, provider, line_id, transfer_id, booked,
            difference_minor, currency, words, actor_id, at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict do nothing
        """,
        explanation.id,
        explanation.tenant_id,
        explanation.provider.value,
        explanation.line_id,
        explanation.transfer_id,
        explanation.booked,
        explanation.difference_minor,
        explanation.currency,
        explanation.words,
        explanation.actor_id,
        explanation.at,
    )
    return count == 1


async def explanations(tx: Tx, *, tenant_id: UUID, limit: int) -> list[Explanation]:
    """The newest first."""
    rows = await tx.rows(
        "select * from payments.explanation where tenant_id = $1 order by at desc, id limit $2",
        tenant_id,
        limit,
    )
    return [msgspec.convert(dict(row), Explanation) for row in rows]


async def add_run(tx: Tx, run: Run) -> None:
    await tx.execute(
        """
        insert into payments.reconciliation (id, tenant_id, provider, since_at, until_at, lines,
            new_lines, matched, open_since_at, actor_id, at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        run.id,
        run.tenant_id,
        run.provider.value,
        run.since_at,
        run.until_at,
        run.lines,
        run.new_lines,
        run.matched,
        run.open_since_at,
        run.actor_id,
        run.at,
    )


async def runs(tx: Tx, *, tenant_id: UUID, limit: int) -> list[Run]:
    """The newest first."""
    rows = await tx.rows(
        "select * from payments.reconciliation where tenant_id = $1 order by at desc limit $2",
        tenant_id,
        limit,
    )
    return [msgspec.convert(dict(row), Run) for row in rows]


async def covered_until(tx: Tx) -> dict[Provider, datetime]:
    """To which instant each provider's file has been read."""
    rows = await tx.rows(
        "select provider, max(until_at) as until_at from payments.reconciliation group by provider"
    )
    return {Provider(row["provider"]): row["until_at"] for row in rows}
