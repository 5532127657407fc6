"""Commands over HTTP: into the batch of their handler, out as an answer that can be replayed."""

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from hashlib import sha256
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.datastructures import State

from tawsil.kernel.batches import Batcher, Handle
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Command, Refusal
from tawsil.kernel.http.callers import Caller
from tawsil.kernel.http.envelope import Envelope, envelope
from tawsil.kernel.http.errors import Problem, refusal_envelope
from tawsil.kernel.idempotency import LONGEST_KEY, Answer, Key

C = TypeVar("C", bound=Command)
V = TypeVar("V")

_encode: Final = msgspec.json.Encoder().encode


class Batchers:
    """The batcher of each handler, made when it is first asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_handler: dict[object, Batcher[Any]] = {}

    def of(self, handle: Handle[C]) -> Batcher[C]:
        batcher = self._by_handler.get(handle)
        if batcher is None:
            batcher = self._by_handler[handle] = Batcher(handle, database=self._database)
        return batcher


class Commands:
    """Submits this request's command."""

    def __init__(self, batchers: Batchers, *, key: Key | None) -> None:
        self._batchers = batchers
        self._key = key

    async def submit(
        self,
        handle: Handle[C],
        command: C,
        *,
        view: Callable[[Any], V],
        status: int = 200,
    ) -> Response[Envelope[V]]:
        """Run the command in its handler's batch and answer with a view of its outcome.

        A refusal becomes an error of its own status. With an Idempotency-Key the bytes are kept, in
        the same transaction, for a repeat of the request.
        """

        def render(outcome: Any) -> Answer:
            if isinstance(outcome, Refusal):
                return Answer(status=outcome.status, body=_encode(refusal_envelope(outcome)))
            return Answer(status=status, body=_encode(envelope(view(outcome))))

        # A batch runs in the context of whoever began it: the answer is to be in this caller's.
        in_context = partial(copy_context().run, render)
        answer = await self._batchers.of(handle).submit(command, render=in_context, key=self._key)
        response = Response(
            answer.body,
            status_code=answer.status,
            media_type="application/json",
            headers={"Idempotent-Replayed": "true"} if answer.replayed else {},
        )
        return cast("Response[Envelope[V]]", response)


async def provide_commands(request: Request[Any, Any, State], state: State) -> Commands:
    return Commands(state.batchers, key=await _key(request))


async def _key(request: Request[Any, Any, State]) -> Key | None:
    name = request.headers.get("idempotency-key")
    if name is None or request.method != "POST":
        return None
    if not 1 <= len(name) <= LONGEST_KEY:
        raise Problem(400, "idempotency.key_invalid")
    caller: Caller | None = cast("Any", request.scope).get("user")
    digest = sha256()
    for part in (request.method.encode(), request.url.path.encode(), await request.body()):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    user_id = caller.user_id if caller is not None else UUID(int=0)
    return Key(user_id=user_id, key=name, request_hash=digest.digest())
