"""The one table of an order's legal moves, and who may make each."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from tawsil.ordering.events import Status

MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.ACCEPTED, Status.CANCELLED}),
    Status.ACCEPTED: frozenset({Status.PREPARING, Status.CANCELLED}),
    Status.PREPARING: frozenset({Status.READY_FOR_PICKUP, Status.CANCELLED}),
    Status.READY_FOR_PICKUP: frozenset({Status.PICKED_UP, Status.CANCELLED}),
    Status.PICKED_UP: frozenset({Status.IN_TRANSIT, Status.UNDELIVERABLE}),
    Status.IN_TRANSIT: frozenset({Status.DELIVERED, Status.UNDELIVERABLE}),
    Status.UNDELIVERABLE: frozenset({Status.RETURNED}),
    Status.DELIVERED: frozenset({Status.DISPUTED, Status.REFUNDED}),
    Status.DISPUTED: frozenset({Status.DELIVERED, Status.REFUNDED}),
    Status.RETURNED: frozenset({Status.REFUNDED}),
    Status.CANCELLED: frozenset(),
    Status.REFUNDED: frozenset(),
}
LIVE: Final = frozenset(
    {
        Status.PENDING,
        Status.ACCEPTED,
        Status.PREPARING,
        Status.READY_FOR_PICKUP,
        Status.PICKED_UP,
        Status.IN_TRANSIT,
        Status.UNDELIVERABLE,
    }
)
CHARGED: Final = frozenset({Status.DELIVERED, Status.DISPUTED, Status.RETURNED})
BEFORE_PICKUP: Final = frozenset(
    {Status.PENDING, Status.ACCEPTED, Status.PREPARING, Status.READY_FOR_PICKUP}
)


class Party(StrEnum):
    """As whom somebody acts on an order."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    COURIER = "courier"
    OPERATOR = "operator"
    SYSTEM = "system"


_STAFF: Final = frozenset({Party.OPERATOR, Party.SYSTEM})
WHO_MAY: Final[Mapping[Status, frozenset[Party]]] = {
    Status.ACCEPTED: frozenset({Party.MERCHANT}) | _STAFF,
    Status.PREPARING: frozenset({Party.MERCHANT}) | _STAFF,
    Status.READY_FOR_PICKUP: frozenset({Party.MERCHANT, Party.COURIER}) | _STAFF,
    Status.PICKED_UP: frozenset({Party.COURIER, Party.MERCHANT}) | _STAFF,
    Status.IN_TRANSIT: frozenset({Party.COURIER}) | _STAFF,
    Status.DELIVERED: frozenset({Party.COURIER}) | _STAFF,
    Status.CANCELLED: frozenset({Party.CUSTOMER, Party.MERCHANT}) | _STAFF,
    Status.UNDELIVERABLE: frozenset({Party.COURIER}) | _STAFF,
    Status.RETURNED: frozenset({Party.MERCHANT, Party.COURIER}) | _STAFF,
    Status.DISPUTED: frozenset({Party.CUSTOMER}) | _STAFF,
    Status.REFUNDED: _STAFF,
}

MAY_MOVE_READY_TIME: Final = frozenset({Party.MERCHANT}) | _STAFF
MAY_DISMISS: Final = _STAFF
MAY_CHOOSE: Final = frozenset({Party.CUSTOMER}) | _STAFF
