"""A small house of its own tenant: what may happen to money in it, and what must always hold."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from money.invariants import INVARIANTS
from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch.service import by_hand, offers
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By, Refusal
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
from tawsil.payments.public import AccountKind, AccountRef
from tawsil.payments.service import paying, reconciliation
from tawsil.pricing import public as pricing
from tawsil.pricing.service import promotions
from tawsil.simulation.psp.balance import as_csv, lines
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.virtual import VirtualPlatform
from tawsil.tracking import public as tracking

KITCHEN, DOOR = Place(24.46, 54.37), Place(24.465, 54.375)
CURRENCY = "AED"
BUDGET_MINOR = 2_500
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
                counted_minor=max(1, announced.announced_minor - short_minor),
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
        await self.do(
            paying.settle_later, paying.SettleLater(by=self.by(), reference_id=order_id, how="cash")
        )

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
