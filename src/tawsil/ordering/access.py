"""Who may see and do what with which order."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.http import Caller, not_found
from tawsil.ordering import store
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting, concerns


def acting(caller: Caller, permission: str) -> Acting:
    """As whom the caller acts on orders, by the widest scope it was granted."""
    scopes = caller.scopes(permission)
    if "all" in scopes:
        return Acting(Party.OPERATOR)
    if "assigned" in scopes:
        if caller.role == "merchant":
            return Acting(Party.MERCHANT, caller.location_id)
        return Acting(Party.COURIER, caller.user_id)
    return Acting(Party.CUSTOMER, caller.user_id)


def orders_of(caller: Caller, statuses: Sequence[Status] | None) -> store.Filter:
    who = acting(caller, "order:read")
    if who.id is None and who.party is not Party.OPERATOR:
        raise not_found()  # a merchant's user without a merchant
    field = {
        Party.CUSTOMER: "customer_id",
        Party.MERCHANT: "merchant_id",
        Party.COURIER: "courier_id",
    }.get(who.party)
    narrowed: dict[str, Any] = {field: who.id} if field else {}
    return store.Filter(tenant_id=caller.tenant_id, statuses=statuses, **narrowed)


async def visible(tx: Tx, caller: Caller, order_id: UUID) -> tuple[Order, Acting]:
    who = acting(caller, "order:read")
    order = (await store.get(tx, [order_id])).get(order_id)
    if order is None or not concerns(order, tenant_id=caller.tenant_id, acting=who):
        raise not_found()
    if who.party is Party.MERCHANT and order.offered_at is None:
        raise not_found()
    return order, who
