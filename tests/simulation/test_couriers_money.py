"""What an evening brings couriers is what stands on their accounts, and cash comes home."""

from datetime import timedelta

from simulation.conftest import FreshDatabase
from tawsil.apps.cli.simulate import parts
from tawsil.kernel.db import connect
from tawsil.simulation.city import CitySize
from tawsil.simulation.day import EVENING, Setting, simulate

SMALL = CitySize(merchants=8, customers=60, couriers=20)


async def test_parts_are_booked_to_the_unit_and_cash_is_handed_in(fresh_database: FreshDatabase):
    late = EVENING + timedelta(hours=4)
    setting = Setting(seed=7, hours=1.5, start_at=late, size=SMALL, rate_per_hour=20.0)
    with fresh_database() as url:
        result = await simulate(url, parts=parts(), setting=setting)
        pool = await connect(url)
        earned = await pool.fetch(
            """
            select courier_id, sum(base_minor + distance_minor + surge_minor + tip_minor
                + wait_minor + incentive_minor)::bigint as earned
            from payments.earning group by 1 order by 1
            """
        )
        booked = await pool.fetch(
            """
            select a.owner_id as courier_id, sum(e.amount_minor)::bigint as earned
            from payments.account a join payments.entry e on e.account_id = a.id and not e.pending
            join payments.transfer t on t.id = e.transfer_id
            where a.kind = 'courier' and t.kind not in ('payout', 'payout_return', 'cash_offset')
            group by 1 order by 1
            """
        )
        deposits = await pool.fetch(
            "select state, announced_minor, counted_minor from payments.cash_deposit"
        )
        owed = await pool.fetch(
            """
            select a.owner_id as courier_id, -sum(e.amount_minor)::bigint as held_minor
            from payments.account a join payments.entry e on e.account_id = a.id and not e.pending
            where a.kind = 'courier_cash' group by 1 order by 1
            """
        )
        held = await pool.fetch(
            "select courier_id, held_minor from payments.cash_account order by courier_id"
        )
        told = await pool.fetch(
            "select courier_id, held_minor from couriers.cash order by courier_id"
        )
        await pool.close()
    assert result.ledger_sum == 0
    assert [dict(row) for row in earned] == [dict(row) for row in booked]
    assert earned
    assert deposits, "shifts ended, and there was cash"
    assert {row["state"] for row in deposits} == {"confirmed"}
    assert [dict(row) for row in held] == [dict(row) for row in owed] == [dict(r) for r in told]
