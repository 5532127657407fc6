"""The tables of geography."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.geography.events import Level
from tawsil.geography.model import Area, City, Tenant, Zone
from tawsil.geography.rules import CityRules
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.places import Place
from tawsil.kernel.reach import AREA_LEVELS

_TENANT: Final = "id, version, slug, name, suspended_at"
_ring = msgspec.json.Decoder(tuple[tuple[float, float], ...])
_rules = msgspec.json.Decoder(CityRules)


async def insert_tenant(tx: Tx, *, tenant: Tenant) -> None:
    await tx.execute(
        "insert into geography.tenant (id, slug, name, version) values ($1, $2, $3, $4)",
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.version,
    )


async def open_tenant(tx: Tx, *, tenant: Tenant) -> bool:
    """Insert a tenant, unless another one, which may be hidden from here, has its slug."""
    inserted = await tx.execute(
        """
        insert into geography.tenant (id, slug, name, version) values ($1, $2, $3, $4)
        on conflict (slug) do nothing
        """,
        tenant.id,
        tenant.slug,
        tenant.name,
        tenant.version,
    )
    return inserted == 1


async def lock_tenant(tx: Tx, *, tenant_id: UUID) -> Tenant | None:
    row = await tx.row(
        f"select {_TENANT} from geography.tenant where id = $1 for update",  # noqa: S608 - a constant
        tenant_id,
    )
    return Tenant(**row) if row else None


async def save_tenant(tx: Tx, changed: Accepted[Tenant]) -> None:
    tenant = changed.state
    saved = await tx.execute(
        """
        update geography.tenant set version = $3, name = $4, suspended_at = $5
        where id = $1 and version = $2
        """,
        tenant.id,
        changed.expected_version,
        tenant.version,
        tenant.name,
        tenant.suspended_at,
    )
    assert saved == 1, "a tenant changed under its lock"


async def tenants(tx: Tx) -> list[Tenant]:
    """Those that the transaction may see, by slug."""
    rows = await tx.rows(f"select {_TENANT} from geography.tenant order by slug")  # noqa: S608 - a constant
    return [Tenant(**row) for row in rows]


async def insert_city(tx: Tx, *, city: City) -> None:
    await tx.execute(
        """
        insert into geography.city (id, tenant_id, slug, name_en, name_ar, currency, timezone,
            centre_latitude, centre_longitude, rules, municipality_id, version)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12)
        """,
        city.id,
        city.tenant_id,
        city.slug,
        city.name_en,
        city.name_ar,
        city.currency,
        city.timezone,
        city.centre.latitude,
        city.centre.longitude,
        msgspec.json.encode(city.rules).decode(),
        city.municipality_id,
        city.version,
    )


async def insert_zones(tx: Tx, *, zones: Sequence[tuple[Zone, Sequence[int]]]) -> None:
    """Zones and the cells of each."""
    await tx.execute(
        """
        insert into geography.zone (id, tenant_id, city_id, slug, name_en, name_ar, ring,
            cell_count, version)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[],
            $6::text[], $7::jsonb[], $8::int[], $9::int[])
        """,
        [zone.id for zone, _ in zones],
        [zone.tenant_id for zone, _ in zones],
        [zone.city_id for zone, _ in zones],
        [zone.slug for zone, _ in zones],
        [zone.name_en for zone, _ in zones],
        [zone.name_ar for zone, _ in zones],
        [_ring_json(zone) for zone, _ in zones],
        [len(cells) for _, cells in zones],
        [zone.version for zone, _ in zones],
    )
    await _insert_cells(tx, zones=zones)


async def save_zone(tx: Tx, changed: Accepted[Zone], *, cells: Sequence[int]) -> None:
    zone = changed.state
    saved = await tx.execute(
        """
        update geography.zone
        set version = $3, slug = $4, name_en = $5, name_ar = $6, ring = $7::jsonb,
            cell_count = $8, retired_at = $9
        where id = $1 and version = $2
        """,
        zone.id,
        changed.expected_version,
        zone.version,
        zone.slug,
        zone.name_en,
        zone.name_ar,
        _ring_json(zone),
        zone.cell_count,
        zone.retired_at,
    )
    assert saved == 1, "a zone changed though its tree was locked"
    await tx.execute("delete from geography.zone_cell where zone_id = $1", zone.id)
    await _insert_cells(tx, zones=[(zone, cells)])


def _ring_json(zone: Zone) -> str:
    ring = [(place.latitude, place.longitude) for place in zone.ring]
    return msgspec.json.encode(ring).decode()


async def _insert_cells(tx: Tx, *, zones: Sequence[tuple[Zone, Sequence[int]]]) -> None:
    pairs = [(cell, zone.id) for zone, cells in zones for cell in cells]
    await tx.execute(
        """
        insert into geography.zone_cell (cell, zone_id)
        select * from unnest($1::bigint[], $2::uuid[])
        """,
        [cell for cell, _ in pairs],
        [zone_id for _, zone_id in pairs],
    )


async def tenant(tx: Tx, *, slug: str) -> Tenant | None:
    row = await tx.row(
        f"select {_TENANT} from geography.tenant where slug = $1",  # noqa: S608 - a constant
        slug,
    )
    return Tenant(**row) if row else None


async def cities(tx: Tx, *, tenant_id: UUID | None = None) -> list[City]:
    rows = await tx.rows(
        "select * from geography.city where $1::uuid is null or tenant_id = $1 order by slug, id",
        tenant_id,
    )
    return [_city(row) for row in rows]


async def cities_by_id(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, City]:
    rows = await tx.rows("select * from geography.city where id = any($1::uuid[])", list(ids))
    return {row["id"]: _city(row) for row in rows}


async def zones(tx: Tx, *, city_id: UUID) -> list[Zone]:
    """Those that are not retired."""
    rows = await tx.rows(
        "select * from geography.zone where city_id = $1 and retired_at is null order by slug",
        city_id,
    )
    return [_zone(row) for row in rows]


async def retired_zone(tx: Tx, *, city_id: UUID, zone_id: UUID) -> Zone | None:
    row = await tx.row(
        """
        select * from geography.zone
        where city_id = $1 and id = $2 and retired_at is not null
        """,
        city_id,
        zone_id,
    )
    return _zone(row) if row else None


async def zones_by_cell(tx: Tx, *, city_id: UUID, cells: Sequence[int]) -> dict[int, Zone]:
    """The zone of each cell that is in one; where zones overlap, the smallest."""
    rows = await tx.rows(
        """
        select distinct on (c.cell) c.cell, z.*
        from geography.zone_cell c join geography.zone z on z.id = c.zone_id
        where c.cell = any($1::bigint[]) and z.city_id = $2
        order by c.cell, z.cell_count, z.slug
        """,
        list(cells),
        city_id,
    )
    return {row["cell"]: _zone(row) for row in rows}


# Areas


async def lock_tree(tx: Tx, *, tenant_id: UUID) -> dict[UUID, Area]:
    """A tenant's areas, which nobody else changes until the transaction ends."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended('areas of ' || $1, 0))", str(tenant_id)
    )
    return {area.id: area for area in await areas(tx, tenant_id=tenant_id)}


async def areas(tx: Tx, *, tenant_id: UUID) -> list[Area]:
    """A tenant's areas, each after what it lies in."""
    rows = await tx.rows(
        """
        select id, version, tenant_id, level, parent_id, slug, name_en, name_ar
        from geography.area where tenant_id = $1
        order by array_position(array['country', 'region', 'district'], level), slug, id
        """,
        tenant_id,
    )
    return [_area(row) for row in rows]


async def insert_areas(tx: Tx, *, areas: Sequence[Area]) -> None:
    await tx.execute(
        """
        insert into geography.area (id, version, tenant_id, level, parent_id, slug, name_en,
            name_ar)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::uuid[],
            $6::text[], $7::text[], $8::text[])
        """,
        [area.id for area in areas],
        [area.version for area in areas],
        [area.tenant_id for area in areas],
        [area.level for area in areas],
        [area.parent_id for area in areas],
        [area.slug for area in areas],
        [area.name_en for area in areas],
        [area.name_ar for area in areas],
    )


async def save_area(tx: Tx, changed: Accepted[Area]) -> None:
    area = changed.state
    saved = await tx.execute(
        """
        update geography.area
        set version = $3, parent_id = $4, slug = $5, name_en = $6, name_ar = $7
        where id = $1 and version = $2
        """,
        area.id,
        changed.expected_version,
        area.version,
        area.parent_id,
        area.slug,
        area.name_en,
        area.name_ar,
    )
    assert saved == 1, "an area changed though its tree was locked"


async def save_city(tx: Tx, changed: Accepted[City]) -> None:
    city = changed.state
    saved = await tx.execute(
        """
        update geography.city set version = $3, municipality_id = $4, rules = $5::jsonb,
            name_en = $6, name_ar = $7, timezone = $8, centre_latitude = $9, centre_longitude = $10
        where id = $1 and version = $2
        """,
        city.id,
        changed.expected_version,
        city.version,
        city.municipality_id,
        msgspec.json.encode(city.rules).decode(),
        city.name_en,
        city.name_ar,
        city.timezone,
        city.centre.latitude,
        city.centre.longitude,
    )
    assert saved == 1, "a city changed though its tree was locked"


async def cities_below(
    tx: Tx, *, tenant_id: UUID, area_id: UUID, levels: Sequence[str] = AREA_LEVELS
) -> frozenset[UUID]:
    """The cities below an area, if it is the tenant's and at one of the levels."""
    rows = await tx.rows(
        """
        with recursive below as (
            select id from geography.area
            where id = $2 and tenant_id = $1 and level = any($3::text[])
            union all
            select area.id from geography.area join below on area.parent_id = below.id
        )
        select city.id from geography.city join below on city.municipality_id = below.id
        where city.tenant_id = $1
        """,
        tenant_id,
        area_id,
        list(levels),
    )
    return frozenset(row["id"] for row in rows)


def _area(row: asyncpg.Record) -> Area:
    known = dict(row)
    return Area(level=Level(known.pop("level")), **known)


def _city(row: asyncpg.Record) -> City:
    return City(
        id=row["id"],
        tenant_id=row["tenant_id"],
        slug=row["slug"],
        name_en=row["name_en"],
        name_ar=row["name_ar"],
        currency=row["currency"],
        timezone=row["timezone"],
        centre=Place(row["centre_latitude"], row["centre_longitude"]),
        rules=_rules.decode(row["rules"]),
        version=row["version"],
        municipality_id=row["municipality_id"],
    )


def _zone(row: asyncpg.Record) -> Zone:
    return Zone(
        id=row["id"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        slug=row["slug"],
        name_en=row["name_en"],
        name_ar=row["name_ar"],
        ring=tuple(Place(latitude, longitude) for latitude, longitude in _ring.decode(row["ring"])),
        version=row["version"],
        cell_count=row["cell_count"],
        retired_at=row["retired_at"],
    )
