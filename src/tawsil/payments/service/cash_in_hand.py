"""What couriers hold is kept in step with the books, in the transaction that writes them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By
from tawsil.payments.events import AccountKind
from tawsil.payments.model import cash as model
from tawsil.payments.model.cash import CashAccount, CashTerms
from tawsil.payments.model.ledger import Transfer
from tawsil.payments.store import cash as store

Key = tuple[UUID, str]
"""A courier and a currency."""


async def follow(tx: Tx, booked: Sequence[Transfer]) -> None:
    """Couriers hold more or less cash by what was booked: note it, and tell couriers."""
    moved: dict[Key, int] = {}
    stories: dict[Key, By] = {}
    for transfer in booked:
        for posting in transfer.postings:
            owner_id = posting.account.owner_id
            if posting.account.kind is AccountKind.COURIER_CASH and owner_id is not None:
                key = (owner_id, transfer.currency)
                moved[key] = moved.get(key, 0) - posting.amount_minor
                stories[key] = transfer.by
    if not moved:
        return
    accounts = await locked(tx, list(moved))
    terms = await terms_of(tx, [account.city_id for account in accounts.values()])
    held = {key: account.held_minor + moved[key] for key, account in accounts.items()}
    less = [
        (accounts[key].tenant_id, *key, held_minor)
        for key, held_minor in held.items()
        if moved[key] < 0 and held_minor > 0
    ]
    oldest = await store.oldest(tx, held=less) if less else {}
    decided = [
        (
            stories[key],
            model.hold(
                account,
                held_minor=held[key],
                oldest_at=oldest.get(key, account.since_at),
                terms=terms[account.city_id],
                now=tx.now,
            ),
        )
        for key, account in accounts.items()
    ]
    await keep(tx, decided)


async def keep(tx: Tx, decided: Sequence[tuple[By, Accepted[CashAccount]]]) -> None:
    """Write accounts, whether or not anything is to be said about them, and tell couriers."""
    await store.save(tx, [decision for _, decision in decided])
    said = [(by, decision) for by, decision in decided if decision.events]
    await tx.record(said)
    await tx.await_again([decision.state for _, decision in decided if not decision.events])
    await couriers.set_cash(
        tx,
        [
            couriers.Cash(
                courier_id=account.courier_id,
                tenant_id=account.tenant_id,
                currency=account.currency,
                held_minor=account.held_minor,
                limit_minor=account.limit_minor,
                blocked=account.blocked,
            )
            for account in (decision.state for _, decision in decided)
        ],
    )


async def locked(tx: Tx, keys: Sequence[Key]) -> dict[Key, CashAccount]:
    """The accounts of couriers under lock; opened for those who have none. Others have none."""
    courier_ids = sorted({courier_id for courier_id, _ in keys})
    known = await store.lock_accounts(tx, courier_ids=courier_ids)
    missing = sorted(key for key in set(keys) if key not in known)
    if missing:
        people = await couriers.get_many(tx, ids=[courier_id for courier_id, _ in missing])
        await store.add(
            tx,
            [
                CashAccount(
                    id=tx.ids(),
                    tenant_id=people[courier_id].tenant_id,
                    city_id=people[courier_id].city_id,
                    courier_id=courier_id,
                    currency=currency,
                )
                for courier_id, currency in missing
                if courier_id in people
            ],
        )
        known = await store.lock_accounts(tx, courier_ids=courier_ids)
    return {key: known[key] for key in sorted(set(keys)) if key in known}


async def terms_of(tx: Tx, city_ids: Sequence[UUID]) -> Mapping[UUID, CashTerms]:
    ids = sorted(set(city_ids))
    cities = await geography.cities_by_id(tx, ids=ids)
    usual = geography.CityRules()
    return {id_: _terms(cities[id_].rules if id_ in cities else usual) for id_ in ids}


def _terms(rules: geography.CityRules) -> CashTerms:
    return CashTerms(
        limit_minor=rules.cash.limit_minor,
        near_bp=rules.cash.near_bp,
        remind_after=timedelta(hours=rules.cash.remind_after_h),
        block_after=timedelta(hours=rules.cash.block_after_h),
    )


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Cash that was kept for too long: remind its courier, then send them for no more."""
    accounts = await store.lock_account_ids(tx, ids=[d.subject_id for d in due])
    decided = [
        (
            By(tenant_id=account.tenant_id, correlation_id=tx.ids()),
            model.reach_deadline(account, now=tx.now),
        )
        for account in still_due(due, accounts, now=tx.now)
    ]
    await keep(tx, decided)
