"""Modules over HTTP, for those who run the tenant."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.experiments import public
from tawsil.experiments.events import Module
from tawsil.experiments.modules.model import Switch
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope
from tawsil.kernel.text import Prose

TAGS: Final = ["Modules"]


class ModuleBody(Struct, frozen=True, forbid_unknown_fields=True):
    on: Annotated[bool, Meta(examples=[False])]
    why: Annotated[Prose, Meta(min_length=1, max_length=500, examples=["we do not use it yet"])]


class ModuleView(Struct, frozen=True, kw_only=True):
    """Who switched it last, and why; None while nobody has."""

    module: Module
    on: bool
    changed_at: datetime | None = None
    changed_by_id: UUID | None = None
    why: str = ""

    @classmethod
    def of(cls, switch: Switch) -> "ModuleView":
        return cls(**{field: getattr(switch, field) for field in cls.__struct_fields__})


@get(
    "/v4/modules",
    opt={"rule": allow("system:read")},
    tags=TAGS,
    summary="Which parts of the product the company uses",
)
async def list_modules(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[ModuleView]]:
    """Only those that can be done without; the rest is always there."""
    async with database.transaction() as tx:
        known = await public.modules(tx, tenant_id=caller.tenant_id)
    return envelope(
        [
            ModuleView.of(known[module]) if module in known else ModuleView(module=module, on=True)
            for module in Module
        ]
    )


@put(
    "/v4/modules/{module:str}",
    opt={"rule": allow("system:configure")},
    tags=TAGS,
    summary="Use a part of the product, or do without it",
)
async def switch_module(
    module: FromPath[Module],
    data: JSONBody[ModuleBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ModuleView]]:
    """What is off refuses its addresses within two seconds, and does nothing. It loses nothing."""
    command = public.SwitchModule(by=caller.by, module=module, on=data.on, why=data.why)
    return await commands.submit(public.switch_module, command, view=ModuleView.of)


routes: Final[list[Any]] = [list_modules, switch_module]
