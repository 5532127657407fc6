"""Who may see and do what with which order."""

from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.http import Caller, not_found
from tawsil.kernel.reach import Reach
from tawsil.ordering import list_store
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting


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


async def visible(tx: Tx, *, reach: Reach, order_id: UUID) -> tuple[Order, Party]:
    """An order within reach, and as whom it is looked at.

    Raises:
        Problem: 404, there is none, or it is out of reach.
    """
    order = (await list_store.reached(tx, reach=reach, ids=[order_id])).get(order_id)
    if order is None:
        raise not_found()
    return order, seen_by(order, reach)


def seen_by(order: Order, reach: Reach) -> Party:
    """As whom somebody looks at an order within their reach: managers look as operations do."""
    if reach.city(order.city_id):
        return Party.OPERATOR
    if reach.location_id == order.merchant_id:
        return Party.MERCHANT
    return Party.CUSTOMER if reach.user_id == order.customer_id else Party.COURIER
