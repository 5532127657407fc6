"""How one decision is found and told: per delivery, in words, with all who were thought of."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.consoles import who_and_where as known
from tawsil.consoles.situation import Ruling, Subject, Verdict, Weighing
from tawsil.consoles.words import clock_time_s, isolated, say, word
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.public import Decided
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx

HELD_SHOWN: Final = 40
PLAN_DIGITS: Final = 12


_Thought = dispatch.Told | dispatch.Considered


class _Telling(Struct, frozen=True):
    """A decision, and what everything in it is called."""

    decided: Decided
    subjects: Mapping[UUID, Subject]
    """By delivery."""
    people: Mapping[UUID, str]
    timezone: str

    def courier(self, id_: UUID | None) -> str:
        return isolated(self.people.get(id_, "—") if id_ else "—")

    def clock(self, at: datetime | None) -> str:
        return clock_time_s(at, self.timezone) if at else "—"


async def ruling(tx: Tx, *, tenant_id: UUID, id_: UUID) -> Ruling | None:
    decided = await dispatch.decision(tx, tenant_id=tenant_id, id_=id_)
    if decided is None:
        return None
    city = known.facts((await geography.cities_by_id(tx, ids=[decided.city_id]))[decided.city_id])
    story = decided.story
    told_ids = [job for told in story.told for job in told.added]
    held = story.held[:HELD_SHOWN]
    job_ids = [*told_ids, *(h.job for h in held)]
    people = {c.courier for c in story.considered} | {t.courier for t in story.told}
    telling = _Telling(
        decided=decided,
        subjects=await _subjects(tx, tenant_id=tenant_id, delivery_ids=job_ids),
        people=await known.names(
            tx, tenant_id=tenant_id, ids=[*people, *(h.courier for h in story.held)]
        ),
        timezone=city.timezone,
    )
    inputs = decided.inputs
    return Ruling(
        id=decided.id,
        city=city,
        at=decided.at,
        policy=decided.policy,
        version=decided.policy_version,
        solver_s=decided.solver_s,
        jobs=len(inputs.jobs),
        couriers=len(inputs.couriers),
        expected=len(inputs.demand),
        travel=str(type(inputs.travel).__struct_config__.tag),
        verdicts=tuple(_verdicts(telling, job_ids)),
        more_held=len(story.held) - len(held),
        excluded=_counted(x for x in story.left_out if x.job is None),
        plan=decided.plan_hash.hex()[:PLAN_DIGITS],
    )


async def _subjects(
    tx: Tx, *, tenant_id: UUID, delivery_ids: Sequence[UUID]
) -> Mapping[UUID, Subject]:
    deliveries = await dispatch.by_ids(tx, ids=delivery_ids)
    by_reference = await known.subjects(
        tx, tenant_id=tenant_id, reference_ids=[d.reference_id for d in deliveries.values()]
    )
    return {id_: by_reference[d.reference_id] for id_, d in deliveries.items()}


def _verdicts(telling: _Telling, job_ids: Iterable[UUID]) -> Iterable[Verdict]:
    story = telling.decided.story
    told = {job: t for t in story.told for job in t.added}
    held = {h.job: h for h in story.held}
    thought_of: dict[UUID, list[_Thought]] = defaultdict(list)
    for candidate in story.considered:
        thought_of[candidate.job].append(candidate)
    left_out: dict[UUID, list[dispatch.LeftOut]] = defaultdict(list)
    for one in story.left_out:
        if one.job is not None:
            left_out[one.job].append(one)
    for job in job_ids:
        subject = telling.subjects.get(job)
        if subject is None:
            continue
        yes = told.get(job)
        yield Verdict(
            subject=subject,
            sentence=_asked(telling, yes) if yes else _held(telling, held[job]),
            told=yes is not None and yes.offer_id is not None,
            weighed=tuple(_weighed(telling, thought_of[job], yes)),
            excluded=_counted(left_out[job]),
        )


def _asked(telling: _Telling, told: dispatch.Told) -> str:
    code = "ruling.asked" if told.offer_id else "ruling.passed_over"
    asked = say(
        code, courier=telling.courier(told.courier), pickup_at=telling.clock(told.pickup_at)
    )
    together = len(told.jobs)
    return f"{asked} {say('ruling.together', n=together)}" if together > 1 else asked


def _held(telling: _Telling, held: dispatch.Held) -> str:
    why = word("hold", held.reason)
    if held.courier is None:
        return why
    code = "ruling.meant_for" if held.until else "ruling.meant_for_open"
    meant = say(code, courier=telling.courier(held.courier), until=telling.clock(held.until))
    return f"{why} {meant}"


def _weighed(
    telling: _Telling, considered: Sequence[_Thought], told: dispatch.Told | None
) -> Iterable[Weighing]:
    """Whoever was asked first, even where the log has them among the told alone."""
    asked: Sequence[_Thought] = [told] if told else []
    others = [c for c in considered if told is None or c.courier != told.courier]
    others.sort(key=lambda c: sum(c.terms.values()))
    for one in chain(asked, others):
        yield Weighing(
            name=telling.people.get(one.courier, "—"),
            chosen=told is not None and one.courier == told.courier,
            pickup_at=one.pickup_at,
            terms=one.terms,
        )


def _counted(left_out: Iterable[dispatch.LeftOut]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for one in left_out:
        counts[one.reason] += one.couriers
    return dict(counts)
