"""The tables of identity and all their SQL."""

from tawsil.identity.store import (
    api_keys,
    attempts,
    external,
    keys,
    lists,
    proofs,
    second_factors,
    services,
    sessions,
    tenants,
    users,
)

__all__ = [
    "api_keys",
    "attempts",
    "external",
    "keys",
    "lists",
    "proofs",
    "second_factors",
    "services",
    "sessions",
    "tenants",
    "users",
]
