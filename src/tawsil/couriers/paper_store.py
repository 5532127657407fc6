"""The table of documents."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from tawsil.couriers.papers import Document
from tawsil.geography.public import CourierDocument
from tawsil.kernel.db import Tx


async def add(tx: Tx, document: Document) -> None:
    await tx.execute(
        """
        insert into couriers.document (id, tenant_id, courier_id, kind, sealed_number, number_end,
            expires_on, added_at, added_by_id, verified_at, verified_by_id, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        document.id,
        document.tenant_id,
        document.courier_id,
        document.kind.value,
        document.sealed_number,
        document.number_end,
        document.expires_on,
        document.added_at,
        document.added_by_id,
        document.verified_at,
        document.verified_by_id,
        document.version,
    )


async def in_force(
    tx: Tx, *, courier_ids: Iterable[UUID], locked: bool = False
) -> dict[UUID, list[Document]]:
    """Those that were not withdrawn, whatever their state, by courier."""
    rows = await tx.rows(
        f"""
        select d.*, c.city_id from couriers.document d join couriers.courier c on c.id = courier_id
        where courier_id = any($1::uuid[]) and withdrawn_at is null
        order by courier_id, kind {"for update of d" if locked else ""}
        """,  # noqa: S608 - a constant
        list(courier_ids),
    )
    found: dict[UUID, list[Document]] = {}
    for row in rows:
        found.setdefault(row["courier_id"], []).append(_document(row))
    return found


async def save(tx: Tx, documents: Sequence[Document]) -> None:
    """What may change of documents: who has seen them, and whether they count."""
    for document in documents:
        await tx.execute(
            """
            update couriers.document
            set verified_at = $2, verified_by_id = $3, withdrawn_at = $4, version = $5
            where id = $1
            """,
            document.id,
            document.verified_at,
            document.verified_by_id,
            document.withdrawn_at,
            document.version,
        )


def _document(row: asyncpg.Record) -> Document:
    known = dict(row)
    return Document(kind=CourierDocument(known.pop("kind")), **known)
