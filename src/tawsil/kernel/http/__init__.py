"""What every HTTP route shares: the envelope, errors, the caller and its rule, commands."""

from tawsil.kernel.http.callers import PUBLIC, SIGNED_IN, Authenticator, Caller, Rule, allow
from tawsil.kernel.http.commands import Commands
from tawsil.kernel.http.envelope import (
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    Pagination,
    envelope,
    page_envelope,
)
from tawsil.kernel.http.errors import Problem, not_found, settled
from tawsil.kernel.http.limits import (
    HEAVY,
    LOGIN,
    PASSWORD_RESET,
    REGISTER,
    SEARCH,
    UNLIMITED,
    WEBHOOK,
    Limit,
)
from tawsil.kernel.http.versions import since_v2
from tawsil.kernel.http.windows import FromInstant, ToInstant, check_window

__all__ = [
    "HEAVY",
    "LOGIN",
    "PASSWORD_RESET",
    "PUBLIC",
    "REGISTER",
    "SEARCH",
    "SIGNED_IN",
    "UNLIMITED",
    "WEBHOOK",
    "Authenticator",
    "Caller",
    "Commands",
    "Envelope",
    "FromInstant",
    "Limit",
    "Page",
    "PageNumber",
    "PageQuery",
    "PageSize",
    "Pagination",
    "Problem",
    "Rule",
    "ToInstant",
    "allow",
    "check_window",
    "envelope",
    "not_found",
    "page_envelope",
    "settled",
    "since_v2",
]
