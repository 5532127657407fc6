"""Who may look into the books."""

from tawsil.kernel.http import Caller, Problem


def check_whole(caller: Caller, permission: str) -> None:
    """The books are of the whole tenant, and so must be the permission.

    Raises:
        Problem: 403.
    """
    if "all" not in caller.scopes(permission):
        raise Problem(403, "request.forbidden", permission=permission)
