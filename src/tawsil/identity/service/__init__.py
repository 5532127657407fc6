"""What can be asked of identity. Hashing and signing happen before or after, not in here."""

from tawsil.identity.service import sessions, users

__all__ = ["sessions", "users"]
