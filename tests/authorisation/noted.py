"""Rows of a street that nobody makes over HTTP."""

from datetime import datetime, timedelta
from typing import Any

from asyncpg import Pool, Record


async def note_cash(pool: "Pool[Record]", street: Any, *, at: datetime) -> None:
    """A hub, and what a courier holds, has announced and was not paid."""
    hub, deposit, shortfall = map(street.name, ("hub", "deposit", "shortfall"))
    tenant, city, courier = street.tenant_id, street.id_of("city"), street.id_of("courier")
    for statement, *more in (
        (
            """
            insert into payments.cash_hub (id, version, tenant_id, city_id, name_en, name_ar,
                latitude, longitude, is_open)
            select $1, 1, $2, $3, 'Port', 'الميناء', 25, 51, true where $4::uuid is not null
            """,
            hub,
        ),
        (
            """
            insert into payments.cash_account (id, version, tenant_id, city_id, courier_id,
                currency, held_minor, level, since_at, reminded, blocked)
            values ($1, 1, $2, $3, $4, 'QAR', 500, 'well', $5, true, false)
            """,
            street.name("cash account"),
            at,
        ),
        (
            """
            insert into payments.cash_deposit (id, version, tenant_id, city_id, courier_id,
                hub_id, currency, announced_minor, state, announced_at)
            values ($1, 1, $2, $3, $4, $5, 'QAR', 400, 'announced', $6)
            """,
            deposit,
            hub,
            at,
        ),
        (
            """
            insert into payments.cash_shortfall (id, version, tenant_id, city_id, courier_id,
                reference_id, payer_id, currency, short_minor, reason, words, state,
                reported_at)
            values ($1, 1, $2, $3, $4, $5, $4, 'QAR', 50, 'other', '', 'reported', $6)
            """,
            shortfall,
            street.id_of("order"),
            at,
        ),
    ):
        id_, *rest = more
        await pool.execute(statement, id_, tenant, city, courier, *rest)


async def note_document(pool: "Pool[Record]", street: Any, *, at: datetime) -> None:
    """A licence that nobody has seen yet."""
    await pool.execute(
        """
        insert into couriers.document (id, version, tenant_id, courier_id, kind, sealed_number,
            number_end, expires_on, added_at)
        values ($1, 1, $2, $3, 'licence', 'sealed', '4321', $4, $5)
        """,
        street.name("document"),
        street.tenant_id,
        street.id_of("courier"),
        (at + timedelta(days=400)).date(),
        at,
    )


async def note_address(pool: "Pool[Record]", street: Any, *, at: datetime) -> None:
    """One that the customer of a street keeps."""
    await pool.execute(
        """
        insert into ordering.address (id, tenant_id, customer_id, name, address, latitude,
            longitude, instructions, is_default, kept_at)
        values ($1, $2, $3, 'Home', 'Corniche 12', 24.12, 53.1, '', true, $4)
        """,
        street.name("address"),
        street.tenant_id,
        street.id_of("customer"),
        at,
    )
