"""Letting in those whom another provider knows."""

from uuid import UUID

from tawsil.identity import model, store
from tawsil.identity.model.external import UNKNOWN, Exchangeable, ExternalPerson
from tawsil.identity.model.users import NewUser, User
from tawsil.identity.service import users
from tawsil.kernel.batches import one
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal


class Enter(Command, frozen=True, kw_only=True):
    """Let somebody in who has proved elsewhere who they are.

    `code_hash` is of the code that their browser exchanges for a session.
    """

    person: ExternalPerson
    allow_sign_up: bool
    code_hash: bytes
    browser_hash: bytes


async def enter(tx: Tx, command: Enter) -> User | Refusal:
    """The user, who was linked before, or is now, or is new."""
    user = await _user(tx, command)
    if isinstance(user, Refusal):
        return user
    await store.external.add_grant(
        tx,
        Exchangeable(
            code_hash=command.code_hash,
            tenant_id=user.tenant_id,
            user_id=user.id,
            browser_hash=command.browser_hash,
            expires_at=tx.now + model.external.EXCHANGED_WITHIN,
        ),
    )
    return user


async def _user(tx: Tx, command: Enter) -> User | Refusal:
    person, tenant_id = command.person, command.by.tenant_id
    known = await store.external.user_id(
        tx, tenant_id=tenant_id, issuer=person.issuer, subject=person.subject
    )
    if known is not None:
        user = (await store.users.get_many(tx, [known]))[known]
        return user if user.disabled_at is None else UNKNOWN
    user = await _with_address(tx, person, tenant_id=tenant_id)
    decision = model.external.link(user, person, allow_sign_up=command.allow_sign_up)
    if isinstance(decision, Refusal):
        return decision
    if decision is None:
        made = await _sign_up(tx, command)
        if isinstance(made, Refusal):
            return made
        linked = made
    else:
        linked = decision.state
        await store.users.save(tx, [linked])
        by = By(tenant_id=tenant_id, correlation_id=command.by.correlation_id)
        await tx.record([(by, decision)])
    await store.external.link(
        tx,
        tenant_id=tenant_id,
        issuer=person.issuer,
        subject=person.subject,
        user_id=linked.id,
    )
    return linked


async def _with_address(tx: Tx, person: ExternalPerson, *, tenant_id: UUID) -> User | None:
    if person.email is None:
        return None
    found = await store.users.credential(tx, tenant_id=tenant_id, email=person.email)
    return (await store.users.lock(tx, [found[0].id]))[found[0].id] if found else None


async def _sign_up(tx: Tx, command: Enter) -> User | Refusal:
    """A customer without a password of ours; a mailed link can give them one."""
    person = command.person
    assert person.email is not None
    assert person.email_verified, "only whose address was proved is signed up"
    new = NewUser(
        id=tx.ids(),
        tenant_id=command.by.tenant_id,
        email=person.email,
        name=person.name,
        password_hash=None,
        locale=person.locale,
        email_verified=True,
    )
    return await one(users.register, tx, users.Register(by=command.by, user=new))
