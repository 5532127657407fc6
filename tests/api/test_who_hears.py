"""Every live message in the contract's shape, to exactly those who may hear it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import pytest
from msgspec import Struct

from tawsil.apps.live import TRANSLATIONS
from tawsil.apps.messages import MESSAGES
from tawsil.kernel.db import event_type
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http import Caller
from tawsil.kernel.http.live import Concerned, LiveMessage, including
from tawsil.kernel.http.streams import Stream, Streams
from tawsil.kernel.reach import Reach
from tawsil.ordering import events as orders

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TENANT, CITY, ORDER, MERCHANT = (UUID(int=n) for n in (1, 2, 3, 4))
CUSTOMER, COURIER, OTHER_COURIER = (UUID(int=n) for n in (11, 12, 13))
KNOWN: Mapping[str, UUID] = {
    "city_id": CITY,
    "courier_id": COURIER,
    "customer_id": CUSTOMER,
    "from_courier_id": OTHER_COURIER,
    "merchant_id": MERCHANT,
    "order_id": ORDER,
    "reference_id": ORDER,
}

# ── an event of any class ──────────────────────────────────────────────────────────────────────


def sample(cls: type[Struct]) -> Any:
    hints = get_type_hints(cls)
    return cls(**{f.name: value(f.name, hints[f.name]) for f in msgspec.structs.fields(cls)})


def value(name: str, kind: Any) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return value(name, next(one for one in inner if one is not type(None)))
    if origin in {tuple, list, frozenset, set}:
        return origin([value(name.removesuffix("s"), inner[0])])
    if origin is dict:
        return {}
    simple: dict[Any, Callable[[], Any]] = {
        UUID: lambda: KNOWN.get(name, UUID(int=99)),
        datetime: lambda: NOON,
        str: lambda: "alert" if name == "action" else "words",
        int: lambda: 2,
        float: lambda: 0.5,
        bool: lambda: True,
    }
    if kind in simple:
        return simple[kind]()
    if issubclass(kind, Enum):
        return next(iter(kind))
    assert issubclass(kind, Struct), f"{name}: {kind}"
    return sample(kind)


def told(cls: type[Event], event: Event | None = None) -> list[LiveMessage]:
    recorded: Recorded[Any] = Recorded(
        seq=7,
        id=UUID(int=8),
        stream="s",
        stream_id=UUID(int=9),
        version=1,
        event=event or sample(cls),
        actor_id=None,
        actor_role="system",
        tenant_id=TENANT,
        city_id=CITY,
        correlation_id=ORDER,
        causation_id=None,
        at=NOON,
    )
    people = {ORDER: Concerned(frozenset({CUSTOMER}), frozenset({MERCHANT}))}
    return [including(message, people) for message in TRANSLATIONS[cls](recorded)]


# ── everybody who could be listening ───────────────────────────────────────────────────────────


def somebody(role: str, reach: Reach, **fields: Any) -> tuple[Caller, Reach]:
    known = {"user_id": UUID(int=50), "tenant_id": TENANT, "session_id": UUID(int=51), **fields}
    return Caller(**known, roles=(role,), permissions=frozenset()), reach


def everybody() -> dict[str, tuple[Caller, Reach]]:
    nothing = Reach(tenant_id=TENANT)
    in_city, beyond = (
        Reach(tenant_id=TENANT, city_ids=frozenset({id_})) for id_ in (CITY, UUID(int=63))
    )
    everything = Reach(tenant_id=TENANT, everything=True)
    elsewhere = {"tenant_id": UUID(int=60)}
    all_of_elsewhere = Reach(tenant_id=UUID(int=60), everything=True)
    return {
        "customer": somebody("customer", nothing, user_id=CUSTOMER),
        "another customer": somebody("customer", nothing),
        "merchant": somebody("merchant", nothing, location_id=MERCHANT),
        "another merchant": somebody("merchant", nothing, location_id=UUID(int=61)),
        "courier": somebody("delivery_partner", nothing, user_id=COURIER),
        "courier before": somebody("delivery_partner", nothing, user_id=OTHER_COURIER),
        "another courier": somebody("delivery_partner", nothing, user_id=UUID(int=62)),
        "operations": somebody("admin", everything),
        "manager": somebody("district_manager", in_city),
        "manager of another city": somebody("district_manager", beyond),
        "customer elsewhere": somebody("customer", nothing, user_id=CUSTOMER, **elsewhere),
        "operations elsewhere": somebody("admin", all_of_elsewhere, **elsewhere),
    }


ABOVE = frozenset({"operations", "manager"})
MAY_HEAR: Mapping[str, frozenset[str]] = {
    "availability_changed": ABOVE | {"courier"},
    "break_expired": ABOVE | {"courier"},
    "conditions_changed": ABOVE,
    "delivery_at_risk_updated": ABOVE | {"courier"},
    "delivery_courier_arrived": ABOVE | {"courier", "customer", "merchant"},
    "delivery_courier_changed": ABOVE | {"courier"},
    "delivery_eta_updated": ABOVE | {"courier", "customer", "merchant"},
    "driver_performance_updated": ABOVE | {"courier"},
    "merchant_standing_updated": ABOVE | {"merchant"},
    "merchant_updated": ABOVE | {"merchant"},
    "move_suggested": ABOVE | {"courier"},
    "new_order": ABOVE | {"merchant"},
    "offer_accepted": ABOVE | {"courier"},
    "offer_created": ABOVE | {"courier"},
    "offer_rejected": ABOVE | {"courier"},
    "operator_alert": ABOVE,
    "order_choice_updated": ABOVE | {"customer"},
    "order_message": ABOVE | {"courier", "customer"},
    "order_messages_read": ABOVE | {"courier", "customer"},
    "order_status_updated": ABOVE | {"courier", "customer", "merchant"},
    "refund_updated": ABOVE | {"customer", "merchant"},
    "support_ticket_created": frozenset({"operations"}),
    "tip_updated": ABOVE | {"customer"},
    "unassigned_order_escalated": ABOVE,
}
EXCEPTIONS: Mapping[tuple[str, str], frozenset[str]] = {
    # Before the money is safe a merchant hears of nothing.
    ("order.placed.v1", "order_status_updated"): ABOVE | {"courier", "customer"},
    ("order.held.v1", "order_status_updated"): ABOVE | {"courier", "customer"},
    # What the merchant promised, to whom it was promised.
    ("order.accepted.v1", "delivery_eta_updated"): ABOVE | {"customer"},
    ("order.ready_time_moved.v1", "delivery_eta_updated"): ABOVE | {"customer"},
    # A courier is not told of money that may still be declined.
    ("tip.paid.v1", "tip_updated"): ABOVE | {"customer", "courier"},
    ("delivery.handed_over.v1", "delivery_courier_changed"): ABOVE | {"courier", "courier before"},
}
SILENT = {
    orders.CourierActionKept,  # a ticket is told of
    orders.ProofForgotten,
    orders.ProofKept,
    orders.ReviewChanged,
    orders.ReviewGiven,
}
"""What nobody waits for."""
FROM_FEEDS = {"couriers_moved", "delivery_location_updated", "reload", "zone_health_updated"}


@pytest.mark.parametrize("cls", TRANSLATIONS, ids=event_type)
async def test_exactly_those_who_may_hear_it_do(cls: type[Event]) -> None:
    streams, listeners = Streams(), everybody()
    opened = {name: Stream(*who, most=9) for name, who in listeners.items()}
    for stream in opened.values():
        streams.add(stream)
    messages = told(cls)
    assert messages, "a translation says something"
    for message in messages:
        key = (event_type(cls), message.event)
        expected = EXCEPTIONS.get(key, MAY_HEAR[message.event])
        assert {n for n, who in listeners.items() if message.audience.includes(*who)} == expected
        reached = streams.concerned(message.audience)
        assert {name for name, stream in opened.items() if stream in reached} == expected
        msgspec.convert(msgspec.to_builtins(message.data), MESSAGES[message.event])


def test_every_message_of_the_contract_is_told() -> None:
    from_events = {message.event for cls in TRANSLATIONS for message in told(cls)}
    assert from_events | FROM_FEEDS == set(MESSAGES)
    assert from_events == set(MAY_HEAR)
    assert set(orders.EVENTS) - set(TRANSLATIONS) == SILENT


@pytest.mark.parametrize(
    ("cls", "state", "because"),
    [
        (orders.RefundAsked, "requested", None),
        (orders.RefundApproved, "approved", None),
        (orders.RefundTurnedDown, "refused", "words"),
        (orders.RefundDone, "done", None),
        (orders.RefundFell, "failed", "words"),
        (orders.TipAsked, "asked", None),
        (orders.TipPaid, "paid", None),
        (orders.TipDeclined, "declined", "words"),
    ],
)
def test_money_after_delivery_tells_its_state_and_not_that_of_the_order(
    cls: type[Event], state: str, because: str | None
) -> None:
    (message,) = told(cls)
    assert (message.data["state"], message.data["because"]) == (state, because)
    assert (message.data["orderId"], message.data["amount"]) == (ORDER, 2)


def test_what_is_written_to_the_merchant_the_courier_does_not_hear() -> None:
    sent = sample(orders.MessageSent)
    to_merchant = msgspec.structs.replace(sent, thread=orders.Thread.MERCHANT)
    (message,) = told(orders.MessageSent, to_merchant)
    heard_by = {n for n, who in everybody().items() if message.audience.includes(*who)}
    assert heard_by == ABOVE | {"customer", "merchant"}
    assert "words" not in message.data
