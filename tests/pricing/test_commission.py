"""What the platform keeps of what merchants sell: by plan, since when, and how it is set."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pricing.test_fees import plans
from pricing.test_model import NOON, basis_points, minors
from pricing.test_service import Ask, issued, take
from tawsil.geography.public import CityRules
from tawsil.identity import public as identity
from tawsil.identity.public import Role
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.pricing import public
from tawsil.pricing.model import commission as model
from tawsil.pricing.model.commission import CommissionPlan, Tier, month_of
from tawsil.pricing.public import PlanCommission, PlannedCommission, Quote
from tawsil.pricing.routes import routes
from tawsil.pricing.routes.commission import EXAMPLE

FLAT = CommissionPlan(rate_bp=1_000)


@given(plans(), minors, st.integers(0, 10**10))
def test_a_commission_is_within_its_limits_and_within_what_was_sold(
    plan: CommissionPlan, sold_minor: int, turnover_minor: int
) -> None:
    commission = plan.of(sold_minor, turnover_minor=turnover_minor)
    assert 0 <= commission <= sold_minor
    assert commission >= min(plan.least_minor, sold_minor)
    if plan.most_minor is not None:
        assert commission <= plan.most_minor


@given(basis_points, st.none() | basis_points)
def test_without_a_plan_the_merchants_own_percentage_counts_before_the_citys(
    citys_bp: int, own_bp: int | None
) -> None:
    plan = model.usual(rules=CityRules(commission_bp=citys_bp), own_bp=own_bp)
    assert plan.rate_at(10**9) == (citys_bp if own_bp is None else own_bp)


def test_a_rate_follows_the_turnover() -> None:
    plan = CommissionPlan(
        rate_bp=2_000,
        tiers=(Tier(from_minor=10_000, rate_bp=1_500), Tier(from_minor=50_000, rate_bp=1_200)),
        fixed_minor=50,
        least_minor=200,
        most_minor=1_000,
    )
    assert [plan.rate_at(t) for t in (0, 9_999, 10_000, 49_999, 50_000)] == [
        2_000,
        2_000,
        1_500,
        1_500,
        1_200,
    ]
    assert plan.of(3_000, turnover_minor=10_000) == 450 + 50
    assert plan.of(100) == 100, "all of it, and no more"
    assert plan.of(500) == 200
    assert plan.of(90_000) == 1_000


def test_a_month_begins_where_the_city_is() -> None:
    late = datetime(2026, 10, 31, 21, 0, tzinfo=UTC)  # one in the morning of November in Dubai
    assert month_of(late, timezone="Asia/Dubai") == datetime(2026, 10, 31, 20, 0, tzinfo=UTC)
    assert month_of(late, timezone="UTC") == datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (
            CommissionPlan(
                rate_bp=1,
                tiers=(Tier(from_minor=5, rate_bp=1), Tier(from_minor=5, rate_bp=2)),
            ),
            "commission.tiers_not_ascending",
        ),
        (CommissionPlan(rate_bp=1, least_minor=2, most_minor=1), "commission.limits_crossed"),
    ],
)
async def test_a_plan_makes_sense(
    tx: Tx, town: Any, by: By, plan: CommissionPlan, code: str
) -> None:
    refused = await planned(tx, town, by, plan)
    assert isinstance(refused, Refusal)
    assert refused.code == code


async def planned(
    tx: Tx, town: Any, by: By, plan: CommissionPlan, starts_at: datetime | None = None
) -> PlannedCommission | Refusal:
    command = PlanCommission(
        by=by, merchant_id=town.grill.id, plan=plan, starts_at=starts_at, reason="agreed"
    )
    (outcome,) = await public.plan_commission(tx, [command])
    return outcome


async def test_a_quote_keeps_the_plan_and_the_rate_that_counted(
    tx: Tx, town: Any, ask: Ask, by: By
) -> None:
    before = await issued(tx, ask(town))
    assert (before.commission_plan_id, before.commission_bp) == (None, 1_500)
    plan = await planned(tx, town, by, replace(FLAT, fixed_minor=100))
    assert isinstance(plan, PlannedCommission)
    after = await issued(tx, ask(town))
    assert (after.commission_plan_id, after.commission_bp) == (plan.id, 1_000)
    assert after.shares.commission_minor == 700
    assert after.shares.merchant_minor == 5_300
    assert await public.quote(tx, quote_id=after.id, customer_id=after.customer_id) == after
    taken = await take(tx, before, by)
    assert isinstance(taken, Quote)
    assert taken.shares == before.shares, "what binds, binds"


async def test_plans_follow_each_other_and_the_newest_of_one_start_counts(
    database: Database, standing_town: Any, ask: Ask, by: By, clock: VirtualClock
) -> None:
    town = standing_town
    tomorrow = NOON + timedelta(days=1)
    async with database.transaction() as tx:
        await planned(tx, town, by, FLAT, starts_at=tomorrow)
        corrected = await planned(tx, town, by, replace(FLAT, rate_bp=900), starts_at=tomorrow)
        early = await issued(tx, ask(town))
        refused = await planned(tx, town, by, FLAT, starts_at=tx.now - timedelta(seconds=1))
    assert early.commission_plan_id is None
    assert isinstance(refused, Refusal)
    assert refused.code == "commission.starts_in_the_past"
    assert isinstance(corrected, PlannedCommission)
    clock.advance(tomorrow - NOON)
    async with database.transaction() as tx:
        assert (await issued(tx, ask(town))).commission_plan_id == corrected.id


async def test_tiers_go_by_what_was_ordered_this_month(
    database: Database, standing_town: Any, ask: Ask, by: By, clock: VirtualClock
) -> None:
    town = standing_town
    tiered = replace(FLAT, tiers=(Tier(from_minor=6_000, rate_bp=500),))
    async with database.transaction() as tx:
        await planned(tx, town, by, tiered)
        first = await issued(tx, ask(town))
        asked = await issued(tx, ask(town))
        assert asked.commission_bp == 1_000, "asking is not ordering"
        await take(tx, first, by)
        second = await issued(tx, ask(town))
        assert (second.commission_bp, second.shares.commission_minor) == (500, 300)
    clock.advance(timedelta(days=30))
    async with database.transaction() as tx:
        assert (await issued(tx, ask(town))).commission_bp == 1_000, "a new month"


async def test_what_was_planned_stays_on_record(tx: Tx, town: Any, by: By) -> None:
    await planned(tx, town, by, FLAT)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await tx.execute("update pricing.commission_plan set reason = 'other'")


async def test_operations_plans_and_sees_what_was_planned(
    serve: Any, callers: Any, standing_town: Any
) -> None:
    client = await serve(routes)
    address = f"/v4/admin/merchants/{standing_town.grill.id}/commission-plans"

    def of(role: Role) -> dict[str, str]:
        token = callers.token(
            role.value, *identity.PERMISSIONS[role], location_id=standing_town.grill.id
        )
        return {"Authorization": f"Bearer {token}"}

    admin = of(Role.ADMIN)
    set_ = await client.post(address, json=EXAMPLE, headers=admin)
    assert set_.status_code == 201, set_.text
    assert set_.json()["data"]["plan"] == EXAMPLE["plan"]
    again = await client.post(address, json={**EXAMPLE, "reason": "once more"}, headers=admin)
    listed = await client.get(address, headers=admin)
    assert listed.json()["data"] == [again.json()["data"], set_.json()["data"]]
    assert (await client.post(address, json=EXAMPLE, headers=of(Role.MERCHANT))).status_code == 403
    crossed = {**EXAMPLE, "plan": {**EXAMPLE["plan"], "most_minor": 1}}
    refused = await client.post(address, json=crossed, headers={**admin, "Accept-Language": "ar"})
    assert refused.status_code == 422
    assert "للعمولة" in refused.text
