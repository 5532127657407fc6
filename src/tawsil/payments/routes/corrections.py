"""Putting the books right: by a new transfer that names the one it corrects."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow
from tawsil.payments.events import AccountKind, AccountRef, Posting
from tawsil.payments.model.corrections import MOST_POSTINGS, Correction
from tawsil.payments.routes.access import check_whole
from tawsil.payments.service.corrections import Correct, correct

UPDATE: Final = "payment:update"
MOST_MINOR: Final = 2**53

Minor = Annotated[int, Meta(ge=-MOST_MINOR, le=MOST_MINOR)]


class PostingBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Above zero is credited to the account's owner; the platform's own accounts have none."""

    account: AccountKind
    amount_minor: Annotated[Minor, Meta(examples=[-250])]
    owner_id: UUID | None = None


class CorrectionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without `postings` the transfer is reversed; with them, they add up to zero."""

    transfer_id: Annotated[UUID, Meta(examples=["01a1f8d3-ea00-752e-89a7-834df2a74de4"])]
    reason: Annotated[
        str, Meta(min_length=3, max_length=500, examples=["The tip was booked twice."])
    ]
    postings: Annotated[list[PostingBody], Meta(min_length=2, max_length=MOST_POSTINGS)] | None = (
        None
    )


class PostingView(Struct, frozen=True, kw_only=True):
    account: AccountKind
    owner_id: UUID | None
    amount_minor: int


class CorrectionView(Struct, frozen=True, kw_only=True):
    """The transfer `transfer_id` puts `corrects` right; `reverses`: by taking all of it back."""

    transfer_id: UUID
    corrects: UUID
    reverses: bool
    reason: str
    currency: str
    postings: list[PostingView]

    @classmethod
    def of(cls, correction: Correction) -> "CorrectionView":
        return cls(
            transfer_id=correction.transfer_id,
            corrects=correction.corrects,
            reverses=correction.reverses,
            reason=correction.reason,
            currency=correction.currency,
            postings=[
                PostingView(
                    account=posting.account.kind,
                    owner_id=posting.account.owner_id,
                    amount_minor=posting.amount_minor,
                )
                for posting in correction.postings
            ],
        )


@post(
    "/v4/ledger/corrections",
    opt={"rule": allow(UPDATE)},
    status_code=201,
    tags=["Books"],
    summary="Put a transfer right",
)
async def correct_transfer(
    data: JSONBody[CorrectionBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CorrectionView]]:
    """Reverses a posted transfer, once, or books what it lacked; nothing booked is ever changed.

    What is booked is of the same reference and currency, with the time of today. Send an
    `Idempotency-Key`: the same request again changes nothing.
    """
    check_whole(caller, UPDATE)
    command = Correct(
        by=caller.by,
        id=database.ids(),
        transfer_id=data.transfer_id,
        postings=None if data.postings is None else tuple(_posting(p) for p in data.postings),
        reason=data.reason,
    )
    return await commands.submit(correct, command, view=CorrectionView.of, status=201)


def _posting(body: PostingBody) -> Posting:
    try:
        return Posting(AccountRef(body.account, body.owner_id), body.amount_minor)
    except ValueError as error:
        raise Problem(422, "ledger.account_invalid", account=body.account.value) from error


routes: Final = [correct_transfer]
