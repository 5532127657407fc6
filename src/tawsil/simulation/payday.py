"""Where the money of a virtual city's merchants and couriers goes: to a bank that takes it all."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.reach import Reach
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef, Plan, Provider

NIGHTLY: Final = Plan(hour=3, hold_days=0, minimum_minor=500)
"""Every night, whatever has come together."""
_MOST: Final = 10_000


async def open_payouts(
    tx: Tx, *, tenant_id: UUID, city_id: UUID, merchants: Sequence[UUID], couriers: Sequence[UUID]
) -> None:
    """Give whoever has none yet a destination, and the city its plans."""
    by = By(tenant_id=tenant_id, correlation_id=tx.ids())
    owners = [
        *(AccountRef(AccountKind.MERCHANT, id_) for id_ in merchants),
        *(AccountRef(AccountKind.COURIER, id_) for id_ in couriers),
    ]
    there = await _there(tx, tenant_id=tenant_id, city_id=city_id)
    if not there:
        kinds = (AccountKind.MERCHANT, AccountKind.COURIER)
        await payments.put_plan(
            tx,
            [
                payments.PutPlan(by=by, city_id=city_id, owner_kind=kind, plan=NIGHTLY)
                for kind in kinds
            ],
        )
    await payments.set_destination(
        tx,
        [
            payments.SetDestination(
                by=by,
                owner=owner,
                provider=Provider.DIRECT,
                token=f"bank_ok_{owner.owner_id.hex[:12]}",
                label="Bank of the City",
                verified=True,
            )
            for owner in owners
            if owner not in there and owner.owner_id is not None
        ],
    )


async def _there(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> set[AccountRef]:
    which = payments.AccountFilter(city_id=city_id)
    found = await payments.search_payout_accounts(
        tx,
        reach=Reach(tenant_id=tenant_id, everything=True),
        which=which,
        take=payments.ACCOUNT_SORTS.take(which, limit=_MOST),
    )
    return {account.owner for account in found.items}
