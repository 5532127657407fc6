"""Looking for merchants and for what they sell, near a place and as they are now."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog import find_store, menu_store, model, search_store, store
from tawsil.catalog.events import MENU_CHANGES, MerchantChanged, MerchantListed
from tawsil.catalog.find_store import Asked, Clocks, Hit
from tawsil.catalog.hours import is_open, minute_of_week
from tawsil.catalog.menu import Product
from tawsil.catalog.model import Merchant
from tawsil.catalog.search_words import MOST_WORDS, folded, words
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.events import Recorded
from tawsil.kernel.places import Place, distances_m

Search = Asked
MOST_MERCHANTS: Final = 20
"""Of one search, beside the dishes."""


class Found(Struct, frozen=True, kw_only=True):
    """A merchant, why it takes no orders now (None: it does), and how far away it is."""

    merchant: Merchant
    refusal: Refusal | None
    timezone: str
    distance_m: float | None = None
    price_level: int | None = None


class FoundDish(Struct, frozen=True, kw_only=True):
    product: Product
    available: bool
    at: Found


class Answer(Struct, frozen=True, kw_only=True):
    """What a search found. `meant` is what was looked for, where that was mistyped."""

    meant: str | None
    merchants: list[Found]
    dishes: list[FoundDish]
    dishes_in_all: int


async def look_at(
    tx: Tx, *, merchants: Sequence[Merchant], near: Place | None = None
) -> list[Found]:
    """The merchants as they are now, in order."""
    cities = await geography.cities_by_id(tx, ids=list({m.city_id for m in merchants}))
    far = distances_m([near], [m.place for m in merchants])[0] if near and merchants else None
    return [
        Found(
            merchant=m,
            refusal=model.accepting(m, at=tx.now, timezone=cities[m.city_id].timezone),
            timezone=cities[m.city_id].timezone,
            distance_m=None if far is None else float(far[n]),
        )
        for n, m in enumerate(merchants)
    ]


async def find(
    tx: Tx, *, asked: Asked, limit: int | None = None, offset: int = 0
) -> tuple[list[Found], int]:
    """Some of the merchants that match, in order, and how many there are."""
    if asked.words is not None:
        asked = replace(asked, words=folded(asked.words))
    some = partial(find_store.merchants, tx, asked=asked, clocks=await _clocks(tx, asked))
    hits = await some(limit=limit, offset=offset)
    counted = hits or (await some(limit=1) if offset else [])
    found = await _merchants(tx, hits, near=asked.near)
    return list(found.values()), counted[0].total if counted else 0


async def search(tx: Tx, *, asked: Asked) -> list[Found]:
    """All that match, in order."""
    found, _ = await find(tx, asked=asked)
    return found


async def search_by_words(tx: Tx, *, asked: Asked, limit: int) -> Answer:
    """Merchants and dishes that have all of the words, or else any of them, near as they are."""
    typed = dict(list(words(asked.words or ""))[:MOST_WORDS])
    assert asked.tenant_id is not None, "words are known tenant by tenant"
    known = await search_store.recognise(tx, tenant_id=asked.tenant_id, typed=list(typed))
    recognised = [one for one in known if one.words]
    clocks = await _clocks(tx, asked)
    merchants: list[Hit] = []
    dishes: list[Hit] = []
    for every in (True, False):
        if not recognised or (every and len(recognised) < len(known)):
            continue
        wanted = find_store.Wanted(asked=asked, clocks=clocks, known=tuple(recognised), every=every)
        merchants = await find_store.merchants_called(tx, wanted, limit=MOST_MERCHANTS)
        dishes = await find_store.dishes_called(tx, wanted, limit=limit)
        if merchants or dishes:
            break
    corrected = [one.shown if one.mistaken else typed[one.typed] for one in recognised]
    mistaken = any(one.mistaken for one in recognised) and bool(merchants or dishes)
    return Answer(
        meant=" ".join(corrected) if mistaken else None,
        merchants=list((await _merchants(tx, merchants, near=asked.near)).values()),
        dishes=await _dishes(tx, dishes, near=asked.near),
        dishes_in_all=dishes[0].total if dishes else 0,
    )


async def _clocks(tx: Tx, asked: Asked) -> Clocks:
    """What the clocks of the cities show, and who keeps other hours today, or since yesterday."""
    cities = {city.id: city for city in await geography.cities(tx, tenant_id=asked.tenant_id)}
    days = {
        tx.now.astimezone(ZoneInfo(city.timezone)).date() - timedelta(days=back)
        for city in cities.values()
        for back in (0, 1)
    }
    await find_store.plan_anew(tx)
    special = await find_store.with_special_days(tx, city_ids=cities, days=days)
    return Clocks(
        minutes={c.id: minute_of_week(at=tx.now, timezone=c.timezone) for c in cities.values()},
        special=frozenset(m.id for m in special),
        special_open=frozenset(
            m.id
            for m in special
            if is_open(m.timetable, at=tx.now, timezone=cities[m.city_id].timezone)
        ),
    )


async def _merchants(tx: Tx, hits: Sequence[Hit], *, near: Place | None) -> dict[UUID, Found]:
    levels = {hit.merchant_id: hit.price_level for hit in hits}
    known = await store.merchants(tx, ids=list(levels))
    found = await look_at(tx, merchants=[known[id_] for id_ in levels], near=near)
    return {f.merchant.id: replace(f, price_level=levels[f.merchant.id]) for f in found}


async def _dishes(tx: Tx, hits: Sequence[Hit], *, near: Place | None) -> list[FoundDish]:
    merchants = await _merchants(tx, hits, near=near)
    ids = [hit.product_id for hit in hits if hit.product_id is not None]
    products = await menu_store.products(tx, ids=ids)
    return [
        FoundDish(
            product=product,
            available=product.available(at=tx.now),
            at=merchants[product.merchant_id],
        )
        for id_ in ids
        if (product := products.get(id_)) is not None
    ]


# What is found follows what is written

HEARD: Final = (MerchantListed, MerchantChanged, *MENU_CHANGES)


async def on_menu(tx: Tx, events: Sequence[Recorded[Any]]) -> None:
    """What merchants, or their dishes, are called has changed: so has what finds them."""
    changed = dict.fromkeys(recorded.event.merchant_id for recorded in events)
    await search_store.project(tx, merchant_ids=list(changed))
