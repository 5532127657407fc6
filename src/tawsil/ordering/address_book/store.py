"""The table of kept addresses, and all SQL on it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place
from tawsil.ordering.address_book.model import Address


async def lock(tx: Tx, customer_ids: Sequence[UUID]) -> None:
    """One after another on a book, which may have no rows yet to be locked."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtextextended('ordering.address/' || id, 0))
        from (select distinct id from unnest($1::uuid[]) as id order by id) as whose
        """,
        list(customer_ids),
    )


async def of(tx: Tx, *, customer_id: UUID) -> list[Address]:
    """The default first, then those kept last."""
    rows = await tx.rows(
        """
        select * from ordering.address where customer_id = $1
        order by is_default desc, kept_at desc, id desc
        """,
        customer_id,
    )
    return [_address(row) for row in rows]


async def put(tx: Tx, address: Address) -> None:
    """Add it or change what is kept of it; a default takes that from the one before."""
    if address.is_default:
        await tx.execute(
            """
            update ordering.address set is_default = false
            where customer_id = $1 and id <> $2 and is_default
            """,
            address.customer_id,
            address.id,
        )
    await tx.execute(
        """
        insert into ordering.address (id, tenant_id, customer_id, name, address, latitude,
            longitude, instructions, is_default, kept_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (id) do update set name = excluded.name, address = excluded.address,
            latitude = excluded.latitude, longitude = excluded.longitude,
            instructions = excluded.instructions, is_default = excluded.is_default
        """,
        address.id,
        address.tenant_id,
        address.customer_id,
        address.name,
        address.address,
        address.place.latitude,
        address.place.longitude,
        address.instructions,
        address.is_default,
        address.kept_at,
    )


async def forget(tx: Tx, id_: UUID) -> None:
    await tx.execute("delete from ordering.address where id = $1", id_)


def _address(row: Any) -> Address:
    known = dict(row)
    place = Place(known.pop("latitude"), known.pop("longitude"))
    return Address(**known, place=place)
