"""Statements of account: line by line with what it came to, to read, as a file, or on paper."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    Envelope,
    FromInstant,
    Problem,
    ToInstant,
    allow,
    asked_of,
    check_window,
    columns,
    csv_of,
    envelope,
    list_envelope,
    not_found,
    ordered_of,
)
from tawsil.kernel.i18n import current_locale
from tawsil.payments.events import AccountKind, AccountRef
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.statements import (
    Account,
    AccountFilter,
    LineFilter,
    Standing,
    StatementLine,
)
from tawsil.payments.routes import statement_pdf
from tawsil.payments.routes.access import check_whole
from tawsil.payments.routes.statement_pdf import Paper
from tawsil.payments.store import statements as store

TAGS: Final = ["Payments"]
READ: Final = "payment:read"
MOST_PRINTED: Final = 1_000
COLUMNS: Final = columns(
    "at", "kind", "transfer_id", "reference_id", "amount_minor", "balance_minor", "corrects"
)
NO_STANDING: Final = Standing()


class LedgerAccountView(Struct, frozen=True, kw_only=True):
    """Above zero is owed to the owner, below zero is owed by the owner.

    `pending_minor` is promised and has not moved yet; what may be spent now is `available_minor`.
    """

    id: UUID
    kind: AccountKind
    owner_id: UUID | None
    currency: str
    balance_minor: int
    pending_minor: int
    available_minor: int

    @classmethod
    def of(cls, account: Account, standing: Standing) -> "LedgerAccountView":
        return cls(
            id=account.id,
            kind=account.ref.kind,
            owner_id=account.ref.owner_id,
            currency=account.currency,
            balance_minor=standing.closing_minor,
            pending_minor=standing.pending_minor,
            available_minor=standing.closing_minor - standing.reserved_minor,
        )


class StatementLineView(Struct, frozen=True, kw_only=True):
    """`balance_minor` is what the account stood at after it, `corrects` what it puts right."""

    at: datetime
    kind: TransferKind
    transfer_id: UUID
    reference_id: UUID
    amount_minor: int
    balance_minor: int
    corrects: UUID | None

    @classmethod
    def of(cls, line: StatementLine) -> "StatementLineView":
        return cls(**{name: getattr(line, name) for name in cls.__struct_fields__})


class StatementView(Struct, frozen=True, kw_only=True):
    """The opening balance and all lines of the period come to the closing balance.

    `lines` are some of them, as pages and filters have it; that changes no balance.
    """

    account: LedgerAccountView
    opening_minor: int
    closing_minor: int
    lines: list[StatementLineView]


class Which(Struct, frozen=True, kw_only=True):
    """Which lines of an account."""

    kinds: tuple[TransferKind, ...] | None
    from_at: datetime | None
    to_at: datetime | None

    def of(self, account: Account) -> LineFilter:
        return LineFilter(
            account_id=account.id, kinds=self.kinds, from_at=self.from_at, to_at=self.to_at
        )


async def asked_lines(
    kind: FromQuery[list[TransferKind] | None] = None,
    from_at: FromInstant = None,
    to_at: ToInstant = None,
) -> Which:
    check_window(from_at, to_at)
    return Which(kinds=tuple(kind) if kind else None, from_at=from_at, to_at=to_at)


async def own_account(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    account: Annotated[
        AccountKind | None, QueryParameter(description="Which of one's own; else the first.")
    ] = None,
    currency: Annotated[
        str | None,
        QueryParameter(pattern=r"^[A-Z]{3}$(?!\n)", description="Else the first there is."),
    ] = None,
) -> Account:
    """One's own account, if it was ever used."""
    owners = own(caller)
    async with database.transaction() as tx:
        found = await store.accounts_of(tx, tenant_id=caller.tenant_id, owners=owners)
    for one in found:
        if account in {None, one.ref.kind} and currency in {None, one.currency}:
            return one
    raise not_found()


async def any_account(
    ledger_account_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Account:
    """An account of the tenant, for those who may see all."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        found = await store.find_account(
            tx, tenant_id=caller.tenant_id, account_id=ledger_account_id
        )
    if found is None:
        raise not_found()
    return found


def own(caller: Caller) -> Sequence[AccountRef]:
    """A merchant's account, or what a courier earns and holds, or what a customer has."""
    if caller.location_id is not None:
        return [AccountRef(AccountKind.MERCHANT, caller.location_id)]
    kinds = (
        AccountKind.COURIER,
        AccountKind.COURIER_CASH,
        AccountKind.CUSTOMER,
        AccountKind.LOYALTY,
        AccountKind.RECEIVABLE,
    )
    return [AccountRef(kind, caller.user_id) for kind in kinds]


OWN: Final = {"one": Provide(own_account), "which": Provide(asked_lines)}
ANY: Final = {"one": Provide(any_account), "which": Provide(asked_lines)}


async def _statement(
    database: Database, one: Account, which: Which, asked: Asked
) -> Envelope[StatementView]:
    lines = which.of(one)
    async with database.transaction() as tx:
        now = await _standing(tx, one)
        then = await _standing(tx, one, which)
        found = await store.lines(tx, which=lines, take=asked.take(lines))
    page = list_envelope(found.map(StatementLineView.of), asked)
    assert page.data is not None, "a list that was found has data"
    return envelope(
        StatementView(
            account=LedgerAccountView.of(one, now),
            opening_minor=then.opening_minor,
            closing_minor=then.closing_minor,
            lines=page.data,
        ),
        pagination=page.meta.pagination,
    )


async def _standing(tx: Tx, one: Account, which: Which | None = None) -> Standing:
    found = await store.standings(
        tx,
        account_ids=[one.id],
        from_at=which.from_at if which else None,
        to_at=which.to_at if which else None,
    )
    return found.get(one.id, NO_STANDING)


async def _csv(database: Database, one: Account, which: Which, asked: Asked) -> Stream:
    lines = which.of(one)

    return await csv_of(
        _name(one),
        COLUMNS,
        asked.take(lines),
        database=database,
        search=partial(store.lines, which=lines),
        view=StatementLineView.of,
    )


async def _pdf(database: Database, one: Account, which: Which) -> Response[bytes]:
    lines = which.of(one)
    take = store.LINE_SORTS.take(lines, sort="at", limit=MOST_PRINTED)
    async with database.transaction() as tx:
        found = await store.lines(tx, which=lines, take=take)
        standing = await _standing(tx, one, which)
        at = tx.now
    if found.next_cursor is not None:
        raise Problem(422, "ledger.statement_too_long", most=MOST_PRINTED, found=found.total)
    paper = Paper(
        account=one,
        standing=standing,
        lines=found.items,
        from_at=which.from_at,
        to_at=which.to_at,
        at=at,
    )
    printed = await asyncio.to_thread(statement_pdf.pdf, paper, locale=current_locale.get())
    return Response(
        printed,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{_name(one)}.pdf"'},
    )


def _name(one: Account) -> str:
    return f"statement-{one.ref.kind.value}-{one.currency}".replace("_", "-").lower()


@get(
    "/v4/accounts/me/statement",
    opt={"rule": allow(READ)},
    dependencies={**OWN, **asked_of(store.LINE_SORTS)},
    tags=TAGS,
    summary="Show a statement of your account",
)
async def show_own_statement(
    one: NamedDependency[Account],
    which: NamedDependency[Which],
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
) -> Envelope[StatementView]:
    """The newest lines first, each with the balance after it; by time and kind, in pages."""
    return await _statement(database, one, which, asked)


@get(
    "/v4/accounts/me/statement.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies={**OWN, **ordered_of(store.LINE_SORTS)},
    tags=TAGS,
    summary="A statement of your account, as a file",
    media_type="text/csv",
)
async def export_own_statement(
    one: NamedDependency[Account],
    which: NamedDependency[Which],
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
) -> Stream:
    """The lines of the statement; at most 100,000, whole or not at all."""
    return await _csv(database, one, which, asked)


@get(
    "/v4/accounts/me/statement.pdf",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies=OWN,
    tags=TAGS,
    summary="A statement of your account, to print",
    media_type="application/pdf",
)
async def print_own_statement(
    one: NamedDependency[Account],
    which: NamedDependency[Which],
    database: NamedDependency[Database],
) -> Response[bytes]:
    """In the language that is accepted, oldest first; at most 1,000 lines."""
    return await _pdf(database, one, which)


async def asked_accounts(
    kind: FromQuery[list[AccountKind] | None] = None,
    owner_id: FromQuery[UUID | None] = None,
    currency: Annotated[str | None, QueryParameter(pattern=r"^[A-Z]{3}$(?!\n)")] = None,
) -> AccountFilter:
    return AccountFilter(kinds=tuple(kind) if kind else None, owner_id=owner_id, currency=currency)


@get(
    "/v4/accounts",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies={"which": Provide(asked_accounts), **asked_of(store.ACCOUNT_SORTS)},
    tags=TAGS,
    summary="List accounts and what they stand at",
)
async def list_accounts(
    which: NamedDependency[AccountFilter],
    asked: NamedDependency[Asked],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[list[LedgerAccountView]]:
    """Of the whole tenant, for those who may see all. The platform's own have no owner."""
    check_whole(caller, READ)
    async with database.transaction() as tx:
        found = await store.search_accounts(
            tx, tenant_id=caller.tenant_id, which=which, take=asked.take(which)
        )
        standings = await store.standings(tx, account_ids=[one.id for one in found.items])
    return list_envelope(
        found.map(lambda one: LedgerAccountView.of(one, standings.get(one.id, NO_STANDING))), asked
    )


@get(
    "/v4/accounts/{ledger_account_id:uuid}/statement",
    opt={"rule": allow(READ)},
    dependencies={**ANY, **asked_of(store.LINE_SORTS)},
    tags=TAGS,
    summary="Show a statement of an account",
)
async def show_statement(
    one: NamedDependency[Account],
    which: NamedDependency[Which],
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
) -> Envelope[StatementView]:
    """The newest lines first, each with the balance after it; by time and kind, in pages."""
    return await _statement(database, one, which, asked)


@get(
    "/v4/accounts/{ledger_account_id:uuid}/statement.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies={**ANY, **ordered_of(store.LINE_SORTS)},
    tags=TAGS,
    summary="A statement of an account, as a file",
    media_type="text/csv",
)
async def export_statement(
    one: NamedDependency[Account],
    which: NamedDependency[Which],
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
) -> Stream:
    """The lines of the statement; at most 100,000, whole or not at all."""
    return await _csv(database, one, which, asked)


@get(
    "/v4/accounts/{ledger_account_id:uuid}/statement.pdf",
    opt={"rule": allow(READ), "limit": HEAVY},
    dependencies=ANY,
    tags=TAGS,
    summary="A statement of an account, to print",
    media_type="application/pdf",
)
async def print_statement(
    one: NamedDependency[Account],
    which: NamedDependency[Which],
    database: NamedDependency[Database],
) -> Response[bytes]:
    """In the language that is accepted, oldest first; at most 1,000 lines."""
    return await _pdf(database, one, which)


routes: Final[list[Any]] = [
    show_own_statement,
    export_own_statement,
    print_own_statement,
    list_accounts,
    show_statement,
    export_statement,
    print_statement,
]
