"""Whose menu and whose doors a caller may change."""

from uuid import UUID

from tawsil.kernel.http import Caller, not_found


def own_of(caller: Caller, permission: str) -> UUID | None:
    """The one merchant the caller may act for; None: any of its tenant."""
    if "all" in caller.scopes(permission):
        return None
    if caller.location_id is None:
        raise not_found()
    return caller.location_id


def check_own(caller: Caller, merchant_id: UUID, permission: str) -> None:
    """Raise `Problem` 404 when the merchant is not the caller's to act for."""
    if own_of(caller, permission) not in {None, merchant_id}:
        raise not_found()
