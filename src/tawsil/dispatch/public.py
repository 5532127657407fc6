"""What other contexts may ask of dispatch."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tawsil.dispatch import store
from tawsil.dispatch.events import PayParts
from tawsil.dispatch.model import (
    TO_COLLECT,
    Action,
    Delivery,
    Etas,
    Load,
    Offer,
    OfferState,
    Rules,
    State,
)
from tawsil.dispatch.model.performance import Standing
from tawsil.dispatch.model.policies import (
    LIVE_POLICY,
    Finding,
    LivePolicy,
    Metrics,
    PolicyVersion,
    Trial,
)
from tawsil.dispatch.model.zones import ZoneHealth
from tawsil.dispatch.planning import Policy, Services, TravelTimes
from tawsil.dispatch.service import doubts, journal, offers, reassignment, requests, steps, ticking
from tawsil.dispatch.service.contesting import on_due_incident
from tawsil.dispatch.service.doubts import (
    GiveBack,
    on_courier_unavailable,
    on_vehicle_safe,
    on_vehicle_unsafe,
)
from tawsil.dispatch.service.handlers import (
    on_done,
    on_due_delivery,
    on_due_offer,
    on_geofence,
    on_given_up,
)
from tawsil.dispatch.service.journal import (
    Considered,
    Decided,
    Explanation,
    Held,
    LeftOut,
    Told,
    decisions_between,
    policies_between,
    reproduces,
    requested_between,
)
from tawsil.dispatch.service.observing import on_performance
from tawsil.dispatch.service.offers import Answer
from tawsil.dispatch.service.outlook import ACCEPTANCE_WITHIN, Outlooks
from tawsil.dispatch.service.performance import standing
from tawsil.dispatch.service.policies import (
    TRIAL,
    AskForTrial,
    CreatePolicy,
    SetLivePolicy,
    TrialJob,
    TrialTask,
    begin_trial,
    finish_trial,
    live_policy,
    policy_version,
    trial_task,
    with_weights,
)
from tawsil.dispatch.service.pressure import sense
from tawsil.dispatch.service.reassignment import Reassign
from tawsil.dispatch.service.requests import MoveReadyTime, RequestCourier, Withdraw
from tawsil.dispatch.service.rules import SetRules, set_rules
from tawsil.dispatch.service.steps import Arrival, Step
from tawsil.dispatch.service.ticking import Tick
from tawsil.dispatch.service.travel import OnMap
from tawsil.dispatch.service.zones import zone_health
from tawsil.dispatch.store import DecisionLine, policy_rows
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal

__all__ = [
    "LIVE_POLICY",
    "TO_COLLECT",
    "TRIAL",
    "Action",
    "Answer",
    "Arrival",
    "AskForTrial",
    "Considered",
    "CreatePolicy",
    "Decided",
    "DecisionLine",
    "Delivery",
    "Etas",
    "Explanation",
    "Finding",
    "GiveBack",
    "Held",
    "LeftOut",
    "LivePolicy",
    "Load",
    "Metrics",
    "MoveReadyTime",
    "Offer",
    "OfferState",
    "OnMap",
    "Outlooks",
    "PayParts",
    "Policy",
    "PolicyVersion",
    "Reassign",
    "RequestCourier",
    "Rules",
    "Services",
    "SetLivePolicy",
    "SetRules",
    "Standing",
    "State",
    "Step",
    "Tick",
    "Told",
    "TravelTimes",
    "Trial",
    "TrialJob",
    "TrialTask",
    "Withdraw",
    "ZoneHealth",
    "accept",
    "acceptance_rates",
    "arrived",
    "begin_trial",
    "by_ids",
    "decision",
    "decisions_between",
    "delivered",
    "explanation",
    "failed",
    "finish_trial",
    "give_back",
    "in_doubt",
    "lately_told",
    "live_policy",
    "live_since",
    "load_of",
    "move_ready_time",
    "of_references",
    "on_courier_unavailable",
    "on_done",
    "on_due_delivery",
    "on_due_incident",
    "on_due_offer",
    "on_geofence",
    "on_given_up",
    "on_performance",
    "on_vehicle_safe",
    "on_vehicle_unsafe",
    "picked_up",
    "policies_between",
    "policy_version",
    "reassign",
    "reject",
    "reproduces",
    "request",
    "requested_between",
    "returned",
    "rules_of",
    "sense",
    "set_rules",
    "standing",
    "tick",
    "trial_task",
    "waiting",
    "with_weights",
    "withdraw",
    "without_courier",
    "zone_health",
]


MOST_TICKS_LOOKED_AT: Final = 50
MOST_WITHOUT_COURIER: Final = 1_000


async def request(tx: Tx, commands: Sequence[RequestCourier]) -> list[Delivery | Refusal]:
    """Look for a courier. The correlation of each command's `By` becomes the delivery's story."""
    return await requests.request(tx, commands)


async def move_ready_time(tx: Tx, commands: Sequence[MoveReadyTime]) -> list[Delivery | Refusal]:
    """The goods will be ready at another time; refused once they are collected."""
    return await requests.move_ready_time(tx, commands)


async def withdraw(tx: Tx, commands: Sequence[Withdraw]) -> list[Delivery | Refusal]:
    """End deliveries that are not collected yet and free who was to collect them."""
    return await requests.withdraw(tx, commands)


async def arrived(tx: Tx, commands: Sequence[Arrival]) -> list[Delivery | Refusal]:
    """The courier is at the door, and says so. Once passed, it is no news."""
    return await steps.arrived(tx, commands)


async def picked_up(tx: Tx, commands: Sequence[Step]) -> list[Delivery | Refusal]:
    return await steps.picked_up(tx, commands)


async def delivered(tx: Tx, commands: Sequence[Step]) -> list[Delivery | Refusal]:
    """After the last of all that the courier carries, the courier is free."""
    return await steps.delivered(tx, commands)


async def failed(tx: Tx, commands: Sequence[Step]) -> list[Delivery | Refusal]:
    """It could not be handed over: the same courier brings it back."""
    return await steps.failed(tx, commands)


async def returned(tx: Tx, commands: Sequence[Step]) -> list[Delivery | Refusal]:
    return await steps.returned(tx, commands)


async def of_references(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    """Deliveries by what their owners call them."""
    return await store.of_references(tx, reference_ids=reference_ids)


async def explanation(tx: Tx, *, reference_id: UUID) -> Explanation | None:
    """Why this courier: the newest tick that told one of the delivery, else the newest at all."""
    found = (await store.of_references(tx, reference_ids=[reference_id])).get(reference_id)
    if found is None:
        return None
    rows, _ = await store.decisions_about(
        tx, delivery_id=found.id, limit=MOST_TICKS_LOOKED_AT, offset=0
    )
    explained = [journal.explained(row, delivery_id=found.id) for row in rows]
    return next((e for e in explained if e.told), explained[0] if explained else None)


async def decision(tx: Tx, *, tenant_id: UUID, id_: UUID) -> Decided | None:
    """A tick, whole; None when it is not there or another tenant's."""
    row = await store.decision(tx, tenant_id=tenant_id, id_=id_)
    return None if row is None else journal.read(row)


async def lately_told(
    tx: Tx, *, tenant_id: UUID, city_id: UUID, limit: int
) -> Sequence[DecisionLine]:
    """The latest ticks of a city that told somebody something, newest first."""
    return await store.lately_told(tx, tenant_id=tenant_id, city_id=city_id, limit=limit)


async def by_ids(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    return await store.deliveries(tx, ids=ids)


async def load_of(tx: Tx, *, city_id: UUID) -> Load | None:
    """A city's load as last measured; None when it never was."""
    return await store.load_of(tx, city_id=city_id)


async def rules_of(tx: Tx, *, city_id: UUID) -> Rules:
    """The rules in force; the defaults where none were set."""
    return (await store.rules_in_force(tx, city_ids=[city_id]))[city_id]


async def live_since(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> LivePolicy | None:
    """Which policy a city chose last, when, and who did; None when it goes by the default."""
    lived, _ = await policy_rows.live_history(
        tx, tenant_id=tenant_id, city_id=city_id, limit=1, offset=0
    )
    return lived[0] if lived else None


async def without_courier(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> list[Delivery]:
    """Deliveries of a city that nobody has, those searched for longest first."""
    found, _ = await store.unassigned(
        tx, tenant_id=tenant_id, city_id=city_id, limit=MOST_WITHOUT_COURIER, offset=0
    )
    return found


async def in_doubt(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> list[Delivery]:
    """Deliveries whose courier may be lost, and those that an operator gave to theirs just now."""
    return await store.in_doubt(tx, tenant_id=tenant_id, city_id=city_id, now=tx.now)


async def waiting(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> list[Delivery]:
    """Deliveries of a city that nobody has or is being asked about, ordered by id."""
    return await store.waiting(tx, tenant_id=tenant_id, city_id=city_id)


async def accept(tx: Tx, commands: Sequence[Answer]) -> list[Offer | Refusal]:
    """The courier takes what was offered; exactly one answer to an offer counts."""
    return await offers.accept(tx, commands)


async def acceptance_rates(tx: Tx) -> dict[UUID, float]:
    """By city, the share of yeses among the offers of the last hour; not of those taken back."""
    return await store.acceptance(tx, within=ACCEPTANCE_WITHIN)


async def reject(tx: Tx, commands: Sequence[Answer]) -> list[Offer | Refusal]:
    return await offers.reject(tx, commands)


async def give_back(tx: Tx, commands: Sequence[GiveBack]) -> list[Delivery | Refusal]:
    """A courier cancels what they have not collected."""
    return await doubts.give_back(tx, commands)


async def reassign(tx: Tx, commands: Sequence[Reassign]) -> list[Delivery | Refusal]:
    """By hand: to a courier, or back to the search; refused once it is collected."""
    return await reassignment.reassign(tx, commands)


async def tick(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID,
    travel: TravelTimes | geography.TravelTimes,
    policy: Policy = LIVE_POLICY,
    auto_accept: bool = False,
    outlooks: Outlooks | None = None,
) -> Tick:
    """Decide for one city, now; `auto_accept` has every offer accepted in the same breath.

    `travel` is geography's maps port, or anything else that measures as the planner asks.
    """
    return await ticking.tick(
        tx,
        tenant_id=tenant_id,
        city_id=city_id,
        travel=OnMap(travel) if callable(travel) else travel,
        policy=policy,
        auto_accept=auto_accept,
        outlooks=outlooks,
    )
