"""When goods will really be ready, judged from what kitchens say and how long they took so far.

An estimate is worth as much as those before it were. What a kitchen says is held against how long
it usually takes (a gamma distribution whose mean is learned per site and leans on all sites while
little is known of one) and against the time that has passed without the goods. What remains is a
distribution; a plan wants one instant of it. Sending a courier for that instant costs the
courier's waiting if the goods come later and the customer's if they were there before, which is
the newsvendor's problem: the best instant is a quantile, the lower the less a courier's minute is
worth beside a customer's.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MINUTE: Final = timedelta(minutes=1)
GRID_MIN: Final[Floats] = np.arange(1.0, 241.0)
USUAL_MIN: Final = 18.0
"""How long a kitchen takes, before anything is known of any."""
USUAL_COUNTS: Final = 10
SITES_COUNT: Final = 2
"""How many goods of one site tell as much about it as all other sites do."""
SPREAD: Final = 0.5
"""Standard deviation of what one kitchen takes, over its mean."""
ERROR_MIN: Final = 6.0
"""How wrong estimates are (standard deviation), before any came true."""
ERROR_COUNTS: Final = 10


class Estimate(Struct, frozen=True):
    """What a kitchen said when it took a job."""

    site: UUID
    placed_at: datetime
    ready_at: datetime


class Readiness:
    def __init__(self) -> None:
        self._took_min: defaultdict[UUID, list[float]] = defaultdict(list)
        self._all_min = USUAL_MIN * USUAL_COUNTS
        self._squares = ERROR_MIN**2 * ERROR_COUNTS
        self._seen = 0

    def came_true(self, estimate: Estimate, *, ready_at: datetime) -> None:
        """The goods are ready: learn how long they took, and how right the kitchen was."""
        took_min = (ready_at - estimate.placed_at) / MINUTE
        self._took_min[estimate.site].append(took_min)
        self._all_min += took_min
        self._squares += ((estimate.ready_at - ready_at) / MINUTE) ** 2
        self._seen += 1

    @property
    def error_min(self) -> float:
        """Standard deviation of estimates around what came true."""
        return float(np.sqrt(self._squares / (self._seen + ERROR_COUNTS)))

    def ready_ats(
        self, estimates: Sequence[Estimate], *, now: datetime, share: float
    ) -> list[datetime]:
        """For goods that are not ready at `now`: when this share of such goods will be.

        Always after `now`, in whole minutes from the placement.
        """
        if not estimates:
            return []
        said = np.array([(e.ready_at - e.placed_at) / MINUTE for e in estimates])
        passed = np.array([(now - e.placed_at) / MINUTE for e in estimates])
        logs = self._likely(said) + self._usual([e.site for e in estimates])
        logs[GRID_MIN[None, :] <= passed[:, None]] = -np.inf
        top = logs.max(axis=1, keepdims=True)
        weights = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
        sums = np.cumsum(weights, axis=1)
        at = (sums < share * sums[:, -1:]).sum(axis=1)
        found = np.where(sums[:, -1] > 0, GRID_MIN[np.minimum(at, len(GRID_MIN) - 1)], passed + 1)
        return [
            e.placed_at + float(minutes) * MINUTE
            for e, minutes in zip(estimates, found, strict=True)
        ]

    def _likely(self, said_min: Floats) -> Floats:
        """Log likelihood of what was said; nobody says that it was ready before it was asked for.

        Shape (estimates, grid).
        """
        off = (said_min[:, None] - GRID_MIN) / self.error_min
        clipped = said_min <= 0
        logs = -0.5 * off**2
        if clipped.any():
            from scipy.special import log_ndtr  # noqa: PLC0415 - half a second, for whoever plans

            logs[clipped] = log_ndtr(off[clipped])
        return logs

    def _usual(self, sites: Sequence[UUID]) -> Floats:
        """Log density of how long each site takes; shape (sites, grid)."""
        mean_min = self._all_min / (self._seen + USUAL_COUNTS)
        theirs = [self._took_min.get(site, []) for site in sites]
        counts = np.array([len(took) for took in theirs])
        sums = np.array([sum(took) for took in theirs])
        means = np.maximum(1.0, (sums + SITES_COUNT * mean_min) / (counts + SITES_COUNT))
        shape = 1.0 / (SPREAD**2 * (1.0 + 1.0 / (counts + SITES_COUNT)))
        return np.outer(shape - 1.0, np.log(GRID_MIN)) - np.outer(shape / means, GRID_MIN)
