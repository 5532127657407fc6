"""Who is paid out: their destinations, their plans, and whether anything may be sent to them."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Job, Tx
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, refuse
from tawsil.payments.events import AccountKind, AccountRef, BlockedBecause, Provider
from tawsil.payments.model import payout_account as model
from tawsil.payments.model.payout_account import Destination, PayoutAccount, Plan
from tawsil.payments.store import payable
from tawsil.payments.store import payout_accounts as store
from tawsil.payments.store.payable import Funds

CHECK: Final = "payments.check_destination"
Decide = Callable[[PayoutAccount], Decision[PayoutAccount]]


class CheckJob(Struct, frozen=True):
    """The payload of the job that asks a provider about a destination."""

    account_id: UUID
    token: str
    correlation_id: UUID


class SetDestination(Command, frozen=True, kw_only=True):
    """Pay somebody out there from now on. `token` is of the provider's making.

    What is `verified` already needs no asking; only the platform itself says so.
    """

    owner: AccountRef
    provider: Provider
    token: str
    label: str
    verified: bool = False


class SetPlan(Command, frozen=True, kw_only=True):
    """A plan of an owner's own, or again the city's (`None`)."""

    account_id: UUID
    plan: Plan | None


class PutPlan(Command, frozen=True, kw_only=True):
    """What counts in a city, or in the whole tenant, for owners of a kind without a plan."""

    city_id: UUID | None
    owner_kind: AccountKind
    plan: Plan


class Block(Command, frozen=True, kw_only=True):
    account_id: UUID


class Unblock(Command, frozen=True, kw_only=True):
    account_id: UUID


class Outlook(Struct, frozen=True, kw_only=True):
    """Who is paid out, by which plan, and what would be paid if it were now."""

    account: PayoutAccount
    plan: Plan
    zone: ZoneInfo
    funds: Funds

    @property
    def payable_minor(self) -> int:
        return max(0, self.funds.free_minor - self.plan.reserve_minor)


async def set_destination(
    tx: Tx, commands: Sequence[SetDestination]
) -> list[PayoutAccount | Refusal]:
    """Take a destination down; unless it is known to be good, its provider is asked about it."""
    return [await _set_destination(tx, command) for command in commands]


async def _set_destination(tx: Tx, command: SetDestination) -> PayoutAccount | Refusal:
    tenant_id, owner = command.by.tenant_id, command.owner
    destination = Destination(
        provider=command.provider,
        token=command.token,
        label=command.label,
        verified=command.verified,
    )
    locked = await store.lock_owners(tx, tenant_id=tenant_id, owners=[owner])
    account = locked.get(owner) or await _new(tx, command, destination)
    if isinstance(account, Refusal):
        return account
    plan = (await store.plans(tx, tenant_ids=[tenant_id])).of(account)
    decision = model.set_destination(account, destination, plan=plan, at=tx.now)
    if isinstance(decision, Refusal):
        return decision
    decision = await _planned(tx, decision)
    if account.version == 0:
        if not await store.add(tx, [decision.state]):
            return await _set_destination(tx, command)  # another has just begun it
    else:
        await store.save(tx, [decision])
    await tx.record([(command, decision)])
    if not decision.state.destination.verified:
        await tx.enqueue(_check(decision.state, command.by))
    return decision.state


async def _new(
    tx: Tx, command: SetDestination, destination: Destination
) -> PayoutAccount | Refusal:
    """An account as it will be; the city is where its owner is at home."""
    tenant_id = command.by.tenant_id
    city_id = await _home_of(tx, tenant_id=tenant_id, owner=command.owner)
    city = (await geography.cities_by_id(tx, ids=[city_id])).get(city_id) if city_id else None
    if city is None or city.tenant_id != tenant_id:
        return refuse("request.not_found", status=404)
    return PayoutAccount(
        id=tx.ids(),
        tenant_id=tenant_id,
        city_id=city.id,
        owner=command.owner,
        currency=city.currency,
        destination=destination,
        usable_from_at=tx.now,
    )


async def _home_of(tx: Tx, *, tenant_id: UUID, owner: AccountRef) -> UUID | None:
    id_ = owner.owner_id
    assert id_ is not None, "the house is not paid out"
    match owner.kind:
        case AccountKind.MERCHANT:
            merchant = (await catalog.merchants(tx, tenant_id=tenant_id, ids=[id_])).get(id_)
            return merchant.city_id if merchant else None
        case AccountKind.COURIER:
            courier = (await couriers.get_many(tx, ids=[id_])).get(id_)
            return courier.city_id if courier and courier.tenant_id == tenant_id else None
        case _:
            user = (await identity.get_many(tx, tenant_id=tenant_id, ids=[id_])).get(id_)
            return user.city_id if user else None


async def verify(tx: Tx, *, account_id: UUID, token: str, correlation_id: UUID) -> None:
    """The provider says that it can reach the destination."""
    account = (await store.lock(tx, account_ids=[account_id])).get(account_id)
    if account is None:
        return
    decision = model.verify(account, token=token)
    if isinstance(decision, Accepted) and decision.events:
        await store.save(tx, [decision])
        by = By(tenant_id=account.tenant_id, correlation_id=correlation_id)
        await tx.record([(by, decision)])


async def set_plan(tx: Tx, commands: Sequence[SetPlan]) -> list[PayoutAccount | Refusal]:
    return [
        await _change(tx, c, c.account_id, partial(model.set_plan, plan=c.plan)) for c in commands
    ]


async def block(tx: Tx, commands: Sequence[Block]) -> list[PayoutAccount | Refusal]:
    def decide(account: PayoutAccount) -> Decision[PayoutAccount]:
        return model.block(account, because=BlockedBecause.OPERATOR)

    return [await _change(tx, c, c.account_id, decide) for c in commands]


async def unblock(tx: Tx, commands: Sequence[Unblock]) -> list[PayoutAccount | Refusal]:
    return [await _change(tx, c, c.account_id, model.unblock) for c in commands]


async def block_failed(tx: Tx, failed: Sequence[tuple[By, UUID, BlockedBecause]]) -> None:
    """What came back from there must not be sent there again."""
    accounts = await store.lock(tx, account_ids=[account_id for _, account_id, _ in failed])
    decided: list[tuple[By, Accepted[PayoutAccount]]] = []
    for by, account_id, because in failed:
        decision = model.block(accounts[account_id], because=because)
        assert isinstance(decision, Accepted)
        accounts[account_id] = decision.state
        if decision.events:
            decided.append((by, decision))
    await store.save(tx, [decision for _, decision in decided])
    await tx.record(decided)


async def put_plan(tx: Tx, commands: Sequence[PutPlan]) -> list[Plan | Refusal]:
    """Decide for a city or a tenant; everybody whom it concerns is paid by it from now on."""
    outcomes: list[Plan | Refusal] = []
    for command in commands:
        tenant_id, city_id, kind = command.by.tenant_id, command.city_id, command.owner_kind
        if city_id is not None:
            city = (await geography.cities_by_id(tx, ids=[city_id])).get(city_id)
            if city is None or city.tenant_id != tenant_id:
                outcomes.append(refuse("request.not_found", status=404))
                continue
        await store.put_plan(
            tx, tenant_id=tenant_id, city_id=city_id, owner_kind=kind, plan=command.plan
        )
        concerned = await store.lock_city(tx, tenant_id=tenant_id, city_id=city_id, owner_kind=kind)
        moved = await planned(tx, concerned.values())
        await store.save(tx, [Accepted(state=account, events=()) for account in moved])
        await tx.await_again(moved)
        outcomes.append(command.plan)
    return outcomes


async def planned(tx: Tx, accounts: Iterable[PayoutAccount]) -> list[PayoutAccount]:
    """The same, each with the next time of the plan that counts for it."""
    accounts = list(accounts)
    plans = await store.plans(tx, tenant_ids=[*{a.tenant_id for a in accounts}])
    zones = await zones_of(tx, accounts)
    return [
        replace(a, next_at=model.next_at(plans.of(a), zone=zones[a.city_id], after=tx.now))
        for a in accounts
    ]


async def zones_of(tx: Tx, accounts: Iterable[PayoutAccount]) -> dict[UUID, ZoneInfo]:
    cities = await geography.cities_by_id(tx, ids=[*{account.city_id for account in accounts}])
    return {id_: ZoneInfo(city.timezone) for id_, city in cities.items()}


async def outlook(tx: Tx, *, tenant_id: UUID, owner: AccountRef) -> Outlook | None:
    """What an owner may look forward to; None for who has no destination."""
    account = await store.find(tx, tenant_id=tenant_id, owner=owner)
    if account is None:
        return None
    plan = (await store.plans(tx, tenant_ids=[tenant_id])).of(account)
    zones = await zones_of(tx, [account])
    funds = await payable.funds(tx, [payable.wanted(account, plan, at=tx.now)])
    return Outlook(account=account, plan=plan, zone=zones[account.city_id], funds=funds[account.id])


async def _change(
    tx: Tx, command: Command, account_id: UUID, decide: Decide
) -> PayoutAccount | Refusal:
    account = (await store.lock(tx, account_ids=[account_id])).get(account_id)
    if account is None or account.tenant_id != command.by.tenant_id:
        return refuse("request.not_found", status=404)
    decision = decide(account)
    if isinstance(decision, Refusal) or not decision.events:
        return decision if isinstance(decision, Refusal) else decision.state
    decision = await _planned(tx, decision)
    await store.save(tx, [decision])
    await tx.record([(command, decision)])
    return decision.state


async def _planned(tx: Tx, decision: Accepted[PayoutAccount]) -> Accepted[PayoutAccount]:
    (account,) = await planned(tx, [decision.state])
    return Accepted(state=account, events=decision.events)


def _check(account: PayoutAccount, by: By) -> Job:
    job = CheckJob(
        account_id=account.id,
        token=account.destination.token,
        correlation_id=by.correlation_id,
    )
    return Job(name=CHECK, payload=job)
