"""The keys that sign tokens."""

from datetime import datetime

from msgspec import Struct


class SigningKey(Struct, frozen=True, kw_only=True):
    """A private key in PEM. It verifies until `retires_at`; the newest of all signs."""

    kid: str
    private_pem: str
    created_at: datetime
    retires_at: datetime | None = None
