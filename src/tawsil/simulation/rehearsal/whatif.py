"""What a recorded window might have come to under another policy."""

from collections.abc import Callable, Sequence
from statistics import fmean

from msgspec import Struct
from msgspec.structs import asdict, fields

from tawsil.dispatch.planning import Policy
from tawsil.dispatch.public import Metrics
from tawsil.simulation.rehearsal.scenario import Scenario
from tawsil.simulation.rehearsal.world import rehearse

CAVEAT = (
    "Couriers' answers are invented in both rehearsals: what somebody accepts depends on what a "
    "policy offers them, and of the offers this window did not see nobody knows the answer. "
    "Compare the two rehearsals with each other; how far the first is from what really happened "
    "shows how much to trust the second."
)


class Range(Struct, frozen=True):
    """Over several seeds of couriers' moods."""

    mean: float
    least: float
    most: float


class Comparison(Struct, frozen=True, kw_only=True):
    """Each figure of `Metrics` by name."""

    recorded: dict[str, Range]
    other: dict[str, Range]


def compare(
    scenario: Scenario,
    *,
    recorded: Policy,
    other: Policy,
    seeds: Sequence[int],
    progress: Callable[[float], None] | None = None,
) -> Comparison:
    """Live the window under both, each seed the same luck for both."""
    assert seeds, "at least one seed"
    lived: list[list[Metrics]] = [[], []]
    for number, seed in enumerate(seeds):
        for side, policy in enumerate((recorded, other)):
            lived[side].append(rehearse(scenario, policy, seed=seed).metrics)
            if progress is not None:
                progress((2 * number + side + 1) / (2 * len(seeds)))
    return Comparison(recorded=_ranges(lived[0]), other=_ranges(lived[1]))


def _ranges(lived: Sequence[Metrics]) -> dict[str, Range]:
    documents = [asdict(metrics) for metrics in lived]
    return {
        field.name: Range(
            mean=fmean(d[field.name] for d in documents),
            least=min(d[field.name] for d in documents),
            most=max(d[field.name] for d in documents),
        )
        for field in fields(Metrics)
    }
