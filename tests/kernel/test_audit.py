"""The audit trail: who may read it, what it can be asked for, and that nothing is left out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By, Deadline, Event, accept
from tawsil.kernel.events import Registry
from tawsil.kernel.http import audit

TENANT, OTHER = UUID(int=1), UUID(int=2)
CLERK, STRANGER = UUID(int=11), UUID(int=12)


class Stamped(Event, frozen=True, tag="paper.stamped.v1"):
    n: int


class Filed(Event, frozen=True, tag="paper.filed.v1"):
    pass


class Paper(Struct, frozen=True):
    stream: ClassVar[str] = "paper"
    id: UUID
    version: int = 0
    tenant_id: UUID = TENANT
    city_id: UUID | None = None
    deadline: Deadline | None = None


@pytest.fixture
async def log(database: Database, clock: VirtualClock, ids: Ids) -> list[UUID]:
    """Five papers, a minute apart: stamped by the clerk, the last filed; and another tenant's."""
    papers = [ids() for _ in range(5)]
    for n, paper_id in enumerate(papers):
        async with database.transaction() as tx:
            by = By(tenant_id=TENANT, actor_id=CLERK, role="admin", correlation_id=paper_id)
            facts = [Stamped(n=n), *([Filed()] if n == 4 else [])]
            await tx.record([(by, accept(Paper(id=paper_id), *facts))])
        clock.advance(timedelta(minutes=1))
    async with database.transaction() as tx:
        by = By(tenant_id=OTHER, actor_id=STRANGER, role="admin", correlation_id=ids())
        await tx.record([(by, accept(Paper(id=ids(), tenant_id=OTHER), Stamped(n=9)))])
    return papers


Ask = Callable[..., Any]


@pytest.fixture
async def ask(serve: Any, callers: Any) -> Ask:
    client: httpx.AsyncClient = await serve(audit.routes, registry=Registry([Stamped, Filed]))
    token = callers.token("admin", "system:*", tenant_id=TENANT, user_id=CLERK)

    async def get(path: str = "/v4/admin/audit-logs", *, as_: str = token, **query: Any) -> Any:
        return await client.get(path, params=query, headers={"Authorization": f"Bearer {as_}"})

    return get


def numbers(answer: httpx.Response) -> list[int | None]:
    assert answer.status_code == 200, answer.text
    return [entry["data"].get("n") for entry in answer.json()["data"]]


async def test_the_newest_come_first_and_other_tenants_never(ask: Ask, log: list[UUID]) -> None:
    answer = await ask()
    assert numbers(answer) == [None, 4, 3, 2, 1, 0]
    assert answer.json()["meta"]["pagination"]["total"] == 6
    newest = answer.json()["data"][0]
    assert (newest["type"], newest["actor_id"]) == ("paper.filed.v1", str(CLERK))
    assert newest["stream_id"] == newest["correlation_id"] == str(log[4])


async def test_it_is_asked_for_by_who_what_and_when(
    ask: Ask, log: list[UUID], clock: VirtualClock
) -> None:
    began: datetime = clock() - timedelta(minutes=5)
    assert numbers(await ask(type="paper.stamped.v1")) == [4, 3, 2, 1, 0]
    assert numbers(await ask(stream="paper", stream_id=str(log[2]))) == [2]
    assert numbers(await ask(stream="order")) == []
    assert numbers(await ask(actor_id=str(CLERK), type="paper.filed.v1")) == [None]
    assert numbers(await ask(actor_id=str(STRANGER))) == []
    window = {
        "from": (began + timedelta(minutes=1)).isoformat(),
        "to": (began + timedelta(minutes=3)).isoformat(),
    }
    assert numbers(await ask(**window)) == [2, 1]
    empty = await ask(**{"from": window["to"], "to": window["from"]})
    assert empty.status_code == 400


@pytest.mark.usefixtures("log")
async def test_reading_on_leaves_nothing_out(ask: Ask) -> None:
    seen: list[int | None] = []
    last: dict[str, Any] = {}
    while entries := (answer := await ask(limit=2, **last)).json()["data"]:
        seen += numbers(answer)
        last = {"before": entries[-1]["seq"]}
    assert seen == [None, 4, 3, 2, 1, 0]
    assert numbers(await ask(limit=4, page=2)) == [1, 0]


@pytest.mark.usefixtures("log")
async def test_only_those_who_watch_the_system_read_it(ask: Ask, callers: Any) -> None:
    manager = callers.token("regional_manager", "order:read:region")
    assert (await ask(as_=manager)).status_code == 403
    narrow = callers.token("regional_manager", "system:monitor:region")
    assert (await ask(as_=narrow)).status_code == 404
    assert numbers(await ask("/v2/admin/audit-logs"))[0] is None
