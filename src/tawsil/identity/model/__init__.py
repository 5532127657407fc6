"""Who somebody is and how they are signed in: states, and pure decisions about them."""

from tawsil.identity.model import (
    api_keys,
    attempts,
    external,
    keys,
    mails,
    second_factors,
    services,
    sessions,
    users,
)

__all__ = [
    "api_keys",
    "attempts",
    "external",
    "keys",
    "mails",
    "second_factors",
    "services",
    "sessions",
    "users",
]
