"""Pictures of handovers over HTTP: sent by the courier, seen by those whom they concern."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.geography.public import Proof
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope, not_found
from tawsil.kernel.reach import Reach
from tawsil.ordering.access import visible
from tawsil.ordering.moves import Party
from tawsil.ordering.proofs import service, store
from tawsil.ordering.proofs.model import MOST_BYTES
from tawsil.ordering.proofs.views import ProofView

READ: Final = "order:read"
SMALLEST_PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
PRIVATE: Final = "private, max-age=86400, immutable"


class PictureBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`content` is a JPEG, PNG or WebP of at most 320,000 bytes, in base64."""

    kind: Annotated[Proof, Meta(examples=["photo"])]
    taken_at: Annotated[
        datetime,
        Meta(tz=True, description="By the phone's clock.", examples=["2026-11-20T12:00:00Z"]),
    ]
    content: Annotated[bytes, Meta(min_length=12, max_length=MOST_BYTES, examples=[SMALLEST_PNG])]


@put(
    "/v4/orders/{order_id:uuid}/proofs/{proof_id:uuid}",
    opt={"rule": allow("order:update")},
    tags=["Orders"],
    summary="Send a picture of a handover",
)
async def keep_proof(
    order_id: FromPath[UUID],
    proof_id: FromPath[UUID],
    data: JSONBody[PictureBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ProofView]]:
    """Before the handover that it shows, under an id of the phone's own: sent again it is kept
    once. Also from who was the order's courier when it was taken.
    """
    return await commands.submit(
        service.keep,
        service.KeepPicture(
            by=caller.by,
            order_id=order_id,
            picture_id=proof_id,
            courier_id=caller.user_id,
            kind=data.kind,
            content=data.content,
            taken_at=data.taken_at,
        ),
        view=ProofView.of,
    )


@get(
    "/v4/orders/{order_id:uuid}/proofs",
    opt={"rule": allow(READ)},
    tags=["Orders"],
    summary="The pictures of an order's handover",
)
async def list_proofs(
    order_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[list[ProofView]]:
    """For the customer, the courier and staff; merchants have no part in the handover."""
    async with database.transaction() as tx:
        await _concerned(tx, reach=reach, order_id=order_id)
        pictures = (await store.of_orders(tx, [order_id]))[order_id]
    return envelope([ProofView.of(one) for one in pictures])


@get(
    "/v4/orders/{order_id:uuid}/proofs/{proof_id:uuid}",
    opt={"rule": allow(READ)},
    tags=["Orders"],
    summary="A picture of an order's handover",
    media_type="image/*",
)
async def show_proof(
    order_id: FromPath[UUID],
    proof_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Response[bytes]:
    """The image itself, as it was sent."""
    async with database.transaction() as tx:
        await _concerned(tx, reach=reach, order_id=order_id)
        found = await store.content(tx, order_id=order_id, id_=proof_id)
    if found is None:
        raise not_found()
    picture, content = found
    return Response(
        content,
        media_type=picture.media_type,
        headers={"Cache-Control": PRIVATE, "Content-Disposition": "inline"},
    )


async def _concerned(tx: Tx, *, reach: Reach, order_id: UUID) -> None:
    _, party = await visible(tx, reach=reach, order_id=order_id)
    if party is Party.MERCHANT:
        raise not_found()


routes: Final[list[Any]] = [keep_proof, list_proofs, show_proof]
