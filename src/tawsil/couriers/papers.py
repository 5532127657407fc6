"""Documents: which count, and what is lacking before a shift: pure."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers.events import DocumentAdded, DocumentVerified, DocumentWithdrawn
from tawsil.geography.public import CourierDocument
from tawsil.kernel.decisions import Accepted, Deadline, Decision, accept, refuse


class PaperState(StrEnum):
    """How a document is; only one that is in force counts."""

    IN_FORCE = "in_force"
    MISSING = "missing"
    UNVERIFIED = "unverified"
    EXPIRED = "expired"


class Lacking(Struct, frozen=True):
    kind: CourierDocument
    state: PaperState


class Document(Struct, frozen=True, kw_only=True):
    """A paper of a courier's. Of its number only the end is shown; it is good through its last day.

    Its events belong to its own stream.
    """

    stream: ClassVar[str] = "document"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID | None = None
    courier_id: UUID
    kind: CourierDocument
    sealed_number: bytes
    number_end: str
    expires_on: date
    added_at: datetime
    added_by_id: UUID | None
    verified_at: datetime | None = None
    verified_by_id: UUID | None = None
    withdrawn_at: datetime | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None

    def state(self, *, today: date) -> PaperState:
        if self.expires_on < today:
            return PaperState.EXPIRED
        return PaperState.UNVERIFIED if self.verified_at is None else PaperState.IN_FORCE


def add(document: Document, *, today: date) -> Decision[Document]:
    if document.expires_on < today:
        return refuse("courier.document_over", status=422, expires_on=document.expires_on)
    return accept(
        document,
        DocumentAdded(
            courier_id=document.courier_id,
            document_id=document.id,
            kind=document.kind,
            expires_on=document.expires_on,
            verified=document.verified_at is not None,
        ),
    )


def verify(document: Document, *, by_id: UUID | None, at: datetime) -> Decision[Document]:
    """Somebody has seen the paper. Seen again, the first time stands."""
    if document.verified_at is not None:
        return accept(document)
    return accept(
        replace(document, verified_at=at, verified_by_id=by_id),
        DocumentVerified(
            courier_id=document.courier_id, document_id=document.id, kind=document.kind
        ),
    )


def withdraw(document: Document, *, at: datetime) -> Accepted[Document]:
    if document.withdrawn_at is not None:
        return accept(document)
    return accept(
        replace(document, withdrawn_at=at),
        DocumentWithdrawn(
            courier_id=document.courier_id, document_id=document.id, kind=document.kind
        ),
    )


def lacking(
    documents: Iterable[Document], *, needed: Collection[CourierDocument], today: date
) -> Lacking | None:
    """The first document that is needed and not in force."""
    known = {document.kind: document for document in documents}
    for kind in CourierDocument:
        if kind not in needed:
            continue
        state = known[kind].state(today=today) if kind in known else PaperState.MISSING
        if state is not PaperState.IN_FORCE:
            return Lacking(kind, state)
    return None
