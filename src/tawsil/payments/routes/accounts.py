"""One's own account."""

from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Envelope,
    PageNumber,
    PageQuery,
    PageSize,
    Pagination,
    allow,
    envelope,
)
from tawsil.payments import public
from tawsil.payments.public import AccountKind, AccountRef, Balance, Line


class BalanceView(Struct, frozen=True):
    """Above zero: owed to you. Below: owed by you, such as cash you have collected."""

    account: str
    balance_minor: int
    currency: str

    @classmethod
    def of(cls, balance: Balance) -> "BalanceView":
        return cls(balance.account.kind.value, balance.posted_minor, balance.currency)


class LineView(Struct, frozen=True):
    transfer_id: UUID
    kind: str
    reference_id: UUID
    account: str
    amount_minor: int
    currency: str
    at: datetime

    @classmethod
    def of(cls, line: Line) -> "LineView":
        return cls(
            transfer_id=line.transfer_id,
            kind=line.kind.value,
            reference_id=line.reference_id,
            account=line.account.kind.value,
            amount_minor=line.amount_minor,
            currency=line.currency,
            at=line.at,
        )


class AccountView(Struct, frozen=True):
    balances: list[BalanceView]
    lines: list[LineView]


@get(
    "/v4/accounts/me",
    opt={"rule": allow("payment:read")},
    tags=["Payments"],
    summary="Show your balance and statement",
)
async def show_account(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[AccountView]:
    """A merchant's account, or what a courier has earned and the cash a courier holds."""
    query = PageQuery(page=page, limit=limit)
    accounts = _accounts(caller)
    async with database.transaction() as tx:
        balances = await public.balances(tx, tenant_id=caller.tenant_id, accounts=accounts)
        statement = await public.statement(
            tx,
            tenant_id=caller.tenant_id,
            accounts=accounts,
            offset=query.offset,
            limit=query.limit,
        )
    return envelope(
        AccountView(
            balances=[BalanceView.of(balance) for balance in balances],
            lines=[LineView.of(line) for line in statement.lines],
        ),
        pagination=Pagination(
            page=page,
            limit=limit,
            total=statement.total,
            total_pages=-(-statement.total // limit),
        ),
    )


def _accounts(caller: Caller) -> list[AccountRef]:
    if caller.location_id is not None:
        return [AccountRef(AccountKind.MERCHANT, caller.location_id)]
    own = (AccountKind.COURIER, AccountKind.COURIER_CASH, AccountKind.CUSTOMER)
    return [AccountRef(kind, caller.user_id) for kind in own]


routes: Final = [show_account]
