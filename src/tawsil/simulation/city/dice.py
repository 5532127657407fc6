"""Chance that comes out the same on every machine and Python version.

Only `Random.random()` and seeding by an integer are promised to stay the same between Python
versions, so everything here is made of these two.
"""

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from math import exp, log
from random import Random
from statistics import NormalDist
from typing import Final, TypeVar

T = TypeVar("T")

_BELL: Final = NormalDist()


def random_for(seed: int, kind: str, index: int = 0) -> Random:
    """A source of chance of one actor's own, so that actors do not disturb one another."""
    digest = sha256(f"{seed}/{kind}/{index}".encode()).digest()
    return Random(int.from_bytes(digest[:16], "big"))


def chance(rng: Random, probability: float) -> bool:
    return rng.random() < probability


def between(rng: Random, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


def whole(rng: Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int((high - low + 1) * rng.random())


def pick(rng: Random, items: Sequence[T]) -> T:
    return items[int(rng.random() * len(items))]


def weighted(rng: Random, items: Sequence[T], weights: Sequence[float]) -> T:
    return items[Wheel(weights).spin(rng)]


def shuffled(rng: Random, items: Sequence[T]) -> list[T]:
    """The items in another order (Fisher-Yates)."""
    order = list(items)
    for last in range(len(order) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order


def normal(rng: Random, mean: float, deviation: float) -> float:
    """One draw from a bell curve, by inversion; never further out than about eight deviations."""
    return mean + deviation * _BELL.inv_cdf(max(rng.random(), 1e-15))


def spread(rng: Random, median: float, sigma: float) -> float:
    """One draw from a log-normal: positive, skewed to the right, `sigma` in natural logs."""
    return median * exp(normal(rng, 0.0, sigma))


def waiting(rng: Random, mean: float) -> float:
    """The time until the next of many independent events (exponential)."""
    return -mean * log(1.0 - rng.random())


class Wheel:
    """Draws positions in proportion to weights; build it once, spin it often."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._sums = list(accumulate(weights))
        if not self._sums or self._sums[-1] <= 0:
            raise ValueError("a wheel needs at least one weight above zero")

    def spin(self, rng: Random) -> int:
        at = rng.random() * self._sums[-1]
        return min(bisect_right(self._sums, at), len(self._sums) - 1)
