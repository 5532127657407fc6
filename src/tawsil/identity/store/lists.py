"""Users as lists: what they are filtered and sorted by, and who reaches which."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.identity.events import Role
from tawsil.identity.model.users import User, email_key
from tawsil.identity.store.users import user_of
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows, starting
from tawsil.kernel.reach import Reach


class Filter(Struct, frozen=True, kw_only=True):
    """Which users: everything that is set narrows. `words` begin a name, an address, a number."""

    roles: tuple[Role, ...] | None = None
    disabled: bool | None = None
    verified: bool | None = None
    city_id: UUID | None = None
    location_id: UUID | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    words: str | None = None


SORTS: Final = Sorts(
    keys={
        "created_at": Key("created_at", datetime),
        "name": Key("lower(name)", str),
        "email": Key("email_key", str),
    },
    default="-created_at",
)
_FILTERS: Final = {
    "roles": "roles && {}::text[]",
    "disabled": "(disabled_at is not null) = {}",
    "verified": "(email_verified_at is not null) = {}",
    "city_id": "city_id = {}",
    "location_id": "location_id = {}",
    "from_at": "created_at >= {}",
    "to_at": "created_at < {}",
}
_REACHED: Final = {"city_ids": "city_id = any({}::uuid[])", "user_id": "id = {}"}


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[User]:
    where = Where().within(reach, _REACHED).matching(which, _FILTERS, besides={"words"})
    if which.words is not None:
        where.add(
            "(lower(name) like lower({0}) or email_key like {1} or phone like {0})",
            starting(which.words),
            starting(email_key(which.words)),
        )
    found = await rows(tx, columns="*", source="identity.app_user", where=where, take=take)
    return found.map(user_of)
