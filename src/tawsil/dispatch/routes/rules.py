"""The rules of a city's dispatch over HTTP."""

from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.dispatch import store
from tawsil.dispatch.model import Load, Rules
from tawsil.dispatch.routes.access import ASSIGN, CONFIGURE, TAGS, its_city, of_operations
from tawsil.dispatch.service import rules as service
from tawsil.dispatch.service.rules import SetRules
from tawsil.dispatch.views import RulesSetView
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    allow,
    envelope,
    page_envelope,
)
from tawsil.kernel.text import Prose


class SetRulesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """All the rules: what is left out goes back to the default."""

    rules: Rules
    reason: Annotated[Prose, Meta(min_length=1, max_length=200, examples=["longer evenings"])]


@get(
    "/v4/dispatch/cities/{city_id:uuid}/rules",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="How a city offers, escalates and waits",
)
async def show_rules(
    city_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[Rules]:
    """The rules in force; a city that set none goes by the defaults."""
    of_operations(caller)
    async with database.transaction() as tx:
        await its_city(tx, caller, city_id)
        in_force = await store.rules_in_force(tx, city_ids=[city_id])
    return envelope(in_force[city_id])


@get(
    "/v4/dispatch/cities/{city_id:uuid}/rules/history",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="What rules a city set, and why",
)
async def list_rules(
    city_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[RulesSetView]]:
    """Newest first."""
    of_operations(caller)
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        await its_city(tx, caller, city_id)
        found, total = await store.rules_history(
            tx,
            tenant_id=caller.tenant_id,
            city_id=city_id,
            limit=query.limit,
            offset=query.offset,
        )
    return page_envelope(Page(items=[RulesSetView.of(r) for r in found], total=total), query)


@get(
    "/v4/dispatch/cities/{city_id:uuid}/load",
    opt={"rule": allow(ASSIGN)},
    tags=TAGS,
    summary="How much is wanted of a city's couriers",
)
async def show_load(
    city_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[Load | None]:
    """Jobs at hand for each courier at hand, as last measured; nothing before the first time."""
    of_operations(caller)
    async with database.transaction() as tx:
        await its_city(tx, caller, city_id)
        load = await store.load_of(tx, city_id=city_id)
    return envelope(load)


@put(
    "/v4/dispatch/cities/{city_id:uuid}/rules",
    opt={"rule": allow(CONFIGURE)},
    tags=TAGS,
    summary="Set the rules of a city",
)
async def set_rules(
    city_id: FromPath[UUID],
    data: JSONBody[SetRulesBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[RulesSetView]]:
    """For deliveries asked for from now on; those under way keep the rules they began with."""
    async with database.transaction() as tx:
        await its_city(tx, caller, city_id)
    return await commands.submit(
        service.set_rules,
        SetRules(
            by=caller.by, city_id=city_id, rules=replace(data.rules, id=None), reason=data.reason
        ),
        view=RulesSetView.of,
    )


routes: Final = [show_rules, list_rules, set_rules, show_load]
