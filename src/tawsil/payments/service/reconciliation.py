"""Holding an acquirer's balance file against the books, and what people say of the differences."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse
from tawsil.payments.events import AccountKind, AccountRef, Posting, Provider, provider_id
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.model.payment import clearing
from tawsil.payments.model.reconciliation import (
    ONLY_THEIRS,
    Difference,
    Explanation,
    FileLine,
    Kind,
    Moved,
    Run,
    compare,
)
from tawsil.payments.service.booking import transfer
from tawsil.payments.store import reconciliation as store

SLACK: Final = timedelta(hours=1)
"""How long after we booked something the acquirer may still come to write it down."""

NOT_OPEN: Final = refuse("reconciliation.not_open", status=404)


class TakeIn(Command, frozen=True, kw_only=True):
    """All lines of a provider's file between two instants. `by` is of the platform's tenant, to
    whom belongs what is about no charge that we know.
    """

    provider: Provider
    since_at: datetime
    until_at: datetime
    lines: tuple[FileLine, ...]


class How(StrEnum):
    """What is done about a difference."""

    EXPLAINED = "explained"
    BOOKED = "booked"


class Explain(Command, frozen=True, kw_only=True):
    """Close a difference: by words alone, or by booking what the acquirer says, too."""

    provider: Provider
    line_id: str | None
    transfer_id: UUID | None
    how: How
    words: str


class _Owned(Struct, frozen=True):
    line: FileLine
    tenant_id: UUID
    reference_id: UUID


async def take_in(tx: Tx, commands: Sequence[TakeIn]) -> list[Run]:
    """Keep the lines, book what only the acquirer knows, and match the rest; each line once."""
    return [await _take_in(tx, command) for command in commands]


async def _take_in(tx: Tx, command: TakeIn) -> Run:
    await store.lock(tx, provider=command.provider)
    owned = await _owned(tx, command)
    known = await store.add_lines(tx, [(one.tenant_id, one.line) for one in owned])
    new = [one for one in owned if one.line.id in known]
    await _book(tx, command.by, new)
    matched = 0
    open_since: list[datetime] = [tx.now - SLACK]
    for tenant_id in {command.by.tenant_id, *(one.tenant_id for one in owned)}:
        lines = await store.open_lines(tx, tenant_id=tenant_id, provider=command.provider)
        booked = await store.open_bookings(tx, tenant_id=tenant_id, provider=command.provider)
        compared = compare(lines, booked)
        await store.match_pairs(tx, compared.pairs)
        matched += len(compared.pairs)
        open_since += [d.booked.at for d in compared.differences if d.booked]
    run = Run(
        id=tx.ids(),
        tenant_id=command.by.tenant_id,
        provider=command.provider,
        since_at=command.since_at,
        until_at=command.until_at,
        lines=len(command.lines),
        new_lines=len(new),
        matched=matched,
        open_since_at=min(open_since),
        actor_id=command.by.actor_id,
        at=tx.now,
    )
    await store.add_run(tx, run)
    return run


async def _owned(tx: Tx, command: TakeIn) -> list[_Owned]:
    charges = [line.charge_id for line in command.lines if line.charge_id is not None]
    whose = await store.tenants_of(tx, charge_ids=charges)
    nobodys = command.by.tenant_id, provider_id(command.provider)
    return [_Owned(line, *whose.get(line.charge_id or "", nobodys)) for line in command.lines]


async def _book(tx: Tx, by: By, new: Sequence[_Owned]) -> None:
    """Fees, and what went to the bank: of these the file is the only word there is."""
    transfers: list[Transfer] = []
    for one in new:
        if one.line.moved in ONLY_THEIRS:
            transfers.append(_caused(by, one, one.line.moved, one.line.amount_minor))
        if one.line.fee_minor:
            transfers.append(_caused(by, one, Moved.FEE, -one.line.fee_minor))
    await transfer(tx, transfers)


def _caused(by: By, one: _Owned, moved: Moved, held_minor: int) -> Transfer:
    """What the acquirer holds grows by so much (or shrinks), and so does not the other side."""
    kind, other = {
        Moved.FEE: (TransferKind.PSP_FEE, AccountKind.FEES),
        Moved.SETTLEMENT: (TransferKind.PSP_SETTLEMENT, AccountKind.BANK),
    }[moved]
    return Transfer(
        by=By(tenant_id=one.tenant_id, correlation_id=by.correlation_id),
        id=uuid5(provider_id(one.line.provider), f"{one.line.id}:{moved}"),
        kind=kind,
        reference_id=one.reference_id,
        currency=one.line.currency,
        postings=_held(one.line.provider, held_minor, AccountRef(other)),
    )


def _held(provider: Provider, held_minor: int, other: AccountRef) -> tuple[Posting, ...]:
    return (Posting(clearing(provider), -held_minor), Posting(other, held_minor))


async def differences(
    tx: Tx, *, tenant_id: UUID, provider: Provider | None = None
) -> list[Difference]:
    """What is open now, the oldest first.

    What we booked is missing there only once the acquirer's file has been read beyond it.
    """
    covered = await store.covered_until(tx)
    found: list[Difference] = []
    for each in [provider] if provider else Provider:
        lines = await store.open_lines(tx, tenant_id=tenant_id, provider=each)
        booked = await store.open_bookings(tx, tenant_id=tenant_id, provider=each)
        read_until = covered.get(each)
        found += [
            difference
            for difference in compare(lines, booked).differences
            if difference.kind is not Kind.MISSING_THERE
            or (read_until is not None and difference.either.at < read_until - SLACK)
        ]
    return sorted(found, key=lambda difference: difference.either.at)


async def explain(tx: Tx, commands: Sequence[Explain]) -> list[Explanation | Refusal]:
    return [await _explain(tx, command) for command in commands]


async def _explain(tx: Tx, command: Explain) -> Explanation | Refusal:
    await store.lock(tx, provider=command.provider)
    asked = (command.line_id, command.transfer_id)
    open_now = await differences(tx, tenant_id=command.by.tenant_id, provider=command.provider)
    found = [d for d in open_now if asked == (_line_id(d), _transfer_id(d))]
    if not found:
        return NOT_OPEN
    difference, explanation_id = found[0], tx.ids()
    booked = command.how is How.BOOKED
    if booked:
        correction = Transfer(
            by=command.by,
            id=explanation_id,
            kind=TransferKind.RECONCILIATION,
            reference_id=difference.booked.reference_id if difference.booked else explanation_id,
            currency=difference.either.currency,
            postings=_held(
                command.provider, difference.difference_minor, AccountRef(AccountKind.PLATFORM)
            ),
        )
        await transfer(tx, [correction])
    explanation = Explanation(
        id=explanation_id,
        tenant_id=command.by.tenant_id,
        provider=command.provider,
        line_id=command.line_id,
        transfer_id=command.transfer_id,
        booked=booked,
        difference_minor=difference.difference_minor,
        currency=difference.either.currency,
        words=command.words,
        actor_id=command.by.actor_id,
        at=tx.now,
    )
    assert await store.explain(tx, explanation), "what is open under the lock was not explained"
    return explanation


def _line_id(difference: Difference) -> str | None:
    return difference.line and difference.line.id


def _transfer_id(difference: Difference) -> UUID | None:
    return difference.booked and difference.booked.transfer_id
