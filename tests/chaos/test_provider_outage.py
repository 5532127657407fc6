"""A provider goes down under load, in three ways: nothing is lost, and nothing charged twice."""

import pytest
from pydantic import SecretStr

from tawsil.apps.bench import outage
from tawsil.apps.bench.gate import Line
from tawsil.apps.cli.database import scratch_database
from tawsil.kernel.settings import load_settings

DOWN_S = 40.0
RATE_PER_S = 4.0


@pytest.mark.chaos
@pytest.mark.parametrize("mode", [Line.HANG, Line.REFUSE, Line.UNAVAILABLE])
def test_no_order_is_lost_and_no_card_charged_twice(mode: Line) -> None:
    settings = load_settings()
    with scratch_database(settings) as url:
        here = settings.model_copy(update={"database_url": SecretStr(url)})
        found = outage.measure(
            here, seconds=DOWN_S, rate_per_s=RATE_PER_S, mode=mode, tell=lambda _: None
        )
    assert found.differences == ()
    assert set(found.imbalance.values()) == {0}
    assert found.errors == {}
    assert found.pending == 0
    assert found.rerouted > 0
    assert sum(paid.safe for paid in found.paid) == found.orders > 0
