"""The keys that sign tokens: published before they sign, and kept until nothing needs them."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class KeyUse(StrEnum):
    """What a key is good for at an instant."""

    PUBLISHED = "published"  # verifiers learn of it; it signs nothing yet
    SIGNING = "signing"
    VERIFYING = "verifying"  # signs no more; tokens it has signed are still about
    RETIRED = "retired"


class SigningKey(Struct, frozen=True, kw_only=True):
    """A private key, sealed; those from before keys were sealed are in PEM."""

    kid: str
    private_sealed: bytes | None = None
    private_pem: str | None = None
    created_at: datetime
    signs_at: datetime
    retires_at: datetime | None = None

    def retired(self, *, now: datetime) -> bool:
        return self.retires_at is not None and self.retires_at <= now


def signing(keys: Iterable[SigningKey], *, now: datetime) -> SigningKey | None:
    """The key that signs: the newest of those that have been published for long enough."""
    ready = [key for key in keys if key.signs_at <= now and not key.retired(now=now)]
    return max(ready, key=lambda key: (key.signs_at, key.kid), default=None)


def uses(keys: Iterable[SigningKey], *, now: datetime) -> dict[str, KeyUse]:
    """What each key is good for, by its id."""
    known = list(keys)
    signs = signing(known, now=now)

    def use(key: SigningKey) -> KeyUse:
        if key.retired(now=now):
            return KeyUse.RETIRED
        if key.signs_at > now:
            return KeyUse.PUBLISHED
        return KeyUse.SIGNING if key == signs else KeyUse.VERIFYING

    return {key.kid: use(key) for key in known}
