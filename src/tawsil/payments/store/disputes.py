"""Disputes as they stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach
from tawsil.payments.dispute_events import DisputeState
from tawsil.payments.events import AccountRef, Provider
from tawsil.payments.model.dispute import Dispute, Evidence

_encode: Final = msgspec.json.Encoder().encode
_bearer: Final = msgspec.json.Decoder(AccountRef)
_evidence: Final = msgspec.json.Decoder(Evidence)


class Filter(Struct, frozen=True, kw_only=True):
    """Which disputes: everything that is set narrows."""

    states: tuple[DisputeState, ...] | None = None
    reference_id: UUID | None = None
    city_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


SORTS: Final = Sorts(
    keys={
        "opened_at": Key("opened_at", datetime),
        "due_at": Key("coalesce(due_at, 'infinity')", datetime),
        "amount": Key("amount_minor", int),
        "state": Key("state", str),
    },
    default="-opened_at",
)
_FILTERS: Final = {
    "states": "state = any({}::text[])",
    "reference_id": "reference_id = {}",
    "city_id": "city_id = {}",
    "since": "opened_at >= {}",
    "until": "opened_at < {}",
}
_REACHED: Final = {"city_ids": "city_id = any({}::uuid[])"}
_COLUMNS: Final = """id, version, tenant_id, city_id, payment_id, reference_id, provider,
    provider_dispute_id, reason, amount_minor, withdrawn_minor, currency, state, borne_by, due_at,
    warned, answers, accepted, answered_at, evidence, opened_at, looked_at"""


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Dispute]:
    where = Where().within(reach, _REACHED).matching(which, _FILTERS)
    found = await rows(tx, columns=_COLUMNS, source="payments.dispute", where=where, take=take)
    return found.map(_dispute)


async def reached(tx: Tx, *, reach: Reach, dispute_id: UUID) -> Dispute | None:
    where = Where().within(reach, _REACHED).add("id = {}", dispute_id)
    row = await tx.row(f"select {_COLUMNS} from payments.dispute where {where}", *where.args)  # noqa: S608 - fragments of ours
    return None if row is None else _dispute(row)


async def find(tx: Tx, *, dispute_id: UUID) -> Dispute | None:
    row = await tx.row("select * from payments.dispute where id = $1", dispute_id)
    return None if row is None else _dispute(row)


async def lock(tx: Tx, *, dispute_ids: Sequence[UUID]) -> dict[UUID, Dispute]:
    found = await tx.rows(
        "select * from payments.dispute where id = any($1::uuid[]) order by id for update",
        list(dispute_ids),
    )
    return {row["id"]: _dispute(row) for row in found}


async def lock_known(tx: Tx, *, provider: Provider, provider_dispute_id: str) -> Dispute | None:
    """The dispute that a provider calls so."""
    row = await tx.row(
        """
        select * from payments.dispute where provider = $1 and provider_dispute_id = $2 for update
        """,
        provider.value,
        provider_dispute_id,
    )
    return None if row is None else _dispute(row)


async def add(tx: Tx, dispute: Dispute) -> bool:
    """Add a dispute; whether it was new."""
    count = await tx.execute(
        """
        insert into payments.dispute (id, version, tenant_id, city_id, payment_id, reference_id,
            provider, provider_dispute_id, reason, amount_minor, withdrawn_minor, currency, state,
            borne_by, due_at, warned, answers, accepted, opened_at, looked_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::jsonb, $15, $16, $17,
            $18, $19, $20)
        on conflict (provider, provider_dispute_id) do nothing
        """,
        dispute.id,
        dispute.version,
        dispute.tenant_id,
        dispute.city_id,
        dispute.payment_id,
        dispute.reference_id,
        dispute.provider.value,
        dispute.provider_dispute_id,
        dispute.reason,
        dispute.amount_minor,
        dispute.withdrawn_minor,
        dispute.currency,
        dispute.state.value,
        _encode(dispute.borne_by).decode(),
        dispute.due_at,
        dispute.warned,
        dispute.answers,
        dispute.accepted,
        dispute.opened_at,
        dispute.looked_at,
    )
    return count == 1


async def save(tx: Tx, decided: Sequence[Accepted[Dispute]]) -> None:
    """Write states over the versions that were decided on."""
    for decision in decided:
        dispute = decision.state
        count = await tx.execute(
            """
            update payments.dispute
            set version = $3, withdrawn_minor = $4, state = $5, borne_by = $6::jsonb, due_at = $7,
                warned = $8, answers = $9, accepted = $10, answered_at = $11,
                evidence = $12::jsonb, looked_at = $13
            where id = $1 and version = $2
            """,
            dispute.id,
            decision.expected_version,
            dispute.version,
            dispute.withdrawn_minor,
            dispute.state.value,
            _encode(dispute.borne_by).decode(),
            dispute.due_at,
            dispute.warned,
            dispute.answers,
            dispute.accepted,
            dispute.answered_at,
            None if dispute.evidence is None else _encode(dispute.evidence).decode(),
            dispute.looked_at,
        )
        assert count == 1, "a locked dispute does not change under the lock"


async def touch(tx: Tx, dispute: Dispute) -> None:
    """Keep that it was looked at, or that its evidence has arrived: no fact to tell."""
    await tx.execute(
        """
        update payments.dispute set looked_at = $2, due_at = $3, evidence = $4::jsonb
        where id = $1
        """,
        dispute.id,
        dispute.looked_at,
        dispute.due_at,
        None if dispute.evidence is None else _encode(dispute.evidence).decode(),
    )


def _dispute(row: asyncpg.Record | Mapping[str, Any]) -> Dispute:
    fields: Mapping[str, Any] = dict(row) | {
        "provider": Provider(row["provider"]),
        "state": DisputeState(row["state"]),
        "borne_by": _bearer.decode(row["borne_by"]),
        "evidence": _evidence.decode(row["evidence"]) if row["evidence"] else None,
    }
    return Dispute(**fields)
