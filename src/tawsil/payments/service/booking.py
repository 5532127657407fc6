"""What is written into the books: for what happens to payments, and transfers of their own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar
from uuid import UUID

from msgspec.structs import replace

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Event, Refusal, refuse
from tawsil.payments.events import (
    LaterPaymentSettled,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    Posting,
)
from tawsil.payments.model import ledger
from tawsil.payments.model.ledger import Pending, Purse, Transfer, TransferKind
from tawsil.payments.model.payment import Payment, net, total_minor
from tawsil.payments.service import cash_in_hand, lots
from tawsil.payments.store import ledger as store


class Resolve(Command, frozen=True, kw_only=True):
    """Post what the pending transfer `pending_id` promised: as it stands, or these postings.

    They may share it out among others, and take less than was promised, but from nobody more.
    `id` is that of the transfer this makes: the same again is the same.
    """

    id: UUID
    pending_id: UUID
    kind: TransferKind
    postings: tuple[Posting, ...] | None = None


class VoidPending(Command, frozen=True, kw_only=True):
    """Give up what the pending transfer `pending_id` promised. The same again is the same."""

    pending_id: UUID

    @property
    def id(self) -> UUID:
        return ledger.void_id(self.pending_id)


E = TypeVar("E", Resolve, VoidPending)


async def transfer(tx: Tx, commands: Sequence[Transfer]) -> list[Transfer | Refusal]:
    """Book transfers of their own, posted or pending: payouts, cash handed over, adjustments.

    Of accounts that may not be overdrawn (`NEVER_OVERDRAWN`) no more is taken than is available
    then: more is refused with `payment.balance_insufficient`. The same `id` again is the same
    transfer, and moves nothing. A pending one is for `resolve` or `void_pending` to end, once.
    """
    asked = [_balanced(command) for command in commands]
    takes = [t for t in asked if isinstance(t, Transfer) and ledger.guarded(t.postings)]
    purse = await open_purse(tx, [(t.by.tenant_id, t.currency, t.postings) for t in takes])
    known = await store.written(tx, ids=[t.id for t in takes]) if takes else set[UUID]()
    outcomes: list[Transfer | Refusal] = []
    for one in asked:
        lacking = None
        if isinstance(one, Transfer) and one.id not in known:
            lacking = purse.take(
                tenant_id=one.by.tenant_id, currency=one.currency, postings=one.postings
            )
            if lacking is None:
                known.add(one.id)
        outcomes.append(lacking or one)
    await post(tx, [t for t in outcomes if isinstance(t, Transfer) and t.postings])
    return outcomes


async def post(tx: Tx, transfers: Sequence[Transfer]) -> None:
    """Write transfers, and with them the cash in couriers' hands and the lots of points."""
    new = await store.post(tx, transfers)
    moved = [t for t in new if not t.pending]
    await cash_in_hand.follow(tx, moved)
    await lots.follow(tx, moved)


async def resolve(tx: Tx, commands: Sequence[Resolve]) -> list[Transfer | Refusal]:
    """Post pending transfers, wholly or in part; what is not posted is released.

    Refused: what is not there (404), what another transfer has resolved already
    (`ledger.resolved_already`), what does not add up, and what takes more than was promised.
    """

    def decide(command: Resolve, pending: Pending) -> Transfer | Refusal:
        postings = pending.postings if command.postings is None else net(command.postings)
        return ledger.exceeding(pending, postings) or _balanced(
            _resolving(command, pending, kind=command.kind, postings=postings)
        )

    return await _end(tx, commands, decide)


async def void_pending(tx: Tx, commands: Sequence[VoidPending]) -> list[Transfer | Refusal]:
    """Release what pending transfers promised; nothing moves. Refused as `resolve` is."""

    def decide(command: VoidPending, pending: Pending) -> Transfer:
        return _resolving(command, pending, kind=TransferKind.VOID, postings=())

    return await _end(tx, commands, decide)


async def _end(
    tx: Tx, commands: Sequence[E], decide: Callable[[E, Pending], Transfer | Refusal]
) -> list[Transfer | Refusal]:
    found = await store.lock_pending(tx, ids=[c.pending_id for c in commands])
    outcomes: list[Transfer | Refusal] = []
    for command in commands:
        pending = found.get(command.pending_id)
        if pending is None or pending.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
        elif pending.resolved_by not in {None, command.id}:
            outcomes.append(refuse("ledger.resolved_already"))
        else:
            outcomes.append(decide(command, pending))
            if isinstance(outcomes[-1], Transfer):
                found[command.pending_id] = replace(pending, resolved_by=command.id)
    await post(tx, [t for t in outcomes if isinstance(t, Transfer)])
    return outcomes


def _resolving(
    command: Resolve | VoidPending,
    pending: Pending,
    *,
    kind: TransferKind,
    postings: tuple[Posting, ...],
) -> Transfer:
    return Transfer(
        by=command.by,
        id=command.id,
        kind=kind,
        reference_id=pending.reference_id,
        currency=pending.currency,
        postings=postings,
        resolves=pending.id,
    )


def _balanced(command: Transfer) -> Transfer | Refusal:
    sum_minor = total_minor(command.postings)
    if sum_minor == 0:
        return replace(command, postings=net(command.postings))
    return refuse("payment.shares_unbalanced", status=422, sum_minor=sum_minor, amount_minor=0)


async def open_purse(tx: Tx, takes: Iterable[tuple[UUID, str, Sequence[Posting]]]) -> Purse:
    """What is available of all that is taken, per tenant and currency; nobody else takes it now."""
    return Purse(
        await store.lock_available(
            tx,
            [
                (tenant_id, posting.account, currency)
                for tenant_id, currency, postings in takes
                for posting in ledger.guarded(postings)
            ],
        )
    )


# ── what happens to payments ───────────────────────────────────────────────────────────────────


def begun(by: By, payment: Payment) -> Iterator[Transfer]:
    """A payment's funds are promised as soon as it begins."""
    if payment.funds:
        yield _about(
            by,
            payment,
            id_=ledger.funds_id(payment),
            kind=TransferKind.FUNDS,
            postings=ledger.funded(payment),
            pending=True,
        )


def booked_for(tx: Tx, by: By, payment: Payment, event: Event) -> Iterator[Transfer]:
    """What an event of a payment moves, promises, or releases."""
    authorisation_id, funds_id = ledger.authorisation_id(payment), ledger.funds_id(payment)
    match event:
        case PaymentAuthorised() if payment.amount_minor:
            yield _about(
                by,
                payment,
                id_=authorisation_id,
                kind=TransferKind.AUTHORISATION,
                postings=ledger.authorised(payment),
                pending=True,
            )
        case PaymentCaptured():
            if event.funds:
                yield _about(
                    by,
                    payment,
                    id_=tx.ids(),
                    kind=TransferKind.FUNDS,
                    postings=ledger.funded(payment),
                    resolves=funds_id,
                )
            yield _about(
                by,
                payment,
                id_=tx.ids(),
                kind=TransferKind.CAPTURE,
                postings=ledger.captured(event),
                resolves=authorisation_id,
            )
        case PaymentRefunded():
            yield _about(
                by,
                payment,
                id_=tx.ids(),
                kind=TransferKind.REFUND,
                postings=ledger.refunded(event),
            )
        case LaterPaymentSettled():
            yield _about(
                by,
                payment,
                id_=tx.ids(),
                kind=TransferKind.LATER_SETTLEMENT,
                postings=ledger.settled(event),
            )
        case PaymentDeclined() | PaymentVoided():
            for pending_id in (authorisation_id, funds_id):
                yield _about(
                    by,
                    payment,
                    id_=ledger.void_id(pending_id),
                    kind=TransferKind.VOID,
                    postings=(),
                    resolves=pending_id,
                )
        case _:
            return


def _about(
    by: By,
    payment: Payment,
    *,
    id_: UUID,
    kind: TransferKind,
    postings: tuple[Posting, ...],
    pending: bool = False,
    resolves: UUID | None = None,
) -> Transfer:
    return Transfer(
        by=by,
        id=id_,
        kind=kind,
        reference_id=payment.reference_id,
        currency=payment.currency,
        postings=postings,
        pending=pending,
        resolves=resolves,
    )
