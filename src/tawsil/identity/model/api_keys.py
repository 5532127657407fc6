"""API keys: part of what their owner may do, for a program, until somebody takes it back."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.events import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated
from tawsil.identity.model.users import User
from tawsil.identity.narrowing import ANY, beyond, narrowed, resources
from tawsil.identity.permissions import permissions_of
from tawsil.kernel.decisions import Accepted, Deadline, Decision, Refusal, accept, refuse

MOST_KEYS: Final = 100  # of one owner
USE_NOTED_AFTER: Final = timedelta(minutes=1)
_NOT_FOR_KEYS: Final = frozenset({ANY, "api_key"})


class NewApiKey(Struct, frozen=True, kw_only=True):
    """A key to be made, with the hash of the secret that its owner is shown."""

    id: UUID
    name: str
    permissions: tuple[str, ...]
    secret_hash: bytes
    expires_at: datetime | None = None


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key. Until `old_secret_until_at` the secret before the last rotation works too."""

    stream: ClassVar[str] = "api_key"

    id: UUID
    version: int = 0
    tenant_id: UUID
    owner_id: UUID
    location_id: UUID | None
    name: str
    permissions: tuple[str, ...]
    secret_hash: bytes
    old_secret_hash: bytes | None = None
    old_secret_until_at: datetime | None = None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


class KeysOf(Struct, frozen=True, kw_only=True):
    """Whose keys somebody may see: a whole tenant's, or those of one place or of one owner."""

    tenant_id: UUID
    location_id: UUID | None = None
    owner_id: UUID | None = None

    def includes(self, key: ApiKey) -> bool:
        return (
            key.tenant_id == self.tenant_id
            and self.location_id in {None, key.location_id}
            and self.owner_id in {None, key.owner_id}
        )


def create(
    new: NewApiKey, *, owner: User, owned: int, held: Iterable[str], at: datetime
) -> Decision[ApiKey]:
    """Make a key with some of what its owner holds. `owned` counts the keys there are."""
    if owned >= MOST_KEYS:
        return refuse("identity.api_keys_too_many", most=MOST_KEYS)
    if refused := _refused(new.permissions, held=held):
        return refused
    if new.expires_at is not None and new.expires_at <= at:
        return refuse("identity.api_key_expiry_past", status=422)
    key = ApiKey(
        id=new.id,
        tenant_id=owner.tenant_id,
        owner_id=owner.id,
        location_id=owner.location_id,
        name=new.name,
        permissions=tuple(dict.fromkeys(new.permissions)),
        secret_hash=new.secret_hash,
        created_at=at,
        expires_at=new.expires_at,
    )
    created = ApiKeyCreated(
        api_key_id=key.id,
        user_id=owner.id,
        location_id=key.location_id,
        permissions=key.permissions,
        expires_at=key.expires_at,
    )
    return accept(key, created)


def _refused(permissions: Iterable[str], *, held: Iterable[str]) -> Refusal | None:
    """Why nobody who holds this may give it to a key, or have the secret of a key that has it."""
    asked = list(permissions)
    if forbidden := _NOT_FOR_KEYS & resources(asked):
        return refuse("identity.api_key_resource", status=422, resources=sorted(forbidden))
    if more := beyond(asked, held=held):
        return refuse("identity.beyond_you", status=403, permissions=more)
    return None


def rotate(
    key: ApiKey, *, secret_hash: bytes, overlap: timedelta, held: Iterable[str], at: datetime
) -> Decision[ApiKey]:
    """Another secret; the one there was works until the overlap ends."""
    if refused := _refused(key.permissions, held=held):
        return refused
    old_until_at = at + overlap
    rotated = replace(
        key,
        secret_hash=secret_hash,
        old_secret_hash=key.secret_hash,
        old_secret_until_at=old_until_at,
    )
    return accept(rotated, ApiKeyRotated(api_key_id=key.id, old_until_at=old_until_at))


def revoke(key: ApiKey, *, at: datetime) -> Accepted[ApiKey]:
    """End the key; one that has ended stays as it is."""
    if key.revoked_at is not None:
        return accept(key)
    return accept(replace(key, revoked_at=at), ApiKeyRevoked(api_key_id=key.id))


def opens(key: ApiKey, *, secret_hash: bytes, owner: User, now: datetime) -> bool:
    """Whether this secret opens anything: its key lives, and its owner is still who they were."""
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return False
    if owner.disabled_at is not None:
        return False
    if (owner.tenant_id, owner.location_id) != (key.tenant_id, key.location_id):
        return False
    old = key.old_secret_hash
    if old is not None and key.old_secret_until_at is not None and now < key.old_secret_until_at:
        return compare_digest(key.secret_hash, secret_hash) or compare_digest(old, secret_hash)
    return compare_digest(key.secret_hash, secret_hash)


def power(key: ApiKey, *, owner: User) -> frozenset[str]:
    """What the key may do: what it was given, as far as its owner may still do it."""
    return narrowed(key.permissions, held=permissions_of(owner.roles))


def use_to_note(key: ApiKey, *, now: datetime) -> bool:
    return key.last_used_at is None or now - key.last_used_at >= USE_NOTED_AFTER
