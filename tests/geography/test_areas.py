"""The tree of areas, and what a manager reaches of it."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.geography import model, public, store
from tawsil.geography.events import Level
from tawsil.geography.model import Area
from tawsil.geography.public import City, Tenant
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Refusal
from tawsil.kernel.reach import AREA_LEVELS

TENANT = UUID("01900000-0000-7000-8000-000000000001")
OTHER_TENANT = UUID("01900000-0000-7000-8000-0000000000ff")


def area(number: int, parent: Area | None = None, slug: str | None = None) -> Area:
    level = Level.COUNTRY if parent is None else model.LEVELS[model.LEVELS.index(parent.level) + 1]
    return Area(
        id=UUID(int=number),
        tenant_id=TENANT,
        level=level,
        parent_id=parent.id if parent else None,
        slug=slug or f"area-{number}",
        name_en=f"Area {number}",
        name_ar=f"منطقة {number}",
    )


@st.composite
def trees(draw: st.DrawFn) -> list[Area]:
    """Areas, each after its parent."""
    areas = [area(1)]
    for number in range(2, draw(st.integers(2, 25))):
        parents = [None, *(a for a in areas if a.level is not Level.MUNICIPALITY)]
        areas.append(area(number, draw(st.sampled_from(parents))))
    return areas


def parents_hold(tree: dict[UUID, Area]) -> bool:
    return all(model.level_below(tree, one.parent_id) is one.level for one in tree.values())


@given(trees(), st.randoms(use_true_random=False))
def test_no_move_breaks_the_tree(areas: list[Area], dice: Random):
    tree = {one.id: one for one in areas}
    for _ in range(10):
        moved, to = dice.choice(areas), dice.choice(areas)
        decision = model.move_area(tree, tree[moved.id], parent_id=to.id)
        if isinstance(decision, Accepted):
            assert tree[to.id].level is not moved.level
            tree[moved.id] = decision.state
        else:
            assert decision.code in {"area.wrong_level", "area.country_stays", "area.too_deep"}
    assert parents_hold(tree)


def test_siblings_have_slugs_of_their_own():
    country = area(1)
    north = area(2, country, slug="north")
    tree = {country.id: country, north.id: north}
    again = model.create_area(tree, area(3, country, slug="north"))
    assert isinstance(again, Refusal)
    assert again.code == "area.slug_taken"
    assert isinstance(model.create_area(tree, area(4, north, slug="north")), Accepted)


def test_nothing_lies_below_a_municipality():
    lineage = [area(1)]
    for number in (2, 3, 4):
        lineage.append(area(number, lineage[-1]))
    tree = {one.id: one for one in lineage}
    refused = model.level_below(tree, lineage[-1].id)
    assert isinstance(refused, Refusal)
    assert refused.code == "area.too_deep"


# In the database


async def grow(tx: Tx, areas: list[Area]) -> None:
    for one in areas:
        command = public.CreateArea(
            by=By(tenant_id=one.tenant_id, correlation_id=tx.ids()),
            area_id=one.id,
            parent_id=one.parent_id,
            slug=one.slug,
            name_en=one.name_en,
            name_ar=one.name_ar,
        )
        (grown,) = await public.create_area(tx, [command])
        assert grown == replace(one, version=1)


def under(tree: dict[UUID, Area], one: UUID, above: UUID) -> bool:
    at: UUID | None = one
    while at is not None:
        if at == above:
            return True
        at = tree[at].parent_id
    return False


@pytest.mark.parametrize("seed", range(5))
async def test_an_area_reaches_exactly_the_cities_of_its_subtree(
    tx: Tx, tenant: Tenant, city: City, seed: int
):
    dice = Random(seed)
    await public.create_tenant(tx, tenant=tenant)
    areas = [area(1)]
    for number in range(2, 60):
        parents = [None, *(a for a in areas if a.level is not Level.MUNICIPALITY)]
        areas.append(area(number, dice.choice(parents)))
    await grow(tx, areas)
    tree = {one.id: one for one in areas}
    places = [None, *(a.id for a in areas if a.level is Level.MUNICIPALITY)]
    placed = {UUID(int=1_000 + n): dice.choice(places) for n in range(40)}
    for id_, municipality_id in placed.items():
        await public.create_city(
            tx,
            city=replace(city, id=id_, slug=f"city-{id_.int}", municipality_id=municipality_id),
        )
    for one in areas:
        for tenant_id in (TENANT, OTHER_TENANT):
            below = await store.cities_below(
                tx, tenant_id=tenant_id, area_id=one.id, levels=AREA_LEVELS
            )
            expected = {
                id_ for id_, at in placed.items() if at is not None and under(tree, at, one.id)
            }
            assert below == (expected if tenant_id == TENANT else set())
