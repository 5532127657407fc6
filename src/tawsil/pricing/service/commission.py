"""Planning commissions, and what counts for merchants now."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tawsil.catalog import public as catalog
from tawsil.catalog.public import Merchant
from tawsil.geography.public import City
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, accepted, refuse
from tawsil.pricing.model import commission as model
from tawsil.pricing.model.commission import Agreed, CommissionPlan, PlannedCommission
from tawsil.pricing.store import commission as store


class PlanCommission(Command, frozen=True, kw_only=True):
    """From an instant on, or (None) from now on."""

    merchant_id: UUID
    plan: CommissionPlan
    starts_at: datetime | None = None
    reason: str


async def plan(tx: Tx, commands: Sequence[PlanCommission]) -> list[PlannedCommission | Refusal]:
    merchants: dict[UUID, Merchant] = {}
    for tenant_id in {c.by.tenant_id for c in commands}:
        wanted = [c.merchant_id for c in commands if c.by.tenant_id == tenant_id]
        merchants |= await catalog.merchants(tx, tenant_id=tenant_id, ids=wanted)
    decisions = [_decide(tx, c, merchants.get(c.merchant_id)) for c in commands]
    await store.insert(tx, [d.state for d in accepted(decisions)])
    await tx.record(
        [(c, d) for c, d in zip(commands, decisions, strict=True) if isinstance(d, Accepted)]
    )
    return [d.state if isinstance(d, Accepted) else d for d in decisions]


def _decide(
    tx: Tx, command: PlanCommission, merchant: Merchant | None
) -> Decision[PlannedCommission]:
    if merchant is None or merchant.tenant_id != command.by.tenant_id:
        return refuse("request.not_found", status=404)
    planned = PlannedCommission(
        id=tx.ids(),
        tenant_id=merchant.tenant_id,
        city_id=merchant.city_id,
        merchant_id=merchant.id,
        starts_at=command.starts_at or tx.now,
        plan=command.plan,
        reason=command.reason,
        set_at=tx.now,
        set_by_id=command.by.actor_id,
    )
    return model.plan(planned, now=tx.now)


async def agreed(tx: Tx, *, sellers: Iterable[tuple[Merchant, City]]) -> dict[UUID, Agreed]:
    """By merchant: its plan, or else its own percentage, or else the city's."""
    asked = {merchant.id: (merchant, city) for merchant, city in sellers}
    plans = await store.in_force(tx, merchant_ids=list(asked), at=tx.now)
    sold = await store.turnovers(
        tx,
        since={
            id_: model.month_of(tx.now, timezone=asked[id_][1].timezone)
            for id_, planned in plans.items()
            if planned.plan.tiers
        },
    )
    return {
        id_: Agreed(plan_id=plans[id_].id, plan=plans[id_].plan, turnover_minor=sold.get(id_, 0))
        if id_ in plans
        else Agreed(plan=model.usual(rules=city.rules, own_bp=merchant.commission_bp))
        for id_, (merchant, city) in asked.items()
    }


async def history(
    tx: Tx, *, merchant_id: UUID, limit: int, offset: int
) -> tuple[list[PlannedCommission], int]:
    """What was planned for a merchant, the latest to begin first."""
    return await store.planned(tx, merchant_id=merchant_id, limit=limit, offset=offset)
