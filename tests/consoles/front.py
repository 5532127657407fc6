"""Pages with the real routes of identity behind them, and somebody who may sign in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from argon2 import PasswordHasher
from joserfc.jwk import RSAKey
from litestar import Litestar

from tawsil.consoles.routes import routes
from tawsil.identity import store
from tawsil.identity.model.keys import SigningKey
from tawsil.identity.public import (
    NewUser,
    OidcProviders,
    Passwords,
    Role,
    Tokens,
    authenticator,
    create_users,
)
from tawsil.identity.routes import routes as identity_routes
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.kernel.sealing import open_sealer
from tawsil.kernel.settings import Settings

SITE = "http://tawsil.test"
EMAIL = "reem@example.com"
PASSWORD = "a long enough password"
KEY = RSAKey.generate_key(2048)


async def open_front(
    database: Database, *, by: By, known: dict[str, object], more: Sequence[Any] = ()
) -> Litestar:
    """`more` are routes that the pages ask, besides those of identity."""
    settings = known["settings"]
    assert isinstance(settings, Settings)
    tokens = Tokens(database, settings=settings)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    kid, sealer, now = KEY.thumbprint(), open_sealer(settings), database.now()
    sealed = sealer.seal(KEY.as_pem(private=True), about=f"identity.signing_key/{kid}")
    user = NewUser(
        id=database.ids(),
        tenant_id=by.tenant_id,
        email=EMAIL,
        name="Reem",
        password_hash=cheap.hash(PASSWORD),
        roles=(Role.ADMIN,),
        email_verified=False,
    )
    async with database.transaction() as tx:
        key = SigningKey(kid=kid, private_sealed=sealed, created_at=now, signs_at=now)
        await store.keys.add(tx, key, others_retire_at=now)
        await create_users(tx, users=[user])
    return create_app(
        routes=[*routes, *identity_routes, *more],
        database=database,
        authenticate=authenticator(database, settings, tokens=tokens),
        state={
            **known,
            "tokens": tokens,
            "passwords": Passwords(cheap),
            "sealer": sealer,
            "oidc": OidcProviders(settings.oidc_providers, now=database.now),
            "default_tenant_id": by.tenant_id,
        },
    )


@asynccontextmanager
async def browsing(front: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Something that keeps cookies, follows redirects, and says where its forms come from."""
    transport = httpx.ASGITransport(front, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport,
        base_url=SITE,
        headers={"Origin": SITE},
        follow_redirects=True,
    ) as client:
        yield client
