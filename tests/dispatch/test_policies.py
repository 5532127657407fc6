"""Policies: versions that never change, a gate before they are live, and what a city decides by."""

from math import inf
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import EVENTS
from tawsil.dispatch.model import policies as model
from tawsil.dispatch.public import (
    LIVE_POLICY,
    AskForTrial,
    CreatePolicy,
    Metrics,
    Policy,
    PolicyVersion,
    SetLivePolicy,
    TrialJob,
)
from tawsil.dispatch.routes import routes
from tawsil.dispatch.service import policies
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.events import Registry
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place

Client = Any
GOOD = Metrics(
    orders=1000,
    delivered=999,
    click_to_door_min=25.0,
    click_to_door_p90_min=40.0,
    ready_to_pickup_min=2.0,
    courier_wait_min=3.0,
    unassigned_pct=1.0,
    time_to_assign_p95_s=9.0,
    acceptance_pct=90.0,
    km_per_order=4.0,
    pay_per_order_minor=1100.0,
    orders_per_trip=1.1,
)


async def a_city(tx: Tx, by: By, id_: UUID) -> geography.City:
    if await geography.tenant(tx, slug="some") is None:
        tenant = geography.Tenant(id=by.tenant_id, slug="some", name="Some")
        await geography.create_tenant(tx, tenant=tenant)
    city = geography.City(
        id=id_,
        tenant_id=by.tenant_id,
        slug=f"city-{id_.hex[-4:]}",
        name_en="City",
        name_ar="مدينة",
        currency="AED",
        timezone="UTC",
        centre=Place(25.2, 55.27),
    )
    await geography.create_city(tx, city=city)
    return city


@pytest.fixture
async def city_id(tx: Tx, by: By, ids: Ids) -> UUID:
    return (await a_city(tx, by, ids())).id


async def made(tx: Tx, by: By, name: str = "evening", **weights: Any) -> Any:
    (outcome,) = await policies.create(tx, [CreatePolicy(by=by, name=name, weights=weights)])
    return outcome


async def tried(tx: Tx, by: By, city_id: UUID, name: str, number: int, week: Metrics) -> Any:
    ask = AskForTrial(by=by, name=name, number=number, city_id=city_id, seed=7)
    trial = await dispatch.begin_trial(tx, ask)
    assert not isinstance(trial, Refusal), trial
    task = await dispatch.trial_task(tx, trial_id=trial.id)
    assert task is not None
    return await dispatch.finish_trial(tx, task=task, candidate=week, live=GOOD)


async def lives(
    tx: Tx, by: By, city_id: UUID, name: str, number: int, *, why: str | None = None
) -> Any:
    command = SetLivePolicy(by=by, city_id=city_id, name=name, number=number, override_reason=why)
    (outcome,) = await policies.set_live(tx, [command])
    return outcome


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


# Weights


def test_only_the_named_weights_change():
    policy = model.changed(
        LIVE_POLICY, {"lead_s": 120, "services": {"pickup_s": 90}}, name="mine", number=4
    )
    assert isinstance(policy, Policy)
    assert (policy.name, policy.version, policy.lead_s) == ("mine", 4, 120.0)
    assert (policy.services.pickup_s, policy.services.dropoff_s) == (90.0, 120.0)
    kept = replace(LIVE_POLICY, name="mine", version=4, lead_s=120.0, services=policy.services)
    assert policy == kept


@pytest.mark.parametrize(
    ("weights", "refusal"),
    [
        ({"speed": 9}, "dispatch.policy_unknown_weight"),
        ({"services": {"lunch_s": 9}}, "dispatch.policy_unknown_weight"),
        ({"name": "other"}, "dispatch.policy_unknown_weight"),
        ({"services": 9}, "dispatch.policy_unknown_weight"),
        ({"lead_s": {"a": 1}}, "dispatch.policy_unknown_weight"),
        ({"lead_s": "long"}, "dispatch.policy_bad_weight"),
        ({"bundle_max": 2.5}, "dispatch.policy_bad_weight"),
        ({"moves": 1}, "dispatch.policy_bad_weight"),
        ({"lead_s": -1}, "dispatch.policy_weight_out_of_range"),
        ({"bundle_max": 0}, "dispatch.policy_weight_out_of_range"),
        ({"lead_s": inf}, "dispatch.policy_weight_out_of_range"),
        ({"services": {"pickup_s": 1e9}}, "dispatch.policy_weight_out_of_range"),
    ],
)
def test_mistakes_in_weights_are_refused(weights: dict[str, Any], refusal: str):
    assert code(model.changed(LIVE_POLICY, weights, name="mine", number=1)) == refusal


@given(lead_s=st.floats(0, 86_400), idle=st.floats(0, 1), bundle_max=st.integers(1, 10))
def test_stored_weights_are_the_same_weights(lead_s: float, idle: float, bundle_max: int):
    weights = {"lead_s": lead_s, "idle": idle, "bundle_max": bundle_max}
    policy = model.changed(LIVE_POLICY, weights, name="mine", number=1)
    assert isinstance(policy, Policy)
    assert model.policy_of(model.weights_of(policy), name="mine", number=1) == policy
    renamed = replace(policy, name="yours", version=9)
    assert model.hash_of_weights(renamed) == model.hash_of_weights(policy)


def test_every_weight_counts_in_the_hash():
    hashes = {model.hash_of_weights(LIVE_POLICY)}
    for name, value in model.weights_of(LIVE_POLICY).items():
        if isinstance(value, float):
            hashes.add(model.hash_of_weights(replace(LIVE_POLICY, **{name: value + 0.5})))
    assert len(hashes) > 10


# The verdict


def test_a_week_as_good_as_what_is_live_is_passed():
    assert all(finding.passed for finding in model.judge(candidate=GOOD, live=GOOD))


@pytest.mark.parametrize(
    ("worse", "check"),
    [
        ({"unassigned_pct": 5.0}, "unassigned"),
        ({"delivered": 980}, "undelivered"),
        ({"click_to_door_min": 26.1}, "click_to_door"),
        ({"click_to_door_p90_min": 43.1}, "click_to_door_p90"),
        ({"acceptance_pct": 86.0}, "acceptance"),
    ],
)
def test_a_week_that_is_worse_is_not(worse: dict[str, Any], check: str):
    findings = model.judge(candidate=replace(GOOD, **worse), live=GOOD)
    assert [finding.check for finding in findings if not finding.passed] == [check]


# Versions


async def test_versions_count_up_from_what_was_there(tx: Tx, by: By):
    first = await made(tx, by, lead_s=120)
    second = await made(tx, by, bundle_max=2)
    other = await made(tx, by, "morning")
    assert [(p.name, p.number) for p in (first, second, other)] == [
        ("evening", 1),
        ("evening", 2),
        ("morning", 1),
    ]
    assert (second.policy.lead_s, second.policy.bundle_max) == (120.0, 2)
    assert other.policy == replace(LIVE_POLICY, name="morning", version=1)
    assert code(await made(tx, by, lead_s=120)) == "dispatch.policy_unchanged"


async def test_the_default_keeps_its_name(tx: Tx, by: By):
    assert code(await made(tx, by, LIVE_POLICY.name)) == "dispatch.policy_name_taken"


async def test_a_version_never_changes(tx: Tx, by: By):
    version = await made(tx, by, lead_s=120)
    with pytest.raises(asyncpg.RaiseError, match="never changes"):
        async with tx.savepoint():
            await tx.execute("update dispatch.policy set weights = '{}' where true")
    found = await dispatch.policy_version(tx, tenant_id=by.tenant_id, name="evening", number=1)
    assert found == version


async def test_another_tenant_has_policies_of_its_own(tx: Tx, by: By, ids: Ids, city_id: UUID):
    await made(tx, by)
    stranger = By(tenant_id=ids(), correlation_id=ids())
    assert await dispatch.policy_version(tx, tenant_id=stranger.tenant_id, name="evening") is None
    theirs = await made(tx, stranger)
    assert isinstance(theirs, PolicyVersion)
    assert code(await lives(tx, stranger, city_id, "evening", 1, why="x")) == "request.not_found"


# The gate


async def test_an_untried_policy_is_not_set_live(tx: Tx, by: By, city_id: UUID):
    await made(tx, by, lead_s=120)
    assert code(await lives(tx, by, city_id, "evening", 1)) == "dispatch.policy_not_tried"
    assert await dispatch.live_policy(tx, city_id=city_id) == LIVE_POLICY


async def test_a_passed_week_opens_the_gate(tx: Tx, by: By, city_id: UUID):
    version = await made(tx, by, lead_s=120)
    trial = await tried(tx, by, city_id, "evening", 1, GOOD)
    assert (trial.passed, trial.against) == (True, "just_in_time_live:1")
    live = await lives(tx, by, city_id, "evening", 1)
    assert (live.override, live.since_at) == (False, tx.now)
    assert await dispatch.live_policy(tx, city_id=city_id) == version.policy
    assert code(await lives(tx, by, city_id, "evening", 1)) == "dispatch.policy_is_live"
    await made(tx, by, lead_s=130)
    next_trial = await tried(tx, by, city_id, "evening", 2, GOOD)
    assert next_trial.against == "evening:1"


async def test_a_failed_week_closes_it_and_the_newest_counts(tx: Tx, by: By, city_id: UUID):
    await made(tx, by, lead_s=120)
    await tried(tx, by, city_id, "evening", 1, GOOD)
    trial = await tried(tx, by, city_id, "evening", 1, replace(GOOD, unassigned_pct=9.0))
    assert [f.check for f in trial.reasons if not f.passed] == ["unassigned"]
    assert code(await lives(tx, by, city_id, "evening", 1)) == "dispatch.policy_failed_trial"


async def test_a_week_counts_for_the_same_weights_and_city_alone(
    tx: Tx, by: By, ids: Ids, city_id: UUID
):
    elsewhere = (await a_city(tx, by, ids())).id
    await made(tx, by, lead_s=120)
    await tried(tx, by, city_id, "evening", 1, GOOD)
    await made(tx, by, lead_s=130)
    assert code(await lives(tx, by, city_id, "evening", 2)) == "dispatch.policy_not_tried"
    assert code(await lives(tx, by, elsewhere, "evening", 1)) == "dispatch.policy_not_tried"
    await made(tx, by, "twin", lead_s=120)
    assert isinstance(await lives(tx, by, city_id, "twin", 1), dispatch.LivePolicy)


async def test_an_operator_may_override_with_a_reason(tx: Tx, by: By, city_id: UUID):
    await made(tx, by, lead_s=120)
    live = await lives(tx, by, city_id, "evening", 1, why="the old one asks nobody")
    assert (live.override, live.reason) == (True, "the old one asks nobody")
    types = [row["type"] for row in await tx.rows("select type from kernel.event order by seq")]
    assert types == ["policy.created.v1", "policy.set_live.v1"]


async def test_a_trial_is_finished_once(tx: Tx, by: By, city_id: UUID):
    await made(tx, by, lead_s=120)
    ask = AskForTrial(by=by, name="evening", number=1, city_id=city_id, seed=7)
    trial = await dispatch.begin_trial(tx, ask)
    assert not isinstance(trial, Refusal)
    task = await dispatch.trial_task(tx, trial_id=trial.id)
    assert task is not None
    first = await dispatch.finish_trial(tx, task=task, candidate=GOOD, live=GOOD)
    worse = replace(GOOD, unassigned_pct=50.0)
    assert await dispatch.finish_trial(tx, task=task, candidate=worse, live=GOOD) == first
    assert await dispatch.trial_task(tx, trial_id=trial.id) is None


# Over HTTP


@pytest.fixture
async def client(serve: Any) -> Client:
    return await serve(routes, registry=Registry(EVENTS))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def admin(callers: Any) -> dict[str, str]:
    return bearer(callers.token("admin", "order:*", "system:*"))


async def test_from_an_idea_to_live_over_http(
    client: Client, database: Database, admin: dict[str, str], by: By, ids: Ids, jobs: HeldJobs
):
    async with database.transaction() as tx:
        city = await a_city(tx, by, ids())
    body = {"name": "evening", "weights": {"lead_s": 150}, "note": "told earlier"}
    created = await client.post("/v4/dispatch/policies", headers=admin, json=body)
    assert (created.status_code, created.json()["data"]["version"]) == (201, 1)
    assert created.json()["data"]["weights"]["lead_s"] == 150
    wanted = {"name": "evening", "version": 1}
    path = f"/v4/dispatch/cities/{city.id}/policy"
    early = await client.put(path, headers=admin, json=wanted)
    assert early.status_code == 409
    assert "/v4/dispatch/policies/evening/versions/1/trial" in early.json()["errors"][0]["message"]

    version = "/v4/dispatch/policies/evening/versions/1"
    asked = await client.post(f"{version}/trial", headers=admin, json={"city_id": str(city.id)})
    assert (asked.status_code, asked.json()["data"]["finished_at"]) == (202, None)
    (job,) = jobs.waiting
    assert job.name == "dispatch.trial"
    assert isinstance(job.payload, TrialJob)
    async with database.transaction() as tx:
        task = await dispatch.trial_task(tx, trial_id=job.payload.trial_id)
        assert task is not None
        await dispatch.finish_trial(tx, task=task, candidate=GOOD, live=GOOD)
    shown = (await client.get(version, headers=admin)).json()["data"]
    (trial,) = shown["trials"]
    assert (trial["passed"], len(trial["findings"])) == (True, 5)
    assert "1.0 %" in trial["findings"][0]["sentence"]

    live = await client.put(path, headers=admin, json=wanted)
    assert (live.status_code, live.json()["data"]["override"]) == (200, False)
    history = (await client.get(path, headers=admin)).json()
    names = [(entry["name"], entry["since_at"] is None) for entry in history["data"]]
    assert names == [("evening", False), ("just_in_time_live", True)]
    listed = (await client.get("/v4/dispatch/policies", headers=admin)).json()["data"]
    assert [entry["note"] for entry in listed] == ["told earlier"]


async def test_bad_input_says_what_to_do(
    client: Client, admin: dict[str, str], callers: Any, ids: Ids
):
    post = "/v4/dispatch/policies"
    wrong = await client.post(post, headers=admin, json={"name": "x", "weights": {"speed": 1}})
    assert wrong.status_code == 422
    assert "lead_s" in wrong.json()["errors"][0]["message"]
    named = await client.post(post, headers=admin, json={"name": "Not A Name"})
    assert named.status_code in {400, 422}
    nowhere = {"name": "evening", "version": 1}
    path = f"/v4/dispatch/cities/{ids()}/policy"
    assert (await client.put(path, headers=admin, json=nowhere)).status_code == 404
    assert (await client.get(path, headers=admin)).status_code == 404
    for number in (0, 9, 10**12):
        missing = await client.get(f"{post}/evening/versions/{number}", headers=admin)
        assert missing.status_code == 404
    support = bearer(callers.token("support_staff", "order:read"))
    assert (await client.get(post, headers=support)).status_code == 403
    reader = bearer(callers.token("admin", "order:*"))
    assert (await client.get(post, headers=reader)).status_code == 200
    assert (await client.post(post, headers=reader, json={"name": "x"})).status_code == 403
