"""The states of a delivery, and the table of its legal moves."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class State(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    AT_PICKUP = "at_pickup"
    PICKED_UP = "picked_up"
    AT_DROPOFF = "at_dropoff"
    DONE = "done"
    FAILED = "failed"  # being brought back
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


WAITING, OFFERED, ASSIGNED, AT_PICKUP, PICKED_UP, AT_DROPOFF, DONE, FAILED, RETURNED, WITHDRAWN = (
    State
)

MOVES: Final[Mapping[State, frozenset[State]]] = {
    WAITING: frozenset({OFFERED, ASSIGNED, WITHDRAWN}),  # assigned without an offer: by hand
    OFFERED: frozenset({WAITING, ASSIGNED, WITHDRAWN}),
    ASSIGNED: frozenset({WAITING, AT_PICKUP, PICKED_UP, WITHDRAWN}),
    AT_PICKUP: frozenset({WAITING, PICKED_UP, WITHDRAWN}),
    PICKED_UP: frozenset({AT_DROPOFF, DONE, FAILED}),
    AT_DROPOFF: frozenset({DONE, FAILED}),
    FAILED: frozenset({RETURNED}),
    DONE: frozenset(),
    RETURNED: frozenset(),
    WITHDRAWN: frozenset(),
}
WITHOUT_COURIER: Final = frozenset({WAITING, OFFERED})
TO_COLLECT: Final = frozenset({ASSIGNED, AT_PICKUP})
WITH_COURIER: Final = TO_COLLECT | {PICKED_UP, AT_DROPOFF, FAILED}
