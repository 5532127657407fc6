"""A merchant's day: answer, cook as long as it takes, say so when it takes longer."""

from math import ceil
from random import Random
from uuid import UUID

from tawsil.simulation import habits
from tawsil.simulation.actors.port import Behaviour, Hands, Life, NewOrder, Town
from tawsil.simulation.city.residents import Merchant
from tawsil.simulation.habits import Habits, Reply

_MINUTE_S = 60.0
_STARTS_AFTER_S = 20.0
_NOTICES_LATE_S = 90.0
_TO_DO = frozenset({"PENDING", "ACCEPTED", "PREPARING"})


class Kitchen:
    """Whoever stands behind a merchant's counter."""

    def __init__(
        self,
        merchant: Merchant,
        *,
        hands: Hands,
        town: Town,
        rng: Random,
        ways: Habits,
        looks_every_s: float = 3600.0,
    ) -> None:
        """After `looks_every_s` without news somebody looks for orders that were missed."""
        self._merchant = merchant
        self._hands = hands
        self._town = town
        self._rng = rng
        self._ways = ways
        self._looks_every_s = looks_every_s
        self._cooking = 0
        self._known: set[UUID] = set()

    async def live(self, life: Life) -> None:
        await self._look_around(life)
        while True:
            news = await life.hear(within_s=self._looks_every_s)
            if isinstance(news, NewOrder):
                self._take_up(life, news.order_id, begun=False)
            elif news is None:
                await self._look_around(life)

    async def _look_around(self, life: Life) -> None:
        for order in await self._hands.unfinished():
            if order.status in _TO_DO:
                self._take_up(life, order.id, begun=order.status != "PENDING")

    def _take_up(self, life: Life, order_id: UUID, *, begun: bool) -> None:
        if order_id in self._known:
            return
        self._known.add(order_id)
        life.begin(self._cooking_again(order_id) if begun else self._serving(order_id))

    def _serving(self, order_id: UUID) -> Behaviour:
        async def serve(life: Life) -> None:
            reaction = habits.react_to_order(rng=self._rng, habits=self._ways)
            await life.sleep(reaction.after_s)
            if reaction.reply is Reply.IGNORE:
                return
            if reaction.reply is Reply.REFUSE:
                await self._hands.cancel(order_id, reason=reaction.reason or "unspecified")
                return
            announced_s = self._expected_s()
            if await self._hands.accept(order_id, prep_s=announced_s) is None:
                await self._cook(life, order_id, announced_s=announced_s)

        return serve

    def _cooking_again(self, order_id: UUID) -> Behaviour:
        async def cook(life: Life) -> None:
            await self._cook(life, order_id, announced_s=self._expected_s())

        return cook

    async def _cook(self, life: Life, order_id: UUID, *, announced_s: float) -> None:
        self._cooking += 1
        takes_s = habits.prep_s(
            self._merchant,
            products=self._town.door(order_id).products,
            in_kitchen=self._cooking,
            rng=self._rng,
            habits=self._ways,
        )
        done_s = life.seconds + takes_s
        notices_s = life.seconds + announced_s - _NOTICES_LATE_S
        await life.sleep(_STARTS_AFTER_S)
        await self._hands.step(order_id, "prepare")
        late_s = takes_s - announced_s
        if late_s > _MINUTE_S:
            await life.sleep(max(0.0, notices_s - life.seconds))
            await self._hands.more_time(order_id, more_s=ceil(late_s / _MINUTE_S) * _MINUTE_S)
        await life.sleep(max(0.0, done_s - life.seconds))
        await self._hands.step(order_id, "ready")
        self._cooking -= 1
        self._known.discard(order_id)

    def _expected_s(self) -> float:
        """What the merchant says it takes, in whole minutes as the tablet asks for it."""
        waiting = max(0, self._cooking + 1 - self._merchant.kitchen)
        rush = min(self._ways.rush_at_most, self._ways.rush_share * waiting)
        return ceil(self._merchant.prep_mean_s * (1 + rush) / _MINUTE_S) * _MINUTE_S
