"""A crowd checks out at once, while somebody looks into the books ten times a second."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from money.house import House
from money.opening import open_house
from money.reader import reading
from tawsil.kernel.decisions import Refusal
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CROWD, EACH = 16, 6


@pytest.fixture
async def house(pool: "asyncpg.Pool[asyncpg.Record]", database: Any) -> House:
    del database  # it empties the tables in the end
    return await open_house(pool, number=1, at=NOON)


async def test_a_reader_sees_no_imbalance_while_a_crowd_checks_out(
    house: House, postgres_url: str
) -> None:
    async def come(number: int) -> int:
        """Order again and again, by card and in cash; how often it went well."""
        went_well = 0
        for turn in range(EACH):
            quote = await house.quote(customer=number % 3, quantity=1 + turn % 2)
            assert not isinstance(quote, Refusal), quote
            order = await house.place(quote, card="tok_visa" if number % 2 else None)
            went_well += not isinstance(order, Refusal)
        return went_well

    with reading(postgres_url) as seen:
        placed = sum(await asyncio.gather(*[come(number) for number in range(CROWD)]))
        await house.platform.settle()
        for number in range(CROWD):
            order = await house.order(number)
            assert order is not None
            await house.bring(order)
        await house.platform.settle()
        before = seen.looks
    assert placed == CROWD * EACH
    assert before > 1
    assert seen.wrong == []
    await house.check()
    async with house.database.transaction() as tx:
        (merchant,) = await payments.balances(
            tx,
            tenant_id=house.tenant_id,
            accounts=[AccountRef(AccountKind.MERCHANT, house.merchant_id)],
        )
    assert merchant.posted_minor > 0
