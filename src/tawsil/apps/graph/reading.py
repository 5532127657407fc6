"""What one operation reads: one transaction, and each kind of thing in one query per step."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from tawsil.catalog import public as catalog
from tawsil.identity import public as identity
from tawsil.kernel.db import Database, Tx
from tawsil.ordering import public as ordering
from tawsil.tracking import public as tracking

T = TypeVar("T")
Fetch = Callable[[Tx, Sequence[UUID]], Awaitable[Mapping[UUID, T]]]


class Reading:
    """One transaction, opened by the first read. Whoever waits for something else closes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._tx: Tx | None = None

    @asynccontextmanager
    async def tx(self) -> AsyncGenerator[Tx, None]:
        """The transaction, for one reader at a time: a connection cannot do two things at once."""
        async with self._turn:
            if self._tx is None:
                self._tx = await self._opened.enter_async_context(self._database.transaction())
            unbroken = False
            try:
                yield self._tx
                unbroken = True
            finally:
                if not unbroken:  # a transaction in which something failed reads nothing more
                    await self._close()

    async def close(self) -> None:
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        self._tx = None
        await self._opened.aclose()


class Loads:
    """Loaders by id: what an operation asks for in one step is read with one statement."""

    def __init__(self, reading: Reading, *, tenant_id: UUID) -> None:
        async def users(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, identity.User]:
            return await identity.get_many(tx, tenant_id=tenant_id, ids=ids)

        async def merchants(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, catalog.Found]:
            known = await catalog.merchants(tx, tenant_id=tenant_id, ids=ids)
            looked_at = await catalog.look_at(tx, merchants=list(known.values()))
            return {found.merchant.id: found for found in looked_at}

        async def products(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, catalog.Product]:
            return await catalog.products(tx, tenant_id=tenant_id, ids=ids)

        async def menus(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, list[catalog.Product]]:
            return await catalog.products_of(tx, tenant_id=tenant_id, merchant_ids=ids)

        async def items(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, list[ordering.Item]]:
            return await ordering.items(tx, order_ids=ids)

        async def destinations(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, ordering.Destination]:
            return await ordering.destinations(tx, order_ids=ids)

        async def positions(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, tracking.Position]:
            return await tracking.latest(tx, courier_ids=ids)

        self.users = _loader(reading, users)
        self.merchants = _loader(reading, merchants)
        self.products = _loader(reading, products)
        self.products_of = _loader(reading, menus)
        self.items = _loader(reading, items)
        self.destinations = _loader(reading, destinations)
        self.positions = _loader(reading, positions)


def _loader(reading: Reading, fetch: Fetch[T]) -> DataLoader[UUID, T | None]:
    async def load(ids: list[UUID]) -> Sequence[T | None]:
        async with reading.tx() as tx:
            found = await fetch(tx, ids)
        return [found.get(id_) for id_ in ids]

    return DataLoader(load)
