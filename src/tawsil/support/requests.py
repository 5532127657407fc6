"""People who have a problem: what they say it is about is looked up before a ticket is opened."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.ordering import public as ordering
from tawsil.support import service
from tawsil.support.events import Kind, Priority, SubjectKind
from tawsil.support.model import CUSTOMERS_MAY_OPEN, USUAL_PRIORITY, Ticket
from tawsil.support.service import OpenTicket, Writing


class AskForHelp(Command, frozen=True, kw_only=True):
    """`customer_id` is set when a customer asks: then it is about an order of theirs."""

    kind: Kind
    subject_kind: SubjectKind
    subject_id: UUID
    words: str
    priority: Priority | None = None
    customer_id: UUID | None = None


class Subject(Struct, frozen=True, kw_only=True):
    """What a ticket is about, as far as support must know it."""

    tenant_id: UUID
    city_id: UUID
    customer_id: UUID | None = None


async def ask_for_help(tx: Tx, commands: Sequence[AskForHelp]) -> list[Ticket | Refusal]:
    """Open a ticket about something of one's tenant, or add to the one that is open already."""
    subjects = await _subjects(tx, commands)
    refusals = [_refused(c, subjects.get((c.subject_kind, c.subject_id))) for c in commands]
    asked = [c for c, refused in zip(commands, refusals, strict=True) if refused is None]
    opened = iter(
        await service.open_tickets(
            tx, [_opening(c, subjects[c.subject_kind, c.subject_id]) for c in asked]
        )
    )
    return [refused or next(opened) for refused in refusals]


def _refused(command: AskForHelp, subject: Subject | None) -> Refusal | None:
    asks = command.customer_id
    if asks is not None and command.kind not in CUSTOMERS_MAY_OPEN:
        legal = sorted(CUSTOMERS_MAY_OPEN)
        return refuse("ticket.kind_not_yours", status=403, kind=command.kind, legal=legal)
    if asks is not None and command.priority is not None:
        return refuse("ticket.priority_not_yours", status=403)
    known = subject is not None and subject.tenant_id == command.by.tenant_id
    theirs = subject is not None and asks in {None, subject.customer_id}
    if not (known and theirs):
        return refuse("ticket.subject_unknown", status=422, subject=command.subject_kind)
    return None


def _opening(command: AskForHelp, subject: Subject) -> OpenTicket:
    return OpenTicket(
        by=command.by,
        kind=command.kind,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        city_id=subject.city_id,
        customer_id=subject.customer_id,
        priority=command.priority or USUAL_PRIORITY[command.kind],
        writing=Writing(words=command.words, internal=command.customer_id is None),
    )


async def _subjects(
    tx: Tx, commands: Sequence[AskForHelp]
) -> dict[tuple[SubjectKind, UUID], Subject]:
    """Whatever is asked about, of any tenant; what does not exist is left out."""

    def wanted(kind: SubjectKind) -> list[UUID]:
        return [c.subject_id for c in commands if c.subject_kind is kind]

    found: dict[tuple[SubjectKind, UUID], Subject] = {}
    for tenant_id in {c.by.tenant_id for c in commands}:
        for order in (
            await ordering.get_many(tx, tenant_id=tenant_id, ids=wanted(SubjectKind.ORDER))
        ).values():
            found[SubjectKind.ORDER, order.id] = Subject(
                tenant_id=tenant_id, city_id=order.city_id, customer_id=order.customer_id
            )
    for courier in (await couriers.get_many(tx, ids=wanted(SubjectKind.COURIER))).values():
        found[SubjectKind.COURIER, courier.id] = Subject(
            tenant_id=courier.tenant_id, city_id=courier.city_id
        )
    for city in (await geography.cities_by_id(tx, ids=wanted(SubjectKind.CITY))).values():
        found[SubjectKind.CITY, city.id] = Subject(tenant_id=city.tenant_id, city_id=city.id)
    return found
