"""Service accounts: programs that are nobody's, known by a public key."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.events import Role, ServiceAccountCreated, ServiceAccountRemoved
from tawsil.identity.model.users import User
from tawsil.identity.narrowing import ANY, beyond, resources
from tawsil.kernel.decisions import Accepted, Deadline, Decision, accept, refuse

PublicKey = Mapping[str, str]
"""A JSON Web Key without a private part."""


class NewServiceAccount(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    permissions: tuple[str, ...]
    public_key: PublicKey


class ServiceAccount(Struct, frozen=True, kw_only=True):
    """A service. It has the roles of whoever made it, and the permissions it was given."""

    stream: ClassVar[str] = "service_account"

    id: UUID
    version: int = 0
    tenant_id: UUID
    name: str
    roles: tuple[Role, ...]
    permissions: tuple[str, ...]
    public_key: PublicKey
    created_by: UUID
    created_at: datetime
    removed_at: datetime | None = None

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


def create(
    new: NewServiceAccount, *, maker: User, held: Iterable[str], at: datetime
) -> Decision[ServiceAccount]:
    """Register a service with some of what its maker holds."""
    if ANY in resources(new.permissions):
        return refuse("identity.service_resource", status=422)
    if more := beyond(new.permissions, held=held):
        return refuse("identity.beyond_you", status=403, permissions=more)
    account = ServiceAccount(
        id=new.id,
        tenant_id=maker.tenant_id,
        name=new.name,
        roles=maker.roles,
        permissions=tuple(dict.fromkeys(new.permissions)),
        public_key=new.public_key,
        created_by=maker.id,
        created_at=at,
    )
    created = ServiceAccountCreated(
        account_id=account.id, user_id=maker.id, permissions=account.permissions
    )
    return accept(account, created)


def remove(account: ServiceAccount, *, at: datetime) -> Accepted[ServiceAccount]:
    """End the service's access; one that has ended stays as it is."""
    if account.removed_at is not None:
        return accept(account)
    return accept(replace(account, removed_at=at), ServiceAccountRemoved(account_id=account.id))
