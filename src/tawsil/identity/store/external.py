"""Sign-ins with other providers: those under way, and who is whom."""

from uuid import UUID

from tawsil.identity.model.external import Exchangeable, UnderWay
from tawsil.kernel.db import Tx


async def add_login(tx: Tx, login: UnderWay) -> None:
    await tx.execute(
        """
        insert into identity.oidc_login (state_hash, tenant_id, provider, browser_hash, nonce,
            code_verifier, return_to, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        login.state_hash,
        login.tenant_id,
        login.provider,
        login.browser_hash,
        login.nonce,
        login.code_verifier,
        login.return_to,
        login.expires_at,
    )


async def take_login(tx: Tx, state_hash: bytes) -> UnderWay | None:
    """The sign-in under way, which nobody finds a second time."""
    row = await tx.row(
        """
        delete from identity.oidc_login where state_hash = $1 returning state_hash, tenant_id,
            provider, browser_hash, nonce, code_verifier, return_to, expires_at
        """,
        state_hash,
    )
    return UnderWay(**row) if row else None


async def add_grant(tx: Tx, grant: Exchangeable) -> None:
    await tx.execute(
        """
        insert into identity.oidc_grant (code_hash, tenant_id, user_id, browser_hash, expires_at)
        values ($1, $2, $3, $4, $5)
        """,
        grant.code_hash,
        grant.tenant_id,
        grant.user_id,
        grant.browser_hash,
        grant.expires_at,
    )


async def take_grant(tx: Tx, code_hash: bytes) -> Exchangeable | None:
    """What a code is exchanged for, once."""
    row = await tx.row(
        """
        delete from identity.oidc_grant where code_hash = $1
        returning code_hash, tenant_id, user_id, browser_hash, expires_at
        """,
        code_hash,
    )
    return Exchangeable(**row) if row else None


async def user_id(tx: Tx, *, tenant_id: UUID, issuer: str, subject: str) -> UUID | None:
    """Who this subject of a provider is here. Whoever asks at the same time waits."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 0))", f"{tenant_id} {issuer} {subject}"
    )
    return await tx.value(
        """
        select user_id from identity.external_identity
        where tenant_id = $1 and issuer = $2 and subject = $3
        """,
        tenant_id,
        issuer,
        subject,
    )


async def link(tx: Tx, *, tenant_id: UUID, issuer: str, subject: str, user_id: UUID) -> None:
    await tx.execute(
        """
        insert into identity.external_identity (tenant_id, issuer, subject, user_id, linked_at)
        values ($1, $2, $3, $4, $5)
        """,
        tenant_id,
        issuer,
        subject,
        user_id,
        tx.now,
    )


async def forget_expired(tx: Tx) -> int:
    """Delete the sign-ins that were begun and not finished in time; how many."""
    logins = await tx.execute("delete from identity.oidc_login where expires_at < $1", tx.now)
    return logins + await tx.execute(
        "delete from identity.oidc_grant where expires_at < $1", tx.now
    )
