"""Flags over HTTP: those who run the tenant switch them, whoever is signed in asks them."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from tawsil.experiments import public
from tawsil.experiments.events import CityRollout, Rollout
from tawsil.experiments.flags.model import Flag, FlagKey
from tawsil.experiments.flags.store import FlagChange
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    SIGNED_IN,
    Caller,
    CityCheck,
    Commands,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.text import Prose

TAGS: Final = ["Flags"]
READ: Final = {"rule": allow("system:read")}
MOST_CHANGES: Final = 100
EXAMPLE: Final[dict[str, Any]] = {
    "key": "photo_proof",
    "description": "Couriers take a photo at the door",
    "everywhere": {"on": True, "percent": 5},
    "cities": [{"city_id": "01920000-0000-7000-8000-00000000000c", "on": True, "percent": 50}],
    "why": "five in a hundred first",
}


class _FlagBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a flag says. `seen`: the version it is a change of; without it, of any."""

    key: FlagKey
    description: Annotated[Prose, Meta(max_length=500)] = ""
    everywhere: Rollout
    cities: Annotated[tuple[CityRollout, ...], Meta(max_length=200)] = ()
    why: Annotated[Prose, Meta(min_length=1, max_length=500)]
    seen: Annotated[int, Meta(ge=0)] | None = None


FlagBody = Annotated[_FlagBody, Meta(examples=[EXAMPLE])]


class FlagView(Struct, frozen=True, kw_only=True):
    """A city named here has a rollout of its own; all others have that of `everywhere`."""

    id: UUID
    key: str
    description: str
    everywhere: Rollout
    cities: tuple[CityRollout, ...]
    version: int
    changed_at: datetime

    @classmethod
    def of(cls, flag: Flag) -> "FlagView":
        return cls(**{field: getattr(flag, field) for field in cls.__struct_fields__})


class FlagSays(Struct, frozen=True, kw_only=True):
    key: str
    on: bool


@get("/v4/flags", opt=READ, tags=TAGS, summary="What is switched on where")
async def list_flags(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[FlagView]]:
    async with database.transaction() as tx:
        flags = await public.flags(tx, tenant_id=caller.tenant_id)
    return envelope([FlagView.of(flag) for flag in flags])


@put(
    "/v4/flags",
    opt={"rule": allow("system:configure")},
    tags=TAGS,
    summary="Switch something on or off",
)
async def set_flag(
    data: JSONBody[FlagBody],
    caller: NamedDependency[Caller],
    check_city: NamedDependency[CityCheck],
    commands: NamedDependency[Commands],
) -> Response[Envelope[FlagView]]:
    """For so many in a hundred, chosen by a hash of their id: who is in stays in as it grows.

    A flag that is not there is made. It counts everywhere within two seconds.
    """
    for city in data.cities:
        await check_city(city.city_id, tenant_id=caller.tenant_id)
    command = public.SetFlag(
        by=caller.by,
        key=data.key,
        description=data.description,
        everywhere=data.everywhere,
        cities=data.cities,
        seen=data.seen,
        why=data.why,
    )
    return await commands.submit(public.set_flag, command, view=FlagView.of)


@get("/v4/flags/{key:str}", opt=READ, tags=TAGS, summary="A flag")
async def show_flag(
    key: FromPath[str], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[FlagView]:
    async with database.transaction() as tx:
        flag = await public.flag(tx, tenant_id=caller.tenant_id, key=key)
    if flag is None:
        raise not_found()
    return envelope(FlagView.of(flag))


@get("/v4/flags/{key:str}/history", opt=READ, tags=TAGS, summary="Who switched it, and why")
async def show_history(
    key: FromPath[str], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[FlagChange]]:
    """The latest hundred changes, the newest first, each with all that the flag said after it."""
    async with database.transaction() as tx:
        flag = await public.flag(tx, tenant_id=caller.tenant_id, key=key)
        if flag is None:
            raise not_found()
        changes = await public.flag_history(tx, flag_id=flag.id, most=MOST_CHANGES)
    return envelope(changes)


@get(
    "/v4/flags/{key:str}/for",
    opt={"rule": SIGNED_IN},
    tags=TAGS,
    summary="Whether something is on for somebody",
)
async def ask_flag(
    key: FromPath[str],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    subject: Annotated[
        str | None,
        QueryParameter(min_length=1, max_length=100, description="Whom for; without it, for me."),
    ] = None,
    city_id: FromQuery[UUID | None] = None,
) -> Envelope[FlagSays]:
    """The same answer each time, until somebody switches it. What nobody has made is off."""
    async with database.transaction() as tx:
        on = await public.is_on(
            tx,
            tenant_id=caller.tenant_id,
            key=key,
            city_id=city_id,
            subject=subject or str(caller.user_id),
        )
    return envelope(FlagSays(key=key, on=on))


routes: Final[list[Any]] = [list_flags, set_flag, show_flag, show_history, ask_flag]
