"""Making tenants, areas, cities and zones, and finding what a place lies in."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from tawsil.geography import model, store, zoning
from tawsil.geography.model import ZONE_RESOLUTION, Area, City, Tenant, Zone, cells_of
from tawsil.geography.rules import CityRules
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, refuse
from tawsil.kernel.places import Place

T = TypeVar("T")
A = TypeVar("A", "RenameArea", "MoveArea")
C = TypeVar("C", "PlaceCity", "ChangeRules", "ChangeCity")
Z = TypeVar("Z", "ChangeZone", "RetireZone", "ReinstateZone")


async def create_tenant(tx: Tx, *, tenant: Tenant) -> Tenant:
    """Add a tenant; its slug must be free."""
    await store.insert_tenant(tx, tenant=tenant)
    return tenant


async def create_city(tx: Tx, *, city: City) -> City:
    """Add a city of an existing tenant.

    Raises:
        ZoneInfoNotFoundError: the time zone is not an IANA name.
    """
    ZoneInfo(city.timezone)
    await store.insert_city(tx, city=city)
    return city


async def create_zones(tx: Tx, *, zones: Sequence[Zone]) -> list[Zone]:
    """Add zones with the H3 cells they cover."""
    covering = [(zone, cells_of(zone)) for zone in zones]
    counted = [(replace(zone, cell_count=len(cells)), cells) for zone, cells in covering]
    if counted:
        await store.insert_zones(tx, zones=counted)
    return [zone for zone, _ in counted]


async def city(tx: Tx, *, city_id: UUID) -> City | None:
    return (await store.cities_by_id(tx, ids=[city_id])).get(city_id)


async def city_of(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> City | None:
    """A city, if it is the tenant's."""
    found = await city(tx, city_id=city_id)
    return found if found is not None and found.tenant_id == tenant_id else None


async def zones_of(tx: Tx, *, city_id: UUID, places: Sequence[Place]) -> list[Zone | None]:
    """The zone of each place, in order: the zone its cell belongs to."""
    cells = [place.cell(resolution=ZONE_RESOLUTION) for place in places]
    found = await store.zones_by_cell(tx, city_id=city_id, cells=cells)
    return [found.get(cell) for cell in cells]


async def zone_of(tx: Tx, *, city_id: UUID, place: Place) -> Zone | None:
    (zone,) = await zones_of(tx, city_id=city_id, places=[place])
    return zone


# Areas. They change seldom: one at a time, under the lock of their tenant's tree


class CreateArea(Command, frozen=True, kw_only=True):
    """A country, when it has no parent; otherwise what lies in the parent."""

    area_id: UUID | None = None
    parent_id: UUID | None
    slug: str
    name_en: str
    name_ar: str


class RenameArea(Command, frozen=True, kw_only=True):
    area_id: UUID
    slug: str
    name_en: str
    name_ar: str


class MoveArea(Command, frozen=True, kw_only=True):
    area_id: UUID
    parent_id: UUID


class PlaceCity(Command, frozen=True, kw_only=True):
    city_id: UUID
    municipality_id: UUID | None


async def create_area(tx: Tx, commands: Sequence[CreateArea]) -> list[Area | Refusal]:
    outcomes: list[Area | Refusal] = []
    for command in commands:
        tree = await store.lock_tree(tx, tenant_id=command.by.tenant_id)
        level = model.level_below(tree, command.parent_id)
        if isinstance(level, Refusal):
            outcomes.append(level)
            continue
        area = Area(
            id=command.area_id or tx.ids(),
            tenant_id=command.by.tenant_id,
            level=level,
            parent_id=command.parent_id,
            slug=command.slug,
            name_en=command.name_en,
            name_ar=command.name_ar,
        )
        decision = model.create_area(tree, area)
        if isinstance(decision, Accepted):
            await store.insert_areas(tx, areas=[decision.state])
            await tx.record([(command, decision)])
        outcomes.append(_outcome(decision))
    return outcomes


async def rename_area(tx: Tx, commands: Sequence[RenameArea]) -> list[Area | Refusal]:
    def decide(tree: model.Tree, area: Area, command: RenameArea) -> Decision[Area]:
        return model.rename_area(
            tree, area, slug=command.slug, name_en=command.name_en, name_ar=command.name_ar
        )

    return [await _change(tx, command, decide) for command in commands]


async def move_area(tx: Tx, commands: Sequence[MoveArea]) -> list[Area | Refusal]:
    def decide(tree: model.Tree, area: Area, command: MoveArea) -> Decision[Area]:
        return model.move_area(tree, area, parent_id=command.parent_id)

    return [await _change(tx, command, decide) for command in commands]


async def _change(
    tx: Tx, command: A, decide: Callable[[model.Tree, Area, A], Decision[Area]]
) -> Area | Refusal:
    tree = await store.lock_tree(tx, tenant_id=command.by.tenant_id)
    area = tree.get(command.area_id)
    if area is None:
        return refuse("request.not_found", status=404)
    decision = decide(tree, area, command)
    if isinstance(decision, Accepted) and decision.events:
        await store.save_area(tx, decision)
        await tx.record([(command, decision)])
    return _outcome(decision)


class ChangeRules(Command, frozen=True, kw_only=True):
    city_id: UUID
    rules: CityRules


class OpenCity(Command, frozen=True, kw_only=True):
    """In a municipality, or placed later. It charges by the default rules until it has its own."""

    slug: str
    name_en: str
    name_ar: str
    currency: str
    timezone: str
    centre: Place
    municipality_id: UUID | None


class ChangeCity(Command, frozen=True, kw_only=True):
    city_id: UUID
    name_en: str
    name_ar: str
    timezone: str
    centre: Place


async def open_city(tx: Tx, commands: Sequence[OpenCity]) -> list[City | Refusal]:
    outcomes: list[City | Refusal] = []
    for command in commands:
        tenant_id = command.by.tenant_id
        tree = await store.lock_tree(tx, tenant_id=tenant_id)
        city = City(
            id=tx.ids(),
            tenant_id=tenant_id,
            slug=command.slug,
            name_en=command.name_en,
            name_ar=command.name_ar,
            currency=command.currency,
            timezone=command.timezone,
            centre=command.centre,
            municipality_id=command.municipality_id,
        )
        others = await store.cities(tx, tenant_id=tenant_id)
        decision = model.open_city(tree, city, others=others)
        if isinstance(decision, Accepted):
            await store.insert_city(tx, city=decision.state)
            await tx.record([(command, decision)])
        outcomes.append(_outcome(decision))
    return outcomes


async def change_city(tx: Tx, commands: Sequence[ChangeCity]) -> list[City | Refusal]:
    async def decide(_: model.Tree, city: City, command: ChangeCity) -> Decision[City]:
        to = replace(
            city,
            name_en=command.name_en,
            name_ar=command.name_ar,
            timezone=command.timezone,
            centre=command.centre,
        )
        return model.change_city(city, to=to)

    return [await _change_city(tx, command, decide) for command in commands]


async def place_city(tx: Tx, commands: Sequence[PlaceCity]) -> list[City | Refusal]:
    async def decide(tree: model.Tree, city: City, command: PlaceCity) -> Decision[City]:
        return model.place_city(tree, city, municipality_id=command.municipality_id)

    return [await _change_city(tx, command, decide) for command in commands]


async def change_rules(tx: Tx, commands: Sequence[ChangeRules]) -> list[City | Refusal]:
    async def decide(_: model.Tree, city: City, command: ChangeRules) -> Decision[City]:
        zones = await store.zones(tx, city_id=city.id)
        return model.change_rules(city, to=command.rules, zone_ids={zone.id for zone in zones})

    return [await _change_city(tx, command, decide) for command in commands]


async def _change_city(
    tx: Tx, command: C, decide: Callable[[model.Tree, City, C], Awaitable[Decision[City]]]
) -> City | Refusal:
    tree = await store.lock_tree(tx, tenant_id=command.by.tenant_id)
    found = await city_of(tx, tenant_id=command.by.tenant_id, city_id=command.city_id)
    if found is None:
        return refuse("request.not_found", status=404)
    decision = await decide(tree, found, command)
    if isinstance(decision, Accepted) and decision.events:
        await store.save_city(tx, decision)
        await tx.record([(command, decision)])
    return _outcome(decision)


# Zones, under the same lock


class CreateZone(Command, frozen=True, kw_only=True):
    zone_id: UUID | None = None
    city_id: UUID
    slug: str
    name_en: str
    name_ar: str
    ring: tuple[Place, ...]


class ChangeZone(Command, frozen=True, kw_only=True):
    """Without a ring it stays where it is."""

    zone_id: UUID
    city_id: UUID
    slug: str
    name_en: str
    name_ar: str
    ring: tuple[Place, ...] | None = None


class RetireZone(Command, frozen=True, kw_only=True):
    zone_id: UUID
    city_id: UUID


class ReinstateZone(Command, frozen=True, kw_only=True):
    zone_id: UUID
    city_id: UUID


async def create_zone(tx: Tx, commands: Sequence[CreateZone]) -> list[Zone | Refusal]:
    async def one(command: CreateZone) -> Zone | Refusal:
        found = await _lock_city(tx, command)
        if isinstance(found, Refusal):
            return found
        zone = Zone(
            id=command.zone_id or tx.ids(),
            tenant_id=command.by.tenant_id,
            city_id=command.city_id,
            slug=command.slug,
            name_en=command.name_en,
            name_ar=command.name_ar,
            ring=command.ring,
        )
        decision = zoning.create(found, zone, among=await store.zones(tx, city_id=found.id))
        if isinstance(decision, Accepted):
            await store.insert_zones(tx, zones=[(decision.state, cells_of(decision.state))])
            await tx.record([(command, decision)])
        return _outcome(decision)

    return [await one(command) for command in commands]


async def change_zone(tx: Tx, commands: Sequence[ChangeZone]) -> list[Zone | Refusal]:
    def decide(
        city: City, zone: Zone, among: Sequence[Zone], command: ChangeZone
    ) -> Decision[Zone]:
        to = replace(
            zone,
            slug=command.slug,
            name_en=command.name_en,
            name_ar=command.name_ar,
            ring=command.ring or zone.ring,
        )
        return zoning.change(city, zone, to=to, among=among)

    return [await _change_zone(tx, command, decide) for command in commands]


async def retire_zone(tx: Tx, commands: Sequence[RetireZone]) -> list[Zone | Refusal]:
    def decide(city: City, zone: Zone, among: Sequence[Zone], _: RetireZone) -> Decision[Zone]:
        del among
        return zoning.retire(city, zone, now=tx.now)

    return [await _change_zone(tx, command, decide) for command in commands]


async def reinstate_zone(tx: Tx, commands: Sequence[ReinstateZone]) -> list[Zone | Refusal]:
    def decide(city: City, zone: Zone, among: Sequence[Zone], _: ReinstateZone) -> Decision[Zone]:
        del city
        return zoning.reinstate(zone, among=among)

    return [await _change_zone(tx, command, decide) for command in commands]


async def _change_zone(
    tx: Tx,
    command: Z,
    decide: Callable[[City, Zone, Sequence[Zone], Z], Decision[Zone]],
) -> Zone | Refusal:
    found = await _lock_city(tx, command)
    if isinstance(found, Refusal):
        return found
    among = await store.zones(tx, city_id=found.id)
    zone = next((zone for zone in among if zone.id == command.zone_id), None)
    if zone is None and isinstance(command, ReinstateZone):
        zone = await store.retired_zone(tx, city_id=found.id, zone_id=command.zone_id)
    if zone is None:
        return refuse("request.not_found", status=404)
    decision = decide(found, zone, among, command)
    if isinstance(decision, Accepted) and decision.events:
        after = decision.state
        await store.save_zone(tx, decision, cells=[] if after.retired_at else cells_of(after))
        await tx.record([(command, decision)])
    return _outcome(decision)


async def _lock_city(
    tx: Tx, command: CreateZone | ChangeZone | RetireZone | ReinstateZone
) -> City | Refusal:
    await store.lock_tree(tx, tenant_id=command.by.tenant_id)
    found = await city_of(tx, tenant_id=command.by.tenant_id, city_id=command.city_id)
    return found or refuse("request.not_found", status=404)


def _outcome(decision: Decision[T]) -> T | Refusal:
    return decision.state if isinstance(decision, Accepted) else decision


class OwnsCity:
    """Whose a city is, for contexts beside this one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, *, tenant_id: UUID, city_id: UUID) -> bool:
        async with self._database.transaction() as tx:
            return await city_of(tx, tenant_id=tenant_id, city_id=city_id) is not None


class CitiesBelow:
    """The cities below an area, read each time: what a manager sees follows at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self, *, tenant_id: UUID, area_id: UUID, levels: Sequence[str]
    ) -> frozenset[UUID]:
        async with self._database.transaction() as tx:
            return await store.cities_below(tx, tenant_id=tenant_id, area_id=area_id, levels=levels)
