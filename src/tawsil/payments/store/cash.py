"""What couriers hold, hubs, deposits and shortfalls."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach
from tawsil.payments.cash_events import CashLevel
from tawsil.payments.events import AccountKind, BooksCheck
from tawsil.payments.model.cash import (
    CashAccount,
    CashDeposit,
    CashHub,
    CashShortfall,
    DepositState,
    ShortfallState,
)
from tawsil.payments.model.faults import Fault
from tawsil.payments.model.ledger import TransferKind

S = TypeVar("S", CashAccount, CashHub, CashDeposit, CashShortfall)
Column = tuple[str, str]

_OWNED: Final = (("id", "uuid"), ("version", "int"), ("tenant_id", "uuid"), ("city_id", "uuid"))
ACCOUNT: Final[Sequence[Column]] = (
    *_OWNED,
    ("courier_id", "uuid"),
    ("currency", "text"),
    ("held_minor", "bigint"),
    ("limit_minor", "bigint"),
    ("level", "text"),
    ("since_at", "timestamptz"),
    ("remind_at", "timestamptz"),
    ("block_at", "timestamptz"),
    ("reminded", "boolean"),
    ("blocked", "boolean"),
)
HUB: Final[Sequence[Column]] = (
    *_OWNED,
    ("name_en", "text"),
    ("name_ar", "text"),
    ("latitude", "float8"),
    ("longitude", "float8"),
    ("is_open", "boolean"),
)
DEPOSIT: Final[Sequence[Column]] = (
    *_OWNED,
    ("courier_id", "uuid"),
    ("hub_id", "uuid"),
    ("currency", "text"),
    ("announced_minor", "bigint"),
    ("counted_minor", "bigint"),
    ("state", "text"),
    ("announced_at", "timestamptz"),
    ("decided_at", "timestamptz"),
    ("decided_by", "uuid"),
)
SHORTFALL: Final[Sequence[Column]] = (
    *_OWNED,
    ("courier_id", "uuid"),
    ("reference_id", "uuid"),
    ("payer_id", "uuid"),
    ("currency", "text"),
    ("short_minor", "bigint"),
    ("reason", "text"),
    ("words", "text"),
    ("state", "text"),
    ("borne_by", "text"),
    ("reported_at", "timestamptz"),
    ("decided_at", "timestamptz"),
    ("decided_by", "uuid"),
)
_TABLES: Final[dict[type[Any], tuple[str, Sequence[Column]]]] = {
    CashAccount: ("payments.cash_account", ACCOUNT),
    CashHub: ("payments.cash_hub", HUB),
    CashDeposit: ("payments.cash_deposit", DEPOSIT),
    CashShortfall: ("payments.cash_shortfall", SHORTFALL),
}


async def add(tx: Tx, states: Sequence[S]) -> set[UUID]:
    """Insert those that stand in nobody's way; their ids."""
    if not states:
        return set()
    table, columns = _TABLES[type(states[0])]
    names = ", ".join(name for name, _ in columns)
    found = await tx.rows(
        f"""
        insert into {table} ({names}) select * from unnest({_places(columns)})
        on conflict do nothing returning id
        """,  # noqa: S608 - tables and columns of ours
        *_values(states, columns),
    )
    return {row["id"] for row in found}


async def save(tx: Tx, decided: Sequence[Accepted[S]]) -> None:
    """Write each state over the version that the first decision about it saw."""
    expected: dict[UUID, int] = {}
    last: dict[UUID, S] = {}
    for decision in decided:
        expected.setdefault(decision.state.id, decision.expected_version)
        last[decision.state.id] = decision.state
    if not last:
        return
    states = list(last.values())
    table, columns = _TABLES[type(states[0])]
    names = ", ".join(name for name, _ in columns)
    changes = ", ".join(f"{name} = u.{name}" for name, _ in columns if name != "id")
    count = await tx.execute(
        f"""
        update {table} t set {changes}
        from unnest({_places(columns)}, ${len(columns) + 1}::int[]) u ({names}, expected)
        where t.id = u.id and t.version = u.expected
        """,  # noqa: S608 - tables and columns of ours
        *_values(states, columns),
        [expected[id_] for id_ in last],
    )
    assert count == len(last), "a locked row does not change under the lock"


async def lock_accounts(
    tx: Tx, *, courier_ids: Sequence[UUID]
) -> dict[tuple[UUID, str], CashAccount]:
    """The accounts of couriers by courier and currency, held until the transaction ends."""
    found = await tx.rows(
        """
        select * from payments.cash_account where courier_id = any($1::uuid[])
        order by id for update
        """,
        list(courier_ids),
    )
    return {(row["courier_id"], row["currency"]): _account(row) for row in found}


async def lock_account_ids(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, CashAccount]:
    found = await tx.rows(
        "select * from payments.cash_account where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _account(row) for row in found}


async def accounts_of(tx: Tx, *, courier_id: UUID) -> list[CashAccount]:
    found = await tx.rows(
        "select * from payments.cash_account where courier_id = $1 order by currency", courier_id
    )
    return [_account(row) for row in found]


async def oldest(
    tx: Tx, *, held: Sequence[tuple[UUID, UUID, str, int]]
) -> dict[tuple[UUID, str], datetime]:
    """When the oldest cash was collected of what is still held, by courier and currency.

    `held` is tenant, courier, currency and amount. The first in is the first handed in.
    """
    found = await tx.rows(
        """
        select u.courier_id, u.currency, (
            select at from (
                select t.at, e.transfer_id, sum(-e.amount_minor) over (order by e.transfer_id desc)
                    as newer
                from payments.account a
                join payments.entry e on e.account_id = a.id and not e.pending
                    and e.amount_minor < 0
                join payments.transfer t on t.id = e.transfer_id
                where a.tenant_id = u.tenant_id and a.kind = $5 and a.owner_id = u.courier_id
                    and a.currency = u.currency
            ) collected where newer >= u.held_minor order by transfer_id desc limit 1
        ) as at
        from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
            u (tenant_id, courier_id, currency, held_minor)
        """,
        *[list(column) for column in zip(*held, strict=True)],
        AccountKind.COURIER_CASH.value,
    )
    return {(row["courier_id"], row["currency"]): row["at"] for row in found if row["at"]}


async def faults(tx: Tx) -> list[Fault]:
    """Couriers who hold by their account something else than by the ledger; none, always."""
    found = await tx.rows(
        """
        with booked as (
            select a.owner_id as courier_id, a.currency, -sum(e.amount_minor)::bigint as held_minor
            from payments.account a
            join payments.entry e on e.account_id = a.id and not e.pending
            where a.kind = $1 group by a.owner_id, a.currency
        )
        select c.tenant_id, c.courier_id, c.currency,
            c.held_minor - coalesce(b.held_minor, 0) as amount_minor
        from payments.cash_account c left join booked b
            on b.courier_id = c.courier_id and b.currency = c.currency
        where c.held_minor <> coalesce(b.held_minor, 0)
        """,
        AccountKind.COURIER_CASH.value,
    )
    return [
        Fault(
            check=BooksCheck.CASH,
            tenant_id=row["tenant_id"],
            subject_id=row["courier_id"],
            currency=row["currency"],
            amount_minor=row["amount_minor"],
        )
        for row in found
    ]


class Collected(Struct, frozen=True, kw_only=True):
    """Cash that a courier took for something."""

    courier_id: UUID
    payer_id: UUID
    city_id: UUID
    currency: str
    amount_minor: int


async def collected(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, Collected]:
    """Who took the cash for what, and how much it was."""
    found = await tx.rows(
        """
        select p.reference_id, p.payer_id, p.city_id, p.currency, a.owner_id as courier_id,
            -e.amount_minor as amount_minor
        from payments.payment p
        join payments.transfer t on t.reference_id = p.reference_id and t.kind = $2
        join payments.entry e on e.transfer_id = t.id
        join payments.account a on a.id = e.account_id and a.kind = $3
        where p.reference_id = any($1::uuid[])
        """,
        list(reference_ids),
        TransferKind.CAPTURE.value,
        AccountKind.COURIER_CASH.value,
    )
    return {
        row["reference_id"]: msgspec.convert(
            {name: row[name] for name in Collected.__struct_fields__}, Collected
        )
        for row in found
    }


async def hubs(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, CashHub]:
    found = await tx.rows(
        "select * from payments.cash_hub where id = any($1::uuid[]) order by id for share",
        list(ids),
    )
    return {row["id"]: hub_of(row) for row in found}


async def lock_hubs(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, CashHub]:
    found = await tx.rows(
        "select * from payments.cash_hub where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: hub_of(row) for row in found}


async def hubs_of(tx: Tx, *, tenant_id: UUID, city_id: UUID | None) -> list[CashHub]:
    found = await tx.rows(
        """
        select * from payments.cash_hub
        where tenant_id = $1 and ($2::uuid is null or city_id = $2) order by id
        """,
        tenant_id,
        city_id,
    )
    return [hub_of(row) for row in found]


async def lock_deposits(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, CashDeposit]:
    found = await tx.rows(
        "select * from payments.cash_deposit where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: deposit_of(row) for row in found}


async def lock_shortfalls(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, CashShortfall]:
    found = await tx.rows(
        "select * from payments.cash_shortfall where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: shortfall_of(row) for row in found}


# ── lists ──────────────────────────────────────────────────────────────────────────────────────


class DepositFilter(Struct, frozen=True, kw_only=True):
    """Which deposits: everything that is set narrows. `differs`: not what was announced."""

    state: DepositState | None = None
    courier_id: UUID | None = None
    hub_id: UUID | None = None
    city_id: UUID | None = None
    differs: bool | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None


class ShortfallFilter(Struct, frozen=True, kw_only=True):
    state: ShortfallState | None = None
    courier_id: UUID | None = None
    city_id: UUID | None = None


class AccountFilter(Struct, frozen=True, kw_only=True):
    """Which accounts: everything that is set narrows."""

    level: CashLevel | None = None
    city_id: UUID | None = None
    courier_id: UUID | None = None
    blocked: bool | None = None
    least_minor: int | None = None


DEPOSIT_SORTS: Final = Sorts(
    keys={
        "announced_at": Key("announced_at", datetime),
        "announced_minor": Key("announced_minor", int),
    },
    default="-announced_at",
)
SHORTFALL_SORTS: Final = Sorts(
    keys={
        "reported_at": Key("reported_at", datetime),
        "short_minor": Key("short_minor", int),
    },
    default="-reported_at",
)
ACCOUNT_SORTS: Final = Sorts(keys={"held_minor": Key("held_minor", int)}, default="-held_minor")
_REACHED: Final = {"city_ids": "city_id = any({}::uuid[])", "user_id": "courier_id = {}"}


async def deposits(tx: Tx, *, reach: Reach, which: DepositFilter, take: Take) -> Slice[CashDeposit]:
    where = Where().within(reach, _REACHED)
    where.matching(
        which,
        {
            "state": "state = {}",
            "courier_id": "courier_id = {}",
            "hub_id": "hub_id = {}",
            "city_id": "city_id = {}",
            "differs": "coalesce(counted_minor <> announced_minor, false) = {}",
            "from_at": "announced_at >= {}",
            "to_at": "announced_at < {}",
        },
    )
    found = await rows(
        tx, columns=_named(DEPOSIT), source="payments.cash_deposit", where=where, take=take
    )
    return found.map(deposit_of)


async def shortfalls(
    tx: Tx, *, reach: Reach, which: ShortfallFilter, take: Take
) -> Slice[CashShortfall]:
    where = Where().within(reach, _REACHED)
    where.matching(
        which,
        {"state": "state = {}", "courier_id": "courier_id = {}", "city_id": "city_id = {}"},
    )
    found = await rows(
        tx, columns=_named(SHORTFALL), source="payments.cash_shortfall", where=where, take=take
    )
    return found.map(shortfall_of)


async def accounts(tx: Tx, *, reach: Reach, which: AccountFilter, take: Take) -> Slice[CashAccount]:
    where = Where().within(reach, _REACHED)
    where.matching(
        which,
        {
            "level": "level = {}",
            "city_id": "city_id = {}",
            "courier_id": "courier_id = {}",
            "blocked": "blocked = {}",
            "least_minor": "held_minor >= {}",
        },
    )
    found = await rows(
        tx, columns=_named(ACCOUNT), source="payments.cash_account", where=where, take=take
    )
    return found.map(_account)


def _named(columns: Sequence[Column]) -> str:
    return ", ".join(name for name, _ in columns)


def _places(columns: Sequence[Column]) -> str:
    return ", ".join(f"${n}::{type_}[]" for n, (_, type_) in enumerate(columns, start=1))


def _values(states: Sequence[Any], columns: Sequence[Column]) -> list[list[Any]]:
    return [[_value(state, name) for state in states] for name, _ in columns]


def _value(state: Any, name: str) -> Any:
    if isinstance(state, CashHub) and name in {"latitude", "longitude"}:
        return getattr(state.place, name)
    return getattr(state, name)


def _account(row: Any) -> CashAccount:
    return msgspec.convert(_fields(row, ACCOUNT), CashAccount)


def hub_of(row: Any) -> CashHub:
    fields = _fields(row, HUB)
    place = Place(fields.pop("latitude"), fields.pop("longitude"))
    return CashHub(**fields, place=place)


def deposit_of(row: Any) -> CashDeposit:
    return msgspec.convert(_fields(row, DEPOSIT), CashDeposit)


def shortfall_of(row: Any) -> CashShortfall:
    return msgspec.convert(_fields(row, SHORTFALL), CashShortfall)


def _fields(row: Any, columns: Sequence[Column]) -> dict[str, Any]:
    return {name: row[name] for name, _ in columns}
