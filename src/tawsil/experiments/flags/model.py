"""What a flag says about somebody somewhere: pure, and the same each time it is asked."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated, ClassVar, Final
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.experiments.events import CityRollout, FlagChanged, FlagCreated, Rollout
from tawsil.kernel.decisions import Deadline, Decision, accept, refuse

BUCKETS: Final = 10_000
PER_PERCENT: Final = BUCKETS // 100
OFF: Final = Rollout(on=False, percent=0)
FlagKey = Annotated[
    str, Meta(max_length=60, pattern=r"^[a-z][a-z0-9_]*$(?!\n)", examples=["driver_offers"])
]


class Flag(Struct, frozen=True, kw_only=True):
    """Where a city has a rollout of its own, that counts; elsewhere the one for everywhere."""

    stream: ClassVar[str] = "flag"
    id: UUID
    version: int = 0
    tenant_id: UUID
    key: str
    description: str
    everywhere: Rollout = OFF
    cities: tuple[CityRollout, ...] = ()
    changed_at: datetime

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None

    def rollout(self, city_id: UUID | None) -> Rollout:
        own = next((city for city in self.cities if city.city_id == city_id), None)
        return self.everywhere if own is None else Rollout(on=own.on, percent=own.percent)

    def is_on(self, *, city_id: UUID | None, subject: str | None) -> bool:
        """For a subject: whoever is in at some percentage is in at every higher one.

        For nobody in particular it is on only where it is on for all.
        """
        rollout = self.rollout(city_id)
        if not rollout.on or rollout.percent == 0:
            return False
        if rollout.percent == 100 or subject is None:
            return rollout.percent == 100
        return bucket(self.key, subject) < rollout.percent * PER_PERCENT


def bucket(key: str, subject: str) -> int:
    """Where a subject falls among 10,000, for each flag anew."""
    digest = sha256(f"{key}:{subject}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def change(
    flag: Flag,
    *,
    description: str,
    everywhere: Rollout,
    cities: Sequence[CityRollout],
    seen: int | None,
    at: datetime,
) -> Decision[Flag]:
    """Say all that a flag says. `seen` is the version that whoever changes it has looked at."""
    if seen is not None and seen != flag.version:
        return refuse("flag.changed_meanwhile", version=flag.version)
    named = [city.city_id for city in cities]
    if len(set(named)) < len(named):
        return refuse("flag.city_twice", status=422)
    ordered = tuple(sorted(cities, key=lambda city: city.city_id))
    to = replace(flag, description=description, everywhere=everywhere, cities=ordered)
    if to == flag and flag.version:
        return accept(flag)
    changed = replace(to, changed_at=at)
    made = FlagChanged if flag.version else FlagCreated
    return accept(changed, made(key=flag.key, everywhere=everywhere, cities=ordered))
