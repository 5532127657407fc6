"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and codes for when it is lost.

A code stands for a step of time. A step is accepted once, and none before it afterwards.
"""

from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from pyotp.totp import TOTP

from tawsil.identity.events import SecondFactorDisabled, SecondFactorEnabled
from tawsil.identity.model.users import User
from tawsil.kernel.decisions import Accepted, Refusal, accept, refuse

STEP_S: Final = 30
STEPS_OFF: Final = 1  # how many steps an app's clock may be ahead or behind
RECOVERY_CODES: Final = 10
ISSUER: Final = "Tawsil"

REQUIRED: Final = refuse("identity.second_factor_required", status=401)
WRONG: Final = refuse("identity.second_factor_wrong", status=401)
ALREADY_ON: Final = refuse("identity.second_factor_on")
NOT_BEGUN: Final = refuse("identity.second_factor_not_begun")
NOT_ON: Final = refuse("identity.second_factor_off")


class SecondFactor(Struct, frozen=True, kw_only=True):
    """An authenticator app that shares a secret with us; pending until it has shown a code."""

    user_id: UUID
    tenant_id: UUID
    sealed_secret: bytes
    begun_at: datetime
    confirmed_at: datetime | None = None
    last_step: int | None = None

    @property
    def about(self) -> str:
        """What the secret is sealed for."""
        return sealed_about(self.user_id)

    def accept(self, shown: "Shown", *, at: datetime) -> "SecondFactor | Refusal":
        """The factor after one of the app's codes; the first confirms it."""
        if shown.begun_at != self.begun_at or shown.step is None:
            return WRONG
        if self.last_step is not None and shown.step <= self.last_step:
            return WRONG
        return replace(self, last_step=shown.step, confirmed_at=self.confirmed_at or at)


class Shown(Struct, frozen=True, kw_only=True):
    """A code as it was shown: the step of time it is the code of, or else what it hashes to."""

    begun_at: datetime
    step: int | None
    code_hash: bytes


def sealed_about(user_id: UUID) -> str:
    return f"identity.second_factor {user_id}"


def read_code(code: str, *, secret: str, begun_at: datetime, at: datetime) -> Shown:
    """What a code says of itself, in time that does not depend on it."""
    plain = "".join(code.split()).replace("-", "").upper()
    totp = TOTP(secret, interval=STEP_S)
    now = totp.timecode(at)
    steps = [
        step
        for step in range(now - STEPS_OFF, now + STEPS_OFF + 1)
        if compare_digest(totp.generate_otp(step).encode(), plain.encode())
    ]
    return Shown(begun_at=begun_at, step=max(steps, default=None), code_hash=recovery_hash(plain))


def recovery_hash(code: str) -> bytes:
    """SHA-256: a recovery code has eighty bits, so that a slow hash would add nothing."""
    return sha256(code.replace("-", "").upper().encode()).digest()


def otpauth_uri(secret: str, *, email: str) -> str:
    """What an authenticator app takes in."""
    return TOTP(secret, interval=STEP_S).provisioning_uri(name=email, issuer_name=ISSUER)


def enabled(user: User) -> Accepted[User]:
    return accept(user, SecondFactorEnabled(user_id=user.id))


def disabled(user: User) -> Accepted[User]:
    return accept(user, SecondFactorDisabled(user_id=user.id))
