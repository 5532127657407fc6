"""A merchant of a street has earned something, and is paid it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from tawsil.identity.public import Role
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.payments import public as payments


async def pay_out(
    database: Database,
    do: Callable[..., Awaitable[Any]],
    things: Mapping[str, str],
    *,
    tenant_id: UUID,
) -> dict[str, str]:
    """Ids of the payout, its run and its account, and of what was earned and on which account."""
    merchant = payments.AccountRef(payments.AccountKind.MERCHANT, UUID(things["merchant"]))
    house = payments.AccountRef(payments.AccountKind.PLATFORM)
    earned = payments.Transfer(
        by=By(tenant_id=tenant_id, correlation_id=database.ids()),
        id=database.ids(),
        kind=payments.TransferKind.ADJUSTMENT,
        reference_id=UUID(things["order"]),
        currency="AED",
        postings=(payments.Posting(merchant, 9_000), payments.Posting(house, -9_000)),
    )
    async with database.transaction() as tx:
        await payments.transfer(tx, [earned])
    to = {"provider": "direct", "token": "bank_ok", "label": "Bank"}
    path = "/v4/payouts/account/destination"
    account = await do(Role.MERCHANT, "PUT", path, **to)
    asked = {"city_id": things["city"], "owner_kind": "merchant"}
    plan = {"hold_days": 0}
    await do(Role.SUPER_ADMIN, "PUT", "/v4/payout-plans", **asked, plan=plan)
    run = await do(Role.SUPER_ADMIN, "POST", "/v4/payout-runs", **asked)
    (payout,) = await do(Role.MERCHANT, "GET", "/v4/payouts")
    booked = await database.pool.fetchrow(
        """
        select t.id, e.account_id from payments.transfer t
        join payments.entry e on e.transfer_id = t.id
        join payments.account a on a.id = e.account_id and a.kind = 'merchant'
        where t.key = $1
        """,
        earned.id,
    )
    assert booked is not None, "what was earned is in the books"
    return {
        "payout_account": account["id"],
        "payout_run": run["id"],
        "payout": payout["id"],
        "ledger_account": str(booked["account_id"]),
        "transfer": str(booked["id"]),
    }
