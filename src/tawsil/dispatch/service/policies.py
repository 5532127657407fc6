"""Policies are made, tried for a simulated week, and set live in a city."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch.model import Rules
from tawsil.dispatch.model import policies as model
from tawsil.dispatch.model.policies import (
    LIVE_POLICY,
    LivePolicy,
    Metrics,
    PolicyVersion,
    Trial,
)
from tawsil.dispatch.planning import Policy
from tawsil.dispatch.service.requests import unknown
from tawsil.dispatch.store import policy_rows as store
from tawsil.dispatch.store import rule_rows
from tawsil.geography import public as geography
from tawsil.kernel.db import Job, Tx
from tawsil.kernel.decisions import Accepted, Command, Refusal, refuse

TRIAL: Final = "dispatch.trial"


class CreatePolicy(Command, frozen=True, kw_only=True):
    """Weights left out are those of the newest version of that name, or else the default's."""

    name: str
    weights: Mapping[str, Any]
    note: str = ""


class AskForTrial(Command, frozen=True, kw_only=True):
    name: str
    number: int
    city_id: UUID
    seed: int


class SetLivePolicy(Command, frozen=True, kw_only=True):
    city_id: UUID
    name: str
    number: int
    override_reason: str | None = None


class TrialJob(Struct, frozen=True):
    """Live through the weeks of a trial."""

    trial_id: UUID


class TrialTask(Struct, frozen=True, kw_only=True):
    """What a trial is to live through, and under what."""

    trial: Trial
    candidate: Policy
    live: Policy
    rules: Rules


async def create(tx: Tx, commands: Sequence[CreatePolicy]) -> list[PolicyVersion | Refusal]:
    return [await _create(tx, command) for command in commands]


async def _create(tx: Tx, command: CreatePolicy) -> PolicyVersion | Refusal:
    tenant_id, name = command.by.tenant_id, command.name
    if name == LIVE_POLICY.name:
        return refuse("dispatch.policy_name_taken", name=name)
    await store.lock_name(tx, tenant_id=tenant_id, name=name)
    newest = await store.policy(tx, tenant_id=tenant_id, name=name)
    number = newest.number + 1 if newest else 1
    base = newest.policy if newest else LIVE_POLICY
    policy = model.changed(base, command.weights, name=name, number=number)
    if isinstance(policy, Refusal):
        return policy
    weights_hash = model.hash_of_weights(policy)
    if newest is not None and newest.weights_hash == weights_hash:
        return refuse("dispatch.policy_unchanged", name=name, version=newest.number)
    decision = model.create_policy(
        PolicyVersion(
            id=tx.ids(),
            tenant_id=tenant_id,
            name=name,
            number=number,
            policy=policy,
            weights_hash=weights_hash,
            note=command.note,
            created_at=tx.now,
            created_by=command.by.actor_id,
        )
    )
    assert isinstance(decision, Accepted), "weights that are well formed may be kept"
    await store.add_policy(tx, decision.state)
    await tx.record([(command.by, decision)])
    return decision.state


async def ask_for_trial(tx: Tx, commands: Sequence[AskForTrial]) -> list[Trial | Refusal]:
    """Have a worker live through the weeks; the answer is there when the trial has an end."""
    outcomes: list[Trial | Refusal] = []
    for command in commands:
        trial = await begin_trial(tx, command)
        if isinstance(trial, Trial):
            await tx.enqueue(Job(name=TRIAL, payload=TrialJob(trial.id)))
        outcomes.append(trial)
    return outcomes


async def begin_trial(tx: Tx, command: AskForTrial) -> Trial | Refusal:
    """A trial that whoever calls lives through themselves."""
    tenant_id = command.by.tenant_id
    city = await geography.city_of(tx, tenant_id=tenant_id, city_id=command.city_id)
    version = await store.policy(tx, tenant_id=tenant_id, name=command.name, number=command.number)
    if version is None or city is None:
        return unknown()
    trial = Trial(
        id=tx.ids(),
        tenant_id=tenant_id,
        city_id=city.id,
        policy_id=version.id,
        weights_hash=version.weights_hash,
        seed=command.seed,
        asked_at=tx.now,
        asked_by=command.by.actor_id,
    )
    await store.add_trial(tx, trial)
    return trial


async def trial_task(tx: Tx, *, trial_id: UUID) -> TrialTask | None:
    """What is to be done for a trial; nothing once it is over."""
    trial = await store.trial(tx, id_=trial_id)
    if trial is None or trial.finished_at is not None:
        return None
    version = await store.policy_by_id(tx, id_=trial.policy_id)
    assert version is not None, "a policy that was tried stays"
    rules = await rule_rows.rules_in_force(tx, city_ids=[trial.city_id])
    return TrialTask(
        trial=trial,
        candidate=version.policy,
        live=await live_policy(tx, city_id=trial.city_id),
        rules=rules[trial.city_id],
    )


async def finish_trial(tx: Tx, *, task: TrialTask, candidate: Metrics, live: Metrics) -> Trial:
    """Judge the weeks. Finishing twice leaves what stands."""
    findings = model.judge(candidate=candidate, live=live)
    finished = replace(
        task.trial,
        finished_at=tx.now,
        against=f"{task.live.name}:{task.live.version}",
        candidate=candidate,
        live=live,
        passed=all(finding.passed for finding in findings),
        reasons=findings,
    )
    if await store.finish_trial(tx, finished):
        return finished
    stands = await store.trial(tx, id_=finished.id)
    assert stands is not None, "a trial stays"
    return stands


async def set_live(tx: Tx, commands: Sequence[SetLivePolicy]) -> list[LivePolicy | Refusal]:
    return [await _set_live(tx, command) for command in commands]


async def _set_live(tx: Tx, command: SetLivePolicy) -> LivePolicy | Refusal:
    tenant_id = command.by.tenant_id
    city = await geography.city_of(tx, tenant_id=tenant_id, city_id=command.city_id)
    version = await store.policy(tx, tenant_id=tenant_id, name=command.name, number=command.number)
    if version is None or city is None:
        return unknown()
    lives, _ = await store.live_history(tx, tenant_id=tenant_id, city_id=city.id, limit=1, offset=0)
    if lives and lives[0].policy_id == version.id:
        return refuse("dispatch.policy_is_live", name=version.name, version=version.number)
    trial = await store.last_trial(tx, city_id=city.id, weights_hash=version.weights_hash)
    decision = model.set_live(
        LivePolicy(
            id=tx.ids(),
            tenant_id=tenant_id,
            city_id=city.id,
            policy_id=version.id,
            name=version.name,
            number=version.number,
            since_at=tx.now,
            set_by=command.by.actor_id,
            reason=command.override_reason or "",
            override=command.override_reason is not None,
        ),
        trial=trial,
    )
    if isinstance(decision, Refusal):
        return decision
    await store.add_live(tx, decision.state)
    await tx.record([(command.by, decision)])
    return decision.state


async def live_policy(tx: Tx, *, city_id: UUID) -> Policy:
    """What a city decides by; the default where none was chosen."""
    return await store.live_weights(tx, city_id=city_id) or LIVE_POLICY


async def policy_version(
    tx: Tx, *, tenant_id: UUID, name: str, number: int | None = None
) -> PolicyVersion | None:
    """A version of a policy; without a number the newest."""
    return await store.policy(tx, tenant_id=tenant_id, name=name, number=number)


def with_weights(policy: Policy, weights: Mapping[str, Any], *, name: str) -> Policy | Refusal:
    """A policy that nobody keeps, for a trial of an idea."""
    return model.changed(policy, weights, name=name, number=policy.version)
