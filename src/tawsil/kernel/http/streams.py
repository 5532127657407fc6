"""Who listens: what each has yet to read, and whom a message concerns, found without asking all."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from enum import StrEnum
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.kernel.http.callers import Caller
from tawsil.kernel.reach import Reach

_encode: Final = msgspec.json.Encoder().encode
_NOBODY: Final[frozenset[Any]] = frozenset()


class Audience(Struct, frozen=True, kw_only=True):
    """Who may hear: people by id, merchants' staff by location, and operations of the tenant.

    With a city, the managers above it hear what operations hear. With a subject, those hear as well
    whom the hub finds to be concerned by it.
    """

    tenant_id: UUID
    city_id: UUID | None = None
    user_ids: frozenset[UUID] = frozenset()
    location_ids: frozenset[UUID] = frozenset()
    operators: bool = True
    subject_id: UUID | None = None

    def includes(self, caller: Caller, reach: Reach) -> bool:
        """`reach` is the caller's under what lets somebody listen."""
        if caller.tenant_id != self.tenant_id:
            return False
        if self.operators and reach.city(self.city_id):
            return True
        return caller.user_id in self.user_ids or caller.location_id in self.location_ids


class LiveMessage(Struct, frozen=True, kw_only=True):
    """One message. `id` is its position in the log; None when it is not in the log."""

    event: str
    data: Any
    audience: Audience
    id: int | None = None


class Telling:
    """A message on its way to many: encoded once, when the first of them reads it."""

    def __init__(self, message: LiveMessage) -> None:
        self.message = message

    @cached_property
    def sent(self) -> bytes:
        """As a server-sent event."""
        message = self.message
        where = b"" if message.id is None else b"id: %d\n" % message.id
        data = _encode(message.data)
        return b"%sevent: %s\ndata: %s\n\n" % (where, message.event.encode(), data)

    @cached_property
    def framed(self) -> str:
        """As a message of a WebSocket."""
        message = self.message
        known = {"id": message.id, "event": message.event, "data": message.data}
        return _encode(known).decode()


class Ending(StrEnum):
    """Why a stream ends. Whoever comes back with the last id misses nothing."""

    SLOW = "slow"
    RESTART = "restart"
    SIGNED_OUT = "signed_out"
    GONE = "gone"


class Stream:
    """What one listener has yet to read: messages, and positions up to which all was told."""

    __slots__ = (
        "_most",
        "_unread",
        "_woken",
        "beat_s",
        "caller",
        "checks",
        "ending",
        "may_still",
        "reach",
        "told_at_s",
    )

    def __init__(
        self,
        caller: Caller,
        reach: Reach,
        *,
        most: int,
        may_still: Any = None,
        beat_s: float | None = None,
    ) -> None:
        self.caller = caller
        self.reach = reach
        self.may_still = may_still
        self.beat_s = beat_s
        self.ending: Ending | None = None
        self.told_at_s = asyncio.get_running_loop().time()
        self.checks = 0
        self._most = most
        self._unread: list[Telling | int] = []
        self._woken: asyncio.Future[None] | None = None

    def tell(self, what: Telling | int) -> None:
        """Add something to read. A listener that has not read too much of it is dropped."""
        if self.ending is not None:
            return
        if len(self._unread) >= self._most:
            self.end(Ending.SLOW)
            return
        self._unread.append(what)
        self._wake()

    def end(self, why: Ending) -> None:
        """What was told before is still to be read."""
        if self.ending is None:
            self.ending = why
            self._wake()

    async def read(self) -> list[Telling | int]:
        """Everything there is to read, once there is something; empty: it has ended."""
        if not self._unread and self.ending is None:
            self._woken = asyncio.get_running_loop().create_future()
            try:
                await self._woken
            finally:
                self._woken = None
        unread, self._unread = self._unread, []
        if self.ending is Ending.GONE:
            return []
        self.told_at_s = asyncio.get_running_loop().time()
        return unread

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


_Key = tuple[UUID, str, UUID | None]


class Streams:
    """All streams, by tenant and by what makes a message concern their listeners."""

    def __init__(self) -> None:
        self._all: dict[Stream, None] = {}
        self._by: defaultdict[_Key, set[Stream]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, stream: object) -> bool:
        return stream in self._all

    def __iter__(self) -> Iterator[Stream]:
        return iter(list(self._all))

    def add(self, stream: Stream) -> None:
        self._all[stream] = None
        for key in _keys(stream):
            self._by[key].add(stream)

    def remove(self, stream: Stream) -> None:
        self._all.pop(stream, None)
        for key in _keys(stream):
            listeners = self._by.get(key)
            if listeners is not None:
                listeners.discard(stream)
                if not listeners:
                    del self._by[key]

    def move(self, stream: Stream, *, reach: Reach) -> None:
        """Its listener reaches something else now."""
        self.remove(stream)
        stream.reach = reach
        self.add(stream)

    def concerned(self, audience: Audience) -> Collection[Stream]:
        """Exactly those whose listeners the audience includes."""
        tenant_id = audience.tenant_id
        keys: list[_Key] = [(tenant_id, "user", id_) for id_ in audience.user_ids]
        keys += [(tenant_id, "location", id_) for id_ in audience.location_ids]
        if audience.operators:
            keys += [(tenant_id, "everything", None), (tenant_id, "city", audience.city_id)]
        found: list[AbstractSet[Stream]] = [self._by[key] for key in keys if key in self._by]
        if len(found) <= 1:
            return found[0] if found else _NOBODY
        return frozenset[Stream]().union(*found)

    def tell(self, telling: Telling) -> None:
        for stream in self.concerned(telling.message.audience):
            stream.tell(telling)


def _keys(stream: Stream) -> list[_Key]:
    caller, reach = stream.caller, stream.reach
    keys: list[_Key] = [(caller.tenant_id, "user", caller.user_id)]
    if caller.location_id is not None:
        keys.append((caller.tenant_id, "location", caller.location_id))
    if reach.everything:
        keys.append((caller.tenant_id, "everything", None))
    return keys + [(caller.tenant_id, "city", id_) for id_ in reach.city_ids]
