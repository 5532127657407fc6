from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from experiments.conftest import CITY, EAST, WEST
from tawsil.experiments import public
from tawsil.experiments.public import Observation
from tawsil.experiments.routes import routes
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines

TENANT = UUID("01900000-0000-7000-8000-000000000001")


@pytest.fixture
async def client(serve: Any) -> Any:
    return await serve(routes)


@pytest.fixture
def admin(callers: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('admin', 'system:*')}"}


@pytest.fixture
def body(clock: VirtualClock) -> dict[str, Any]:
    starts_at = clock() + timedelta(hours=1)
    return {
        "city_id": str(CITY),
        "name": "Thrifty or not",
        "arms": ["swift@2", "thrifty@1"],
        "metrics": [
            {"name": "door_to_door_s", "worse_by_most": 60},
            {"name": "pay_minor"},
            {"name": "undelivered", "worse_by_most": 0.01},
        ],
        "units": [str(WEST), str(EAST)],
        "block_min": 120,
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(days=7)).isoformat(),
        "seed": 42,
    }


@pytest.fixture
async def path(client: Any, admin: dict[str, str], body: dict[str, Any]) -> str:
    answer = await client.post("/v4/experiments", json=body, headers=admin)
    assert answer.status_code == 201
    return f"/v4/experiments/{answer.json()['data']['id']}"


@pytest.fixture
async def running(
    client: Any, admin: dict[str, str], path: str, database: Database, clock: VirtualClock
) -> str:
    answer = await client.post(f"{path}/schedule", headers=admin)
    assert answer.json()["data"]["status"] == "scheduled"
    clock.advance(timedelta(hours=1))
    assert await Deadlines({"experiment": public.on_due}).fire(database) == 1
    return path


async def live(database: Database, clock: VirtualClock, ids: Ids, *, effect_s: float) -> None:
    """A week of deliveries that take half an hour, and so much longer under the second arm."""
    random = np.random.default_rng(1)
    start = clock()
    observations: list[Observation] = []
    async with database.transaction() as tx:
        for block in range(7 * 12):
            now = await public.arm_at(
                tx, tenant_id=TENANT, city_id=CITY, at=start + block * timedelta(hours=2)
            )
            assert now is not None
            for zone in (WEST, EAST):
                slow = now.arm_of(zone) == "thrifty@1"
                shock = random.normal(0, 60)
                for _ in range(5):
                    subject_id = ids()
                    values = {
                        "door_to_door_s": 1_800 + shock + random.normal(0, 120) + effect_s * slow,
                        "pay_minor": 1_000 + random.normal(0, 50),
                        "undelivered": 0.0,
                    }
                    observations += [
                        Observation(
                            tenant_id=TENANT,
                            city_id=CITY,
                            zone_id=zone,
                            subject_id=subject_id,
                            started_at=now.block_starts_at + timedelta(minutes=30),
                            metric=metric,
                            value=float(value),
                        )
                        for metric, value in values.items()
                    ]
        assert await public.observe(tx, observations) == len(observations)


async def test_an_experiment_from_draft_to_stop(client: Any, admin: dict[str, str], path: str):
    shown = (await client.get(path, headers=admin)).json()["data"]
    assert (shown["status"], shown["blocks"], shown["seed"]) == ("draft", 84, 42)
    fixed = (await client.post(f"{path}/schedule", headers=admin)).json()["data"]
    assert len(fixed["assignment_sha256"]) == 64
    why = {"cause": "not_needed", "note": "We know by now"}
    stopped = (await client.post(f"{path}/stop", json=why, headers=admin)).json()["data"]
    assert (stopped["status"], stopped["stop_note"]) == ("stopped", "We know by now")
    again = await client.post(f"{path}/schedule", headers=admin)
    assert again.status_code == 409
    listed = (await client.get("/v4/experiments?status=stopped", headers=admin)).json()
    assert [e["id"] for e in listed["data"]] == [shown["id"]]
    assert listed["meta"]["pagination"]["total"] == 1
    other = (await client.get(f"/v4/experiments?city_id={WEST}", headers=admin)).json()
    assert other["data"] == []


async def test_anybody_can_check_the_table(client: Any, admin: dict[str, str], path: str):
    early = await client.get(f"{path}/assignment", headers=admin)
    assert (early.status_code, early.json()["errors"][0]["code"]) == (409, "experiment.not_fixed")
    fixed = (await client.post(f"{path}/schedule", headers=admin)).json()["data"]
    table = await client.get(f"{path}/assignment", headers=admin)
    assert table.headers["content-type"].startswith("text/csv")
    assert sha256(table.content).hexdigest() == fixed["assignment_sha256"]
    assert len(table.text.splitlines()) == 1 + 2 * 84


async def test_the_result_is_told_in_words(
    client: Any,
    admin: dict[str, str],
    running: str,
    database: Database,
    clock: VirtualClock,
    ids: Ids,
):
    await live(database, clock, ids, effect_s=-90)
    early = (await client.get(f"{running}/analysis", headers=admin)).json()["data"]
    assert not early["final"]
    assert early["words"].endswith("decide when it has ended.")
    clock.advance(timedelta(days=7))
    await Deadlines({"experiment": public.on_due}).fire(database)
    result = (await client.get(f"{running}/analysis", headers=admin)).json()["data"]
    time, pay, undelivered = result["metrics"]
    assert result["final"]
    assert result["words"] == time["words"]
    difference = time["difference"]
    assert difference["low"] < -90 < difference["high"] < 0
    assert difference["randomisation_p"] < 0.01
    assert (difference["blocks"], time["control"]["subjects"]) == (168, 420)
    assert (time["verdict"], time["guard"]) == ("better", "kept")
    near, far = -difference["high"] / 60, -difference["low"] / 60
    assert time["words"] == (
        f"door_to_door_s: thrifty@1 is {-difference['effect'] / 60:.1f} min faster than swift@2 "
        f"on average, between {near:.1f} and {far:.1f} min; 168 blocks."
    )
    assert (pay["verdict"], pay["guard"]) == ("unclear", None)
    assert "no difference can be told" in pay["words"]
    assert (undelivered["verdict"], undelivered["guard"]) == ("no_data", "unsure")
    arabic = await client.get(f"{running}/analysis", headers={**admin, "Accept-Language": "ar"})
    assert "أسرع من swift@2" in arabic.json()["data"]["words"]


async def test_a_broken_guard_rail_is_told(
    client: Any,
    admin: dict[str, str],
    running: str,
    database: Database,
    clock: VirtualClock,
    ids: Ids,
):
    await live(database, clock, ids, effect_s=150)
    result = (await client.get(f"{running}/analysis", headers=admin)).json()["data"]
    assert (result["metrics"][0]["verdict"], result["metrics"][0]["guard"]) == ("worse", "broken")
    assert "slower than swift@2" in result["words"]
    assert "worse than the limit of 1.0 min" in result["words"]


async def test_nothing_measured_is_said_so(client: Any, admin: dict[str, str], path: str):
    result = (await client.get(f"{path}/analysis", headers=admin)).json()["data"]
    assert {m["verdict"] for m in result["metrics"]} == {"no_data"}
    assert "too little" in result["words"]


async def test_what_could_be_shown_is_estimated_before(
    client: Any, admin: dict[str, str], path: str
):
    asked = {"subjects_per_block": 10, "block_sd": 60, "subject_sd": 120}
    answer = await client.get(f"{path}/power", params=asked, headers=admin)
    shown = answer.json()["data"]
    assert shown["blocks"] == 168
    assert 30 < shown["least_detectable"] < 40
    none = await client.get(f"{path}/power", headers=admin)
    assert none.status_code == 400


async def test_only_those_who_run_the_platform_see_and_change_it(
    client: Any, admin: dict[str, str], path: str, callers: Any, ids: Ids, body: dict[str, Any]
):
    def bearer(*permissions: str, **fields: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {callers.token('admin', *permissions, **fields)}"}

    watcher, courier = bearer("system:monitor"), bearer("courier:read:own")
    stranger = bearer("system:*", tenant_id=ids())
    assert (await client.get(path, headers=watcher)).status_code == 200
    assert (await client.post(f"{path}/schedule", headers=watcher)).status_code == 403
    assert (await client.get(path, headers=courier)).status_code == 403
    assert (await client.get(path)).status_code == 401
    for address in ("", "/assignment", "/analysis"):
        assert (await client.get(path + address, headers=stranger)).status_code == 404
    assert (await client.post(f"{path}/schedule", headers=stranger)).status_code == 404
    assert (await client.get("/v4/experiments", headers=stranger)).json()["data"] == []
    key = {**admin, "Idempotency-Key": "one"}
    one, two = [await client.post("/v4/experiments", json=body, headers=key) for _ in range(2)]
    assert one.content == two.content


@pytest.mark.parametrize(
    "change",
    [
        {"arms": ["one"]},
        {"arms": ["a,b", "c"]},
        {"arms": ["", "c"]},
        {"metrics": []},
        {"metrics": [{"name": "Not this"}]},
        {"block_min": 9},
        {"starts_at": "2026-12-01T00:00:00"},
        {"name": "a\0b"},
        {"seed": 2**53},
        {"surprise": 1},
    ],
)
async def test_what_makes_no_sense_cannot_be_read(
    client: Any, admin: dict[str, str], body: dict[str, Any], change: dict[str, Any]
):
    answer = await client.post("/v4/experiments", json={**body, **change}, headers=admin)
    assert answer.status_code == 400


async def test_a_refusal_says_what_to_do(client: Any, admin: dict[str, str], body: dict[str, Any]):
    for change, code, words in (
        ({"block_min": 70}, "experiment.block_uneven", "10, 12, 15"),
        ({"ends_at": body["starts_at"]}, "experiment.uneven", "120 minutes"),
        ({"units": [str(WEST)] * 2}, "experiment.repeated", str(WEST)),
    ):
        answer = await client.post("/v4/experiments", json={**body, **change}, headers=admin)
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["code"]) == (422, code)
        assert words in error["message"]
