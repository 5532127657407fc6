"""Who asks, and what an operation reads and does with: the context of every resolver."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
import strawberry
from litestar import Response
from msgspec import Struct

from tawsil.apps.graph.reading import Loads, Reading
from tawsil.kernel.batches import Handle
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Command
from tawsil.kernel.http import Caller, CityCheck, Commands, Envelope, Problem, ReachOf, not_found
from tawsil.kernel.http.live import Hub
from tawsil.kernel.reach import Reach
from tawsil.kernel.sealing import Digester
from tawsil.payments.public import Provider

C = TypeVar("C", bound=Command)


class Done(Struct):
    """What is kept of a command's outcome for its Idempotency-Key: which thing it changed."""

    id: UUID


class Asked:
    """One operation of one caller."""

    def __init__(
        self,
        *,
        caller: Caller,
        database: Database,
        reach_of: ReachOf,
        check_city: CityCheck,
        providers: Sequence[Provider],
        digester: Digester | None,
        introspection: bool,
        commands: Commands | None = None,
        hub: Hub | None = None,
        authenticate: Callable[[], Awaitable[Caller]] | None = None,
    ) -> None:
        self.caller = caller
        self.database = database
        self.providers = providers
        self.digester = digester
        self.hub = hub
        self.introspection = introspection
        self.replayed = False
        self.operation: str | None = None
        self.cost = 0
        self._reach_of = reach_of
        self._check_city = check_city
        self._reaches: dict[str, Reach] = {}
        self._commands = commands
        self._authenticate = authenticate
        self.reading = Reading(database)
        self.loads = Loads(self.reading, tenant_id=caller.tenant_id)

    async def reach(self, permission: str) -> Reach:
        """How far the caller reaches under `resource:action`.

        Raises:
            Problem: 403, it is granted nothing.
        """
        if not self.caller.scopes(permission):
            raise Problem(403, "request.forbidden", permission=permission)
        if permission not in self._reaches:
            self._reaches[permission] = await self._reach_of(self.caller, permission)
        return self._reaches[permission]

    async def check_city(self, city_id: UUID | None) -> None:
        """Raise `Problem` 422 unless it is one of the caller's tenant, or none."""
        await self._check_city(city_id, tenant_id=self.caller.tenant_id)

    async def submit(self, handle: Handle[C], command: C) -> UUID:
        """Run a command as REST does: in its batch, under the request's Idempotency-Key.

        Returns the id of what it changed, which is read anew.

        Raises:
            Problem: it was refused, now or when the key was first used.
        """
        assert self._commands is not None, "mutations come over HTTP alone"
        await self.rest()  # a batch needs a connection: do not wait for one with another in hand
        answer = await self._commands.submit(handle, command, view=lambda done: Done(id=done.id))
        kept = cast("Response[Any]", answer)
        self.replayed = "Idempotent-Replayed" in kept.headers
        status = kept.status_code or 200
        if status >= 400:
            said = msgspec.json.decode(kept.content, type=Envelope[None]).errors[0]
            raise Problem(status, said.code, **said.detail)
        return msgspec.json.decode(kept.content, type=Envelope[Done]).data.id

    async def rest(self) -> None:
        """Keep nothing while waiting: neither a connection nor what was read."""
        await self.reading.close()
        self.loads = Loads(self.reading, tenant_id=self.caller.tenant_id)
        self._reaches.clear()

    async def still_signed_in(self) -> None:
        """Raise `Problem` 401 when the caller's session is over."""
        if self._authenticate is not None:
            await self._authenticate()


Info = strawberry.Info[Asked, None]


def identified(id_: strawberry.ID) -> UUID:
    """The id as ours; what cannot be one is nobody's.

    Raises:
        Problem: 404.
    """
    try:
        return UUID(id_)
    except ValueError:
        raise not_found() from None
