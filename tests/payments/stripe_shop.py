"""The platform and the sandbox for Stripe, each on a port of this machine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import UUID

import httpx
from msgspec import Struct

from tawsil.apps import wiring
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs, JobHandlers
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting, Provider
from tawsil.payments.jobs.disputes import DisputeJobs
from tawsil.payments.model.payment import CardToken, Payment
from tawsil.payments.providers.known import Providers
from tawsil.payments.providers.stripe import Stripe
from tawsil.payments.routes import routes
from tawsil.simulation.stripe import server

API_KEY = "sk_test_of_the_sandbox"
OLD, NEW = "whsec_old", "whsec_new"
PATH = "/v4/webhooks/stripe"
MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=21))


class Shop(Struct):
    """The platform on a port, its worker, and the sandbox that it asks and that calls it."""

    clock: VirtualClock
    database: Database
    jobs: HeldJobs
    handlers: JobHandlers
    disputes: DisputeJobs
    sandbox: httpx.AsyncClient
    platform: httpx.AsyncClient

    async def work(self) -> None:
        while self.jobs.waiting:
            batch = [self.jobs.waiting.popleft() for _ in range(min(12, len(self.jobs.waiting)))]
            await asyncio.gather(*[self.handlers[job.name].run(job.payload) for job in batch])

    async def wait(self) -> None:
        """Let the next deadline pass, and do what follows."""
        due_at = await self.database.pool.fetchval("select min(due_at) from kernel.deadline")
        assert due_at is not None, "somebody waits for something"
        self.clock.set(max(self.clock(), due_at))
        await Deadlines(wiring.DEADLINES).fire(self.database)
        await self.work()

    async def misfortune(self, **rates: float) -> None:
        answer = await self.sandbox.post("/sandbox/misfortune", json=rates)
        answer.raise_for_status()

    async def begin(self, by: By, references: list[UUID], card: str = "pm_card_visa") -> None:
        asked = [
            public.Authorise(
                by=by,
                reference_id=reference,
                city_id=UUID(int=3),
                payer_id=UUID(int=4),
                method=Method.CARD,
                card_tokens=(CardToken(Provider.STRIPE, card),),
                amount_minor=1_000,
                currency="QAR",
            )
            for reference in references
        ]
        async with self.database.transaction() as tx:
            assert all(isinstance(p, Payment) for p in await public.authorise(tx, asked))

    async def capture(self, by: By, references: list[UUID], amount_minor: int = 1_000) -> None:
        asked = [
            public.Capture(
                by=by,
                reference_id=reference,
                amount_minor=amount_minor,
                postings=(Posting(MERCHANT, amount_minor),),
            )
            for reference in references
        ]
        async with self.database.transaction() as tx:
            assert all(isinstance(p, Payment) for p in await public.capture(tx, asked))

    async def payments(self, references: list[UUID]) -> list[Payment]:
        async with self.database.transaction() as tx:
            return list((await public.of_references(tx, reference_ids=references)).values())

    async def all_heard(self) -> None:
        """Until the sandbox has posted all its webhooks, and all that followed is done."""
        for _ in range(6_000):
            await self.work()
            if (await self.sandbox.get("/health")).json()["webhooks_waiting"] == 0:
                return await self.work()
            await asyncio.sleep(0.02)
        raise AssertionError("webhooks are still on their way")


@asynccontextmanager
async def opened(
    served: Callable[..., Any],
    *,
    database: Database,
    clock: VirtualClock,
    jobs: HeldJobs,
    callers: Any,
) -> AsyncIterator[Shop]:
    state = {"stripe_webhook_secrets": [NEW, OLD], "psp_webhook_secrets": ["other"]}
    platform = create_app(routes=routes, database=database, authenticate=callers, state=state)
    async with served(platform) as platform_url, sandbox_of(served, clock, platform_url) as url:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        back = f"{platform_url}/v4/payments/returned"
        async with (
            Stripe(url=url, api_key=API_KEY, timeout_s=1.5, return_url=back) as psp,
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as sandbox,
            httpx.AsyncClient(base_url=platform_url, trust_env=False) as there,
        ):
            providers = Providers({Provider.STRIPE: psp})
            yield Shop(
                clock=clock,
                database=database,
                jobs=jobs,
                handlers=wiring.jobs(database=database, providers=providers, payees={}),
                disputes=DisputeJobs(database=database, providers=providers),
                sandbox=sandbox,
                platform=there,
            )


@asynccontextmanager
async def sandbox_of(
    served: Callable[..., Any], clock: VirtualClock, platform_url: str
) -> AsyncIterator[str]:
    settings = server.Settings(
        api_key=API_KEY,
        webhook_url=f"{platform_url}{PATH}",
        webhook_secrets=(OLD, NEW),
        pace=0.01,
    )
    app = server.create_app(settings, now=clock, rng=Random(5))
    async with served(app) as url:
        app.state["sandbox"].world.url = url
        yield url
