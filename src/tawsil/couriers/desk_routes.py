"""Couriers over HTTP for those who take them on: enrolling, suspending, and their documents."""

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.couriers import papering, public, service
from tawsil.couriers.events import SuspendedBecause, Vehicle
from tawsil.couriers.papers import Document, PaperState
from tawsil.couriers.views import CourierView
from tawsil.geography.public import CourierDocument
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow, envelope, not_found
from tawsil.kernel.reach import Reach
from tawsil.kernel.sealing import Sealer

TAGS: Final = ["Couriers"]
READ: Final = "courier:read"
UPDATE: Final = "courier:update"
END_SHOWN: Final = 4


class EnrolBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A user whose role is delivery_partner."""

    courier_id: UUID
    city_id: UUID
    vehicle: Annotated[Vehicle, Meta(examples=["motorbike"])]


class SuspendCourierBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[SuspendedBecause, Meta(examples=["documents"])]


class DocumentBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`verified`: whoever sends this has seen the paper itself."""

    kind: Annotated[CourierDocument, Meta(examples=["licence"])]
    number: Annotated[
        str, Meta(min_length=3, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9 /.-]*$(?!\n)")
    ]
    expires_on: Annotated[date, Meta(examples=["2028-05-31"])]
    verified: bool = False


class DocumentView(Struct, frozen=True, kw_only=True):
    """Of the number, only how it ends; `in_force` through the day it expires on."""

    id: UUID
    kind: CourierDocument
    number_end: str
    expires_on: date
    state: PaperState
    added_at: datetime
    verified_at: datetime | None
    verified_by_id: UUID | None

    @classmethod
    def of(cls, document: Document, *, today: date) -> "DocumentView":
        return cls(
            id=document.id,
            kind=document.kind,
            number_end=document.number_end,
            expires_on=document.expires_on,
            state=document.state(today=today),
            added_at=document.added_at,
            verified_at=document.verified_at,
            verified_by_id=document.verified_by_id,
        )


@post(
    "/v4/drivers",
    opt={"rule": allow("courier:create")},
    status_code=201,
    tags=TAGS,
    summary="Enrol a courier",
)
async def enrol_courier(
    data: JSONBody[EnrolBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    """They are off duty until they start a shift."""
    _of_the_tenant(reach, "courier:create")
    command = service.NewCourier(
        by=caller.by, courier_id=data.courier_id, city_id=data.city_id, vehicle=data.vehicle
    )
    return await commands.submit(service.enrol, command, view=CourierView.of, status=201)


@post(
    "/v4/drivers/{courier_id:uuid}/suspend",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Take a courier off the road",
)
async def suspend_courier(
    courier_id: FromPath[UUID],
    data: JSONBody[SuspendCourierBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    """No new offers and no shift; a job under way is finished first."""
    _of_the_tenant(reach, UPDATE)
    command = service.Suspend(by=caller.by, courier_id=courier_id, because=data.reason)
    return await commands.submit(service.suspend, command, view=CourierView.of)


@post(
    "/v4/drivers/{courier_id:uuid}/reinstate",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Let a courier ride again",
)
async def reinstate_courier(
    courier_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CourierView]]:
    _of_the_tenant(reach, UPDATE)
    command = service.Reinstate(by=caller.by, courier_id=courier_id)
    return await commands.submit(service.reinstate, command, view=CourierView.of)


@get(
    "/v4/drivers/{courier_id:uuid}/documents",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="A courier's documents",
)
async def list_documents(
    courier_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[list[DocumentView]]:
    """Their own, or for those who look after them. Which are needed is in the city's rules."""
    async with database.transaction() as tx:
        await public.check_reached(tx, reach=reach, courier_id=courier_id)
        found = await papering.documents_of(tx, courier_id=courier_id)
    if found is None:
        raise not_found()
    documents, today = found
    return envelope([DocumentView.of(document, today=today) for document in documents])


@post(
    "/v4/drivers/{courier_id:uuid}/documents",
    opt={"rule": allow(UPDATE)},
    status_code=201,
    tags=TAGS,
    summary="Keep a courier's document",
)
async def add_document(
    courier_id: FromPath[UUID],
    data: JSONBody[DocumentBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[DocumentView]]:
    """It takes the place of the one of its kind. Its number is sealed, and not shown again."""
    _of_the_tenant(reach, UPDATE)
    document_id = database.ids()
    sealer: Sealer = state.sealer
    number = data.number.strip()
    command = papering.AddDocument(
        by=caller.by,
        courier_id=courier_id,
        document_id=document_id,
        kind=data.kind,
        sealed_number=sealer.seal(number.encode(), about=f"document {document_id}"),
        number_end=number[-min(END_SHOWN, len(number) - 1) :],
        expires_on=data.expires_on,
        verified=data.verified,
    )
    return await commands.submit(papering.add_document, command, view=_viewed(database), status=201)


@post(
    "/v4/drivers/{courier_id:uuid}/documents/{document_id:uuid}/verify",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Say that a document was seen",
)
async def verify_document(
    courier_id: FromPath[UUID],
    document_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[DocumentView]]:
    _of_the_tenant(reach, UPDATE)
    command = papering.VerifyDocument(by=caller.by, courier_id=courier_id, document_id=document_id)
    return await commands.submit(papering.verify_document, command, view=_viewed(database))


@post(
    "/v4/drivers/{courier_id:uuid}/documents/{document_id:uuid}/withdraw",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Let a document count no more",
)
async def withdraw_document(
    courier_id: FromPath[UUID],
    document_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[DocumentView]]:
    _of_the_tenant(reach, UPDATE)
    command = papering.WithdrawDocument(
        by=caller.by, courier_id=courier_id, document_id=document_id
    )
    return await commands.submit(papering.withdraw_document, command, view=_viewed(database))


def _viewed(database: Database) -> Any:
    today = database.now().date()

    def view(document: Document) -> DocumentView:
        return DocumentView.of(document, today=today)

    return view


def _of_the_tenant(reach: Reach, permission: str) -> None:
    """A courier may update some of their own; this is for those who run the tenant."""
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=permission)


routes: Final[list[Any]] = [
    enrol_courier,
    suspend_courier,
    reinstate_courier,
    list_documents,
    add_document,
    verify_document,
    withdraw_document,
]
