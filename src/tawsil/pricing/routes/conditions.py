"""A city's conditions over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    SIGNED_IN,
    Caller,
    Commands,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.text import Prose
from tawsil.pricing.model.conditions import CALM, Conditions, Pressure, Terms
from tawsil.pricing.service import climate

TAGS: Final = ["Cities"]


class HoldBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The terms to hold; without an end they stay until somebody lets go."""

    terms: Terms
    reason: Annotated[
        Prose,
        Meta(min_length=1, max_length=200, examples=["half the fleet is off"]),
    ]
    until: datetime | None = None


class ConditionsView(Struct, frozen=True, kw_only=True):
    """What customers of a city meet now. `held`: an operator set it, pressure does not move it."""

    city_id: UUID
    pressure: str
    terms: Terms
    since_at: datetime | None
    held: bool
    held_until_at: datetime | None
    reason: str

    @classmethod
    def of(cls, conditions: Conditions) -> "ConditionsView":
        return cls(
            city_id=conditions.city_id,
            pressure=conditions.pressure.name.lower(),
            terms=conditions.terms,
            since_at=conditions.since_at,
            held=conditions.held,
            held_until_at=conditions.held_until_at,
            reason=conditions.reason,
        )

    @classmethod
    def usual(cls, city_id: UUID) -> "ConditionsView":
        return cls(
            city_id=city_id,
            pressure=Pressure.CALM.name.lower(),
            terms=CALM,
            since_at=None,
            held=False,
            held_until_at=None,
            reason="",
        )


@get(
    "/v4/cities/{city_id:uuid}/conditions",
    opt={"rule": SIGNED_IN},
    tags=TAGS,
    summary="Whether couriers are short, and what that changes",
)
async def show_conditions(
    city_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[ConditionsView]:
    """Longer promises, a surcharge, and what is paused; nothing of it when it is calm."""
    async with database.transaction() as tx:
        await _its_city(tx, caller, city_id)
        now = (await climate.conditions(tx, city_ids=[city_id])).get(city_id)
    return envelope(ConditionsView.of(now) if now else ConditionsView.usual(city_id))


@put(
    "/v4/cities/{city_id:uuid}/conditions",
    opt={"rule": allow("zone:update")},
    tags=TAGS,
    summary="Hold a city's conditions",
)
async def hold_conditions(
    city_id: FromPath[UUID],
    data: JSONBody[HoldBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[ConditionsView]]:
    """Set longer promises, a surcharge or a pause by hand. Quotes that bind already stay so."""
    async with database.transaction() as tx:
        await _its_city(tx, caller, city_id)
    command = climate.HoldConditions(
        by=caller.by, city_id=city_id, terms=data.terms, until=data.until, reason=data.reason
    )
    return await commands.submit(climate.hold_conditions, command, view=ConditionsView.of)


@delete(
    "/v4/cities/{city_id:uuid}/conditions",
    opt={"rule": allow("zone:update")},
    status_code=200,
    tags=TAGS,
    summary="Let go of a city's conditions",
)
async def let_go(
    city_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[ConditionsView]]:
    """Back to calm, and from there to what the pressure on couriers asks for."""
    async with database.transaction() as tx:
        await _its_city(tx, caller, city_id)
    command = climate.LetGo(by=caller.by, city_id=city_id)
    return await commands.submit(climate.let_go, command, view=ConditionsView.of)


async def _its_city(tx: Tx, caller: Caller, city_id: UUID) -> None:
    if await geography.city_of(tx, tenant_id=caller.tenant_id, city_id=city_id) is None:
        raise not_found()


routes: Final[list[Any]] = [show_conditions, hold_conditions, let_go]
