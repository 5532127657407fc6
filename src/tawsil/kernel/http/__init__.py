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
from tawsil.kernel.http.lists import Asked, asked_of, columns, csv_of, list_envelope, ordered_of
from tawsil.kernel.http.reaches import CityCheck, ReachOf, reaching
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
    "Asked",
    "Authenticator",
    "Caller",
    "CityCheck",
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
    "ReachOf",
    "Rule",
    "ToInstant",
    "allow",
    "asked_of",
    "check_window",
    "columns",
    "csv_of",
    "envelope",
    "list_envelope",
    "not_found",
    "ordered_of",
    "page_envelope",
    "reaching",
    "settled",
    "since_v2",
]
