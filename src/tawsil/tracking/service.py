"""Record where couriers are, and notice when they arrive and leave."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal, accepted
from tawsil.kernel.places import Place
from tawsil.tracking import model, store
from tawsil.tracking.events import StopKind
from tawsil.tracking.model import Geofence, Ping, Position

Key = tuple[UUID, datetime]


class RecordPositions(Command, frozen=True, kw_only=True):
    """Pings of one courier, in any order; what was sent before may be among them."""

    courier_id: UUID
    pings: Sequence[Ping]


class RefusedPing(Struct, frozen=True, kw_only=True):
    """A ping that was not kept: the `index` it was sent under, and why."""

    index: int
    refusal: Refusal


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a command's pings. Of the accepted ones, `suspect` are not believed."""

    accepted: int
    duplicates: int
    suspect: int
    refused: Sequence[RefusedPing] = ()


class Watch(Command, frozen=True, kw_only=True):
    """Asks for the events of a courier's arrival at a stop and departure from it."""

    reference_id: UUID
    courier_id: UUID
    kind: StopKind
    place: Place
    radius_m: float = 80.0
    city_id: UUID | None = None


async def record(tx: Tx, commands: Sequence[RecordPositions]) -> list[Receipt]:
    sent: dict[Key, tuple[int, Position]] = {}  # with the command that sent it first
    refused: list[list[RefusedPing]] = [[] for _ in commands]
    for n, command in enumerate(commands):
        for index, ping in enumerate(command.pings):
            refusal = model.refusal_of(ping, now=tx.now)
            if refusal is not None:
                refused[n].append(RefusedPing(index=index, refusal=refusal))
            else:
                sent.setdefault((command.courier_id, ping.at), (n, _position(command, ping)))
    new = await _believe(tx, {key: position for key, (_, position) in sent.items()})
    await _notice(tx, new, {c.courier_id: c.by for c in commands})
    accepted_by: list[list[Position]] = [[] for _ in commands]
    for position in new:
        n, _ = sent[position.courier_id, position.at]
        accepted_by[n].append(position)
    return [
        Receipt(
            accepted=len(kept),
            duplicates=len(command.pings) - len(kept) - len(not_kept),
            suspect=sum(position.suspect for position in kept),
            refused=not_kept,
        )
        for command, kept, not_kept in zip(commands, accepted_by, refused, strict=True)
    ]


def _position(command: RecordPositions, ping: Ping) -> Position:
    return Position(
        courier_id=command.courier_id,
        tenant_id=command.by.tenant_id,
        place=ping.place,
        at=ping.at,
        accuracy_m=ping.accuracy_m,
        speed_mps=ping.speed_mps,
        heading_deg=ping.heading_deg,
        seq=ping.seq,
    )


async def _believe(tx: Tx, sent: dict[Key, Position]) -> list[Position]:
    """Store what is new and judge again all that it comes before; the new, by courier and time."""
    since: dict[UUID, datetime] = {}
    for courier_id, at in sent:
        since[courier_id] = min(at, since.get(courier_id, at))
    locked = await store.lock_live(tx, courier_ids=list(since))
    known = {(p.courier_id, p.at): p for p in await store.from_anchor(tx, since=since)}
    by_courier: dict[UUID, list[Position]] = {courier_id: [] for courier_id in sorted(since)}
    for position in {**sent, **known}.values():
        by_courier[position.courier_id].append(position)
    judged = [p for positions in by_courier.values() for p in model.suspect_jumps(positions)]
    new = [p for p in judged if (p.courier_id, p.at) not in known]
    changed = [p for p in judged if known.get((p.courier_id, p.at), p).suspect != p.suspect]
    await store.add(tx, new)
    await store.mark(tx, changed)
    live = {p.courier_id: p for p in judged if not p.suspect}
    await store.set_live(
        tx, [live[id_] for id_ in sorted({p.courier_id for p in new})], locked=locked
    )
    return new


async def _notice(tx: Tx, new: Sequence[Position], by: dict[UUID, By]) -> None:
    tracks: dict[UUID, list[Position]] = {}
    for position in new:
        tracks.setdefault(position.courier_id, []).append(position)
    geofences = await store.lock_watched(tx, courier_ids=list(tracks))
    decisions = accepted([model.follow(g, track=tracks[g.courier_id]) for g in geofences])
    await store.save_geofences(tx, decisions)
    await tx.record([(by[d.state.courier_id], d) for d in decisions])


async def watch(tx: Tx, watches: Sequence[Watch]) -> None:
    geofences = {
        (w.reference_id, w.kind): Geofence(
            id=tx.ids(),
            tenant_id=w.by.tenant_id,
            city_id=w.city_id,
            reference_id=w.reference_id,
            courier_id=w.courier_id,
            kind=w.kind,
            place=w.place,
            radius_m=w.radius_m,
            since_at=tx.now,
        )
        for w in watches
    }
    await store.watch(tx, list(geofences.values()))
