"""The tables of identity and all their SQL."""

from tawsil.identity.store import api_keys, keys, sessions, users

__all__ = ["api_keys", "keys", "sessions", "users"]
