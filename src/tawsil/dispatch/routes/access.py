"""Who may see and do what in dispatch."""

from typing import Final
from uuid import UUID

from tawsil.dispatch import store
from tawsil.dispatch.model import Delivery
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.http import Caller, not_found

READ: Final = "courier:read"
UPDATE: Final = "courier:update"
ASSIGN: Final = "order:assign"
CONFIGURE: Final = "system:configure"
TAGS: Final = ["Dispatch"]


async def the_delivery(tx: Tx, caller: Caller, reference_id: UUID) -> Delivery:
    found = (await store.of_references(tx, reference_ids=[reference_id])).get(reference_id)
    if found is None or found.tenant_id != caller.tenant_id:
        raise not_found()
    return found


async def its_city(tx: Tx, caller: Caller, city_id: UUID) -> None:
    if await geography.city_of(tx, tenant_id=caller.tenant_id, city_id=city_id) is None:
        raise not_found()


def acts_for(caller: Caller, permission: str, courier_id: UUID) -> None:
    """Couriers do for themselves what operations may do for every courier of a tenant."""
    scopes = caller.scopes(permission)
    if "all" not in scopes and not ("own" in scopes and caller.user_id == courier_id):
        raise not_found()


def of_operations(caller: Caller) -> None:
    if "all" not in caller.scopes(ASSIGN):
        raise not_found()
