"""The audit trail over HTTP: the event log of a tenant, as it was recorded."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded, Search, search
from tawsil.kernel.http.callers import Caller, allow
from tawsil.kernel.http.envelope import (
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    page_envelope,
)
from tawsil.kernel.http.errors import not_found
from tawsil.kernel.http.versions import since_v2
from tawsil.kernel.http.windows import FromInstant, ToInstant, check_window

MONITOR: Final = "system:monitor"
Name = Annotated[str | None, QueryParameter(max_length=100)]


class AuditEntry(Struct, frozen=True, kw_only=True):
    """A fact of the log: who did what to what, when, and as part of which story.

    It holds ids and no personal data; `data` has the event's own schema, under its `type`.
    """

    seq: int
    id: UUID
    type: str
    at: datetime
    stream: str
    stream_id: UUID
    version: int
    actor_role: str
    actor_id: UUID | None
    city_id: UUID | None
    correlation_id: UUID
    causation_id: UUID | None
    data: Event

    @staticmethod
    def of(recorded: Recorded[Any]) -> "AuditEntry":
        return AuditEntry(
            seq=recorded.seq,
            id=recorded.id,
            type=recorded.type,
            at=recorded.at,
            stream=recorded.stream,
            stream_id=recorded.stream_id,
            version=recorded.version,
            actor_role=recorded.actor_role,
            actor_id=recorded.actor_id,
            city_id=recorded.city_id,
            correlation_id=recorded.correlation_id,
            causation_id=recorded.causation_id,
            data=recorded.event,
        )


@get(
    since_v2("/admin/audit-logs"),
    opt={"rule": allow(MONITOR)},
    tags=["Audit"],
    summary="Everything that was done, by whom and when",
)
async def list_audit_logs(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    state: State,
    actor_id: FromQuery[UUID | None] = None,
    stream: Name = None,
    stream_id: FromQuery[UUID | None] = None,
    event_type: Annotated[str | None, QueryParameter(name="type", max_length=100)] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
    before: Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1)] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[AuditEntry]]:
    """The recorded facts of the caller's tenant, newest first.

    To read on without counting pages, give the last `seq` you saw as `before`. The total is
    counted up to 10,000.
    """
    if "all" not in caller.scopes(MONITOR):
        raise not_found()
    check_window(from_at, to_at)
    query = PageQuery(page=page, limit=limit)
    wanted = Search(
        tenant_id=caller.tenant_id,
        actor_id=actor_id,
        stream=stream,
        stream_id=stream_id,
        type=event_type,
        from_at=from_at,
        to_at=to_at,
        before=before,
    )
    async with database.transaction() as tx:
        found, total = await search(
            tx, state.registry, wanted, limit=query.limit, offset=query.offset
        )
    items = [AuditEntry.of(recorded) for recorded in found]
    return page_envelope(Page(items=items, total=total), query)


routes: Final = [list_audit_logs]
