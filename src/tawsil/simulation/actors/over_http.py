"""Hands and ears over HTTP: real sign-ins, fresh tokens, live events, patience with outages."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx
import msgspec
import structlog
from httpx_sse import aconnect_sse
from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.actors.addresses import own_addresses
from tawsil.simulation.actors.news import news_of
from tawsil.simulation.actors.port import (
    GOOD_CARD,
    MenuIds,
    News,
    Placed,
    Refused,
    Seen,
    Step,
    cash_to_hand_in,
)
from tawsil.simulation.habits import Ping, Wish
from tawsil.simulation.stripe.cards import SAME_AS, USUAL

log = structlog.get_logger(__name__)

UNREACHABLE: Final = "unreachable"
_AWAY: Final = frozenset({502, 503, 504})
_PATIENCE_S: Final = 120.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 8.0
_REFRESH_BEFORE_S: Final = 60.0
_MOST_LOGINS: Final = 2
_STREAM_TIMEOUT: Final = httpx.Timeout(10.0, read=60.0)
_ON_DUTY: Final = frozenset({"AVAILABLE", "ON_OFFER", "ON_JOB"})

T = TypeVar("T")


class _Tokens(Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_in: int


class _Error(Struct, frozen=True):
    code: str


class _Failure(Struct, frozen=True):
    errors: list[_Error]


class _Id(Struct, frozen=True):
    id: UUID


class _Order(Struct, frozen=True):
    id: UUID
    status: str
    pickup: Place
    dropoff: Place
    handover_pin: str | None = None

    def seen(self) -> Seen:
        return Seen(id=self.id, status=self.status, pickup=self.pickup, dropoff=self.dropoff)


class _Cash(Struct, frozen=True):
    held_minor: int
    level: str


class _Hub(Struct, frozen=True):
    id: UUID
    is_open: bool


class _Duty(Struct, frozen=True):
    availability: str


class _Option(Struct, frozen=True):
    id: UUID
    name_en: str


class _Group(Struct, frozen=True):
    name_en: str
    options: list[_Option]


class _Product(Struct, frozen=True):
    id: UUID
    name_en: str
    option_groups: list[_Group]


class _Category(Struct, frozen=True):
    products: list[_Product]


class _Menu(Struct, frozen=True):
    categories: list[_Category]


class Api:
    """One platform at one address, and what everybody who signs in to it shares."""

    def __init__(
        self, base_url: str, *, password: str, speed: float, ids: Callable[[], UUID]
    ) -> None:
        self.password = password
        self.speed = speed
        self.ids = ids
        self.logins = asyncio.Semaphore(_MOST_LOGINS)
        self.menus: dict[UUID, MenuIds] = {}
        self._base_url = base_url
        self._addresses = own_addresses(base_url)
        self._tls = ssl.create_default_context()
        self._clients: list[httpx.AsyncClient] = []

    def client(self) -> httpx.AsyncClient:
        """A device of somebody's own, at an address of its own if there is one to be had."""
        client = httpx.AsyncClient(
            base_url=self._base_url,
            timeout=15.0,
            transport=httpx.AsyncHTTPTransport(
                verify=self._tls, local_address=next(self._addresses)
            ),
            trust_env=False,
        )
        self._clients.append(client)
        return client

    async def aclose(self) -> None:
        await asyncio.gather(*(client.aclose() for client in self._clients))


class Session:
    """A signed-in person; signs in when first needed, and again when the session has ended."""

    def __init__(self, api: Api, *, email: str) -> None:
        self.api = api
        self._email = email
        self._client = api.client()
        self._tokens: _Tokens | None = None
        self._stale_at = 0.0
        self._signing_in = asyncio.Lock()

    async def ask(
        self, method: str, path: str, answer: type[T], *, body: Any = None
    ) -> T | Refused:
        """The data of an answer, or the code of its error.

        Patient while the platform is away: a repeated POST has the same Idempotency-Key.
        """
        key = {"Idempotency-Key": str(self.api.ids())} if method == "POST" else {}
        content = None if body is None else msgspec.json.encode(body)
        for pause_s in _pauses():
            response = await self._send(method, path, content=content, headers=key)
            if response is None or response.status_code in _AWAY:
                await asyncio.sleep(pause_s)
            elif response.status_code == 429:
                log.warning("city.too_many", who=self._email, path=path)
                await _as_told(response)
            elif response.status_code == 401:
                self._tokens = None
            elif response.is_success:
                return _data(response, answer)
            else:
                return _code(response)
        return UNREACHABLE

    async def hear(self, deliver: Callable[[News], None]) -> None:
        """Pass on what the live stream says, for ever; a lost connection is taken up again."""
        last_id: str | None = None
        while True:
            try:
                async for id_, news in self._stream(last_id):
                    last_id = id_ or last_id
                    if news is not None:
                        deliver(news)
            except (httpx.HTTPError, msgspec.MsgspecError) as error:
                log.debug("city.stream_lost", who=self._email, error=repr(error))
            await asyncio.sleep(_FIRST_PAUSE_S)

    async def _stream(self, last_id: str | None) -> AsyncIterator[tuple[str, News | None]]:
        token = await self._token()
        if token is None:
            return
        headers = {"Authorization": f"Bearer {token}"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        async with aconnect_sse(
            self._client, "GET", "/v4/live", headers=headers, timeout=_STREAM_TIMEOUT
        ) as source:
            if source.response.status_code == 401:
                self._tokens = None
            if source.response.status_code == 429:
                await _as_told(source.response)
            source.response.raise_for_status()
            async for event in source.aiter_sse():
                yield event.id, news_of(event.event, event.data)

    async def _send(
        self, method: str, path: str, *, content: bytes | None, headers: Mapping[str, str]
    ) -> httpx.Response | None:
        token = await self._token()
        if token is None:
            return None
        try:
            return await self._client.request(
                method,
                path,
                content=content,
                headers={
                    **headers,
                    "Authorization": f"Bearer {token}",
                    "Content-Type": "application/json",
                },
            )
        except httpx.HTTPError:
            return None

    async def _token(self) -> str | None:
        """An access token that is still good for a while; nothing when it cannot be had now."""
        async with self._signing_in:
            loop_s = asyncio.get_running_loop().time()
            if self._tokens is not None and loop_s < self._stale_at:
                return self._tokens.access_token
            tokens = await self._refreshed() if self._tokens is not None else None
            self._tokens = tokens or await self._signed_in()
            if self._tokens is None:
                return None
            self._stale_at = loop_s + max(5.0, self._tokens.expires_in - _REFRESH_BEFORE_S)
            return self._tokens.access_token

    async def _refreshed(self) -> _Tokens | None:
        assert self._tokens is not None, "only a token that there is can be changed"
        return await self._post_for_tokens(
            "/v4/auth/refresh", {"refresh_token": self._tokens.refresh_token}
        )

    async def _signed_in(self) -> _Tokens | None:
        async with self.api.logins:
            return await self._post_for_tokens(
                "/v4/auth/login", {"email": self._email, "password": self.api.password}
            )

    async def _post_for_tokens(self, path: str, body: Mapping[str, str]) -> _Tokens | None:
        try:
            response = await self._client.post(path, json=body)
        except httpx.HTTPError:
            return None
        if response.status_code == 429:
            log.warning("city.too_many", who=self._email, path=path)
            await _as_told(response)
        return _data(response, _Tokens) if response.is_success else None


class OverHttp:
    """One person's hands. Durations are the city's and are shortened by its speed for the API."""

    def __init__(
        self, session: Session, *, user_id: UUID, merchant_ids: Mapping[str, UUID]
    ) -> None:
        self._session = session
        self._user_id = user_id
        self._merchant_ids = merchant_ids
        self._speed = session.api.speed

    async def order(self, wish: Wish) -> Placed | Refused:
        merchant_id = self._merchant_ids[wish.merchant.key]
        menu = await self._menu(merchant_id)
        if isinstance(menu, str):
            return menu
        place, instructions = wish.address.place, wish.address.instructions
        asked: dict[str, Any] = {
            "merchant_id": merchant_id,
            "lines": menu.choose(wish.lines, wish=wish),
            "dropoff": {
                "latitude": place.latitude,
                "longitude": place.longitude,
                "address": wish.address.line.en,
                "instructions": instructions.en if instructions else "",
            },
            "tip_minor": wish.payment.tip_minor,
            "use_points": "all" if wish.saves else 0,
            "use_credit": wish.saves,
        }
        with_codes = {**asked, "codes": wish.codes}
        quote = await self._session.ask("POST", "/v4/quotes", _Id, body=with_codes)
        if isinstance(quote, str) and quote.startswith("promotion."):
            quote = await self._session.ask("POST", "/v4/quotes", _Id, body=asked)
        if isinstance(quote, str):
            return quote
        order = await self._session.ask(
            "POST",
            "/v4/orders",
            _Order,
            body={
                "quote_id": quote.id,
                "payment_method": wish.payment.method.value,
                "card_tokens": _cards(wish.payment.token),
            },
        )
        return order if isinstance(order, str) else Placed(order.id, order.handover_pin)

    async def tip(self, order_id: UUID, *, amount_minor: int) -> Refused | None:
        body = {"amount_minor": amount_minor, "card_token": GOOD_CARD}
        return await self._post(f"/v4/orders/{order_id}/tip", body)

    async def miss_something(self, order_id: UUID) -> Refused | None:
        one = {"position": 0, "quantity": 1}
        body = {"reason": "missing_item", "items": [one], "paid_to": "credit"}
        return await self._post(f"/v4/orders/{order_id}/refunds", body)

    async def cancel(self, order_id: UUID, *, reason: str) -> Refused | None:
        return await self._post(f"/v4/orders/{order_id}/cancel", {"reason": reason})

    async def accept(self, order_id: UUID, *, prep_s: float) -> Refused | None:
        body = {"prep_time_minutes": self._minutes(prep_s)}
        return await self._post(f"/v4/orders/{order_id}/accept", body)

    async def more_time(self, order_id: UUID, *, more_s: float) -> Refused | None:
        body = {"delta_minutes": self._minutes(more_s)}
        return await self._post(f"/v4/orders/{order_id}/ready-time", body)

    async def step(self, order_id: UUID, step: Step) -> Refused | None:
        return await self._post(f"/v4/orders/{order_id}/steps/{step}")

    async def start_shift(self, *, for_s: float | None) -> Refused | None:
        """Come on duty, or stay there after a restart; a break is over now."""
        assert for_s is None, "over HTTP a shift ends when the courier says so"
        code = await self._post(f"{self._me}/availability/start-shift", {})
        if code is None:
            return None
        duty = await self._session.ask("GET", self._me, _Duty)
        if isinstance(duty, str):
            return duty
        if duty.availability == "ON_BREAK":
            return await self._post(f"{self._me}/availability/resume")
        return None if duty.availability in _ON_DUTY else code

    async def take_break(self, *, minutes: int) -> Refused | None:
        body = {"minutes": max(5, self._minutes(minutes * 60.0))}
        return await self._post(f"{self._me}/availability/take-break", body)

    async def accept_offer(self, offer_id: UUID) -> Refused | None:
        return await self._post(f"{self._me}/offers/{offer_id}/accept")

    async def reject_offer(self, offer_id: UUID, *, reason: str) -> Refused | None:
        return await self._post(f"{self._me}/offers/{offer_id}/reject", {"reason": reason})

    async def look(self, order_id: UUID) -> Seen | None:
        order = await self._session.ask("GET", f"/v4/orders/{order_id}", _Order)
        return None if isinstance(order, str) else order.seen()

    async def unfinished(self) -> list[Seen]:
        orders = await self._session.ask("GET", "/v4/orders?live=true&limit=100", list[_Order])
        return [] if isinstance(orders, str) else [order.seen() for order in reversed(orders)]

    async def deliver(self, order_id: UUID, *, pin: str | None) -> Refused | None:
        return await self._post(f"/v4/orders/{order_id}/deliver", {"pin": pin})

    async def undeliverable(self, order_id: UUID, *, reason: str) -> Refused | None:
        return await self._post(f"/v4/orders/{order_id}/undeliverable", {"reason": reason})

    async def hand_in_cash(self, *, all_of_it: bool) -> Refused | None:
        """Announced at the first hub that is open; a clerk counts it soon after."""
        held = await self._session.ask("GET", f"{self._me}/cash", list[_Cash])
        if isinstance(held, str):
            return held
        if not any(cash_to_hand_in(c.held_minor, c.level, all_of_it) for c in held):
            return None
        hubs = await self._session.ask("GET", "/v4/cash-hubs", list[_Hub])
        if isinstance(hubs, str):
            return hubs
        there = next((hub.id for hub in hubs if hub.is_open), None)
        return await self._post(f"{self._me}/cash/deposits", {"hub_id": there}) if there else None

    async def send_position(self, ping: Ping, *, at: datetime) -> Refused | None:
        heard = {
            "latitude": ping.place.latitude,
            "longitude": ping.place.longitude,
            "accuracy_m": ping.accuracy_m,
            "at": at,
        }
        return await self._post(f"{self._me}/positions", {"pings": [heard]})

    @property
    def _me(self) -> str:
        return f"/v4/drivers/{self._user_id}"

    def _minutes(self, seconds: float) -> int:
        """Of the wall clock, and never none."""
        return max(1, round(seconds / 60.0 / self._speed))

    async def _post(self, path: str, body: Any = None) -> Refused | None:
        answer = await self._session.ask("POST", path, msgspec.Raw, body=body)
        return answer if isinstance(answer, str) else None

    async def _menu(self, merchant_id: UUID) -> MenuIds | Refused:
        menus = self._session.api.menus
        if merchant_id not in menus:
            path = f"/v4/merchants/{merchant_id}/menu"
            menu = await self._session.ask("GET", path, _Menu)
            if isinstance(menu, str):
                return menu
            menus[merchant_id] = _ids(menu)
        return menus[merchant_id]


async def _as_told(response: httpx.Response) -> None:
    await asyncio.sleep(float(response.headers.get("Retry-After", "1")))


def _pauses() -> list[float]:
    pauses, pause_s = [0.0], _FIRST_PAUSE_S
    while sum(pauses) < _PATIENCE_S:
        pauses.append(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 2)
    return pauses


def _data(response: httpx.Response, shape: type[T]) -> T:
    raw = msgspec.json.decode(response.content, type=dict[str, msgspec.Raw])["data"]
    return msgspec.json.decode(raw, type=shape)


def _code(response: httpx.Response) -> Refused:
    try:
        failure = msgspec.json.decode(response.content, type=_Failure)
    except msgspec.MsgspecError:
        return f"status {response.status_code}"
    return failure.errors[0].code if failure.errors else f"status {response.status_code}"


def _ids(menu: _Menu) -> MenuIds:
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


def _cards(token: str | None) -> list[dict[str, str]]:
    """The same card as each sandbox knows it."""
    if token is None:
        return []
    known = {"direct": token, "stripe": SAME_AS.get(token, USUAL)}
    return [{"provider": provider, "token": card} for provider, card in known.items()]
