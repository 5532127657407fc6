"""Points: earned, taken back with what was refunded, adjusted by hand, lapsed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Command, Refusal
from tawsil.payments.events import AccountKind, AccountRef, Posting
from tawsil.payments.model import points as model
from tawsil.payments.model.ledger import Line, Transfer, TransferKind
from tawsil.payments.model.points import Lot
from tawsil.payments.service import booking
from tawsil.payments.store import ledger
from tawsil.payments.store import points as store
from tawsil.payments.store.points import PointsAdjustment
from tawsil.pricing.public import Purse


class EarnPoints(Command, frozen=True, kw_only=True):
    """For what was paid under a reference: once, whatever is asked again."""

    reference_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    lapses_at: datetime


class TakePointsBack(Command, frozen=True, kw_only=True):
    """What was earned with what is given back now; `id` is that of the refund."""

    id: UUID
    reference_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int


class AdjustPoints(Command, frozen=True, kw_only=True):
    """Give points, or take some (below zero), by hand."""

    customer_id: UUID
    currency: str
    amount_minor: int
    reason: str


class Points(Struct, frozen=True, kw_only=True):
    """What a customer has in points of a currency. `reserved_minor` is promised to orders."""

    currency: str
    balance_minor: int
    reserved_minor: int
    lots: Sequence[Lot]

    @property
    def available_minor(self) -> int:
        return self.balance_minor - self.reserved_minor


async def earn(tx: Tx, commands: Sequence[EarnPoints]) -> None:
    """The platform owes customers points, as many as their orders earn."""
    booked = await booking.transfer(
        tx,
        [
            _moving(
                c.by,
                id_=_earned(c.reference_id),
                kind=TransferKind.POINTS_EARNED,
                reference_id=c.reference_id,
                customer_id=c.customer_id,
                currency=c.currency,
                amount_minor=c.amount_minor,
                lapses_at=c.lapses_at,
            )
            for c in commands
            if c.amount_minor > 0
        ],
    )
    assert not any(isinstance(one, Refusal) for one in booked), "giving is never refused"


async def earned(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The points that were earned under references."""
    keys = {_earned(reference_id): reference_id for reference_id in reference_ids}
    found = await store.moved(tx, keys=list(keys))
    return {keys[key]: minor for key, minor in found.items()}


async def take_back(tx: Tx, commands: Sequence[TakePointsBack]) -> None:
    """As far as they are still there: what was used or reserved meanwhile, the platform bears."""
    wanted = [c for c in commands if c.amount_minor > 0]
    keys = [(c.by.tenant_id, _account(c.customer_id), c.currency) for c in wanted]
    available = await ledger.lock_available(tx, keys)
    ids = [uuid5(c.id, "points taken back") for c in wanted]
    known = await ledger.written(tx, ids=ids)
    transfers: list[Transfer] = []
    for command, id_, key in zip(wanted, ids, keys, strict=True):
        if id_ in known:
            continue
        minor = min(command.amount_minor, available.get(key, 0))
        if minor > 0:
            available[key] -= minor
            transfers.append(
                _moving(
                    command.by,
                    id_=id_,
                    kind=TransferKind.POINTS_TAKEN_BACK,
                    reference_id=command.reference_id,
                    customer_id=command.customer_id,
                    currency=command.currency,
                    amount_minor=-minor,
                )
            )
    await booking.transfer(tx, transfers)


async def adjust(tx: Tx, commands: Sequence[AdjustPoints]) -> list[PointsAdjustment | Refusal]:
    """Staff give or take points; no more is taken than there is."""
    ids = [tx.ids() for _ in commands]
    booked = await booking.transfer(
        tx,
        [
            _moving(
                command.by,
                id_=id_,
                kind=TransferKind.POINTS_ADJUSTED,
                reference_id=id_,
                customer_id=command.customer_id,
                currency=command.currency,
                amount_minor=command.amount_minor,
            )
            for id_, command in zip(ids, commands, strict=True)
        ],
    )
    outcomes: list[PointsAdjustment | Refusal] = [
        one
        if isinstance(one, Refusal)
        else PointsAdjustment(
            transfer_key=one.id,
            tenant_id=command.by.tenant_id,
            customer_id=command.customer_id,
            currency=command.currency,
            amount_minor=command.amount_minor,
            reason=command.reason,
            adjusted_by=command.by.actor_id,
        )
        for one, command in zip(booked, commands, strict=True)
    ]
    await store.note(tx, [one for one in outcomes if not isinstance(one, Refusal)])
    return outcomes


async def points_of(tx: Tx, *, tenant_id: UUID, customer_id: UUID) -> list[Points]:
    """What a customer has, per currency."""
    balances = await ledger.balances(tx, tenant_id=tenant_id, accounts=[_account(customer_id)])
    lots = await store.of_customer(tx, tenant_id=tenant_id, customer_id=customer_id)
    return [
        Points(
            currency=balance.currency,
            balance_minor=balance.posted_minor,
            reserved_minor=balance.reserved_minor,
            lots=[lot for lot in lots if lot.currency == balance.currency],
        )
        for balance in balances
    ]


async def purses_of(tx: Tx, tenant_id: UUID, customer_id: UUID) -> Mapping[str, Purse]:
    """What a customer may pay with besides card and cash, by currency."""
    credit = AccountRef(AccountKind.CUSTOMER, customer_id)
    accounts = [credit, _account(customer_id)]
    purses: dict[str, Purse] = {}
    for balance in await ledger.balances(tx, tenant_id=tenant_id, accounts=accounts):
        purse = purses.get(balance.currency, Purse())
        left_minor = max(0, balance.available_minor)
        purses[balance.currency] = (
            replace(purse, credit_minor=left_minor)
            if balance.account == credit
            else replace(purse, points_minor=left_minor)
        )
    return purses


async def history(tx: Tx, *, tenant_id: UUID, customer_id: UUID, limit: int) -> Sequence[Line]:
    """The newest of what moved a customer's points."""
    found = await ledger.statement(
        tx, tenant_id=tenant_id, accounts=[_account(customer_id)], offset=0, limit=limit
    )
    return found.lines


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Remind of points that will lapse soon, and let lapse what nobody used.

    Accounts are locked before lots, as by whoever uses points.
    """
    ids = [d.subject_id for d in due]
    keys = {
        (lot.tenant_id, _account(lot.customer_id), lot.currency): lot
        for lot in await store.get(tx, ids)
    }
    available = await ledger.lock_available(tx, keys)
    lots = await store.lock(tx, ids)
    decided: list[tuple[By, Accepted[Lot]]] = []
    lapsed: list[Transfer] = []
    for lot in still_due(due, lots, now=tx.now):
        by = By(tenant_id=lot.tenant_id, correlation_id=tx.ids())
        if lot.deadline is not None and lot.deadline.kind == model.REMIND:
            decided.append((by, model.remind(lot)))
            continue
        key = (lot.tenant_id, _account(lot.customer_id), lot.currency)
        decision = model.lapse(lot, available_minor=available.get(key, 0), now=tx.now)
        decided.append((by, decision))
        gone_minor = lot.left_minor - decision.state.left_minor
        if gone_minor:
            available[key] -= gone_minor
            lapsed.append(
                _moving(
                    by,
                    id_=uuid5(lot.id, f"lapsed {decision.state.version}"),
                    kind=TransferKind.POINTS_LAPSED,
                    reference_id=lot.id,
                    customer_id=lot.customer_id,
                    currency=lot.currency,
                    amount_minor=-gone_minor,
                )
            )
    await booking.transfer(tx, lapsed)
    await store.save(tx, [decision.state for _, decision in decided])
    await tx.record(decided)
    await tx.await_again([decision.state for _, decision in decided])


def _earned(reference_id: UUID) -> UUID:
    return uuid5(reference_id, "points earned")


def _account(customer_id: UUID) -> AccountRef:
    return AccountRef(AccountKind.LOYALTY, customer_id)


def _moving(
    by: By,
    *,
    id_: UUID,
    kind: TransferKind,
    reference_id: UUID,
    customer_id: UUID,
    currency: str,
    amount_minor: int,
    lapses_at: datetime | None = None,
) -> Transfer:
    """From the platform to the customer, or (below zero) back."""
    return Transfer(
        by=by,
        id=id_,
        kind=kind,
        reference_id=reference_id,
        currency=currency,
        postings=(
            Posting(AccountRef(AccountKind.PLATFORM), -amount_minor),
            Posting(_account(customer_id), amount_minor),
        ),
        lapses_at=lapses_at,
    )
