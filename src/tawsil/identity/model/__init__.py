"""Who somebody is and how they are signed in: states, and pure decisions about them."""

from tawsil.identity.model import keys, sessions, users

__all__ = ["keys", "sessions", "users"]
