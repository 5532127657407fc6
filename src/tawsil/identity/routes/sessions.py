"""Where I am signed in."""

from typing import Final
from uuid import UUID

from litestar import delete, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_204_NO_CONTENT

from tawsil.identity import service, store
from tawsil.identity.service.sessions import EndSession
from tawsil.identity.views import SessionView
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.http import SIGNED_IN, Caller, Envelope, envelope, settled


@get("/v4/auth/sessions", opt={"rule": SIGNED_IN}, tags=["Sign-in"], summary="My sessions")
async def list_sessions(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[SessionView]]:
    """Every session of mine that can still be used, the one used last first."""
    async with database.transaction() as tx:
        sessions = await store.sessions.usable_of(tx, caller.user_id)
    return envelope([SessionView.of(s, current_id=caller.session_id) for s in sessions])


@delete(
    "/v4/auth/sessions/{session_id:uuid}",
    opt={"rule": SIGNED_IN},
    status_code=HTTP_204_NO_CONTENT,
    tags=["Sign-in"],
    summary="Sign out elsewhere",
)
async def end_session(
    session_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> None:
    """End one of my sessions: its tokens are refused within a second."""
    command = EndSession(by=caller.by, user_id=caller.user_id, session_id=session_id)
    async with database.transaction() as tx:
        settled(await one(service.sessions.end_sessions, tx, command))


routes: Final = [list_sessions, end_session]
