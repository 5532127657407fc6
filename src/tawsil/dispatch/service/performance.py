"""How couriers do: tallies, what they say, and what each incident costs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch.model import performance
from tawsil.dispatch.model.incident import Incident, IncidentState
from tawsil.dispatch.model.performance import BEST_RATING, Fact, Standing, Tally
from tawsil.dispatch.store import performance_rows as rows
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By
from tawsil.kernel.events import Recorded

LATELY: Final = timedelta(days=90)
"""What is older costs less than an eighth of what it did, and is not listed."""
MOST_LISTED: Final = 20
COUNTING: Final = (IncidentState.NOTED, IncidentState.CONTESTED, IncidentState.UPHELD)


class Weighed(Struct, frozen=True, kw_only=True):
    """An incident and what it costs now, in points of 100."""

    incident: Incident
    points: float


async def count(
    tx: Tx, facts: Mapping[UUID, Sequence[Fact]], *, about: Mapping[UUID, Recorded[Any]]
) -> None:
    """Count facts by courier; `about`: the last event that says so of each."""
    if not facts:
        return
    await rows.begin_tallies(tx, [_newcomer(tx, id_, about[id_]) for id_ in facts])
    tallies = await rows.lock_tallies(tx, ids=list(facts))
    ratings = await ratings_of(tx, facts)
    await save(
        tx,
        tallies,
        [
            (
                about[id_].by,
                performance.observe(tally, facts[id_], rating=ratings[id_], now=tx.now),
            )
            for id_, tally in tallies.items()
        ],
    )


def _newcomer(tx: Tx, courier_id: UUID, recorded: Recorded[Any]) -> Tally:
    assert recorded.city_id is not None, "offers and deliveries are of a city"
    return Tally(
        id=courier_id,
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        as_of_at=tx.now,
    )


async def save(
    tx: Tx, before: Mapping[UUID, Tally], decided: Sequence[tuple[By, Accepted[Tally]]]
) -> None:
    expected = {id_: tally.version for id_, tally in before.items()}
    await rows.save_tallies(tx, [after.state for _, after in decided], expected=expected)
    await tx.record(decided)


async def ratings_of(tx: Tx, courier_ids: Iterable[UUID]) -> dict[UUID, float]:
    ids = list(courier_ids)
    known = await couriers.get_many(tx, ids=ids)
    return {id_: known[id_].rating if id_ in known else BEST_RATING for id_ in ids}


async def standing(tx: Tx, *, courier_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """How couriers do; of whoever is new, what is expected of anybody."""
    known = await rows.tallies(tx, ids=courier_ids)
    found = await couriers.get_many(tx, ids=courier_ids)
    return {
        id_: performance.standing(
            known.get(id_)
            or Tally(id=id_, tenant_id=courier.tenant_id, city_id=courier.city_id, as_of_at=tx.now),
            rating=courier.rating,
            now=tx.now,
        )
        for id_, courier in found.items()
    }


async def weigh(tx: Tx, noted: Sequence[Incident]) -> list[Weighed]:
    """What each of these costs its courier now; what is struck costs nothing."""
    ids = list({incident.courier_id for incident in noted})
    tallies = await rows.tallies(tx, ids=ids)
    ratings = await ratings_of(tx, ids)
    return [
        Weighed(
            incident=incident,
            points=0.0
            if incident.state is IncidentState.STRUCK
            else performance.points_lost(
                tallies[incident.courier_id],
                incident.kind,
                at=incident.happened_at,
                rating=ratings[incident.courier_id],
                now=tx.now,
            ),
        )
        for incident in noted
    ]


async def recent(tx: Tx, *, tenant_id: UUID, courier_id: UUID) -> list[Weighed]:
    """What still costs a courier points and happened lately, the latest first."""
    noted, _ = await rows.incidents_of(
        tx,
        tenant_id=tenant_id,
        courier_id=courier_id,
        states=COUNTING,
        since_at=tx.now - LATELY,
        limit=MOST_LISTED,
        offset=0,
    )
    return [weighed for weighed in await weigh(tx, noted) if weighed.points > 0]
