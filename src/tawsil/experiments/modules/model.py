"""A part of the product that a tenant uses or does without: pure."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.experiments.events import Module, ModuleSwitched
from tawsil.kernel.decisions import Deadline, Decision, accept


class Switch(Struct, frozen=True, kw_only=True):
    """Whether a tenant uses a module; it does, until somebody says otherwise."""

    stream: ClassVar[str] = "module"
    id: UUID
    version: int = 0
    tenant_id: UUID
    module: Module
    on: bool = True
    changed_at: datetime | None = None
    changed_by_id: UUID | None = None
    why: str = ""

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


def turn(
    switch: Switch, *, on: bool, why: str, by_id: UUID | None, at: datetime
) -> Decision[Switch]:
    if on == switch.on:
        return accept(switch)
    turned = replace(switch, on=on, why=why, changed_by_id=by_id, changed_at=at)
    return accept(turned, ModuleSwitched(module=switch.module, on=on))
