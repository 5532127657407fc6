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
from tawsil.kernel.http.versions import since_v2
from tawsil.kernel.http.windows import FromInstant, ToInstant, check_window

__all__ = [
    "PUBLIC",
    "SIGNED_IN",
    "Authenticator",
    "Caller",
    "Commands",
    "Envelope",
    "FromInstant",
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
