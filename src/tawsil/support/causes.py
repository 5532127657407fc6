"""What the platform itself opens tickets for, heard from dispatch and payments."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from tawsil.dispatch import events as dispatched
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.ordering import events as orders
from tawsil.ordering import public as ordering
from tawsil.payments import events as paid
from tawsil.payments import public as payments
from tawsil.support import service
from tawsil.support.events import Cause, Kind, Priority, SubjectKind
from tawsil.support.model import USUAL_PRIORITY
from tawsil.support.service import OpenTicket, Writing

SAFE: Final[Mapping[type[Event], Cause]] = {
    dispatched.DeliveryRecovered: Cause.RECOVERED,
    dispatched.DeliveryHandedOver: Cause.HANDED_OVER,
    dispatched.DeliveryDone: Cause.DELIVERED,
    dispatched.DeliveryReturned: Cause.BROUGHT_BACK,
}

TICKET: Final = "ticket"
"""The action of a rung of dispatch's ladder that asks for a ticket."""


async def nobody_takes_it(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryEscalated]]) -> None:
    """The ladder says that people must look."""
    asked = [recorded for recorded in heard if TICKET in recorded.event.actions]
    await _open(
        tx,
        [(r, Kind.UNASSIGNED_ORDER, Cause.ESCALATED, {"level": r.event.level}) for r in asked],
    )


async def given_up(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryGivenUp]]) -> None:
    """Nobody came: somebody has paid for nothing, and wants to hear from us."""
    await _open(tx, [(r, Kind.UNASSIGNED_ORDER, Cause.GIVEN_UP, {}) for r in heard])


async def stranded(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryStranded]]) -> None:
    """A courier is lost with food on board, which nobody takes away from them silently."""
    await _open(
        tx,
        [
            (
                r,
                Kind.FOOD_ON_BOARD,
                Cause.STRANDED,
                {"cause": r.event.cause, "courier_id": r.event.courier_id},
            )
            for r in heard
        ],
    )


async def courier_found(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryAssigned]]) -> None:
    """What nobody took has a courier: there is nothing to look at any more."""
    await _no_more(tx, heard, Cause.COURIER_FOUND)


async def called_off(tx: Tx, heard: Sequence[Recorded[dispatched.DeliveryWithdrawn]]) -> None:
    """Nobody waits for a courier any more."""
    await _no_more(tx, heard, Cause.CALLED_OFF)


async def food_is_safe(
    tx: Tx,
    heard: Sequence[
        Recorded[
            dispatched.DeliveryRecovered
            | dispatched.DeliveryHandedOver
            | dispatched.DeliveryDone
            | dispatched.DeliveryReturned
        ]
    ],
) -> None:
    """Its courier is back, or the food is with another courier, its customer or its merchant."""
    (cause,) = {SAFE[type(recorded.event)] for recorded in heard}  # a run is of one class
    await _no_more(tx, heard, cause, Kind.FOOD_ON_BOARD)


async def cash_kept(tx: Tx, heard: Sequence[Recorded[paid.CashBlocked]]) -> None:
    """A courier has not handed in what they collected, long after they should have."""
    kind = Kind.COURIER_PROBLEM
    await service.open_tickets(
        tx,
        [
            OpenTicket(
                by=recorded.by,
                kind=kind,
                subject_kind=SubjectKind.COURIER,
                subject_id=recorded.event.courier_id,
                city_id=_city(recorded),
                priority=USUAL_PRIORITY[kind],
                writing=Writing(
                    cause=Cause.CASH_KEPT,
                    detail={
                        "held_minor": recorded.event.held_minor,
                        "currency": recorded.event.currency,
                    },
                ),
            )
            for recorded in heard
        ],
    )


async def cash_handed_in(tx: Tx, heard: Sequence[Recorded[paid.CashUnblocked]]) -> None:
    """The courier may collect again; whoever has taken the ticket up finishes it."""
    await service.cause_gone(
        tx,
        [(r.by, r.event.courier_id) for r in heard],
        kind=Kind.COURIER_PROBLEM,
        cause=Cause.CASH_HANDED_IN,
    )


async def dispute_due(tx: Tx, heard: Sequence[Recorded[payments.DisputeEvidenceDue]]) -> None:
    """A cardholder's bank waits for evidence, which is for staff to give."""
    await service.open_tickets(
        tx,
        [
            OpenTicket(
                by=recorded.by,
                kind=Kind.OTHER,
                subject_kind=SubjectKind.ORDER,
                subject_id=recorded.event.reference_id,
                city_id=_city(recorded),
                priority=Priority.HIGH,
                writing=Writing(
                    cause=Cause.DISPUTE_DUE,
                    detail={"due_at": recorded.event.due_at.isoformat(timespec="minutes")},
                ),
            )
            for recorded in heard
        ],
    )


async def out_of_step(tx: Tx, heard: Sequence[Recorded[orders.CourierActionKept]]) -> None:
    """What a courier did out of reach did not fit any more: whoever was at the door knows why."""
    kind = Kind.ORDER_PROBLEM
    await service.open_tickets(
        tx,
        [
            OpenTicket(
                by=recorded.by,
                kind=kind,
                subject_kind=SubjectKind.ORDER,
                subject_id=recorded.event.order_id,
                city_id=_city(recorded),
                priority=Priority.HIGH,
                writing=Writing(
                    cause=Cause.OUT_OF_STEP,
                    detail={
                        "does": recorded.event.does,
                        "at": recorded.event.happened_at.isoformat(timespec="minutes"),
                        "code": recorded.event.code,
                    },
                ),
            )
            for recorded in heard
        ],
    )


async def books_wrong(tx: Tx, heard: Sequence[Recorded[paid.ImbalanceFound]]) -> None:
    """The books do not add up: somebody must look now. What is of no city has nobody to look."""
    await service.open_tickets(
        tx,
        [
            OpenTicket(
                by=recorded.by,
                kind=Kind.OTHER,
                subject_kind=SubjectKind.CITY,
                subject_id=recorded.city_id,
                city_id=recorded.city_id,
                priority=Priority.URGENT,
                writing=Writing(
                    cause=Cause.BOOKS_WRONG,
                    detail={
                        "check": recorded.event.check,
                        "subject_id": recorded.event.subject_id,
                        "amount_minor": recorded.event.amount_minor,
                        "currency": recorded.event.currency,
                    },
                ),
            )
            for recorded in heard
            if recorded.city_id is not None
        ],
    )


async def _no_more(
    tx: Tx,
    heard: Sequence[Recorded[Any]],
    cause: Cause,
    kind: Kind = Kind.UNASSIGNED_ORDER,
) -> None:
    gone = [(r.by, r.event.reference_id) for r in heard]
    await service.cause_gone(tx, gone, kind=kind, cause=cause)


Found = tuple[Recorded[Any], Kind, Cause, Mapping[str, Any]]


async def _open(tx: Tx, found: Sequence[Found]) -> None:
    customers = await _customers(tx, [recorded for recorded, *_ in found])
    await service.open_tickets(
        tx,
        [
            OpenTicket(
                by=recorded.by,
                kind=kind,
                subject_kind=SubjectKind.ORDER,
                subject_id=recorded.event.reference_id,
                city_id=_city(recorded),
                customer_id=customers.get(recorded.event.reference_id),
                priority=USUAL_PRIORITY[kind],
                writing=Writing(cause=cause, detail=detail),
            )
            for recorded, kind, cause, detail in found
        ],
    )


async def _customers(tx: Tx, heard: Sequence[Recorded[Any]]) -> dict[UUID, UUID]:
    """Whose the orders are; a reference that is no order is nobody's."""
    found: dict[UUID, UUID] = {}
    for tenant_id in {recorded.tenant_id for recorded in heard}:
        ids = [r.event.reference_id for r in heard if r.tenant_id == tenant_id]
        orders = await ordering.get_many(tx, tenant_id=tenant_id, ids=ids)
        found |= {order.id: order.customer_id for order in orders.values()}
    return found


def _city(recorded: Recorded[Any]) -> UUID:
    assert recorded.city_id is not None, "what a ticket is opened for is in a city"
    return recorded.city_id
