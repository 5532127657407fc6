"""What a courier may do out of reach, and how it is judged once it is known.

The rules in prose, for whoever writes an app: `docs/courier-offline.md`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.couriers.public import Availability, Courier, Fault
from tawsil.kernel.decisions import Accepted, Refusal, accept, refuse
from tawsil.kernel.text import Prose
from tawsil.ordering.events import CourierActionKept, Status
from tawsil.ordering.model import Order
from tawsil.ordering.steps import NOT_FOUND
from tawsil.tracking.public import StopKind

MOST_ACTIONS: Final = 50
LATE_AFTER: Final = timedelta(minutes=2)
"""What is known so long after it happened was done out of reach."""
MANY: Final = 2**53
"""Beyond it, numbers of JavaScript are not exact."""

Reason = Literal[
    "customer_absent",
    "customer_refused",
    "wrong_address",
    "damaged",
    "accident",
    "vehicle",
    "unsafe_place",
]


class Action(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do", tag="action"
):
    """One tap. Its id and its place in line are the phone's own; `at` is by the phone's clock."""

    action_id: UUID
    seq: Annotated[int, Meta(ge=1, lt=MANY, examples=[17])]
    at: Annotated[datetime, Meta(tz=True, examples=["2026-11-20T12:00:00Z"])]


class OnOrder(Action, frozen=True, kw_only=True, tag="on_order"):
    order_id: UUID


class Arrive(OnOrder, frozen=True, kw_only=True, tag="arrive"):
    """At the door, where the phone's position could not say so."""

    stop: Annotated[StopKind, Meta(examples=["pickup"])]


class PickUp(OnOrder, frozen=True, kw_only=True, tag="pick_up"):
    """The goods are with the courier."""


class Deliver(OnOrder, frozen=True, kw_only=True, tag="deliver"):
    """Handed over. `proof_ids`: pictures that were sent before."""

    pin: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", examples=["4711"])] | None = None
    proof_ids: Annotated[tuple[UUID, ...], Meta(max_length=4)] = ()


class CannotDeliver(OnOrder, frozen=True, kw_only=True, tag="cannot_deliver"):
    """It goes back to the merchant."""

    reason: Annotated[Reason, Meta(examples=["customer_absent"])]
    note: Annotated[Prose, Meta(max_length=500)] = ""


class BringBack(OnOrder, frozen=True, kw_only=True, tag="bring_back"):
    """The goods are with the merchant again."""


class GiveBack(OnOrder, frozen=True, kw_only=True, tag="give_back"):
    """Before it is collected: another courier may have it."""

    note: Annotated[Prose, Meta(max_length=500)] = ""


class TakeBreak(Action, frozen=True, kw_only=True, tag="take_break"):
    minutes: Annotated[int, Meta(ge=5, le=240, examples=[30])]


class Resume(Action, frozen=True, kw_only=True, tag="resume"):
    pass


class EndShift(Action, frozen=True, kw_only=True, tag="end_shift"):
    pass


class VehicleUnsafe(Action, frozen=True, kw_only=True, tag="vehicle_unsafe"):
    reason: Annotated[Fault, Meta(examples=["brakes"])]


AnyAction = (
    Arrive
    | PickUp
    | Deliver
    | CannotDeliver
    | BringBack
    | GiveBack
    | TakeBreak
    | Resume
    | EndShift
    | VehicleUnsafe
)


class Result(StrEnum):
    APPLIED = "applied"
    ALREADY_APPLIED = "already_applied"
    REFUSED = "refused"
    HELD = "held"  # not looked at: what comes before it is missing


class Device(Struct, frozen=True, kw_only=True):
    """How far one phone's outbox was taken in. A courier may have several."""

    courier_id: UUID
    device_id: UUID
    tenant_id: UUID
    next_seq: int = 1
    last_at: datetime | None = None


class Taken(Struct, frozen=True, kw_only=True):
    """An action and what came of it. `said_at` is the phone's word, `happened_at` what we take it
    for. One that is `kept` did not fit any more, and somebody looks at it.
    """

    stream: ClassVar[str] = "courier_action"
    deadline: ClassVar[None] = None

    id: UUID
    version: int = 0
    courier_id: UUID
    tenant_id: UUID
    city_id: UUID | None
    device_id: UUID
    seq: int
    does: str
    order_id: UUID | None
    digest: bytes
    said_at: datetime
    happened_at: datetime
    received_at: datetime
    result: Result
    code: str | None = None
    detail: Mapping[str, Any] = {}
    kept: bool = False


def digest(action: Action) -> bytes:
    """What was asked, whatever its place in line: a phone that lost its place counts anew."""
    asked = msgspec.to_builtins(action)
    del asked["seq"]
    return sha256(msgspec.json.encode(asked, order="deterministic")).digest()


def happened_at(
    action: Action, *, sent_at: datetime, last_at: datetime | None, now: datetime
) -> datetime:
    """When it was, by our clock.

    A phone's clock may be wrong, but it is wrong by as much when it sends: `sent_at` says by how
    much. What came first was first, and nothing happens after it is known.
    """
    at = min(now, action.at + (now - sent_at))
    return at if last_at is None else min(now, max(at, last_at))


def in_place(action: Action, order: Order, *, courier_id: UUID) -> bool:
    """Whether what was done is so already, by a word that came before: nothing more is to do."""
    if order.courier_id != courier_id:
        return isinstance(action, GiveBack)
    match action:
        case Arrive() | PickUp():
            return order.picked_up_at is not None
        case Deliver():
            return order.delivered_at is not None
        case CannotDeliver():
            return order.status in {Status.UNDELIVERABLE, Status.RETURNED}
        case BringBack():
            return order.status is Status.RETURNED
        case _:
            return False


def on_duty_already(action: Action, courier: Courier) -> bool:
    """The same for what concerns the courier alone."""
    now = courier.availability
    match action:
        case TakeBreak():
            return now is Availability.ON_BREAK
        case Resume():
            return now not in {Availability.ON_BREAK, Availability.OFFLINE}
        case EndShift():
            return now is Availability.OFFLINE
        case _:
            return False


def why_not(
    order: Order | None,
    refusal: Refusal,
    *,
    courier_id: UUID,
    had_it: bool,
) -> Refusal:
    """What the courier is told: in the words of what has become of the order, if that is why."""
    if order is None or not had_it:
        return NOT_FOUND
    if order.status is Status.CANCELLED:
        return refuse("outbox.order_cancelled", number=order.number)
    if order.courier_id != courier_id:
        return refuse("outbox.order_with_another", number=order.number)
    if not order.live:
        return refuse("outbox.order_over", number=order.number, status_now=order.status)
    return refusal


def to_be_kept(refusal: Refusal, *, had_it: bool, happened_at: datetime, now: datetime) -> bool:
    """Whether people look at it: the order has moved on without its courier, or it is late to ask
    them again, for they have left the door.
    """
    moved_on = refusal.code.startswith("outbox.")
    return had_it and (moved_on or now - happened_at > LATE_AFTER)


def keep(taken: Taken, *, id_: UUID) -> Accepted[Taken]:
    """Under an id of our own: those of phones are theirs."""
    assert taken.order_id is not None, "only what was done about an order is kept"
    assert taken.code is not None, "what is kept was refused"
    return accept(
        replace(taken, id=id_),
        CourierActionKept(
            action_id=taken.id,
            courier_id=taken.courier_id,
            order_id=taken.order_id,
            does=taken.does,
            code=taken.code,
            happened_at=taken.happened_at,
        ),
    )
