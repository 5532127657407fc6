"""Asking for mails, and what their links are good for."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.identity import model, store
from tawsil.identity.model.mails import LINK_INVALID, LINKS, MOST_PER_HOUR, Mail, Proof, Purpose
from tawsil.identity.model.sessions import token_hash
from tawsil.identity.model.users import User
from tawsil.kernel.db import Job, Tx
from tawsil.kernel.decisions import By, Command, Refusal

MAIL: Final = "identity.mail"  # the job's name


class MailJob(Struct, frozen=True, kw_only=True):
    """Write to a user, or to nobody: whoever asks cannot tell which."""

    user_id: UUID | None
    mail: Mail


class VerifyEmail(Command, frozen=True, kw_only=True):
    token_hash: bytes


async def ask(tx: Tx, mails: Sequence[tuple[UUID | None, Mail]]) -> None:
    """Have mails written when this transaction has committed."""
    await tx.enqueue(
        *[Job(name=MAIL, payload=MailJob(user_id=user_id, mail=mail)) for user_id, mail in mails]
    )


async def reader(tx: Tx, job: MailJob, *, token: str) -> User | None:
    """Whom to write to, if there still is a reason; from now on the mail's token is good."""
    if job.user_id is None:
        return None
    user = (await store.users.lock(tx, [job.user_id])).get(job.user_id)
    if user is None or not model.mails.wants(user, job.mail):
        return None
    link = LINKS.get(job.mail)
    if link is None:
        return user
    lately = await store.proofs.made_since(
        tx, user_id=user.id, purpose=link.purpose, since_at=tx.now - timedelta(hours=1)
    )
    if lately >= MOST_PER_HOUR:
        return None
    proof = Proof(
        token_hash=token_hash(token),
        tenant_id=user.tenant_id,
        user_id=user.id,
        purpose=link.purpose,
        made_at=tx.now,
        expires_at=tx.now + link.lives_for,
    )
    await store.proofs.add(tx, proof)
    return user


async def spend(tx: Tx, token_hash: bytes, *, purpose: Purpose) -> User | Refusal:
    """The user to whom a token was mailed, which is spent now, with all others for its purpose.

    The user is locked first, as whoever spends another of the user's tokens does.
    """
    proof = await store.proofs.get(tx, token_hash)
    if proof is None:
        return LINK_INVALID
    user = (await store.users.lock(tx, [proof.user_id])).get(proof.user_id)
    proof = await store.proofs.get(tx, token_hash)
    if user is None or proof is None or user.disabled_at is not None:
        return LINK_INVALID
    if refused := proof.refused(purpose=purpose, at=tx.now):
        return refused
    await store.proofs.spend_all(tx, user_id=user.id, purpose=purpose)
    return user


async def verify_email(tx: Tx, commands: Sequence[VerifyEmail]) -> list[User | Refusal]:
    outcomes: list[User | Refusal] = []
    for command in commands:
        user = await spend(tx, command.token_hash, purpose=Purpose.VERIFY_EMAIL)
        if isinstance(user, Refusal):
            outcomes.append(user)
            continue
        outcomes.append(await verified(tx, user, by=command.by))
    return outcomes


async def verified(tx: Tx, user: User, *, by: By) -> User:
    """Save that a user, who is locked, has shown that the address is theirs."""
    decision = model.users.verify_email(user, at=tx.now)
    await store.users.save(tx, [decision.state])
    own = user.acting(correlation_id=by.correlation_id)
    await tx.record([(own, decision)])
    return decision.state
