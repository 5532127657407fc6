"""What a job brings its courier: kept with its parts, and what the platform adds to it booked."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command
from tawsil.payments.events import AccountKind, AccountRef, Posting
from tawsil.payments.model.earning import Earning
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.service import booking
from tawsil.payments.store import earnings as store


class RecordEarning(Command, frozen=True, kw_only=True):
    """A job is done. Base, distance, surge and tip are shares of its payment, or of what stands
    for it; the platform pays the waiting and the incentive here.
    """

    reference_id: UUID
    courier_id: UUID
    city_id: UUID
    currency: str
    base_minor: int
    distance_minor: int
    surge_minor: int
    tip_minor: int
    wait_minor: int = 0
    incentive_minor: int = 0


async def record_earnings(tx: Tx, commands: Sequence[RecordEarning]) -> None:
    """The same job of the same courier again changes nothing."""
    if not commands:
        return
    await store.add(tx, [_earning(tx, c) for c in commands])
    await booking.transfer(
        tx,
        [
            _from_platform(c.by, c, kind, minor)
            for c in commands
            for kind, minor in (
                (TransferKind.WAIT, c.wait_minor),
                (TransferKind.INCENTIVE, c.incentive_minor),
            )
            if minor
        ],
    )


def _earning(tx: Tx, command: RecordEarning) -> Earning:
    return Earning(
        reference_id=command.reference_id,
        courier_id=command.courier_id,
        tenant_id=command.by.tenant_id,
        city_id=command.city_id,
        currency=command.currency,
        base_minor=command.base_minor,
        distance_minor=command.distance_minor,
        surge_minor=command.surge_minor,
        tip_minor=command.tip_minor,
        wait_minor=command.wait_minor,
        incentive_minor=command.incentive_minor,
        earned_at=tx.now,
    )


def _from_platform(by: By, earned: RecordEarning, kind: TransferKind, minor: int) -> Transfer:
    return Transfer(
        by=by,
        id=uuid5(earned.reference_id, f"{kind} of {earned.courier_id}"),
        kind=kind,
        reference_id=earned.reference_id,
        currency=earned.currency,
        postings=(
            Posting(AccountRef(AccountKind.PLATFORM), -minor),
            Posting(AccountRef(AccountKind.COURIER, earned.courier_id), minor),
        ),
    )
