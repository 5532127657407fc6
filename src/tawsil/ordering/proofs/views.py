"""Pictures as the API shows them."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.geography.public import Proof
from tawsil.ordering.proofs.model import Picture


class ProofView(Struct, frozen=True, kw_only=True):
    """What is known of a picture. Once `forgotten` there is nothing to be seen any more."""

    id: UUID
    order_id: UUID
    courier_id: UUID
    kind: Proof
    media_type: str
    size_bytes: int
    sha256: str
    taken_at: datetime
    received_at: datetime
    kept_until_at: datetime
    forgotten: bool

    @classmethod
    def of(cls, picture: Picture) -> "ProofView":
        return cls(
            **{name: getattr(picture, name) for name in cls.__struct_fields__ if name != "sha256"},
            sha256=picture.sha256.hex(),
        )
