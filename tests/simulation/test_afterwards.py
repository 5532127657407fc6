"""What customers do when they have eaten: they tip, and some miss something."""

import asyncpg

from simulation.conftest import FreshDatabase
from simulation.test_day import SMALL, parts
from tawsil.simulation.day import Setting, simulate
from tawsil.simulation.habits import Habits

GENEROUS = Habits(
    later_tip_share=1.0, missing_share=1.0, points_share=1.0, afterwards_s=(3_000.0, 3_600.0)
)


async def test_tips_and_refunds_leave_books_and_points_in_balance(fresh_database: FreshDatabase):
    setting = Setting(seed=7, hours=2.0, size=SMALL, rate_per_hour=10.0, habits=GENEROUS)
    with fresh_database() as url:
        result = await simulate(url, parts=parts(), setting=setting)
        connection = await asyncpg.connect(url)
        try:
            tips = await _counts(connection, "ordering.tip")
            refunds = await _counts(connection, "ordering.refund")
            unlike = await connection.fetch(_UNLIKE)
        finally:
            await connection.close()
    assert result.ledger_sum == 0
    assert tips["paid"] > 0
    assert refunds.get("done", 0) + refunds.get("requested", 0) > 0
    assert unlike == []


_UNLIKE = """
    select l.customer_id from (
        select customer_id, currency, sum(left_minor) as left_minor from payments.lot
        group by customer_id, currency
    ) l
    join payments.account a on a.kind = 'loyalty' and a.owner_id = l.customer_id
        and a.currency = l.currency
    join payments.holding h on h.account_id = a.id
    where h.posted_minor <> l.left_minor
"""


async def _counts(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> dict[str, int]:
    rows = await connection.fetch(f"select state, count(*) as n from {table} group by state")  # noqa: S608 - tables of ours
    return {row["state"]: row["n"] for row in rows}
