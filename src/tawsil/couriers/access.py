"""Who may see which courier."""

from uuid import UUID

from tawsil.couriers import list_store
from tawsil.kernel.db import Tx
from tawsil.kernel.http import not_found
from tawsil.kernel.reach import Reach


async def check_reached(tx: Tx, *, reach: Reach, courier_id: UUID) -> None:
    """A courier reads about themselves, operations about everyone, managers about their area's.

    Raises:
        Problem: 404, whoever it is about.
    """
    if reach.user_id == courier_id:
        return
    if not await list_store.reached(tx, reach=reach, ids=[courier_id]):
        raise not_found()
