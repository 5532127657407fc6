"""Payments as they stand."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.payments.events import Method, Posting, Provider
from tawsil.payments.model.payment import Ask, CardToken, Payment, PaymentState

_encode: Final = msgspec.json.Encoder().encode
_postings: Final = msgspec.json.Decoder(tuple[Posting, ...])
_asks: Final = msgspec.json.Decoder(tuple[Ask, ...])
_providers: Final = msgspec.json.Decoder(tuple[Provider, ...])
_tokens: Final = msgspec.json.Decoder(tuple[CardToken, ...])


async def lock(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """Payments by reference, held until the transaction ends."""
    rows = await tx.rows(
        """
        select * from payments.payment where reference_id = any($1::uuid[])
        order by id for update
        """,
        list(reference_ids),
    )
    return {row["reference_id"]: payment_of(row) for row in rows}


async def lock_ids(tx: Tx, *, payment_ids: Sequence[UUID]) -> dict[UUID, Payment]:
    """Payments by id, held until the transaction ends."""
    rows = await tx.rows(
        "select * from payments.payment where id = any($1::uuid[]) order by id for update",
        list(payment_ids),
    )
    return {row["id"]: payment_of(row) for row in rows}


async def of_references(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, Payment]:
    rows = await tx.rows(
        "select * from payments.payment where reference_id = any($1::uuid[])", list(reference_ids)
    )
    return {row["reference_id"]: payment_of(row) for row in rows}


async def of_ids(tx: Tx, *, payment_ids: Sequence[UUID]) -> list[Payment]:
    rows = await tx.rows(
        "select * from payments.payment where id = any($1::uuid[]) order by id", list(payment_ids)
    )
    return [payment_of(row) for row in rows]


async def find(tx: Tx, *, payment_id: UUID) -> Payment | None:
    row = await tx.row("select * from payments.payment where id = $1", payment_id)
    return None if row is None else payment_of(row)


async def find_charge(tx: Tx, *, charge_id: str) -> Payment | None:
    """The payment that an acquirer's charge belongs to."""
    row = await tx.row("select * from payments.payment where psp_charge_id = $1", charge_id)
    return None if row is None else payment_of(row)


async def add(tx: Tx, payments: Sequence[Payment]) -> set[UUID]:
    """Add payments; the references that were new. Of two for one reference the first stands."""
    if not payments:
        return set()
    rows = await tx.rows(
        """
        insert into payments.payment (id, version, tenant_id, city_id, reference_id, payer_id,
            method, provider, card_tokens, amount_minor, currency, state, created_at, since_at,
            funds, funds_minor, captured_minor, refunded_minor, attempts, shares, asks)
        select *, 0, 0, 0, '[]'::jsonb, '[]'::jsonb
        from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[],
            $7::text[], $8::text[], $9::jsonb[], $10::bigint[], $11::text[], $12::text[],
            $13::timestamptz[], $14::timestamptz[], $15::jsonb[], $16::bigint[])
        on conflict (reference_id) do nothing
        returning reference_id
        """,
        [p.id for p in payments],
        [p.version for p in payments],
        [p.tenant_id for p in payments],
        [p.city_id for p in payments],
        [p.reference_id for p in payments],
        [p.payer_id for p in payments],
        [p.method.value for p in payments],
        [p.provider for p in payments],
        [_encode(p.card_tokens).decode() for p in payments],
        [p.amount_minor for p in payments],
        [p.currency for p in payments],
        [p.state.value for p in payments],
        [p.created_at for p in payments],
        [p.since_at for p in payments],
        [_encode(p.funds).decode() for p in payments],
        [p.funds_minor for p in payments],
    )
    return {row["reference_id"] for row in rows}


async def save(tx: Tx, decided: Sequence[Accepted[Payment]]) -> None:
    """Write the last of each payment's states over the version its first decision saw."""
    expected: dict[UUID, int] = {}
    last: dict[UUID, Payment] = {}
    for decision in decided:
        expected.setdefault(decision.state.id, decision.expected_version)
        last[decision.state.id] = decision.state
    if not last:
        return
    payments = list(last.values())
    count = await tx.execute(
        """
        update payments.payment p
        set version = u.version, state = u.state, captured_minor = u.captured_minor,
            refunded_minor = u.refunded_minor, psp_charge_id = u.psp_charge_id,
            decline_code = u.decline_code, release_reason = u.release_reason,
            challenge_url = u.challenge_url, method = u.method, provider = u.provider,
            card_tokens = u.card_tokens, tried = u.tried, settled_minor = u.settled_minor,
            attempts = u.attempts, shares = u.shares, asks = u.asks, since_at = u.since_at,
            returned = u.returned
        from unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::bigint[], $6::bigint[],
            $7::text[], $8::text[], $9::text[], $10::int[], $11::jsonb[], $12::jsonb[],
            $13::timestamptz[], $14::text[], $15::jsonb[], $16::text[], $17::text[], $18::jsonb[],
            $19::jsonb[], $20::bigint[]) as u (id, expected, version, state, captured_minor,
            refunded_minor, psp_charge_id, decline_code, release_reason, attempts, shares, asks,
            since_at, challenge_url, returned, method, provider, card_tokens, tried,
            settled_minor)
        where p.id = u.id and p.version = u.expected
        """,
        [p.id for p in payments],
        [expected[p.id] for p in payments],
        [p.version for p in payments],
        [p.state.value for p in payments],
        [p.captured_minor for p in payments],
        [p.refunded_minor for p in payments],
        [p.psp_charge_id for p in payments],
        [p.decline_code for p in payments],
        [p.release_reason for p in payments],
        [p.attempts for p in payments],
        [_encode(p.shares).decode() for p in payments],
        [_encode(p.asks).decode() for p in payments],
        [p.since_at for p in payments],
        [p.challenge_url for p in payments],
        [_encode(p.returned).decode() for p in payments],
        [p.method.value for p in payments],
        [p.provider for p in payments],
        [_encode(p.card_tokens).decode() for p in payments],
        [_encode(p.tried).decode() for p in payments],
        [p.settled_minor for p in payments],
    )
    assert count == len(payments), "a locked payment does not change under the lock"


def payment_of(row: asyncpg.Record | Mapping[str, Any]) -> Payment:
    fields: Mapping[str, Any] = dict(row) | {
        "method": Method(row["method"]),
        "state": PaymentState(row["state"]),
        "provider": Provider(row["provider"]) if row["provider"] else None,
        "tried": _providers.decode(row["tried"]),
        "card_tokens": _tokens.decode(row["card_tokens"]),
        "funds": _postings.decode(row["funds"]),
        "returned": _postings.decode(row["returned"]),
        "shares": _postings.decode(row["shares"]),
        "asks": _asks.decode(row["asks"]),
    }
    return Payment(**{name: fields[name] for name in Payment.__struct_fields__})
