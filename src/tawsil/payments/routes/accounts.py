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
from tawsil.payments.public import Balance, Line
from tawsil.payments.routes.statements import own


class BalanceView(Struct, frozen=True, kw_only=True):
    """Above zero: owed to you. Below: owed by you, such as cash you have collected.

    What is pending is promised and has not moved; `available_minor` may be spent now.
    """

    account: str
    balance_minor: int
    currency: str
    pending_minor: int
    available_minor: int

    @classmethod
    def of(cls, balance: Balance) -> "BalanceView":
        return cls(
            account=balance.account.kind.value,
            balance_minor=balance.posted_minor,
            currency=balance.currency,
            pending_minor=balance.pending_minor,
            available_minor=balance.available_minor,
        )


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
    """A merchant's account, what a courier has earned and holds, or credit and points."""
    query = PageQuery(page=page, limit=limit)
    accounts = own(caller)
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


routes: Final = [show_account]
