"""Cash from the door to the hub: limits, deposits, shortfalls, what is kept for too long."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from conftest import NOON
from tawsil.couriers import public as couriers
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place
from tawsil.payments import public
from tawsil.payments.cash_events import (
    BorneBy,
    CashBlocked,
    CashLevel,
    CashLevelChanged,
    CashReminded,
    CashUnblocked,
    ShortBecause,
)
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting
from tawsil.payments.model import cash as model
from tawsil.payments.model.cash import CashAccount, CashDeposit, CashHub, CashTerms
from tawsil.payments.service import cash_in_hand
from tawsil.payments.store import cash as store

CASH = geography.CashRules(limit_minor=1_000, near_bp=7_000)
HERE = Place(25.28, 51.52)


class Town(Struct):
    """A city with a hub, a courier and a clerk."""

    by: By
    ids: Ids
    city_id: UUID
    courier_id: UUID
    hub: CashHub
    clerk: By

    async def collect(self, tx: Tx, minor: int, *, courier_id: UUID | None = None) -> UUID:
        """An order that is paid at the door."""
        reference_id, courier_id = self.ids(), courier_id or self.courier_id
        (payment,) = await public.authorise(
            tx,
            [
                public.Authorise(
                    by=self.by,
                    reference_id=reference_id,
                    city_id=self.city_id,
                    payer_id=self.ids(),
                    method=Method.CASH,
                    amount_minor=minor,
                    currency="QAR",
                )
            ],
        )
        assert not isinstance(payment, Refusal), payment
        (captured,) = await public.capture(
            tx,
            [
                public.Capture(
                    by=self.by,
                    reference_id=reference_id,
                    postings=(Posting(AccountRef(AccountKind.PLATFORM), minor),),
                    collected_by=courier_id,
                )
            ],
        )
        assert not isinstance(captured, Refusal), captured
        return reference_id

    async def announce(self, tx: Tx, minor: int | None = None) -> CashDeposit | Refusal:
        (outcome,) = await public.announce_deposit(
            tx,
            [
                public.AnnounceDeposit(
                    by=self.by,
                    courier_id=self.courier_id,
                    hub_id=self.hub.id,
                    amount_minor=minor,
                )
            ],
        )
        return outcome

    async def confirm(self, tx: Tx, deposit: Any, minor: int) -> CashDeposit | Refusal:
        assert isinstance(deposit, CashDeposit), deposit
        command = public.ConfirmDeposit(by=self.clerk, deposit_id=deposit.id, counted_minor=minor)
        return (await public.confirm_deposit(tx, [command]))[0]

    async def account(self, tx: Tx) -> CashAccount:
        (account,) = await public.cash_accounts_of(tx, courier_id=self.courier_id)
        return account

    async def balances(self, tx: Tx, *accounts: AccountRef) -> list[int]:
        found = await public.balances(tx, tenant_id=self.by.tenant_id, accounts=accounts)
        by_account = {balance.account: balance.posted_minor for balance in found}
        return [by_account.get(account, 0) for account in accounts]

    async def room(self, tx: Tx) -> int:
        room = await couriers.cash_room(
            tx, city_id=self.city_id, courier_ids=[self.courier_id], currency="QAR"
        )
        return room[self.courier_id]

    @property
    def in_hand(self) -> AccountRef:
        return AccountRef(AccountKind.COURIER_CASH, self.courier_id)

    @property
    def at_hub(self) -> AccountRef:
        return AccountRef(AccountKind.CASH_HUB, self.hub.id)


async def found_town(tx: Tx, by: By, ids: Ids, *, cash: geography.CashRules = CASH) -> Town:
    await geography.create_tenant(
        tx, tenant=geography.Tenant(id=by.tenant_id, slug=by.tenant_id.hex[-12:], name="Ours")
    )
    city_id, courier_id = ids(), ids()
    await geography.create_city(
        tx,
        city=geography.City(
            id=city_id,
            tenant_id=by.tenant_id,
            slug=city_id.hex[-12:],
            name_en="Doha",
            name_ar="الدوحة",
            currency="QAR",
            timezone="Asia/Qatar",
            centre=HERE,
            rules=geography.CityRules(cash=cash),
        ),
    )
    vehicle = couriers.Vehicle.BICYCLE
    command = couriers.NewCourier(by=by, courier_id=courier_id, city_id=city_id, vehicle=vehicle)
    await couriers.create_couriers(tx, couriers=[command])
    (hub,) = await public.open_hub(
        tx, [public.OpenHub(by=by, city_id=city_id, name_en="Port", name_ar="الميناء", place=HERE)]
    )
    assert isinstance(hub, CashHub)
    clerk = By(tenant_id=by.tenant_id, correlation_id=ids(), role="admin", actor_id=ids())
    return Town(by=by, ids=ids, city_id=city_id, courier_id=courier_id, hub=hub, clerk=clerk)


@pytest.fixture
async def town(tx: Tx, by: By, ids: Ids) -> Town:
    return await found_town(tx, by, ids)


async def test_what_is_collected_is_held_until_it_is_counted_at_a_hub(tx: Tx, town: Town):
    await town.collect(tx, 300)
    await town.collect(tx, 400)
    assert (await town.account(tx)).held_minor == 700
    assert await town.room(tx) == 300
    deposit = await town.announce(tx)
    assert isinstance(deposit, CashDeposit)
    assert deposit.announced_minor == 700
    assert (await town.account(tx)).held_minor == 700, "announced is not counted"
    counted = await town.confirm(tx, deposit, 690)
    assert isinstance(counted, CashDeposit)
    assert counted.difference_minor == -10
    assert await town.balances(tx, town.in_hand, town.at_hub) == [-10, -690]
    assert (await town.account(tx)).held_minor == 10
    assert await town.room(tx) == 990
    assert await store.faults(tx) == []


async def test_a_deposit_is_confirmed_once_and_not_by_who_hands_it_in(tx: Tx, town: Town):
    await town.collect(tx, 300)
    deposit = await town.announce(tx, 200)
    second = await town.announce(tx, 100)
    assert isinstance(second, Refusal)
    assert second.code == "cash.deposit_pending"
    own = await Town.confirm(_as(town, town.courier_id), tx, deposit, 200)
    assert isinstance(own, Refusal)
    assert own.code == "cash.own_deposit"
    assert isinstance(await town.confirm(tx, deposit, 200), CashDeposit)
    again = await town.confirm(tx, deposit, 200)
    assert isinstance(again, Refusal)
    assert again.code == "cash.deposit_decided"
    assert await town.balances(tx, town.in_hand, town.at_hub) == [-100, -200]


async def test_two_confirmations_in_one_batch_count_once(tx: Tx, town: Town):
    await town.collect(tx, 300)
    deposit = await town.announce(tx)
    assert isinstance(deposit, CashDeposit)
    command = public.ConfirmDeposit(by=town.clerk, deposit_id=deposit.id, counted_minor=300)
    first, second = await public.confirm_deposit(tx, [command, command])
    assert isinstance(first, CashDeposit)
    assert isinstance(second, Refusal)
    assert await town.balances(tx, town.in_hand, town.at_hub) == [0, -300]


async def test_nobody_hands_in_more_than_they_hold(tx: Tx, town: Town):
    nothing = await town.announce(tx)
    assert isinstance(nothing, Refusal)
    assert nothing.code == "cash.nothing_held"
    await town.collect(tx, 300)
    too_much = await town.announce(tx, 301)
    assert isinstance(too_much, Refusal)
    assert too_much.code == "cash.more_than_held"
    deposit = await town.announce(tx, 300)
    counted = await town.confirm(tx, deposit, 400)
    assert isinstance(counted, Refusal)
    assert counted.code == "cash.more_than_held"


async def test_a_refused_deposit_leaves_the_courier_owing(tx: Tx, town: Town):
    await town.collect(tx, 300)
    deposit = await town.announce(tx)
    assert isinstance(deposit, CashDeposit)
    (refused,) = await public.refuse_deposit(
        tx, [public.RefuseDeposit(by=town.clerk, deposit_id=deposit.id)]
    )
    assert isinstance(refused, CashDeposit)
    assert await town.balances(tx, town.in_hand) == [-300]
    assert isinstance(await town.announce(tx), CashDeposit), "another may be announced"


async def test_a_closed_hub_takes_nothing(tx: Tx, town: Town):
    await town.collect(tx, 300)
    (closed,) = await public.change_hub(
        tx,
        [
            public.ChangeHub(
                by=town.clerk,
                hub_id=town.hub.id,
                name_en="Port",
                name_ar="الميناء",
                place=HERE,
                is_open=False,
            )
        ],
    )
    assert isinstance(closed, CashHub)
    deposit = await town.announce(tx)
    assert isinstance(deposit, Refusal)
    assert deposit.code == "cash.hub_closed"


@pytest.mark.parametrize(
    ("borne_by", "kind"),
    [(BorneBy.CUSTOMER, AccountKind.RECEIVABLE), (BorneBy.PLATFORM, AccountKind.PLATFORM)],
)
async def test_what_was_not_paid_at_the_door_is_borne_by_whom_an_operator_says(
    tx: Tx, town: Town, borne_by: BorneBy, kind: AccountKind
):
    reference_id = await town.collect(tx, 300)
    payer_id = (await public.of_references(tx, reference_ids=[reference_id]))[reference_id].payer_id
    report = public.ReportShortfall(
        by=town.by,
        courier_id=town.courier_id,
        reference_id=reference_id,
        short_minor=40,
        reason=ShortBecause.NO_CHANGE,
    )
    reported, again = await public.report_shortfall(tx, [report, report])
    assert isinstance(reported, public.CashShortfall)
    assert isinstance(again, Refusal)
    approve = public.ApproveShortfall(by=town.clerk, shortfall_id=reported.id, borne_by=borne_by)
    (approved,) = await public.approve_shortfall(tx, [approve])
    assert isinstance(approved, public.CashShortfall)
    owner_id = payer_id if kind is AccountKind.RECEIVABLE else None
    before = 300 if kind is AccountKind.PLATFORM else 0
    assert await town.balances(tx, town.in_hand, AccountRef(kind, owner_id)) == [-260, before - 40]
    (twice,) = await public.approve_shortfall(tx, [approve])
    assert isinstance(twice, Refusal)
    assert await public.imbalance(tx) == {"QAR": 0}


async def test_only_who_collected_may_say_that_it_was_short(tx: Tx, town: Town):
    reference_id = await town.collect(tx, 300, courier_id=town.ids())
    (refused,) = await public.report_shortfall(
        tx,
        [
            public.ReportShortfall(
                by=town.by,
                courier_id=town.courier_id,
                reference_id=reference_id,
                short_minor=40,
                reason=ShortBecause.OTHER,
            )
        ],
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "cash.not_collected"


async def test_an_own_limit_counts_before_the_citys(tx: Tx, town: Town):
    await town.collect(tx, 300)
    for limit_minor, room in ((5_000, 4_700), (200, -100), (None, 700)):
        command = public.SetCashLimit(
            by=town.clerk, courier_id=town.courier_id, limit_minor=limit_minor
        )
        (account,) = await public.set_cash_limit(tx, [command])
        assert isinstance(account, CashAccount)
        assert await town.room(tx) == room
    assert (await town.account(tx)).level is CashLevel.WELL


async def test_cash_kept_too_long_is_reminded_of_then_blocks_and_a_deposit_ends_that(
    database: Database, clock: VirtualClock, by: By, ids: Ids
):
    async with database.transaction() as tx:
        town = await found_town(tx, by, ids)
        await town.collect(tx, 300)
    clock.advance(timedelta(hours=20))
    async with database.transaction() as tx:
        await town.collect(tx, 100)
    due = Deadlines({"cash_account": cash_in_hand.on_due})
    clock.advance(timedelta(hours=4))
    await due.fire(database)
    clock.advance(timedelta(hours=24))
    await due.fire(database)
    async with database.transaction() as tx:
        account = await town.account(tx)
        assert account.blocked
        assert account.deadline is None
        assert await town.room(tx) == 0, "nothing more is collected, whatever the limit"
        said = await tx.rows("select type from kernel.event where stream = 'cash_account'")
        assert [row["type"] for row in said] == ["cash.reminded.v1", "cash.blocked.v1"]
        await town.confirm(tx, await town.announce(tx, 300), 300)
        later = await town.account(tx)
        assert not later.blocked, "what is left was collected later"
        assert later.held_minor == 100
        assert later.block_at is not None
        assert account.block_at is not None
        assert later.block_at - account.block_at == timedelta(hours=20)


def _as(town: Town, actor_id: UUID) -> Town:
    by = By(tenant_id=town.by.tenant_id, correlation_id=town.ids(), actor_id=actor_id)
    return Town(
        by=town.by,
        ids=town.ids,
        city_id=town.city_id,
        courier_id=town.courier_id,
        hub=town.hub,
        clerk=by,
    )


TERMS = CashTerms(
    limit_minor=1_000,
    near_bp=7_000,
    remind_after=timedelta(hours=24),
    block_after=timedelta(hours=48),
)


@given(
    held=st.lists(st.integers(-200, 1_500), min_size=1, max_size=12),
    hours=st.lists(st.integers(0, 40), min_size=12, max_size=12),
)
def test_an_account_says_each_change_of_level_once_and_waits_for_one_thing(
    held: list[int], hours: list[int]
):
    at = NOON
    account = CashAccount(
        id=UUID(int=1),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        courier_id=UUID(int=4),
        currency="QAR",
    )
    level, blocked = CashLevel.WELL, False
    for held_minor, passed in zip(held, hours, strict=False):
        at += timedelta(hours=passed)
        while (waits := account.deadline) and waits.at <= at:
            rung = model.reach_deadline(account, now=waits.at)
            assert [type(fact) for fact in rung.events] in ([CashReminded], [CashBlocked])
            account = rung.state
            blocked = account.blocked
        held_now = model.hold(
            account, held_minor=held_minor, oldest_at=account.since_at, terms=TERMS, now=at
        )
        account = held_now.state
        levels = [f.level for f in held_now.events if isinstance(f, CashLevelChanged)]
        assert levels == ([] if account.level is level else [account.level])
        assert any(isinstance(f, CashUnblocked) for f in held_now.events) == (
            blocked and not account.blocked
        )
        assert (account.level is CashLevel.FULL) == (held_minor >= 1_000)
        assert (account.level is CashLevel.WELL) == (held_minor < 700)
        assert (account.deadline is None) == (held_minor <= 0 or account.blocked)
        level, blocked = account.level, account.blocked
