"""Disputes over HTTP, for those who answer them."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Asked,
    Caller,
    Commands,
    Envelope,
    FromInstant,
    ToInstant,
    allow,
    asked_of,
    check_window,
    envelope,
    list_envelope,
    not_found,
)
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import Prose
from tawsil.payments.dispute_events import DisputeState
from tawsil.payments.events import AccountKind, Provider
from tawsil.payments.model.dispute import Dispute, Evidence
from tawsil.payments.routes.access import check_whole
from tawsil.payments.service import disputes as service
from tawsil.payments.service.disputes import AnswerDispute, BearDispute
from tawsil.payments.store import disputes as store

TAGS: Final = ["Disputes"]
READ: Final = "payment:read"
CHANGE: Final = "payment:update"
Words = Annotated[Prose, Meta(max_length=20_000)]


class DisputeView(Struct, frozen=True, kw_only=True):
    """`withdrawn_minor` is what the provider has taken back by now. `borne_by` is whose loss it is
    or would be. Answer an `inquiry`, or one that `needs_response`, before `due_at`.
    """

    id: UUID
    reference_id: UUID
    provider: Provider
    reason: str
    state: DisputeState
    amount_minor: int
    withdrawn_minor: int
    currency: str
    borne_by: str
    due_at: datetime | None
    answered_at: datetime | None
    opened_at: datetime

    @classmethod
    def of(cls, dispute: Dispute) -> "DisputeView":
        return cls(
            id=dispute.id,
            reference_id=dispute.reference_id,
            provider=dispute.provider,
            reason=dispute.reason,
            state=dispute.state,
            amount_minor=dispute.amount_minor,
            withdrawn_minor=dispute.withdrawn_minor,
            currency=dispute.currency,
            borne_by=dispute.borne_by.kind.value,
            due_at=dispute.due_at,
            answered_at=dispute.answered_at,
            opened_at=dispute.opened_at,
        )


class EvidenceBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What the cardholder's bank is told. It is sent once, and all at once."""

    explanation: Words
    product: Words = ""
    delivered_on: Annotated[str, Meta(max_length=40)] = ""
    refund_refused_because: Words = ""


class BearerBody(Struct, frozen=True, forbid_unknown_fields=True):
    bearer: Literal["platform", "merchant"]


EVIDENCE_EXAMPLE: Final = {
    "explanation": "The customer took the order at the door; the PIN was right.",
    "product": "One margherita and two lemonades",
    "delivered_on": "2026-11-20",
}
EvidenceIn = Annotated[EvidenceBody, Meta(examples=[EVIDENCE_EXAMPLE])]
BearerIn = Annotated[BearerBody, Meta(examples=[{"bearer": "merchant"}])]


async def asked_for(
    states: Annotated[list[DisputeState] | None, QueryParameter(name="state")] = None,
    reference_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
    from_: FromInstant = None,
    to: ToInstant = None,
) -> store.Filter:
    check_window(from_, to)
    return store.Filter(
        states=tuple(states) if states else None,
        reference_id=reference_id,
        city_id=city_id,
        since=from_,
        until=to,
    )


@get(
    "/v4/disputes",
    opt={"rule": allow(READ)},
    dependencies={"which": Provide(asked_for), **asked_of(store.SORTS)},
    tags=TAGS,
    summary="List disputes",
)
async def list_disputes(
    asked: NamedDependency[Asked],
    which: NamedDependency[store.Filter],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[DisputeView]]:
    """For operations: all of the tenant; the newest first, unless sorted otherwise."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        found = await store.search(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(DisputeView.of), asked)


@get(
    "/v4/disputes/{dispute_id:uuid}",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="Show a dispute",
)
async def show_dispute(
    dispute_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[DisputeView]:
    """How it stands, and until when evidence is wanted."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        dispute = await store.reached(tx, reach=reach, dispute_id=dispute_id)
    if dispute is None:
        raise not_found()
    return envelope(DisputeView.of(dispute))


@post(
    "/v4/disputes/{dispute_id:uuid}/evidence",
    opt={"rule": allow(CHANGE)},
    status_code=200,
    tags=TAGS,
    summary="Answer a dispute with evidence",
)
async def send_evidence(
    dispute_id: FromPath[UUID],
    data: JSONBody[EvidenceIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DisputeView]]:
    """It goes to the cardholder's bank, who decides; that takes weeks."""
    check_whole(caller, CHANGE)
    evidence = Evidence(
        explanation=data.explanation,
        product=data.product,
        delivered_on=data.delivered_on,
        refund_refused_because=data.refund_refused_because,
    )
    command = AnswerDispute(by=caller.by, dispute_id=dispute_id, evidence=evidence)
    return await commands.submit(service.answer, command, view=DisputeView.of, status=200)


@post(
    "/v4/disputes/{dispute_id:uuid}/accept",
    opt={"rule": allow(CHANGE)},
    status_code=200,
    tags=TAGS,
    summary="Accept the loss of a dispute",
)
async def accept_dispute(
    dispute_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DisputeView]]:
    """The cardholder keeps the money; this cannot be undone."""
    check_whole(caller, CHANGE)
    command = AnswerDispute(by=caller.by, dispute_id=dispute_id, evidence=None)
    return await commands.submit(service.answer, command, view=DisputeView.of, status=200)


@post(
    "/v4/disputes/{dispute_id:uuid}/bearer",
    opt={"rule": allow(CHANGE)},
    status_code=200,
    tags=TAGS,
    summary="Choose who bears the loss of a dispute",
)
async def choose_bearer(
    dispute_id: FromPath[UUID],
    data: JSONBody[BearerIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[DisputeView]]:
    """The platform, or the merchant; also after it was lost, which moves the loss."""
    check_whole(caller, CHANGE)
    command = BearDispute(by=caller.by, dispute_id=dispute_id, bearer=AccountKind(data.bearer))
    return await commands.submit(service.bear, command, view=DisputeView.of, status=200)


routes: Final = [list_disputes, show_dispute, send_evidence, accept_dispute, choose_bearer]
