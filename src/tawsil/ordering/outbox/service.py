"""Taking in what couriers did out of reach: each phone's in its order, each action once."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers import public as couriers
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Refusal, refuse
from tawsil.ordering import store as orders
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.outbox import model, store
from tawsil.ordering.outbox.applying import APPLYING, Asked
from tawsil.ordering.outbox.model import Action, Device, Result, Taken
from tawsil.ordering.proofs import store as proofs
from tawsil.ordering.steps import NOT_FOUND


class SendOutbox(Command, frozen=True, kw_only=True):
    """Actions of one phone, in the order in which they were done; `sent_at` by its clock."""

    courier_id: UUID
    device_id: UUID
    sent_at: datetime
    actions: tuple[Any, ...]


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an action, and how its order stands now."""

    action_id: UUID
    seq: int
    result: Result
    refusal: Refusal | None = None
    kept: bool = False
    happened_at: datetime | None = None
    order_id: UUID | None = None
    order_status: Status | None = None


class Receipt(Struct, frozen=True, kw_only=True):
    outcomes: Sequence[Outcome]
    next_seq: int
    courier: couriers.Courier | None


async def take_in(tx: Tx, commands: Sequence[SendOutbox]) -> list[Receipt]:
    """The first action of every courier, then the second, and so on; each wave as one batch.

    So a courier's actions follow one another, also those of two requests, while a city whose
    network comes back is served in few statements.
    """
    merging = _Merging(
        tx,
        devices=await store.lock_devices(tx, [_device(c) for c in commands]),
        taken=await store.taken(
            tx, {(c.courier_id, a.action_id) for c in commands for a in c.actions}
        ),
    )
    waiting: defaultdict[UUID, deque[tuple[int, Action]]] = defaultdict(deque)
    for n, command in enumerate(commands):
        waiting[command.courier_id].extend((n, action) for action in command.actions)
    outcomes: list[list[Outcome]] = [[] for _ in commands]
    while wave := [line.popleft() for _, line in sorted(waiting.items()) if line]:
        asked = [(commands[n], action) for n, action in wave]
        for (n, _), outcome in zip(wave, await merging.wave(asked), strict=True):
            outcomes[n].append(outcome)
    await merging.save()
    return await _receipts(tx, commands, outcomes, devices=merging.devices)


def _device(command: SendOutbox) -> Device:
    return Device(
        courier_id=command.courier_id,
        device_id=command.device_id,
        tenant_id=command.by.tenant_id,
    )


async def _receipts(
    tx: Tx,
    commands: Sequence[SendOutbox],
    outcomes: Sequence[Sequence[Outcome]],
    *,
    devices: Mapping[tuple[UUID, UUID], Device],
) -> list[Receipt]:
    """How everything stands, after all of it."""
    known = await couriers.get_many(tx, ids=[c.courier_id for c in commands])
    named = {o.order_id for some in outcomes for o in some if o.order_id is not None}
    standing = await orders.get(tx, sorted(named)) if named else {}

    def seen(outcome: Outcome) -> Outcome:
        order = standing.get(outcome.order_id) if outcome.order_id else None
        unknown = outcome.refusal is not None and outcome.refusal.code == NOT_FOUND.code
        return outcome if order is None or unknown else replace(outcome, order_status=order.status)

    return [
        Receipt(
            outcomes=[seen(o) for o in some],
            next_seq=devices[command.courier_id, command.device_id].next_seq,
            courier=known.get(command.courier_id),
        )
        for command, some in zip(commands, outcomes, strict=True)
    ]


class _Merging:
    """What is known of phones and of what they sent, and what is added to it."""

    def __init__(
        self,
        tx: Tx,
        *,
        devices: dict[tuple[UUID, UUID], Device],
        taken: dict[tuple[UUID, UUID], Taken],
    ) -> None:
        self._tx = tx
        self.devices = devices
        self._taken = taken
        self._new: list[Taken] = []
        self._kept: list[tuple[SendOutbox, Accepted[Taken]]] = []

    async def wave(self, asked: Sequence[tuple[SendOutbox, Action]]) -> list[Outcome]:
        """One action of each of some couriers."""
        outcomes: dict[int, Outcome] = {}
        fresh: dict[int, Asked] = {}
        for n, (command, action) in enumerate(asked):
            before = self._before(command, action)
            if before is not None:
                outcomes[n] = before
            else:
                fresh[n] = self._asked(command, action)
        effects = await self._apply(fresh)
        for n, effect in effects.items():
            command, _ = asked[n]
            outcomes[n] = self._note(command, fresh[n], effect)
        return [outcomes[n] for n in range(len(asked))]

    def _before(self, command: SendOutbox, action: Action) -> Outcome | None:
        """What is said of an action that was taken in already, or whose turn it is not."""
        device = self.devices[command.courier_id, command.device_id]
        known = self._taken.get((command.courier_id, action.action_id))
        if known is not None:
            self._pass(device, action.seq)
            if known.digest != model.digest(action):
                return _outcome(action, Result.REFUSED, refuse("outbox.id_reused", status=422))
            return _again(known, action)
        if action.seq != device.next_seq:
            out_of_turn = refuse("outbox.out_of_turn", expected=device.next_seq, seq=action.seq)
            return _outcome(action, Result.HELD, out_of_turn)
        return None

    def _pass(self, device: Device, seq: int) -> None:
        if seq == device.next_seq:
            key = device.courier_id, device.device_id
            self.devices[key] = replace(device, next_seq=seq + 1)

    def _asked(self, command: SendOutbox, action: Action) -> Asked:
        device = self.devices[command.courier_id, command.device_id]
        at = model.happened_at(
            action, sent_at=command.sent_at, last_at=device.last_at, now=self._tx.now
        )
        key = command.courier_id, command.device_id
        self.devices[key] = replace(device, next_seq=action.seq + 1, last_at=at)
        return Asked(command.by, command.courier_id, action, at)

    async def _apply(self, fresh: Mapping[int, Asked]) -> dict[int, "_Effect"]:
        alike: defaultdict[type[Action], list[int]] = defaultdict(list)
        for n, asked in fresh.items():
            alike[type(asked.action)].append(n)
        answers: dict[int, object] = {}
        for kind, these in alike.items():
            done = await APPLYING[kind](self._tx, [fresh[n] for n in these])
            answers |= dict(zip(these, done, strict=True))
        refused = {n: r for n, r in answers.items() if isinstance(r, Refusal)}
        judged = await _judge(self._tx, fresh, refused)
        return {n: judged.get(n, _Effect(Result.APPLIED)) for n in fresh}

    def _note(self, command: SendOutbox, asked: Asked, effect: "_Effect") -> Outcome:
        action, refusal = asked.action, effect.refusal
        taken = Taken(
            id=action.action_id,
            courier_id=command.courier_id,
            tenant_id=command.by.tenant_id,
            city_id=effect.city_id,
            device_id=command.device_id,
            seq=action.seq,
            does=action.__struct_config__.tag,
            order_id=getattr(action, "order_id", None),
            digest=model.digest(action),
            said_at=action.at,
            happened_at=asked.at,
            received_at=self._tx.now,
            result=effect.result,
            code=refusal.code if refusal else None,
            detail=refusal.detail if refusal else {},
            kept=effect.kept,
        )
        self._taken[command.courier_id, taken.id] = taken
        self._new.append(taken)
        if taken.kept:
            self._kept.append((command, model.keep(taken, id_=self._tx.ids())))
        return _outcome(
            action, taken.result, refusal, kept=taken.kept, happened_at=taken.happened_at
        )

    async def save(self) -> None:
        await store.add(self._tx, self._new)
        await store.save_devices(self._tx, list(self.devices.values()))
        await self._tx.record(
            [
                (command.by.about(kept.state.order_id or kept.state.id), kept)
                for command, kept in self._kept
            ]
        )


class _Effect(Struct, frozen=True):
    result: Result
    refusal: Refusal | None = None
    kept: bool = False
    city_id: UUID | None = None


async def _judge(
    tx: Tx, fresh: Mapping[int, Asked], refused: Mapping[int, Refusal]
) -> dict[int, _Effect]:
    """Why actions were refused: they were done before, or the world has moved on, or they err."""
    if not refused:
        return {}
    about = {n: _order_id(fresh[n].action) for n in refused}
    pairs = {(o, fresh[n].courier_id) for n, o in about.items() if o is not None}
    known = await orders.get(tx, sorted({order_id for order_id, _ in pairs}))
    had: set[tuple[UUID, UUID]] = await proofs.had(tx, pairs) if pairs else set()
    duty = await couriers.get_many(tx, ids=[fresh[n].courier_id for n in refused])
    judged: dict[int, _Effect] = {}
    for n, refusal in refused.items():
        asked, order_id = fresh[n], about[n]
        if order_id is None:
            courier = duty.get(asked.courier_id)
            so_already = courier is not None and model.on_duty_already(asked.action, courier)
            judged[n] = _Effect(Result.ALREADY_APPLIED) if so_already else _refused(refusal)
        else:
            judged[n] = _about_order(
                asked,
                known.get(order_id),
                refusal,
                had_it=(order_id, asked.courier_id) in had,
                now=tx.now,
            )
    return judged


def _about_order(
    asked: Asked, order: Order | None, refusal: Refusal, *, had_it: bool, now: datetime
) -> _Effect:
    courier_id = asked.courier_id
    in_place = order is not None and model.in_place(asked.action, order, courier_id=courier_id)
    if had_it and in_place:
        return _Effect(Result.ALREADY_APPLIED)
    told = model.why_not(order, refusal, courier_id=courier_id, had_it=had_it)
    kept = model.to_be_kept(told, had_it=had_it, happened_at=asked.at, now=now)
    return _refused(told, kept=kept, city_id=order.city_id if order else None)


def _refused(refusal: Refusal, *, kept: bool = False, city_id: UUID | None = None) -> _Effect:
    return _Effect(Result.REFUSED, refusal, kept, city_id)


def _order_id(action: Any) -> UUID | None:
    return getattr(action, "order_id", None)


def _again(known: Taken, action: Action) -> Outcome:
    """The same answer as the first time: what was applied is so already."""
    if known.result is not Result.REFUSED:
        return _outcome(action, Result.ALREADY_APPLIED, happened_at=known.happened_at)
    assert known.code is not None, "what is refused has a reason"
    refusal = refuse(known.code, **known.detail)
    return _outcome(action, Result.REFUSED, refusal, kept=known.kept, happened_at=known.happened_at)


def _outcome(
    action: Action,
    result: Result,
    refusal: Refusal | None = None,
    *,
    kept: bool = False,
    happened_at: datetime | None = None,
) -> Outcome:
    return Outcome(
        action_id=action.action_id,
        seq=action.seq,
        result=result,
        refusal=refusal,
        kept=kept,
        happened_at=happened_at,
        order_id=_order_id(action),
    )
