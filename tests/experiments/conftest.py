from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tawsil.experiments.public import Draft, Experiment, Metric, Schedule, draft, schedule
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By

CITY = UUID("01900000-0000-7000-8000-000000000002")
WEST = UUID("01900000-0000-7000-8000-0000000000a1")
EAST = UUID("01900000-0000-7000-8000-0000000000a2")

Plan = Callable[..., Draft]


@pytest.fixture
def plan(by: By, clock: VirtualClock) -> Plan:
    """Two days of two-hour blocks in two zones, from an hour on."""
    starts_at = clock() + timedelta(hours=1)

    def make(**fields: Any) -> Draft:
        return Draft(
            **{
                "by": by,
                "city_id": CITY,
                "name": "Thrifty or not",
                "arms": ("swift@2", "thrifty@1"),
                "metrics": (Metric(name="door_to_door_s"), Metric(name="pay_minor")),
                "units": (WEST, EAST),
                "block_min": 120,
                "washout_s": 600,
                "starts_at": starts_at,
                "ends_at": starts_at + timedelta(days=2),
                "seed": 42,
                **fields,
            }
        )

    return make


async def drafted(tx: Tx, command: Draft) -> Experiment:
    (outcome,) = await draft(tx, [command])
    assert isinstance(outcome, Experiment), outcome
    return outcome


async def scheduled(tx: Tx, command: Draft) -> Experiment:
    experiment = await drafted(tx, command)
    (outcome,) = await schedule(tx, [Schedule(by=command.by, experiment_id=experiment.id)])
    assert isinstance(outcome, Experiment), outcome
    return outcome
