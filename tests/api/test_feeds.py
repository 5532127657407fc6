"""Where couriers are, as operations hear it: one by one while they are few, and all at once."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import pytest

from tawsil.apps import feeds
from tawsil.apps.messages import MESSAGES
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.live import LiveMessage
from tawsil.kernel.places import Place
from tawsil.tracking import public as tracking


async def moved(database: Database, by: By, ids: Ids) -> tuple[list[UUID], Sequence[LiveMessage]]:
    couriers = [ids() for _ in range(3)]
    async with database.transaction() as tx:
        ping = tracking.Ping(place=Place(24.1234567, 53.1), at=tx.now, accuracy_m=4.6)
        sent = [tracking.RecordPositions(by=by, courier_id=id_, pings=[ping]) for id_ in couriers]
        await tracking.record(tx, sent)
    return couriers, await feeds.positions()(database)


@pytest.mark.parametrize("most", [500, 2])
async def test_all_are_told_at_once_and_few_one_by_one_too(
    database: Database, by: By, ids: Ids, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(feeds, "MOST_ONE_BY_ONE", most)
    couriers, messages = await moved(database, by, ids)
    one_by_one = [m for m in messages if m.event == "delivery_location_updated"]
    (together,) = [m for m in messages if m.event == "couriers_moved"]
    assert len(one_by_one) == (3 if most > 3 else 0)
    assert together.audience.operators
    assert not together.audience.user_ids
    rows = together.data["couriers"]
    assert {row[0] for row in rows} == set(couriers)
    assert rows[0][1:4] == (53.1, 24.123457, 5)
    for message in messages:
        msgspec.convert(msgspec.to_builtins(message.data), MESSAGES[message.event])
