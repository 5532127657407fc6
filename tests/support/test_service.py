"""Tickets on a real database: what opens them, who works on them, what wakes them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from support.conftest import Desk, tickets
from tawsil.apps import wiring
from tawsil.apps.live import TRANSLATIONS
from tawsil.dispatch import events as dispatched
from tawsil.identity.public import Role
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.events import story
from tawsil.support import causes, public, service, store
from tawsil.support.events import (
    Kind,
    OpenedBy,
    Priority,
    Resolution,
    SubjectKind,
    TicketCreated,
    TicketStatus,
)
from tawsil.support.model import Ticket


@pytest.fixture
async def opened(tx: Tx, desk: Desk) -> Desk:
    await desk.open(tx)
    return desk


def opening(desk: Desk, subject_id: UUID, **fields: Any) -> service.OpenTicket:
    return service.OpenTicket(
        **{
            "by": desk.by,
            "kind": Kind.OTHER,
            "subject_kind": SubjectKind.ORDER,
            "subject_id": subject_id,
            "city_id": subject_id,
            "priority": Priority.NORMAL,
            "writing": service.Writing(words="Look at this."),
            **fields,
        }
    )


def at_work(desk: Desk, person_id: UUID) -> By:
    return replace(desk.by, actor_id=person_id, role="support_staff")


async def test_only_a_rung_that_asks_for_it_opens_a_ticket(tx: Tx, opened: Desk) -> None:
    order = await opened.searching(tx)
    await causes.nobody_takes_it(tx, [opened.escalated(tx, order.id, "widen", level=2)])
    assert await tickets(tx) == []
    await causes.nobody_takes_it(tx, [opened.escalated(tx, order.id, "ticket", "alert")])
    (ticket,) = await tickets(tx)
    assert (ticket.kind, ticket.priority) == (Kind.UNASSIGNED_ORDER, Priority.HIGH)
    assert (ticket.subject_id, ticket.customer_id) == (order.id, order.customer_id)
    assert (ticket.opened_by, ticket.status) == (OpenedBy.SYSTEM, TicketStatus.OPEN)
    recorded = await story(tx, wiring.REGISTRY, correlation_id=order.id)
    (created,) = [r for r in recorded if isinstance(r.event, TicketCreated)]
    (told,) = TRANSLATIONS[TicketCreated](created)
    assert told.event == "support_ticket_created"
    assert told.data["ticketId"] == ticket.id
    assert told.data["deliveryId"] == order.id
    assert told.audience.operators
    assert not told.audience.user_ids


async def test_a_second_cause_is_a_note_on_the_first_ticket(tx: Tx, opened: Desk) -> None:
    order = await opened.searching(tx)
    escalated = opened.escalated(tx, order.id, "ticket")
    await causes.nobody_takes_it(tx, [escalated, escalated])
    await causes.given_up(tx, [opened.given_up(tx, order.id)])
    (ticket,) = await tickets(tx)
    written = await store.notes(tx, ticket.id)
    assert [note.cause for note in written] == ["escalated", "escalated", "given_up"]
    assert ticket.note_count == 3
    assert await public.without_deadline(tx) == 0


async def test_food_on_board_is_urgent_and_a_ticket_of_its_own(tx: Tx, opened: Desk) -> None:
    order = await opened.searching(tx)
    await causes.nobody_takes_it(tx, [opened.escalated(tx, order.id, "ticket")])
    await causes.stranded(tx, [opened.stranded(tx, order.id)])
    found = {ticket.kind: ticket for ticket in await tickets(tx)}
    assert set(found) == {Kind.UNASSIGNED_ORDER, Kind.FOOD_ON_BOARD}
    assert found[Kind.FOOD_ON_BOARD].priority is Priority.URGENT
    counts = await public.open_counts(tx)
    assert counts[Kind.FOOD_ON_BOARD, Priority.URGENT] == 1
    assert sum(counts.values()) == 2
    assert len(counts) == len(Kind) * len(Priority)


async def test_a_reference_that_is_no_order_gets_its_ticket_too(tx: Tx, opened: Desk) -> None:
    reference_id = tx.ids()
    await causes.stranded(tx, [opened.stranded(tx, reference_id)])
    (ticket,) = await tickets(tx)
    assert (ticket.subject_id, ticket.customer_id) == (reference_id, None)


async def test_a_courier_who_is_found_ends_what_nobody_has_taken_up(tx: Tx, opened: Desk) -> None:
    one, other, calm = [await opened.searching(tx) for _ in range(3)]
    await causes.nobody_takes_it(
        tx, [opened.escalated(tx, order.id, "ticket") for order in (one, other)]
    )
    (taken,) = await tickets(tx, subject_id=other.id)
    person = await opened.hire(tx, Role.SUPPORT_STAFF, "sara")
    assign = service.Assign(by=at_work(opened, person), ticket_id=taken.id, assignee_id=person)
    await service.assign(tx, [assign])
    found = [opened.assigned(tx, order.id) for order in (one, other, calm)]
    await causes.courier_found(tx, found)
    (alone,) = await tickets(tx, subject_id=one.id)
    assert (alone.status, alone.resolution) == (TicketStatus.RESOLVED, Resolution.CAUSE_GONE)
    (looked_at,) = await tickets(tx, subject_id=other.id)
    assert looked_at.status is TicketStatus.IN_PROGRESS, "a person decides when it is done"
    assert (await store.notes(tx, looked_at.id))[-1].cause == "courier_found"
    assert len(await tickets(tx)) == 2
    await causes.courier_found(tx, found)
    assert (await tickets(tx, subject_id=one.id)) == [alone], "found again is no news"
    await causes.nobody_takes_it(tx, [opened.escalated(tx, one.id, "ticket")])
    (again,) = await tickets(tx, subject_id=one.id)
    assert (again.id, again.status) == (alone.id, TicketStatus.OPEN)


async def test_food_that_is_safe_again_needs_nobody(tx: Tx, opened: Desk) -> None:
    events = (
        dispatched.DeliveryRecovered,
        dispatched.DeliveryHandedOver,
        dispatched.DeliveryDone,
        dispatched.DeliveryReturned,
    )
    for cls in events:
        order = await opened.searching(tx)
        await causes.stranded(tx, [opened.stranded(tx, order.id)])
        await causes.food_is_safe(tx, [opened.about(tx, cls, order.id)])
        (ticket,) = await tickets(tx, subject_id=order.id)
        assert (ticket.status, ticket.resolution) == (
            TicketStatus.RESOLVED,
            Resolution.CAUSE_GONE,
        )
        assert (await store.notes(tx, ticket.id))[-1].cause == causes.SAFE[cls]
    calm = await opened.searching(tx)
    await causes.food_is_safe(tx, [opened.about(tx, dispatched.DeliveryDone, calm.id)])
    assert await tickets(tx, subject_id=calm.id) == []


async def test_of_many_who_open_the_same_at_once_one_does(database: Database, desk: Desk) -> None:
    async with database.transaction() as tx:
        subject_id = tx.ids()

    async def open_it() -> Ticket | Refusal:
        async with database.transaction() as tx:
            (ticket,) = await service.open_tickets(tx, [opening(desk, subject_id)])
            return ticket

    made = await asyncio.gather(*[open_it() for _ in range(12)])
    assert len({ticket.id for ticket in made if isinstance(ticket, Ticket)}) == 1
    async with database.transaction() as tx:
        (ticket,) = await tickets(tx)
        assert ticket.note_count == 12
        assert len(await store.notes(tx, ticket.id)) == 12


async def test_a_closed_ticket_makes_room_for_the_next(tx: Tx, opened: Desk) -> None:
    person = await opened.hire(tx, Role.SUPPORT_STAFF, "omar")
    order = await opened.searching(tx)
    (first,) = await service.open_tickets(tx, [opening(opened, order.id)])
    assert isinstance(first, Ticket)
    common = {"by": at_work(opened, person), "ticket_id": first.id}
    resolved, closed = await service.change_status(
        tx,
        [
            service.ChangeStatus(
                **common, to=TicketStatus.RESOLVED, resolution=Resolution.SOLVED, words="Done."
            ),
            service.ChangeStatus(**common, to=TicketStatus.CLOSED, words="Really."),
        ],
    )
    assert isinstance(resolved, Ticket)
    assert isinstance(closed, Ticket)
    assert [n.words for n in await store.notes(tx, first.id)][1:] == ["Done.", "Really."]
    (late,) = await service.add_note(tx, [service.AddNote(**common, words="One more thing.")])
    assert isinstance(late, Refusal)
    assert late.code == "ticket.closed"
    (second,) = await service.open_tickets(tx, [opening(opened, order.id)])
    assert isinstance(second, Ticket)
    assert second.id != first.id


async def test_tickets_are_given_to_those_who_may_work_on_them(tx: Tx, opened: Desk) -> None:
    staff = await opened.hire(tx, Role.SUPPORT_STAFF, "lina")
    admin = await opened.hire(tx, Role.ADMIN, "adam")
    customer = await opened.hire(tx, Role.CUSTOMER, "mona")
    (ticket,) = await service.open_tickets(tx, [opening(opened, tx.ids())])
    assert isinstance(ticket, Ticket)

    async def give(to: UUID, by: By = opened.by) -> Ticket | Refusal:
        command = service.Assign(by=by, ticket_id=ticket.id, assignee_id=to)
        return (await service.assign(tx, [command]))[0]

    for nobody in (customer, tx.ids()):
        refused = await give(nobody)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.status) == ("ticket.assignee_unknown", 422)
    elsewhere = await give(staff, replace(opened.by, tenant_id=tx.ids()))
    assert isinstance(elsewhere, Refusal)
    assert elsewhere.status == 404
    for somebody in (staff, admin):
        given = await give(somebody)
        assert isinstance(given, Ticket)
        assert (given.assignee_id, given.status) == (somebody, TicketStatus.IN_PROGRESS)


async def test_a_ticket_that_nobody_takes_up_becomes_overdue_and_more_urgent(
    database: Database, desk: Desk, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        (ticket,) = await service.open_tickets(tx, [opening(desk, tx.ids())])
        assert isinstance(ticket, Ticket)
    deadlines = Deadlines({"ticket": public.on_due})
    for _ in range(6):
        clock.advance(timedelta(minutes=30))
        await deadlines.fire(database)
    async with database.transaction() as tx:
        (late,) = await tickets(tx)
        assert late.priority is Priority.HIGH
        assert late.overdue_times >= 3
        recorded = await story(tx, wiring.REGISTRY, correlation_id=late.subject_id)
        types = [r.type for r in recorded]
        assert types[:3] == [
            "ticket.created.v1",
            "ticket.overdue.v1",
            "ticket.priority_changed.v1",
        ]
        assert types.count("ticket.priority_changed.v1") == 1
        assert await public.without_deadline(tx) == 0


async def test_what_is_resolved_is_closed_after_three_days(
    database: Database, desk: Desk, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await desk.open(tx)
        person = await desk.hire(tx, Role.SUPPORT_STAFF, "nour")
        (ticket,) = await service.open_tickets(tx, [opening(desk, tx.ids())])
        assert isinstance(ticket, Ticket)
        await service.change_status(
            tx,
            [
                service.ChangeStatus(
                    by=at_work(desk, person),
                    ticket_id=ticket.id,
                    to=TicketStatus.RESOLVED,
                    resolution=Resolution.DUPLICATE,
                )
            ],
        )
    clock.advance(timedelta(hours=72))
    assert await Deadlines({"ticket": public.on_due}).fire(database) == 1
    async with database.transaction() as tx:
        (closed,) = await tickets(tx)
        assert closed.status is TicketStatus.CLOSED
        assert closed.resolution is Resolution.DUPLICATE
        assert await tx.value("select count(*) from kernel.deadline where owner = 'ticket'") == 0
