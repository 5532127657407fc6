"""Signing in with another provider: what is kept of it, and who may come in by it."""

from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.identity.events import UserLinked
from tawsil.identity.model.users import User
from tawsil.kernel.decisions import Accepted, Refusal, accept, refuse

FINISHED_WITHIN: Final = timedelta(minutes=10)
EXCHANGED_WITHIN: Final = timedelta(minutes=1)
NOT_UNDER_WAY: Final = refuse("identity.oidc_not_under_way", status=400)
LOGIN_OVER: Final = refuse("identity.oidc_login_over", status=401)
UNKNOWN: Final = refuse("identity.oidc_unknown", status=403)


class UnderWay(Struct, frozen=True, kw_only=True):
    """A sign-in begun in one browser, to be finished in it."""

    state_hash: bytes
    tenant_id: UUID
    provider: str
    browser_hash: bytes
    nonce: str
    code_verifier: str
    return_to: str
    expires_at: datetime


class Exchangeable(Struct, frozen=True, kw_only=True):
    """A sign-in that is finished, to be exchanged for a session in the same browser."""

    code_hash: bytes
    tenant_id: UUID
    user_id: UUID
    browser_hash: bytes
    expires_at: datetime


class ExternalPerson(Struct, frozen=True, kw_only=True):
    """Who a provider says somebody is."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str
    locale: str


def hashed(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def belongs(kept: UnderWay | Exchangeable, *, browser: str | None, now: datetime) -> bool:
    """Whether it was begun in this browser, and not too long ago."""
    if browser is None or kept.expires_at <= now:
        return False
    return compare_digest(kept.browser_hash, hashed(browser))


def link(
    user: User | None, person: ExternalPerson, *, allow_sign_up: bool
) -> Accepted[User] | Refusal | None:
    """Who a person is here that was never seen before; None: to be signed up.

    `user` has their e-mail address. An address counts when both sides have seen it proved: else
    whoever writes somebody's address into a profile elsewhere would come in as them.
    """
    if person.email is None or not person.email_verified:
        return refuse("identity.oidc_email_unverified", status=403)
    if user is None:
        return None if allow_sign_up else UNKNOWN
    if user.disabled_at is not None:
        return UNKNOWN
    if user.email_verified_at is None:
        return refuse("identity.oidc_email_unconfirmed")
    return accept(user, UserLinked(user_id=user.id, issuer=person.issuer))
