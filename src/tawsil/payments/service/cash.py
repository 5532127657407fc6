"""Hubs, deposits, shortfalls and limits."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, accepted, refuse
from tawsil.kernel.places import Place
from tawsil.payments.cash_events import BorneBy, ShortBecause
from tawsil.payments.model import cash as model
from tawsil.payments.model.cash import CashAccount, CashDeposit, CashHub, CashShortfall
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.service import booking, cash_in_hand
from tawsil.payments.store import cash as store


class OpenHub(Command, frozen=True, kw_only=True):
    city_id: UUID
    name_en: str
    name_ar: str
    place: Place


class ChangeHub(Command, frozen=True, kw_only=True):
    hub_id: UUID
    name_en: str
    name_ar: str
    place: Place
    is_open: bool


class AnnounceDeposit(Command, frozen=True, kw_only=True):
    """Without an amount: all that the courier holds."""

    courier_id: UUID
    hub_id: UUID
    amount_minor: int | None = None


class ConfirmDeposit(Command, frozen=True, kw_only=True):
    """`counted_minor` is what was counted, whatever was announced."""

    deposit_id: UUID
    counted_minor: int


class RefuseDeposit(Command, frozen=True, kw_only=True):
    deposit_id: UUID


class ReportShortfall(Command, frozen=True, kw_only=True):
    """A customer paid so much less in cash than was due."""

    courier_id: UUID
    reference_id: UUID
    short_minor: int
    reason: ShortBecause
    words: str = ""


class ApproveShortfall(Command, frozen=True, kw_only=True):
    shortfall_id: UUID
    borne_by: BorneBy


class RejectShortfall(Command, frozen=True, kw_only=True):
    shortfall_id: UUID


class SetCashLimit(Command, frozen=True, kw_only=True):
    """How much a courier may hold; None: what their city allows."""

    courier_id: UUID
    limit_minor: int | None


NOT_FOUND = refuse("request.not_found", status=404)
D = TypeVar("D", CashDeposit, CashShortfall)
C = TypeVar("C", bound=Command)


# ── hubs ───────────────────────────────────────────────────────────────────────────────────────


async def open_hub(tx: Tx, commands: Sequence[OpenHub]) -> list[CashHub | Refusal]:
    cities = await geography.cities_by_id(tx, ids=[c.city_id for c in commands])
    outcomes: list[CashHub | Refusal] = []
    opened: list[tuple[OpenHub, Accepted[CashHub]]] = []
    for command in commands:
        city = cities.get(command.city_id)
        if city is None or city.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        hub = CashHub(
            id=tx.ids(),
            tenant_id=command.by.tenant_id,
            city_id=command.city_id,
            name_en=command.name_en,
            name_ar=command.name_ar,
            place=command.place,
        )
        opened.append((command, model.open_hub(hub)))
        outcomes.append(opened[-1][1].state)
    await store.add(tx, [decision.state for _, decision in opened])
    await tx.record(opened)
    return outcomes


async def change_hub(tx: Tx, commands: Sequence[ChangeHub]) -> list[CashHub | Refusal]:
    hubs = await store.lock_hubs(tx, ids=[c.hub_id for c in commands])
    outcomes: list[CashHub | Refusal] = []
    decided: list[tuple[ChangeHub, Accepted[CashHub]]] = []
    for command in commands:
        hub = hubs.get(command.hub_id)
        if hub is None or hub.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        changed = model.change_hub(
            hub,
            name_en=command.name_en,
            name_ar=command.name_ar,
            place=command.place,
            is_open=command.is_open,
        )
        hubs[hub.id] = changed.state
        decided.append((command, changed))
        outcomes.append(changed.state)
    await store.save(tx, accepted([decision for _, decision in decided]))
    await tx.record(decided)
    return outcomes


# ── deposits ───────────────────────────────────────────────────────────────────────────────────


async def announce_deposit(
    tx: Tx, commands: Sequence[AnnounceDeposit]
) -> list[CashDeposit | Refusal]:
    """A courier stands at a hub with cash; nothing is booked until it is counted."""
    hubs = await store.hubs(tx, ids=[c.hub_id for c in commands])
    held = await _held(tx, commands)
    outcomes: list[CashDeposit | Refusal] = []
    new: list[tuple[AnnounceDeposit, Accepted[CashDeposit]]] = []
    for command in commands:
        account, hub = held.get(command.courier_id), hubs.get(command.hub_id)
        if account is None or hub is None or hub.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        decision = _announced(tx, command, account, hub)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        new.append((command, decision))
        outcomes.append(decision.state)
    added = await store.add(tx, [decision.state for _, decision in new])
    await tx.record([(c, decision) for c, decision in new if decision.state.id in added])
    pending = refuse("cash.deposit_pending")
    return [o if isinstance(o, Refusal) or o.id in added else pending for o in outcomes]


def _announced(
    tx: Tx, command: AnnounceDeposit, account: CashAccount, hub: CashHub
) -> Decision[CashDeposit]:
    amount_minor = command.amount_minor
    if amount_minor is None:
        amount_minor = account.held_minor
    if amount_minor <= 0:
        return refuse("cash.nothing_held")
    deposit = CashDeposit(
        id=tx.ids(),
        tenant_id=account.tenant_id,
        city_id=account.city_id,
        courier_id=account.courier_id,
        hub_id=hub.id,
        currency=account.currency,
        announced_minor=amount_minor,
        announced_at=tx.now,
    )
    return model.announce(deposit, hub=hub, held_minor=account.held_minor)


async def _held(tx: Tx, commands: Sequence[AnnounceDeposit]) -> dict[UUID, CashAccount]:
    """By courier of the caller's tenant, the account they hold most in, under lock."""
    tenants = {c.courier_id: c.by.tenant_id for c in commands}
    accounts = await store.lock_accounts(tx, courier_ids=sorted(tenants))
    known = await couriers.get_many(tx, ids=sorted(tenants))
    held: dict[UUID, CashAccount] = {}
    for courier_id in sorted(known):
        mine = [a for (owner_id, _), a in sorted(accounts.items()) if owner_id == courier_id]
        if known[courier_id].tenant_id != tenants[courier_id]:
            continue
        if mine:
            held[courier_id] = max(mine, key=lambda account: account.held_minor)
        else:
            held[courier_id] = await _opened(tx, known[courier_id])
    return held


async def _opened(tx: Tx, courier: couriers.Courier) -> CashAccount:
    """The account of a courier who never held any, in the city's currency."""
    cities = await geography.cities_by_id(tx, ids=[courier.city_id])
    key = (courier.id, cities[courier.city_id].currency)
    return (await cash_in_hand.locked(tx, [key]))[key]


async def confirm_deposit(
    tx: Tx, commands: Sequence[ConfirmDeposit]
) -> list[CashDeposit | Refusal]:
    """The cash was counted: it lies at the hub now, and its courier owes it no more."""
    deposits = await store.lock_deposits(tx, ids=[c.deposit_id for c in commands])
    held = await _still_held(tx, list(deposits.values()))

    def decide(deposit: CashDeposit, command: ConfirmDeposit) -> Decision[CashDeposit]:
        key = (deposit.courier_id, deposit.currency)
        decision = model.confirm(
            deposit,
            counted_minor=command.counted_minor,
            held_minor=held[key],
            decided_by=command.by.actor_id,
            now=tx.now,
        )
        if isinstance(decision, Accepted):
            held[key] -= command.counted_minor
        return decision

    wanted = [(command.deposit_id, command) for command in commands]
    outcomes, decided = await _decide(tx, wanted, deposits, decide)
    await _book(tx, TransferKind.CASH_HANDOVER, [(by, d.state) for by, d in decided])
    return outcomes


async def refuse_deposit(tx: Tx, commands: Sequence[RefuseDeposit]) -> list[CashDeposit | Refusal]:
    deposits = await store.lock_deposits(tx, ids=[c.deposit_id for c in commands])
    outcomes, _ = await _decide(
        tx,
        [(command.deposit_id, command) for command in commands],
        deposits,
        lambda d, c: model.refuse_deposit(d, decided_by=c.by.actor_id, now=tx.now),
    )
    return outcomes


# ── shortfalls ─────────────────────────────────────────────────────────────────────────────────


async def report_shortfall(
    tx: Tx, commands: Sequence[ReportShortfall]
) -> list[CashShortfall | Refusal]:
    """Only who collected the cash can say that some of it was missing; once."""
    taken = await store.collected(tx, reference_ids=[c.reference_id for c in commands])
    people = await couriers.get_many(tx, ids=[c.courier_id for c in commands])
    outcomes: list[CashShortfall | Refusal] = []
    new: list[tuple[ReportShortfall, Accepted[CashShortfall]]] = []
    for command in commands:
        courier, collected = people.get(command.courier_id), taken.get(command.reference_id)
        if courier is None or courier.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        if collected is None or collected.courier_id != command.courier_id:
            outcomes.append(refuse("cash.not_collected", status=422))
            continue
        shortfall = CashShortfall(
            id=tx.ids(),
            tenant_id=command.by.tenant_id,
            city_id=collected.city_id,
            courier_id=command.courier_id,
            reference_id=command.reference_id,
            payer_id=collected.payer_id,
            currency=collected.currency,
            short_minor=command.short_minor,
            reason=command.reason,
            words=command.words,
            reported_at=tx.now,
        )
        decision = model.report(shortfall, collected_minor=collected.amount_minor)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        new.append((command, decision))
        outcomes.append(decision.state)
    added = await store.add(tx, [decision.state for _, decision in new])
    await tx.record([(c, decision) for c, decision in new if decision.state.id in added])
    known = refuse("cash.shortfall_reported")
    return [o if isinstance(o, Refusal) or o.id in added else known for o in outcomes]


async def approve_shortfall(
    tx: Tx, commands: Sequence[ApproveShortfall]
) -> list[CashShortfall | Refusal]:
    """The courier owes so much less; the customer or the platform bears it."""
    shortfalls = await store.lock_shortfalls(tx, ids=[c.shortfall_id for c in commands])
    held = await _still_held(tx, list(shortfalls.values()))

    def decide(shortfall: CashShortfall, command: ApproveShortfall) -> Decision[CashShortfall]:
        key = (shortfall.courier_id, shortfall.currency)
        decision = model.approve(
            shortfall,
            borne_by=command.borne_by,
            held_minor=held[key],
            decided_by=command.by.actor_id,
            now=tx.now,
        )
        if isinstance(decision, Accepted):
            held[key] -= shortfall.short_minor
        return decision

    wanted = [(command.shortfall_id, command) for command in commands]
    outcomes, decided = await _decide(tx, wanted, shortfalls, decide)
    await _book(tx, TransferKind.CASH_SHORTFALL, [(by, d.state) for by, d in decided])
    return outcomes


async def reject_shortfall(
    tx: Tx, commands: Sequence[RejectShortfall]
) -> list[CashShortfall | Refusal]:
    shortfalls = await store.lock_shortfalls(tx, ids=[c.shortfall_id for c in commands])
    outcomes, _ = await _decide(
        tx,
        [(command.shortfall_id, command) for command in commands],
        shortfalls,
        lambda s, c: model.reject(s, decided_by=c.by.actor_id, now=tx.now),
    )
    return outcomes


# ── limits ────────────────────────────────────────────────────────────────────────────────────


async def set_cash_limit(tx: Tx, commands: Sequence[SetCashLimit]) -> list[CashAccount | Refusal]:
    people = await couriers.get_many(tx, ids=[c.courier_id for c in commands])
    cities = await geography.cities_by_id(tx, ids=[c.city_id for c in people.values()])
    ours = {
        courier.id: (courier.id, cities[courier.city_id].currency)
        for courier in people.values()
        if courier.city_id in cities
    }
    accounts = await cash_in_hand.locked(tx, list(ours.values()))
    terms = await cash_in_hand.terms_of(tx, list(cities))
    outcomes: list[CashAccount | Refusal] = []
    decided: list[tuple[By, Accepted[CashAccount]]] = []
    for command in commands:
        key = ours.get(command.courier_id)
        if key is None or people[command.courier_id].tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        account = accounts[key]
        decision = model.set_limit(
            account, limit_minor=command.limit_minor, terms=terms[account.city_id]
        )
        accounts[key] = decision.state
        decided.append((command.by, decision))
        outcomes.append(decision.state)
    await cash_in_hand.keep(tx, decided)
    return outcomes


# ── what the steps share ───────────────────────────────────────────────────────────────────────


async def _decide(
    tx: Tx,
    wanted: Sequence[tuple[UUID, C]],
    states: dict[UUID, D],
    decide: Callable[[D, C], Decision[D]],
) -> tuple[list[D | Refusal], list[tuple[By, Accepted[D]]]]:
    """Commands about one thing apply one after another, each on what the last decided."""
    outcomes: list[D | Refusal] = []
    decided: list[tuple[By, Accepted[D]]] = []
    for id_, command in wanted:
        state = states.get(id_)
        if state is None or state.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        decision = decide(state, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        states[id_] = decision.state
        decided.append((command.by, decision))
        outcomes.append(decision.state)
    await store.save(tx, [decision for _, decision in decided])
    await tx.record(decided)
    return outcomes, decided


async def _still_held(
    tx: Tx, things: Sequence[CashDeposit] | Sequence[CashShortfall]
) -> dict[tuple[UUID, str], int]:
    """What the couriers hold, their accounts under lock until all is booked."""
    keys = [(one.courier_id, one.currency) for one in things]
    accounts = await cash_in_hand.locked(tx, keys)
    return {key: account.held_minor for key, account in accounts.items()}


async def _book(
    tx: Tx, kind: TransferKind, done: Sequence[tuple[By, CashDeposit | CashShortfall]]
) -> None:
    await booking.transfer(
        tx,
        [
            Transfer(
                by=by,
                id=one.id,
                kind=kind,
                reference_id=one.reference_id if isinstance(one, CashShortfall) else one.id,
                currency=one.currency,
                postings=one.postings,
            )
            for by, one in done
        ],
    )
