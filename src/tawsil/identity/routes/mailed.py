"""What mailed links are for: an address is verified, a password chosen anew."""

from typing import Final, Literal
from uuid import UUID

from litestar import Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED
from msgspec import Struct

from tawsil.identity import model, service, store
from tawsil.identity.model.mails import LINK_INVALID, Mail, Purpose
from tawsil.identity.model.sessions import token_hash
from tawsil.identity.passwords import Passwords
from tawsil.identity.routes.asked import Asked, origin_of
from tawsil.identity.routes.fields import Email, MailedToken, Password
from tawsil.identity.service.mails import VerifyEmail
from tawsil.identity.service.passwords import ResetPassword
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http import (
    LOGIN,
    PASSWORD_RESET,
    PUBLIC,
    SIGNED_IN,
    Caller,
    Envelope,
    envelope,
    settled,
)
from tawsil.kernel.http.envelope import request_context


class VerifyEmailBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: MailedToken


class ResetBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    tenant_id: UUID | None = None


class ConfirmResetBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: MailedToken
    password: Password


class Verified(Struct, frozen=True):
    email_verified: Literal[True] = True


class Changed(Struct, frozen=True):
    password_changed: Literal[True] = True


class Asked202(Struct, frozen=True):
    """The same whether or not a mail is sent."""

    mail: Literal["sent if there is reason to"] = "sent if there is reason to"


@post(
    "/v4/auth/verify-email",
    opt={"rule": PUBLIC, "limit": LOGIN},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Confirm an e-mail address",
)
async def verify_email(
    data: JSONBody[VerifyEmailBody], database: NamedDependency[Database], state: State
) -> Envelope[Verified]:
    """Spend the token of a mailed link. It works once, within a day."""
    command = VerifyEmail(by=_somebody(state), token_hash=token_hash(data.token))
    async with database.transaction() as tx:
        settled(await one(service.mails.verify_email, tx, command))
    return envelope(Verified())


@post(
    "/v4/auth/verify-email/resend",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_202_ACCEPTED,
    tags=["Sign-in"],
    summary="Send me the mail again that confirms my address",
)
async def resend_verification(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[Asked202]:
    """Nothing is sent when the address is confirmed, or after five mails within an hour."""
    async with database.transaction() as tx:
        await service.mails.ask(tx, [(caller.user_id, Mail.VERIFY_EMAIL)])
    return envelope(Asked202())


@post(
    "/v4/auth/password-reset",
    opt={"rule": PUBLIC, "limit": PASSWORD_RESET},
    status_code=HTTP_202_ACCEPTED,
    tags=["Sign-in"],
    summary="Ask for a mail to choose a new password",
)
async def ask_reset(
    data: JSONBody[ResetBody], database: NamedDependency[Database], state: State
) -> Envelope[Asked202]:
    """The same answer, after the same work, whether or not somebody has this address."""
    tenant_id = data.tenant_id or state.default_tenant_id
    async with database.transaction() as tx:
        found = await store.users.credential(tx, tenant_id=tenant_id, email=data.email)
        user_id = found[0].id if found is not None else None
        await service.mails.ask(tx, [(user_id, Mail.RESET_PASSWORD)])
    return envelope(Asked202())


@post(
    "/v4/auth/password-reset/confirm",
    opt={"rule": PUBLIC, "limit": LOGIN},
    status_code=HTTP_200_OK,
    tags=["Sign-in"],
    summary="Choose a new password with a mailed token",
)
async def confirm_reset(
    data: JSONBody[ConfirmResetBody],
    request: Asked,
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[Changed]]:
    """Ends all sessions of the account. The token works once, within half an hour."""
    passwords: Passwords = state.passwords
    hashed = token_hash(data.token)
    async with database.transaction() as tx:
        proof = await store.proofs.get(tx, hashed)
        users = await store.users.get_many(tx, [proof.user_id]) if proof else {}
        now = tx.now
    if proof is None:
        return settled(LINK_INVALID)
    settled(proof.refused(purpose=Purpose.RESET_PASSWORD, at=now))
    user = users[proof.user_id]
    settled(model.users.check_password(data.password, email=user.email, name=user.name))
    origin = origin_of(request, tenant_id=user.tenant_id, email=user.email)
    command = ResetPassword(
        by=_somebody(state),
        token_hash=hashed,
        password_hash=await passwords.hash(data.password),
    )
    async with database.transaction() as tx:
        held = await service.attempts.hold(tx, origin)
        await service.attempts.succeeded(tx, held, user_id=user.id)
        settled(await one(service.passwords.reset, tx, command))
    return Response(envelope(Changed()), status_code=HTTP_200_OK)


def _somebody(state: State) -> By:
    """Whoever shows a mailed token; whom it was mailed to is known once it is spent."""
    return By(tenant_id=state.default_tenant_id, correlation_id=request_context.get().request_id)


routes: Final = [verify_email, resend_verification, ask_reset, confirm_reset]
