"""What can be asked of identity. Hashing and signing happen before or after, not in here."""

from tawsil.identity.service import (
    api_keys,
    attempts,
    external,
    mails,
    passwords,
    second_factors,
    services,
    sessions,
    sign_in,
    users,
)

__all__ = [
    "api_keys",
    "attempts",
    "external",
    "mails",
    "passwords",
    "second_factors",
    "services",
    "sessions",
    "sign_in",
    "users",
]
