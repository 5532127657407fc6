"""The table of remarks: what people said about a step, erasable, unlike the log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By


class Remark(Struct, frozen=True, kw_only=True):
    delivery_id: UUID
    at: datetime
    actor_id: UUID | None
    actor_role: str
    words: str


async def add_remarks(tx: Tx, remarks: Sequence[tuple[By, UUID, str]]) -> None:
    """Who said what about which delivery, now; nothing said is nothing kept."""
    said = [remark for remark in remarks if remark[2]]
    if not said:
        return
    await tx.execute(
        """
        insert into dispatch.remark (delivery_id, actor_id, actor_role, words, at)
        select *, $5::timestamptz from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
        """,
        [id_ for _, id_, _ in said],
        [by.actor_id for by, _, _ in said],
        [by.role for by, _, _ in said],
        [words for _, _, words in said],
        tx.now,
    )


async def remarks_about(tx: Tx, *, delivery_id: UUID) -> list[Remark]:
    rows = await tx.rows(
        "select * from dispatch.remark where delivery_id = $1 order by at", delivery_id
    )
    return [Remark(**row) for row in rows]
