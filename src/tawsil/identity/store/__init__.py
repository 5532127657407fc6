"""The tables of identity and all their SQL."""

from tawsil.identity.store import keys, sessions, users

__all__ = ["keys", "sessions", "users"]
