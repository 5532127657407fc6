"""One signing key for all tests, cheap hashes, and an application that checks real tokens."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import EmailMessage
from typing import Any, Literal

import asyncpg
import httpx
import pytest
from argon2 import PasswordHasher
from joserfc.jwk import RSAKey
from msgspec import Struct
from pydantic import SecretStr

from tawsil.identity import store
from tawsil.identity.jobs import MailJobs
from tawsil.identity.letters import Letterhead
from tawsil.identity.model.keys import SigningKey
from tawsil.identity.public import (
    Grant,
    NewUser,
    OidcProviders,
    Passwords,
    Role,
    Tokens,
    User,
    authenticator,
    create_users,
)
from tawsil.identity.routes import routes
from tawsil.identity.service.mails import MailJob
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.sealing import open_sealer
from tawsil.kernel.settings import Settings


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture
def settings() -> Settings:
    return Settings(secret_keys=SecretStr(b64encode(bytes(32)).decode()))


class WatchedHasher(PasswordHasher):
    """Cheap, and notes how many connections are in use whenever it works."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.connections_in_use: list[int] = []
        self._pool = pool

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self._note()
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its name there
        self._note()
        return super().verify(hash, password)

    def _note(self) -> None:
        self.connections_in_use.append(self._pool.get_size() - self._pool.get_idle_size())


@pytest.fixture
def hasher(pool: "asyncpg.Pool[asyncpg.Record]") -> WatchedHasher:
    return WatchedHasher(pool)


@pytest.fixture
def passwords(hasher: WatchedHasher) -> Passwords:
    return Passwords(hasher)


@pytest.fixture
async def tokens(
    database: Database, settings: Settings, rsa: RSAKey, clock: VirtualClock
) -> Tokens:
    kid = rsa.thumbprint()
    sealed = open_sealer(settings).seal(
        rsa.as_pem(private=True), about=f"identity.signing_key/{kid}"
    )
    key = SigningKey(kid=kid, private_sealed=sealed, created_at=clock(), signs_at=clock())
    async with database.transaction() as tx:
        await store.keys.add(tx, key, others_retire_at=clock())
    return Tokens(database, settings=settings)


@pytest.fixture
async def client(
    database: Database, settings: Settings, tokens: Tokens, passwords: Passwords, by: By
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        routes=routes,
        database=database,
        authenticate=authenticator(database, settings, tokens=tokens),
        state={
            "settings": settings,
            "tokens": tokens,
            "passwords": passwords,
            "sealer": open_sealer(settings),
            "oidc": OidcProviders(settings.oidc_providers, now=database.now),
            "default_tenant_id": by.tenant_id,
        },
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tawsil.test") as client:
        yield client


class Postbox:
    """Carries mails as far as here, when told to do the jobs that wait."""

    def __init__(self, database: Database, jobs: HeldJobs) -> None:
        self.messages: list[EmailMessage] = []
        self._jobs = jobs
        head = Letterhead(sender="Tawsil <tawsil@example.org>", public_url="https://tawsil.test")
        self.mailing = MailJobs(database=database, carrier=self, head=head)

    async def carry(self, message: EmailMessage) -> None:
        self.messages.append(message)

    async def empty(self) -> list[EmailMessage]:
        """The mails that were waiting to be sent."""
        self.messages.clear()
        while self._jobs.waiting:
            job = self._jobs.waiting.popleft()
            assert isinstance(job.payload, MailJob)
            await self.mailing.send(job.payload)
        return list(self.messages)

    async def token(self) -> str:
        """The token of the one mail that was waiting."""
        (message,) = await self.empty()
        return token_in(message)


def token_in(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    found = re.search(r"\?token=([A-Za-z0-9_-]+)", body.get_content())
    assert found is not None
    return found[1]


@pytest.fixture
def postbox(database: Database, jobs: HeldJobs) -> Postbox:
    return Postbox(database, jobs)


@pytest.fixture
async def mona(client: httpx.AsyncClient) -> dict[str, Any]:
    """A customer who has just registered: her tokens and her profile."""
    answer = await client.post(
        "/v4/auth/register",
        json={"email": "mona@example.org", "password": "correct horse", "name": "Mona"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


class Person(Struct, frozen=True):
    """A user of any role, and the headers of a request of theirs."""

    user: User
    headers: dict[str, str]


People = Callable[..., Awaitable[Person]]


@pytest.fixture
def person(database: Database, tokens: Tokens, by: By) -> People:
    """Makes people with a token: `await person(Role.ADMIN)`, `tenant_id` and `location_id` too."""

    async def make(role: Role, **fields: Any) -> Person:
        new = NewUser(
            **{
                "id": database.ids(),
                "tenant_id": by.tenant_id,
                "email": f"{database.ids()}@example.org",
                "name": "Somebody",
                "password_hash": "$argon2id$unused",
                "roles": (role,),
                **fields,
            }
        )
        async with database.transaction() as tx:
            (user,) = await create_users(tx, users=[new])
        assert isinstance(user, User)
        grant = Grant(
            user_id=user.id,
            tenant_id=user.tenant_id,
            session_id=database.ids(),
            device_id=None,
        )
        token = await tokens.access(user, grant=grant)
        return Person(user, {"Authorization": f"Bearer {token}"})

    return make
