"""Many days under many policies, beside what others reached on the same days."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Final

import msgspec
from msgspec import Struct

from tawsil.dispatch.planning import Policy, plan
from tawsil.simulation.mdrp.fast import fast_replay
from tawsil.simulation.mdrp.instance import read_instance
from tawsil.simulation.mdrp.kitchens import PrepNoise
from tawsil.simulation.mdrp.policies import FRONT, POLICIES
from tawsil.simulation.mdrp.rivals import Decide, first_come, greedy
from tawsil.simulation.mdrp.scoring import Score, score

USUAL: Final = "just_in_time"
ALL: Final = "all days"
NOISY: Final = "noisy_prep"
DECIDERS: Final[Mapping[str, Decide]] = {"greedy": greedy, "first_come": first_come}
CONTESTANTS: Final = (*POLICIES, NOISY, *DECIDERS, *(policy.name for policy in FRONT))
NOISE_SEEDS: Final = 3


class Task(Struct, frozen=True):
    """One day under one contestant."""

    folder: Path
    contestant: str
    noise: PrepNoise | None = None


class Run(Struct, frozen=True):
    instance: str
    contestant: str
    noise: PrepNoise | None
    seconds: float
    score: Score


class Reached(Struct, frozen=True):
    """What a published policy reached on one day, named as in the file of references."""

    undel: float
    """Per cent."""
    ctd: float
    ctd90: float
    rtp: float
    cpo: float
    bund: float
    eff: float


class Reference(Struct, frozen=True):
    n: int
    lb: float
    """No policy can be quicker, not even with a courier at every door."""
    greedy: Reached
    reyes: Reached
    jit: Reached


class References(Struct, frozen=True):
    open24: tuple[str, ...]
    small16: tuple[str, ...]
    reference: Mapping[str, Reference]

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        return {"open 24": self.open24, "small 16": self.small16}

    def bound_min(self, group: str) -> float:
        return fmean(self.reference[name].lb for name in self.groups[group])


class Mean(Struct, frozen=True):
    """Over the days of a group, each day counting the same."""

    group: str
    name: str
    days: int
    undelivered_pct: float
    click_to_door_min: float
    eff_min: float
    click_to_door_p90_min: float
    ready_to_pickup_min: float
    pay_per_order: float
    orders_per_bundle: float


def read_references(folder: Path) -> References | None:
    """What `reference.json` beside the instances tells, if it is there."""
    path = folder / "reference.json"
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=References)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"{path}: {problem}") from problem


def tasks(
    folders: Sequence[Path], contestants: Sequence[str], *, noise_std_min: float
) -> list[Task]:
    """The longest days first, so that processes end together."""
    unknown = sorted(set(contestants) - set(CONTESTANTS))
    if unknown:
        raise ValueError(f"there is no policy {unknown[0]}; there are {', '.join(CONTESTANTS)}")
    largest_first = sorted(folders, key=lambda f: (-(f / "orders.txt").stat().st_size, f.name))
    return [
        Task(folder=folder, contestant=contestant, noise=noise)
        for folder in largest_first
        for contestant in dict.fromkeys(contestants)
        for noise in _noises(contestant, noise_std_min)
    ]


def _noises(contestant: str, std_min: float) -> list[PrepNoise | None]:
    if contestant != NOISY:
        return [None]
    return [PrepNoise(std_min=std_min, seed=seed) for seed in range(1, NOISE_SEEDS + 1)]


def run(task: Task) -> Run:
    instance = read_instance(task.folder)
    named = {**POLICIES, **{policy.name: policy for policy in FRONT}}
    policy: Policy = named.get(task.contestant, POLICIES[USUAL])
    decide = DECIDERS.get(task.contestant, plan)
    start_s = perf_counter()
    solution = fast_replay(instance, policy, decide=decide, noise=task.noise)
    return Run(
        instance=instance.name,
        contestant=task.contestant,
        noise=task.noise,
        seconds=round(perf_counter() - start_s, 2),
        score=score(instance=instance, solution=solution),
    )


def of_contestant(runs: Sequence[Run], contestant: str) -> dict[str, list[Score]]:
    """By day; several scores where there were several seeds of noise."""
    found: dict[str, list[Score]] = {}
    for one in runs:
        if one.contestant == contestant:
            found.setdefault(one.instance, []).append(one.score)
    return found


def mean(group: str, name: str, scores: Sequence[Sequence[Score]]) -> Mean:
    fields = [field for field in Mean.__struct_fields__ if field not in {"group", "name", "days"}]
    figures = {
        field: round(fmean(fmean(getattr(s, field) for s in seeds) for seeds in scores), 3)
        for field in fields
    }
    return Mean(group=group, name=name, days=len(scores), **figures)


def means(runs: Sequence[Run], references: References | None) -> list[Mean]:
    """For each group of days that was run whole, every contestant, then the references.

    Over all days, where no group was.
    """
    instances = {one.instance for one in runs}
    groups = {} if references is None else references.groups
    whole = {group: names for group, names in groups.items() if set(names) <= instances}
    found: list[Mean] = []
    for group, names in (whole or {ALL: tuple(sorted(instances))}).items():
        for contestant in dict.fromkeys(one.contestant for one in runs):
            scores = of_contestant(runs, contestant)
            found.append(mean(group, contestant, [scores[name] for name in names]))
        if references is not None and group in whole:
            found += _published(group, [references.reference[name] for name in names])
    return found


def _published(group: str, days: Sequence[Reference]) -> list[Mean]:
    return [
        Mean(
            group=group,
            name=f"published {name}",
            days=len(days),
            undelivered_pct=fmean(r.undel for r in reached),
            click_to_door_min=fmean(r.ctd for r in reached),
            eff_min=fmean(r.eff for r in reached),
            click_to_door_p90_min=fmean(r.ctd90 for r in reached),
            ready_to_pickup_min=fmean(r.rtp for r in reached),
            pay_per_order=fmean(r.cpo for r in reached),
            orders_per_bundle=fmean(r.bund for r in reached),
        )
        for name, reached in (
            ("jit", [day.jit for day in days]),
            ("reyes", [day.reyes for day in days]),
            ("greedy", [day.greedy for day in days]),
        )
    ]


def worst(
    runs: Sequence[Run], references: References, *, count: int = 5
) -> list[tuple[str, float]]:
    """Days on which the usual policy loses most to jit, and by how many minutes."""
    scores = of_contestant(runs, USUAL)
    behind = {
        name: seeds[0].eff_min - references.reference[name].jit.eff
        for name, seeds in scores.items()
        if name in references.reference
    }
    return sorted(behind.items(), key=lambda item: -item[1])[:count]
