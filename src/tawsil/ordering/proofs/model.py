"""A picture of a handover: what it may be, and how long it is kept."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.geography.public import Proof
from tawsil.kernel.decisions import Accepted, Deadline, Decision, accept, refuse
from tawsil.ordering.events import ProofForgotten, ProofKept
from tawsil.ordering.model import Order

MOST_BYTES: Final = 320_000
MOST_OF_AN_ORDER: Final = 10
KEPT_FOR: Final = timedelta(days=90)
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"


class Picture(Struct, frozen=True, kw_only=True):
    """What is known of a picture besides itself. Once forgotten, that is all there is."""

    stream: ClassVar[str] = "proof"

    id: UUID
    version: int = 0
    order_id: UUID
    tenant_id: UUID
    city_id: UUID
    courier_id: UUID
    kind: Proof
    media_type: str
    size_bytes: int
    sha256: bytes
    taken_at: datetime
    received_at: datetime
    kept_until_at: datetime
    forgotten: bool = False

    @property
    def deadline(self) -> Deadline | None:
        return None if self.forgotten else Deadline(kind="forget", at=self.kept_until_at)


def sniffed(content: bytes) -> str | None:
    """The kind of image it is by its own bytes, whatever it is called; None: none of ours."""
    if content.startswith(_JPEG):
        return "image/jpeg"
    if content.startswith(_PNG):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def keep(
    order: Order,
    *,
    id_: UUID,
    courier_id: UUID,
    kind: Proof,
    content: bytes,
    taken_at: datetime,
    before: int,
    now: datetime,
) -> Decision[Picture]:
    """`before`: how many pictures of the order there are already."""
    media_type = sniffed(content)
    if media_type is None:
        return refuse("proof.not_an_image", status=422)
    if len(content) > MOST_BYTES:
        return refuse("proof.too_large", status=422, most_bytes=MOST_BYTES)
    if before >= MOST_OF_AN_ORDER:
        return refuse("proof.too_many", most=MOST_OF_AN_ORDER)
    picture = Picture(
        id=id_,
        order_id=order.id,
        tenant_id=order.tenant_id,
        city_id=order.city_id,
        courier_id=courier_id,
        kind=kind,
        media_type=media_type,
        size_bytes=len(content),
        sha256=sha256(content).digest(),
        taken_at=min(now, max(taken_at, order.placed_at)),
        received_at=now,
        kept_until_at=now + KEPT_FOR,
    )
    return accept(
        picture,
        ProofKept(
            proof_id=picture.id,
            order_id=picture.order_id,
            courier_id=courier_id,
            kind=kind,
            sha256=picture.sha256.hex(),
            kept_until_at=picture.kept_until_at,
        ),
    )


def forget(picture: Picture) -> Accepted[Picture]:
    """Its time is over: the picture is deleted, and that is on record."""
    return accept(
        replace(picture, forgotten=True),
        ProofForgotten(proof_id=picture.id, order_id=picture.order_id),
    )
