"""A small house of its own tenant: what may happen to money in it, and what must always hold."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal
from uuid import UUID

import asyncpg
from msgspec import Struct

from tawsil.apps import wiring
from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch.service import by_hand, offers
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place
from tawsil.ordering import public as ordering
from tawsil.ordering.events import Status
from tawsil.ordering.refunds import service as refunds
from tawsil.ordering.refunds import store as refund_store
from tawsil.ordering.refunds.model import Decider, PaidTo, RefundState
from tawsil.ordering.refunds.parts import Ask
from tawsil.ordering.tips import service as tips
from tawsil.payments import public as payments
from tawsil.payments.events import Provider
from tawsil.payments.providers.balance_files import direct_lines
from tawsil.payments.providers.known import Providers
from tawsil.payments.public import AccountKind, AccountRef
from tawsil.payments.service import paying, reconciliation
from tawsil.pricing import public as pricing
from tawsil.pricing.service import promotions
from tawsil.simulation.psp.balance import as_csv, lines
from tawsil.simulation.psp.in_process import InProcessPsp
from tawsil.simulation.psp.in_process_payouts import InProcessPayee
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.psp.payouts import Disburser
from tawsil.simulation.virtual import VirtualPlatform
from tawsil.tracking import public as tracking

KITCHEN, DOOR = Place(24.46, 54.37), Place(24.465, 54.375)
CURRENCY = "AED"
CUSTOMERS = 3
BUDGET_MINOR = 2_500
RULES = geography.CityRules(loyalty=geography.LoyaltyRules(earn_bp=500))
DAILY = payments.Plan(hold_days=0, minimum_minor=100, change_hold_days=0)


class House(Struct):
    """One merchant, a few customers, couriers as they are needed, and whoever runs it."""

    platform: VirtualPlatform
    clock: VirtualClock
    acquirer: Acquirer
    tenant_id: UUID
    city_id: UUID
    merchant_id: UUID
    hub_id: UUID
    products: list[UUID]
    customers: list[UUID]
    operators: tuple[UUID, UUID]
    orders: list[UUID]
    couriers: list[UUID]
    promotions: list[UUID]

    @property
    def database(self) -> Database:
        return self.platform.database

    def by(self, actor_id: UUID | None = None) -> By:
        return By(
            tenant_id=self.tenant_id,
            correlation_id=self.database.ids(),
            actor_id=actor_id or self.operators[0],
        )

    async def do(self, handle: Callable[..., Awaitable[Any]], command: Any) -> Any:
        """One command; what comes of it, be it a refusal."""
        (outcome,) = await self.platform.do(handle, command)
        return outcome

    async def wait(self, lapse: timedelta) -> None:
        """Let time pass, with everything that is due."""
        await self.platform.run_until(self.clock() + lapse)

    # ── orders ─────────────────────────────────────────────────────────────────────────────────

    async def quote(
        self,
        *,
        customer: int,
        quantity: int,
        use_points: int | Literal["all"] = 0,
        use_credit: bool = False,
        **fields: Any,
    ) -> Any:
        customer_id = self.customers[customer]
        async with self.database.transaction() as tx:
            purses = await payments.purses_of(tx, self.tenant_id, customer_id)
        command = pricing.IssueQuote(
            by=self.by(customer_id),
            customer_id=customer_id,
            merchant_id=self.merchant_id,
            lines=tuple(
                catalog.Line(product_id=product, quantity=quantity) for product in self.products
            ),
            dropoff=DOOR,
            address="12 Palm Street",
            wish=pricing.Wish(use_points=use_points, use_credit=use_credit, purses=purses),
            **fields,
        )
        return await self.do(pricing.issue, command)

    async def place(self, quote: pricing.Quote, *, card: str | None) -> Any:
        """With a card's token, or in cash without one."""
        tokens = (payments.CardToken(Provider.DIRECT, card),) if card else ()
        order = await self.do(
            ordering.place,
            ordering.PlaceOrder(
                by=self.by(quote.customer_id),
                customer_id=quote.customer_id,
                quote_id=quote.id,
                paid_by=ordering.PaidBy.CARD if card else ordering.PaidBy.CASH,
                card_tokens=tokens,
            ),
        )
        if not isinstance(order, Refusal):
            self.orders.append(order.id)
        return order

    async def order(self, number: int, *statuses: Status) -> ordering.Order | None:
        """One of those that there are, of some statuses."""
        async with self.database.transaction() as tx:
            found = await ordering.get_many(tx, tenant_id=self.tenant_id, ids=self.orders)
        known = [found[id_] for id_ in self.orders if not statuses or found[id_].status in statuses]
        return known[number % len(known)] if known else None

    def acting(self, party: ordering.Party, who: UUID | None = None) -> ordering.Acting:
        return ordering.Acting(party, who)

    async def accept(self, order: ordering.Order) -> Any:
        acting = self.acting(ordering.Party.MERCHANT, self.merchant_id)
        command = ordering.AcceptOrder(by=self.by(), order_id=order.id, acting=acting)
        return await self.do(ordering.accept_order, command)

    async def carry(self, order: ordering.Order) -> bool:
        """Have a courier of its own fetch it; whether it was fetched."""
        courier_id = await self.courier()
        asked = await self.do(
            by_hand.offer,
            by_hand.OfferByHand(by=self.by(), reference_id=order.id, courier_ids=(courier_id,)),
        )
        if isinstance(asked, Refusal):
            return False
        (offer,) = asked.offers
        yes = offers.Answer(by=self.by(courier_id), offer_id=offer.id, courier_id=courier_id)
        if isinstance(await self.do(offers.accept, yes), Refusal):
            return False
        await self.platform.settle()
        step = ordering.MoveOrder(
            by=self.by(courier_id),
            order_id=order.id,
            acting=self.acting(ordering.Party.COURIER, courier_id),
        )
        return not isinstance(await self.do(ordering.pick_up, step), Refusal)

    async def bring(self, order: ordering.Order) -> None:
        """Accepted, unless it was, fetched, and handed over by whoever fetched it."""
        if order.status is Status.PENDING and isinstance(await self.accept(order), Refusal):
            return
        if await self.carry(order):
            acting = self.acting(ordering.Party.COURIER, self.couriers[-1])
            command = ordering.DeliverOrder(by=self.by(), order_id=order.id, acting=acting)
            await self.do(ordering.deliver, command)

    async def courier(self) -> UUID:
        """Somebody who has nothing to do."""
        courier_id = self.database.ids()
        by = self.by(courier_id)
        async with self.database.transaction() as tx:
            new = couriers.NewCourier(
                by=by,
                courier_id=courier_id,
                city_id=self.city_id,
                vehicle=couriers.Vehicle.MOTORBIKE,
            )
            await couriers.create_couriers(tx, couriers=[new])
            await couriers.start_shift(
                tx, [couriers.StartShift(by=by, courier_id=courier_id, until=None)]
            )
            ping = tracking.Ping(place=KITCHEN, at=tx.now, accuracy_m=5)
            await tracking.record(
                tx, [tracking.RecordPositions(by=by, courier_id=courier_id, pings=[ping])]
            )
        self.couriers.append(courier_id)
        return courier_id

    # ── money back ─────────────────────────────────────────────────────────────────────────────

    async def ask_back(
        self, order: ordering.Order, *, ask: Ask, reason: str, paid_to: PaidTo
    ) -> Any:
        staff = Decider(id=self.operators[0], party=ordering.Party.OPERATOR, exceeds=True)
        return await self.do(
            refunds.request,
            refunds.RequestRefund(
                by=self.by(),
                order_id=order.id,
                acting=self.acting(ordering.Party.OPERATOR),
                decider=staff,
                ask=ask,
                reason=reason,
                paid_to=paid_to,
            ),
        )

    async def decide_refunds(self, *, approve: bool) -> None:
        """By somebody else than asked."""
        async with self.database.transaction() as tx:
            waiting = [
                refund.id
                for of_order in (await refund_store.of_orders(tx, self.orders)).values()
                for refund in of_order
                if refund.state is RefundState.REQUESTED
            ]
        second = Decider(id=self.operators[1], party=ordering.Party.OPERATOR, exceeds=True)
        for refund_id in waiting:
            await self.do(
                refunds.decide,
                refunds.DecideRefund(
                    by=self.by(self.operators[1]),
                    refund_id=refund_id,
                    decider=second,
                    because=None if approve else "not_convinced",
                ),
            )

    async def tip(self, order: ordering.Order, minor: int, *, card: str | None) -> None:
        """After it was delivered: with a card, or out of the customer's credit."""
        tokens = (payments.CardToken(Provider.DIRECT, card),) if card else ()
        await self.do(
            tips.give,
            tips.GiveTip(
                by=self.by(order.customer_id),
                order_id=order.id,
                acting=self.acting(ordering.Party.CUSTOMER, order.customer_id),
                amount_minor=minor,
                card_tokens=tokens,
            ),
        )

    # ── promotions ─────────────────────────────────────────────────────────────────────────────

    async def promise(
        self, code: str, *, kind: pricing.Kind, merchant_bp: int, stacking: pricing.Stacking
    ) -> None:
        """A promotion under a code, of which there is little."""
        value = {pricing.Kind.PERCENT: 1_000, pricing.Kind.FIXED: 499}.get(kind, 0)
        drafted = await self.do(
            pricing.draft_promotion,
            pricing.DraftPromotion(
                by=self.by(),
                merchant_id=None,
                currency=CURRENCY,
                terms=pricing.PromotionTerms(
                    name_en=code,
                    name_ar=code,
                    kind=kind,
                    value=value,
                    stacking=stacking,
                    from_at=self.clock(),
                    merchants=(
                        pricing.Sharer(merchant_id=self.merchant_id, merchant_bp=merchant_bp),
                    ),
                ),
                budget_minor=BUDGET_MINOR,
                codes=(code,),
            ),
        )
        if not isinstance(drafted, Refusal):
            command = pricing.ActivatePromotion(
                by=self.by(), promotion_id=drafted.id, merchant_id=None
            )
            if not isinstance(await self.do(pricing.activate_promotion, command), Refusal):
                self.promotions.append(drafted.id)

    async def end_or_raise(self, *, end: bool) -> None:
        if not self.promotions:
            return
        known: dict[str, Any] = {
            "by": self.by(),
            "promotion_id": self.promotions[-1],
            "merchant_id": None,
        }
        if end:
            await self.do(promotions.end, promotions.End(**known))
        else:
            more = promotions.RaiseBudget(**known, by_minor=300)
            await self.do(promotions.raise_budget, more)

    # ── cash, payouts, points ──────────────────────────────────────────────────────────────────

    async def bring_cash(self, number: int, *, short_minor: int) -> None:
        if not self.couriers:
            return
        courier_id = self.couriers[number % len(self.couriers)]
        announced = await self.do(
            payments.announce_deposit,
            payments.AnnounceDeposit(
                by=self.by(courier_id), courier_id=courier_id, hub_id=self.hub_id
            ),
        )
        if not isinstance(announced, Refusal):
            counted = payments.ConfirmDeposit(
                by=self.by(),
                deposit_id=announced.id,
                counted_minor=max(0, announced.announced_minor - short_minor),
            )
            await self.do(payments.confirm_deposit, counted)

    def owner(self, number: int) -> AccountRef:
        """The merchant, or one of the couriers."""
        owners = [AccountRef(AccountKind.MERCHANT, self.merchant_id)]
        owners += [AccountRef(AccountKind.COURIER, one) for one in self.couriers]
        return owners[number % len(owners)]

    async def pay_out(self, number: int, *, bank: str) -> None:
        owner = self.owner(number)
        await self.do(
            payments.set_destination,
            payments.SetDestination(
                by=self.by(),
                owner=owner,
                provider=Provider.DIRECT,
                token=bank,
                label="Bank ••42",
                verified=True,
            ),
        )
        await self.do(
            payments.put_plan,
            payments.PutPlan(by=self.by(), city_id=self.city_id, owner_kind=owner.kind, plan=DAILY),
        )
        run = payments.StartRun(by=self.by(), city_id=self.city_id, owner_kind=owner.kind)
        await self.do(payments.start_run, run)

    async def withdraw(self, number: int, minor: int | None) -> None:
        command = payments.Withdraw(by=self.by(), owner=self.owner(number), amount_minor=minor)
        await self.do(payments.withdraw, command)

    async def adjust_points(self, customer: int, minor: int) -> None:
        await self.do(
            payments.adjust_points,
            payments.AdjustPoints(
                by=self.by(),
                customer_id=self.customers[customer],
                amount_minor=minor,
                currency=CURRENCY,
                reason="goodwill",
            ),
        )

    # ── by hand ────────────────────────────────────────────────────────────────────────────────

    async def switch(self, number: int, method: payments.Method) -> None:
        order = await self.order(number)
        assert order is not None
        command = paying.Switch(
            by=self.by(), reference_id=order.id, method=method, reason="no_provider"
        )
        await self.do(paying.switch, command)

    async def settle_later(self, number: int) -> None:
        order_id = self.orders[number % len(self.orders)]
        await self.do(paying.settle_later, paying.SettleLater(by=self.by(), reference_id=order_id))

    async def reconcile(self) -> None:
        """What the acquirer says up to now. What has come to rest leaves no difference."""
        until_at = self.clock()
        since_at = until_at - timedelta(days=400)
        found = lines(self.acquirer.events(), since=since_at, until=until_at)
        text = direct_lines(as_csv(found))
        assert isinstance(text, list), text
        take_in = reconciliation.TakeIn(
            by=self.by(),
            provider=Provider.DIRECT,
            since_at=since_at,
            until_at=until_at,
            lines=tuple(text),
        )
        await self.do(reconciliation.take_in, take_in)

    # ── what must always hold ──────────────────────────────────────────────────────────────────

    async def check(self) -> None:
        found = await self.database.pool.fetchrow(INVARIANTS, self.tenant_id)
        assert found is not None
        wrong = {name: value for name, value in found.items() if value}
        assert not wrong, wrong


INVARIANTS = """
    with entries as materialized (
        select e.*, a.kind from payments.account a
        join payments.entry e on e.account_id = a.id
        where a.tenant_id = $1
    ), posted as (
        select account_id, kind, sum(amount_minor) as minor from entries
        where not pending group by account_id, kind
    ), paid as (
        select o.id, o.total_minor, o.merchant_minor, o.courier_minor, o.platform_minor,
            o.tax_minor, q.total_minor as quoted_minor, p.amount_minor + p.funds_minor as due_minor,
            p.captured_minor + p.funds_minor as captured_minor, p.refunded_minor, p.state
        from ordering."order" o
        join pricing.quote q on q.id = o.quote_id
        left join payments.payment p on p.reference_id = o.id
        where o.tenant_id = $1
    ), captures as (
        select e.reference_id,
            sum(e.amount_minor) filter (where e.kind = 'merchant') as merchant_minor,
            sum(e.amount_minor) filter (where e.kind = 'tax') as tax_minor,
            sum(e.amount_minor) filter (where e.kind in ('platform', 'promotion'))
                as platform_minor,
            sum(e.amount_minor) filter (where e.kind = 'courier') as courier_minor
        from entries e join payments.transfer t on t.id = e.transfer_id
        where t.kind = 'capture' group by e.reference_id
    )
    select
        (select count(*) from (select from entries group by currency, pending
            having sum(amount_minor) <> 0) x) as currencies_out_of_balance,
        (select count(*) from (select from entries group by reference_id, currency, pending
            having sum(amount_minor) <> 0) x) as references_out_of_balance,
        (select count(*) from posted
            where kind in ('customer', 'loyalty', 'promotion') and minor < 0) as overdrawn,
        (select count(*) from posted where kind = 'courier_cash' and minor > 0)
            as cash_that_nobody_holds,
        (select count(*) from payments.holding h
            left join posted p on p.account_id = h.account_id
            where h.tenant_id = $1 and h.posted_minor <> coalesce(p.minor, 0))
            as holdings_that_are_not_their_entries,
        (select count(*) from payments.transfer t where t.tenant_id = $1 and t.pending
            and (select count(*) from payments.transfer r where r.resolves = t.id) > 1)
            as resolved_twice,
        (select count(*) from paid where total_minor <> quoted_minor or total_minor <>
            merchant_minor + courier_minor + platform_minor + tax_minor) as not_as_quoted,
        (select count(*) from paid where due_minor <> total_minor) as charged_otherwise,
        (select count(*) from paid where refunded_minor > captured_minor) as refunded_too_much,
        (select count(*) from paid p join captures c on c.reference_id = p.id
            where (p.merchant_minor, p.tax_minor, p.platform_minor, p.courier_minor) is distinct
            from (coalesce(c.merchant_minor, 0), coalesce(c.tax_minor, 0),
                coalesce(c.platform_minor, 0), coalesce(c.courier_minor, 0)))
            as split_otherwise,
        (select count(*) from paid p where p.state in ('captured', 'refunding', 'refunded')
            and not exists (select from captures c where c.reference_id = p.id)
            and p.total_minor > 0) as captured_unbooked,
        (select count(*) from pricing.promotion p where p.tenant_id = $1
            and p.budget_minor is not null and p.taken_minor > p.budget_minor)
            as over_budget
"""
"""Each is a number of things that must not be."""


async def open_house(
    pool: "asyncpg.Pool[asyncpg.Record]",
    *,
    number: int,
    at: datetime,
    rules: geography.CityRules = RULES,
    prices: Sequence[int] = (1_233, 667),
) -> House:
    """The `number`th house, of which nothing that happened in the others is seen."""
    clock = VirtualClock(at)
    held = HeldJobs()
    database = Database(pool, now=clock, ids=Ids(clock, Random(number)), jobs=held)
    acquirer = Acquirer(ids=Ids(clock, Random(-number)))
    psp = InProcessPsp(acquirer)
    payee = InProcessPayee(Disburser(ids=Ids(clock, Random(number + 1))))
    await pool.execute("truncate kernel.deadline")
    newest = await pool.fetchval("select coalesce(max(seq), 0) from kernel.event")
    await pool.execute("update kernel.subscription set seq = $1", newest)
    platform = VirtualPlatform(
        database,
        clock=clock,
        held=held,
        registry=wiring.REGISTRY,
        subscriptions=wiring.subscriptions(),
        deadlines=wiring.DEADLINES,
        jobs=wiring.jobs(
            database=database,
            providers=Providers({Provider.DIRECT: psp}),
            payees={Provider.DIRECT: payee},
        ),
        newest=newest,
    )
    psp.join(platform)
    payee.join(platform)
    ids = database.ids
    house = House(
        platform=platform,
        clock=clock,
        acquirer=acquirer,
        tenant_id=ids(),
        city_id=ids(),
        merchant_id=ids(),
        hub_id=ids(),
        products=[],
        customers=[ids() for _ in range(CUSTOMERS)],
        operators=(ids(), ids()),
        orders=[],
        couriers=[],
        promotions=[],
    )
    await _settle_in(house, rules=rules, prices=prices)
    return house


async def _settle_in(house: House, *, rules: geography.CityRules, prices: Sequence[int]) -> None:
    by = house.by()
    slug = f"house-{house.tenant_id}"
    async with house.database.transaction() as tx:
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=house.tenant_id, slug=slug, name="A house")
        )
        await geography.create_city(
            tx,
            city=geography.City(
                id=house.city_id,
                tenant_id=house.tenant_id,
                slug=slug,
                name_en="House",
                name_ar="بيت",
                currency=CURRENCY,
                timezone="Asia/Dubai",
                centre=KITCHEN,
                rules=rules,
            ),
        )
        await catalog.create_merchants(tx, merchants=[_kitchen(house, prices)])
        menu = await catalog.menu(tx, merchant_id=house.merchant_id)
        house.products += [product.id for product in menu.categories[0].products]
        await identity.create_users(
            tx,
            users=[
                identity.NewUser(
                    id=person,
                    tenant_id=house.tenant_id,
                    email=f"{person}@example.com",
                    name="Somebody",
                    password_hash=None,
                )
                for person in house.customers
            ],
        )
        hub = payments.OpenHub(
            by=by, city_id=house.city_id, name_en="Hub", name_ar="مركز", place=KITCHEN
        )
        (opened,) = await payments.open_hub(tx, [hub])
        assert not isinstance(opened, Refusal), opened
        house.hub_id = opened.id


def _kitchen(house: House, prices: Sequence[int]) -> catalog.NewMerchant:
    products = tuple(
        catalog.NewProduct(name_en=f"Dish {n}", name_ar=f"طبق {n}", price_minor=minor)
        for n, minor in enumerate(prices, start=1)
    )
    return catalog.NewMerchant(
        id=house.merchant_id,
        tenant_id=house.tenant_id,
        city_id=house.city_id,
        name_en="Kitchen",
        name_ar="مطبخ",
        cuisine="wraps",
        address_en="1 Palm Street",
        address_ar="١ شارع النخيل",
        place=KITCHEN,
        phone="+971500000001",
        currency=CURRENCY,
        hours=catalog.ALWAYS,
        prep_time_s=60,
        categories=(catalog.NewCategory(name_en="Food", name_ar="طعام", products=products),),
    )
