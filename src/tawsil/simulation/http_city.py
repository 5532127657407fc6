"""A city that lives over HTTP: `python -m tawsil.simulation.http_city --seed 7 --url URL`.

Everybody signs in and acts as a person with an app would. The city's time runs `speed` times as
fast as the wall clock where people think, cook and ride; the platform's own timers keep real time.
Nobody closes or goes home, so that the city is busy whenever somebody looks.
"""

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, Final
from uuid import UUID

import structlog
import uvloop
from msgspec import Struct

from tawsil import __version__
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.settings import load_settings
from tawsil.simulation import habits, seeding
from tawsil.simulation.actors.clerk import count_cash
from tawsil.simulation.actors.guest import ordering
from tawsil.simulation.actors.kitchen import Kitchen
from tawsil.simulation.actors.over_http import Api, OverHttp, Session
from tawsil.simulation.actors.port import Placed, Refused, Town
from tawsil.simulation.actors.real_life import RealLife
from tawsil.simulation.actors.rider import Rider
from tawsil.simulation.city import City, build_city, demo_accounts
from tawsil.simulation.city.dice import Wheel, random_for, waiting
from tawsil.simulation.habits import DEFAULT_HABITS, Phone

log = structlog.get_logger(__name__)

FASTEST_RIDE: Final = 4.0
"""However fast the city lives, its couriers ride at most so many times as fast as real ones:
anything beyond looks to the platform like a position that nobody can have reached."""
PING_S: Final = 3.0
_STANDING_PING_S: Final = 20.0
_LOOKS_S: Final = 60.0
_AGAIN_S: Final = 5.0
_REPORT_S: Final = 60.0
_SETTLE_S: Final = 10.0
_COUNTS_S: Final = 20.0
_RUSH: Final = 12
"""So many orders come right away, so that there is something to see."""
_RUSH_S: Final = 2.0


class _Counts(Struct):
    """What the customers saw since the city woke up."""

    placed: int = 0
    refused: int = 0

    def count(self, said: Placed | Refused) -> None:
        if isinstance(said, Placed):
            self.placed += 1
        else:
            self.refused += 1
            log.info("city.order_refused", code=said)


async def live_in(
    city: City,
    *,
    base_url: str,
    speed: float,
    rate_per_hour: float,
    stop: asyncio.Event,
    password: str = seeding.PASSWORD,
) -> None:
    """Live in a seeded city until told to stop; `rate_per_hour` is of the wall clock."""
    ids = Ids(system_now)
    api = Api(base_url, password=password, speed=speed, ids=ids)
    crowd = _Crowd(seeding.round_the_clock(city), api=api, rate_per_hour=rate_per_hour)
    try:
        crowd.wake()
        await stop.wait()
    finally:
        await crowd.rest()
        await api.aclose()


class _Crowd:
    """Everybody's tasks. One that fails begins again after a while; the others do not notice."""

    def __init__(self, city: City, *, api: Api, rate_per_hour: float) -> None:
        self._city = city
        self._api = api
        self._rate_per_hour = rate_per_hour
        self._ids = seeding.ids_of(city)
        self._merchant_ids = {
            m.key: id_ for m, id_ in zip(city.merchants, self._ids.merchants, strict=True)
        }
        self._town = Town()
        self._counts = _Counts()
        self._guests: dict[int, Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        people = len(self._city.merchants) + len(self._city.couriers)
        pause_s = _SETTLE_S / people
        for index in range(len(self._city.merchants)):
            self._keep(lambda n=index: self._merchant(n), after_s=index * pause_s)
        for index in range(len(self._city.couriers)):
            after_s = (len(self._city.merchants) + index) * pause_s
            self._keep(lambda n=index: self._courier(n), after_s=after_s)
        self._keep(self._arrivals, after_s=_SETTLE_S)
        self._keep(self._clerk, after_s=_SETTLE_S)
        self._keep(self._report)

    async def rest(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ── people ─────────────────────────────────────────────────────────────────────────────────

    async def _merchant(self, index: int) -> None:
        merchant = self._city.merchants[index]
        session = Session(self._api, email=merchant.email)
        life = self._life()
        kitchen = Kitchen(
            merchant,
            hands=self._hands(session, self._ids.staff[index]),
            town=self._town,
            rng=random_for(self._city.seed, "kitchen over http", index),
            ways=DEFAULT_HABITS,
            looks_every_s=_LOOKS_S * self._api.speed,
        )
        await _together(session.hear(life.tell), kitchen.live(life))

    async def _courier(self, index: int) -> None:
        courier, user_id = self._city.couriers[index], self._ids.couriers[index]
        session = Session(self._api, email=courier.email)
        hands = self._hands(session, user_id)
        life = self._life()
        rider = Rider(
            courier,
            city=self._city,
            hands=hands,
            town=self._town,
            rng=random_for(self._city.seed, "rider over http", index),
            ways=DEFAULT_HABITS,
            hurry=min(1.0, FASTEST_RIDE / self._api.speed),
        )
        await _together(
            session.hear(life.tell),
            rider.work(life, for_s=None),
            self._phone(index, rider, hands, life),
        )

    async def _phone(self, index: int, rider: Rider, hands: OverHttp, life: RealLife) -> None:
        """Say where the courier is: every few seconds on the move, now and then when standing."""
        phone = Phone(rng=random_for(self._city.seed, "phone over http", index))
        loop = asyncio.get_running_loop()
        last_place, last_s = None, float("-inf")
        while True:
            place, now = rider.body.at(life.seconds), system_now()
            due = place != last_place or loop.time() - last_s >= _STANDING_PING_S
            if rider.body.on_duty and due and (ping := phone.ping(place, at=now)) is not None:
                await hands.send_position(ping, at=now)
                last_place, last_s = place, loop.time()
            await asyncio.sleep(PING_S)

    async def _clerk(self) -> None:
        """Counts at the hub what couriers hand in there."""
        session = Session(self._api, email=demo_accounts(self._city).operator.email)
        while True:
            await count_cash(session)
            await asyncio.sleep(_COUNTS_S)

    async def _arrivals(self) -> None:
        rng = random_for(self._city.seed, f"arrivals over http {system_now().isoformat()}")
        hungry = Wheel([customer.appetite for customer in self._city.customers])
        for number in count():
            usual_s = waiting(rng, 3600.0 / self._rate_per_hour)
            await asyncio.sleep(usual_s if number >= _RUSH else min(usual_s, _RUSH_S))
            customer = self._city.customers[hungry.spin(rng)]
            wish = habits.wish(self._city, customer, at=system_now(), rng=rng)
            if wish is not None:
                session = self._guests.setdefault(
                    customer.index, Session(self._api, email=customer.email)
                )
                hands = self._hands(session, self._ids.customers[customer.index])
                visit = ordering(
                    wish, hands=hands, town=self._town, rng=rng, tell=self._counts.count
                )
                self._begin(visit(self._life()))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            log.info("city.alive", placed=self._counts.placed, refused=self._counts.refused)

    # ── tasks ──────────────────────────────────────────────────────────────────────────────────

    def _life(self) -> RealLife:
        return RealLife(speed=self._api.speed, begin=self._begin)

    def _hands(self, session: Session, user_id: UUID) -> OverHttp:
        return OverHttp(session, user_id=user_id, merchant_ids=self._merchant_ids)

    def _keep(
        self, begin: Callable[[], Coroutine[Any, Any, None]], *, after_s: float = 0.0
    ) -> None:
        async def again_and_again() -> None:
            await asyncio.sleep(after_s)
            while True:
                try:
                    await begin()
                except Exception:
                    log.exception("city.stumbled")
                await asyncio.sleep(_AGAIN_S)

        self._begin(again_and_again())

    def _begin(self, doing: Awaitable[None]) -> None:
        async def do() -> None:
            try:
                await doing
            except Exception:
                log.exception("city.stumbled")

        task = asyncio.create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _together(*doings: Coroutine[Any, Any, None]) -> None:
    """All at once; when one ends or fails, so do the others."""
    tasks = [asyncio.create_task(doing) for doing in doings]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _main(arguments: argparse.Namespace) -> None:
    configure_logs(load_settings(), service="tawsil-city", version=__version__)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    log.info("city.awake", seed=arguments.seed, url=arguments.url, speed=arguments.speed)
    await live_in(
        build_city(arguments.seed),
        base_url=arguments.url,
        speed=arguments.speed,
        rate_per_hour=arguments.rate,
        stop=stop,
    )
    log.info("city.asleep")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tawsil.simulation.http_city", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--url", default="http://127.0.0.1:8400")
    parser.add_argument("--speed", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=240.0, help="orders an hour, wall time")
    uvloop.run(_main(parser.parse_args()))


if __name__ == "__main__":
    main()
