"""Hands that call the platform's use cases, as its routes would for the same person."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.identity.public import Role
from tawsil.kernel.batches import Handle
from tawsil.kernel.decisions import By, Command, Refusal
from tawsil.ordering import public as ordering
from tawsil.ordering.public import Acting, Party
from tawsil.payments import public as payments
from tawsil.payments.public import CardToken, Provider
from tawsil.pricing import public as pricing
from tawsil.simulation.actors.port import (
    GOOD_CARD,
    MenuIds,
    Placed,
    Refused,
    Seen,
    Step,
    cash_to_hand_in,
)
from tawsil.simulation.habits import Wish
from tawsil.simulation.virtual import VirtualPlatform

_STEPS: Final[Mapping[Step, Handle[ordering.MoveOrder]]] = {
    "prepare": ordering.start_preparing,
    "ready": ordering.mark_ready,
    "pick-up": ordering.pick_up,
    "depart": ordering.depart,
    "return": ordering.return_to_merchant,
}
_PARTIES: Final = {
    Role.CUSTOMER: Party.CUSTOMER,
    Role.MERCHANT: Party.MERCHANT,
    Role.DELIVERY_PARTNER: Party.COURIER,
}


class Directory:
    """What every customer may read: merchants by their key, and their menus, read once."""

    def __init__(self, platform: VirtualPlatform, *, merchant_ids: Mapping[str, UUID]) -> None:
        self._platform = platform
        self._merchant_ids = merchant_ids
        self._menus: dict[UUID, MenuIds] = {}

    def merchant_id(self, key: str) -> UUID:
        return self._merchant_ids[key]

    async def menu(self, merchant_id: UUID) -> MenuIds:
        if merchant_id not in self._menus:
            async with self._platform.database.transaction() as tx:
                menu = await catalog.menu(tx, merchant_id=merchant_id)
            self._menus[merchant_id] = _ids(menu)
        return self._menus[merchant_id]


def _cards(token: str | None) -> tuple[CardToken, ...]:
    return () if token is None else (CardToken(Provider.DIRECT, token),)


def _ids(menu: catalog.Menu) -> MenuIds:
    products = [product for category in menu.categories for product in category.products]
    return MenuIds(
        products={product.name_en: product.id for product in products},
        options={
            (product.name_en, group.name_en, option.name_en): option.id
            for product in products
            for group in product.option_groups
            for option in group.options
        },
    )


class InProcess:
    """One signed-in person. `acts_as` is the merchant's id for a merchant's staff."""

    def __init__(
        self,
        platform: VirtualPlatform,
        *,
        tenant_id: UUID,
        user_id: UUID,
        role: Role,
        directory: Directory,
        acts_as: UUID | None = None,
    ) -> None:
        self._platform = platform
        self._tenant_id = tenant_id
        self._user_id = user_id
        self._role = role
        self._directory = directory
        self._acting = Acting(_PARTIES[role], acts_as or user_id)

    async def order(self, wish: Wish) -> Placed | Refused:
        merchant_id = self._directory.merchant_id(wish.merchant.key)
        menu = await self._directory.menu(merchant_id)
        asked = pricing.IssueQuote(
            by=self._by,
            customer_id=self._user_id,
            merchant_id=merchant_id,
            lines=tuple(
                catalog.Line(
                    product_id=line.product_id,
                    quantity=line.quantity,
                    option_ids=line.option_ids,
                )
                for line in menu.choose(wish.lines, wish=wish)
            ),
            dropoff=wish.address.place,
            address=wish.address.line.en,
            instructions=wish.address.instructions.en if wish.address.instructions else "",
            tip_minor=wish.payment.tip_minor,
            codes=wish.codes,
            wish=await self._purse() if wish.saves else pricing.Wish(),
        )
        quote = await self._ask(pricing.issue, asked)
        if isinstance(quote, Refusal) and quote.code.startswith("promotion."):
            quote = await self._ask(pricing.issue, replace(asked, codes=()))
        if isinstance(quote, Refusal):
            return quote.code
        order = await self._ask(
            ordering.place,
            ordering.PlaceOrder(
                by=self._by,
                customer_id=self._user_id,
                quote_id=quote.id,
                paid_by=ordering.PaidBy(wish.payment.method.value),
                card_tokens=_cards(wish.payment.token),
            ),
        )
        if isinstance(order, Refusal):
            return order.code
        return Placed(order.id, order.handover_pin)

    async def _purse(self) -> pricing.Wish:
        """All points and credit there are."""
        async with self._platform.database.transaction() as tx:
            purses = await payments.purses_of(tx, self._tenant_id, self._user_id)
        return pricing.Wish(use_points="all", use_credit=True, purses=purses)

    async def tip(self, order_id: UUID, *, amount_minor: int) -> Refused | None:
        return await self._do(
            ordering.give_tip,
            ordering.GiveTip(
                by=self._by,
                order_id=order_id,
                acting=self._acting,
                amount_minor=amount_minor,
                card_tokens=_cards(GOOD_CARD),
            ),
        )

    async def miss_something(self, order_id: UUID) -> Refused | None:
        one = ordering.Ask(scope=ordering.Scope.ITEMS, pieces=(ordering.Pieces(0, 1),))
        return await self._do(
            ordering.request_refund,
            ordering.RequestRefund(
                by=self._by,
                order_id=order_id,
                acting=self._acting,
                decider=ordering.Decider(id=self._user_id, party=Party.CUSTOMER),
                ask=one,
                reason="missing_item",
                paid_to=ordering.PaidTo.CREDIT,
            ),
        )

    async def cancel(self, order_id: UUID, *, reason: str) -> Refused | None:
        return await self._do(
            ordering.cancel,
            ordering.CancelOrder(
                by=self._by, order_id=order_id, acting=self._acting, reason=reason
            ),
        )

    async def accept(self, order_id: UUID, *, prep_s: float) -> Refused | None:
        return await self._do(
            ordering.accept_order,
            ordering.AcceptOrder(
                by=self._by, order_id=order_id, acting=self._acting, prep_time_s=round(prep_s)
            ),
        )

    async def more_time(self, order_id: UUID, *, more_s: float) -> Refused | None:
        return await self._do(
            ordering.change_ready_time,
            ordering.ChangeReadyTime(
                by=self._by, order_id=order_id, acting=self._acting, delta_s=round(more_s)
            ),
        )

    async def step(self, order_id: UUID, step: Step) -> Refused | None:
        return await self._do(
            _STEPS[step],
            ordering.MoveOrder(by=self._by, order_id=order_id, acting=self._acting),
        )

    async def start_shift(self, *, for_s: float | None) -> Refused | None:
        until = None if for_s is None else self._platform.clock() + timedelta(seconds=for_s)
        return await self._do(
            couriers.start_shift,
            couriers.StartShift(by=self._by, courier_id=self._user_id, until=until),
        )

    async def take_break(self, *, minutes: int) -> Refused | None:
        return await self._do(
            couriers.take_break,
            couriers.TakeBreak(
                by=self._by, courier_id=self._user_id, length=timedelta(minutes=minutes)
            ),
        )

    async def accept_offer(self, offer_id: UUID) -> Refused | None:
        return await self._do(
            dispatch.accept,
            dispatch.Answer(by=self._by, offer_id=offer_id, courier_id=self._user_id),
        )

    async def reject_offer(self, offer_id: UUID, *, reason: str) -> Refused | None:
        return await self._do(
            dispatch.reject,
            dispatch.Answer(
                by=self._by, offer_id=offer_id, courier_id=self._user_id, reason=reason
            ),
        )

    async def look(self, order_id: UUID) -> Seen | None:
        async with self._platform.database.transaction() as tx:
            found = await ordering.get_many(tx, tenant_id=self._tenant_id, ids=[order_id])
        order = found.get(order_id)
        if order is None or order.courier_id != self._user_id:
            return None
        return Seen(id=order.id, status=order.status, pickup=order.pickup, dropoff=order.dropoff)

    async def unfinished(self) -> list[Seen]:
        """Nothing: a simulated day begins with an empty city, and nobody misses any news."""
        return []

    async def deliver(self, order_id: UUID, *, pin: str | None) -> Refused | None:
        return await self._do(
            ordering.deliver,
            ordering.DeliverOrder(by=self._by, order_id=order_id, acting=self._acting, pin=pin),
        )

    async def undeliverable(self, order_id: UUID, *, reason: str) -> Refused | None:
        return await self._do(
            ordering.mark_undeliverable,
            ordering.MarkUndeliverable(
                by=self._by, order_id=order_id, acting=self._acting, reason=reason
            ),
        )

    async def hand_in_cash(self, *, all_of_it: bool) -> Refused | None:
        """Somebody at the hub counts it at once, and finds what was announced."""
        async with self._platform.database.transaction() as tx:
            accounts = await payments.cash_accounts_of(tx, courier_id=self._user_id)
            if not any(cash_to_hand_in(a.held_minor, a.level, all_of_it) for a in accounts):
                return None
            city_id = accounts[0].city_id
            hubs = await payments.cash_hubs(tx, tenant_id=self._tenant_id, city_id=city_id)
        deposit = await self._ask(
            payments.announce_deposit,
            payments.AnnounceDeposit(by=self._by, courier_id=self._user_id, hub_id=hubs[0].id),
        )
        if isinstance(deposit, Refusal):
            return deposit.code
        clerk = By(tenant_id=self._tenant_id, correlation_id=deposit.id, role=Role.ADMIN)
        counted = payments.ConfirmDeposit(
            by=clerk, deposit_id=deposit.id, counted_minor=deposit.announced_minor
        )
        return await self._do(payments.confirm_deposit, counted)

    @property
    def _by(self) -> By:
        return By(
            tenant_id=self._tenant_id,
            actor_id=self._user_id,
            role=self._role,
            correlation_id=self._platform.database.ids(),
        )

    async def _ask(self, handle: Handle[Any], command: Command) -> Any | Refusal:
        (outcome,) = await self._platform.do(handle, command)
        return outcome

    async def _do(self, handle: Handle[Any], command: Command) -> Refused | None:
        outcome = await self._ask(handle, command)
        return outcome.code if isinstance(outcome, Refusal) else None
