"""The acquirer behind HTTP: `python -m tawsil.simulation.psp.server [--state FILE]`."""

import argparse
import asyncio
import contextlib
import hmac
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar, Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import (
    FromPath,
    FromQuery,
    HeaderParameter,
    JSONBody,
    QueryParameter,
    SkipValidation,
)
from msgspec import Struct

from tawsil.kernel.clock import Ids, system_now
from tawsil.simulation.card_field import DIRECT, field_of
from tawsil.simulation.psp.balance import as_csv, lines
from tawsil.simulation.psp.charges import Charge, Problem, Refusal
from tawsil.simulation.psp.journal import Journal
from tawsil.simulation.psp.model import Acquirer, Answer, Event, Webhook
from tawsil.simulation.psp.payout_routes import Desk
from tawsil.simulation.psp.payout_routes import routes as payout_routes
from tawsil.simulation.psp.payouts import Disburser, PayoutAnswer
from tawsil.simulation.psp.tokens import Chaos
from tawsil.simulation.psp.webhooks import Postman

SWEEP_S: Final = 30.0


class Settings(Struct, frozen=True):
    """How one sandbox runs; `pace` stretches every deliberate wait (0.1: ten times as fast)."""

    api_key: str
    host: str = "127.0.0.1"
    port: int = 8090
    webhook_url: str | None = None
    webhook_secret: str = ""
    state: Path | None = None
    pace: float = 1.0

    def __post_init__(self) -> None:
        if not self.api_key:
            raise ValueError("TAWSIL_PSP_API_KEY must be set")
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("TAWSIL_PSP_WEBHOOK_SECRET must be set to sign webhooks")
        if self.pace < 0:
            raise ValueError("TAWSIL_PSP_PACE must not be negative")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `TAWSIL_PSP_…`.

        Raises:
            ValueError: when something is missing or not a number.
        """
        state = environment.get("TAWSIL_PSP_STATE")
        return cls(
            api_key=environment.get("TAWSIL_PSP_API_KEY", ""),
            host=environment.get("TAWSIL_PSP_HOST", "127.0.0.1"),
            port=int(environment.get("TAWSIL_PSP_PORT", "8090")),
            webhook_url=environment.get("TAWSIL_PSP_WEBHOOK_URL") or None,
            webhook_secret=environment.get("TAWSIL_PSP_WEBHOOK_SECRET", ""),
            state=Path(state) if state else None,
            pace=float(environment.get("TAWSIL_PSP_PACE", "1")),
        )


class Sandbox:
    """One acquirer with its journal and its postman."""

    def __init__(
        self, *, settings: Settings, now: Callable[[], datetime], ids: Callable[[], UUID]
    ) -> None:
        self.now = now
        self._pace = settings.pace
        self._journal = Journal(path=settings.state) if settings.state else None
        self.acquirer = Acquirer(ids=ids, record=self._journal.record if self._journal else None)
        disburser = Disburser(
            ids=ids, record=self._journal.record_payout if self._journal else None
        )
        self.desk = Desk(disburser=disburser, now=now, reply=self.reply_to_payout)
        self.postman = Postman(
            url=settings.webhook_url,
            secret=settings.webhook_secret,
            pace=settings.pace,
            now=now,
            posted=self._journal.posted if self._journal else lambda _: None,
        )
        self._stopping = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self, _: Litestar) -> AsyncGenerator[None]:
        self._restore()
        sweep = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            self.stop()
            await sweep
            await self.postman.close()
            if self._journal:
                self._journal.close()

    def stop(self) -> None:
        """Let nobody wait any longer for a slow or lost answer."""
        self._stopping.set()

    async def reply(self, answer: Answer) -> Response[Any]:
        """Post the webhooks, wait as long as the answer takes, and give it."""
        self.postman.send(answer.webhooks)
        if answer.after_s:
            await self._pause(answer.after_s)
        if answer.error is not None:
            return _failure(answer.status, answer.error, answer.charge)
        return Response(answer.charge, status_code=answer.status)

    async def reply_to_payout(self, answer: PayoutAnswer) -> Response[Any]:
        self.postman.send(answer.notices)
        if answer.after_s:
            await self._pause(answer.after_s)
        if answer.error is not None:
            return _failure(answer.status, answer.error)
        return Response(answer.payout, status_code=answer.status)

    def _restore(self) -> None:
        if self._journal is None:
            return
        unposted: dict[str, Event] = {}
        for line in self._journal.read():
            if line.change is not None:
                self.acquirer.apply(line.change)
                unposted[line.change.event.id] = line.change.event
            if line.payout is not None:
                self.desk.disburser.apply(line.payout)
            if line.posted is not None:
                unposted.pop(line.posted, None)
        self.postman.send(
            Webhook(event=event, after_s=0.0)
            for event in unposted.values()
            if not self.acquirer.silent(event)
        )

    async def _sweep(self) -> None:
        while not self._stopping.is_set():
            self.postman.send(self.acquirer.advance(at=self.now()))
            self.postman.send(self.desk.disburser.advance(at=self.now()))
            await self._pause(SWEEP_S)

    async def _pause(self, nominal_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), nominal_s * self._pace)


class Order(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /charges`."""

    token: str
    amount_minor: int
    currency: str
    reference: str


class Verdict(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /charges/{id}/confirm`."""

    approve: bool


class Amount(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a capture or refund; without it, or without an amount, all there is."""

    amount_minor: int | None = None


class Failure(Struct, frozen=True, omit_defaults=True):
    """The body of every answer that is not a success; a decline carries its charge."""

    error: Problem
    charge: Charge | None = None


class ChargeList(Struct, frozen=True):
    charges: list[Charge]


class EventList(Struct, frozen=True):
    events: list[Event]


class Health(Struct, frozen=True):
    status: str
    webhooks_waiting: int
    webhooks_dropped: int


Key = Annotated[str, HeaderParameter(name="Idempotency-Key")]
InSandbox = NamedDependency[SkipValidation[Sandbox]]


@post("/charges")
async def authorise(data: JSONBody[Order], key: Key, sandbox: InSandbox) -> Response[Any]:
    answer = sandbox.acquirer.authorise(
        idempotency_key=key,
        token=data.token,
        amount_minor=data.amount_minor,
        currency=data.currency,
        reference=data.reference,
        at=sandbox.now(),
    )
    return await sandbox.reply(answer)


@post("/charges/{charge_id:str}/confirm")
async def confirm(
    charge_id: FromPath[str], data: JSONBody[Verdict], key: Key, sandbox: InSandbox
) -> Response[Any]:
    answer = sandbox.acquirer.confirm(
        idempotency_key=key, charge_id=charge_id, approve=data.approve, at=sandbox.now()
    )
    return await sandbox.reply(answer)


@post("/charges/{charge_id:str}/capture")
async def capture(
    charge_id: FromPath[str], key: Key, sandbox: InSandbox, data: JSONBody[Amount | None] = None
) -> Response[Any]:
    answer = sandbox.acquirer.capture(
        idempotency_key=key,
        charge_id=charge_id,
        amount_minor=data.amount_minor if data else None,
        at=sandbox.now(),
    )
    return await sandbox.reply(answer)


@post("/charges/{charge_id:str}/void")
async def void(charge_id: FromPath[str], key: Key, sandbox: InSandbox) -> Response[Any]:
    answer = sandbox.acquirer.void(idempotency_key=key, charge_id=charge_id, at=sandbox.now())
    return await sandbox.reply(answer)


@post("/charges/{charge_id:str}/refund")
async def refund(
    charge_id: FromPath[str], key: Key, sandbox: InSandbox, data: JSONBody[Amount | None] = None
) -> Response[Any]:
    answer = sandbox.acquirer.refund(
        idempotency_key=key,
        charge_id=charge_id,
        amount_minor=data.amount_minor if data else None,
        at=sandbox.now(),
    )
    return await sandbox.reply(answer)


@get("/charges/{charge_id:str}")
async def retrieve(charge_id: FromPath[str], sandbox: InSandbox) -> Charge:
    charge = sandbox.acquirer.retrieve(charge_id=charge_id, at=sandbox.now())
    if charge is None:
        raise Refusal(404, "charge_not_found", f"there is no charge {charge_id}")
    return charge


@get("/charges")
async def find(reference: FromQuery[str], sandbox: InSandbox) -> ChargeList:
    return ChargeList(charges=sandbox.acquirer.find(reference=reference, at=sandbox.now()))


@get("/events")
async def events(
    sandbox: InSandbox,
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> EventList:
    return EventList(events=sandbox.acquirer.events(after=after, limit=limit))


@get("/balance.csv", media_type="text/csv")
async def balance(
    since: FromQuery[datetime], until: FromQuery[datetime], sandbox: InSandbox
) -> str:
    events = sandbox.acquirer.events()
    return as_csv(lines(events, since=since, until=min(until, sandbox.now())))


@post("/chaos", status_code=200)
async def set_chaos(data: JSONBody[Chaos], sandbox: InSandbox) -> Chaos:
    sandbox.acquirer.set_chaos(data)
    return data


@get("/health", opt={"open": True})
async def health(sandbox: InSandbox) -> Health:
    return Health(
        status="ok",
        webhooks_waiting=sandbox.postman.waiting,
        webhooks_dropped=sandbox.postman.dropped,
    )


def create_app(
    settings: Settings,
    *,
    now: Callable[[], datetime] = system_now,
    ids: Callable[[], UUID] | None = None,
) -> Litestar:
    """The sandbox as an ASGI application; its lifespan reads the journal and posts webhooks."""
    sandbox = Sandbox(settings=settings, now=now, ids=ids or Ids(now))
    expected = f"Bearer {settings.api_key}".encode()

    def require_key(
        connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler
    ) -> None:
        given = connection.headers.get("Authorization", "").encode()
        if not (route.opt.get("open") or hmac.compare_digest(given, expected)):
            raise NotAuthorizedException("send Authorization: Bearer and the API key")

    app = Litestar(
        [
            *(authorise, confirm, capture, void, refund, retrieve, find),
            *(events, balance, set_chaos, health, field_of(DIRECT)),
            *payout_routes,
        ],
        dependencies={
            "sandbox": Provide(lambda: sandbox, sync_to_thread=False),
            "desk": Provide(lambda: sandbox.desk, sync_to_thread=False),
        },
        guards=[require_key],
        lifespan=[sandbox.running],
        exception_handlers={Refusal: _refused, HTTPException: _http_error},
        openapi_config=None,
        logging_config=None,
    )
    app.state["stop"] = sandbox.stop
    return app


def _failure(status: int, problem: Problem, charge: Charge | None = None) -> Response[Failure]:
    return Response(Failure(error=problem, charge=charge), status_code=status)


def _refused(_: Request[Any, Any, Any], refusal: Refusal) -> Response[Failure]:
    return _failure(refusal.status, refusal.problem)


def _http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Failure]:
    if isinstance(error, ValidationException):
        details: list[dict[str, str]] = error.extra if isinstance(error.extra, list) else []
        wrong = "; ".join(
            f"{detail.get('key', 'request')}: {detail['message']}" for detail in details
        )
        return _failure(422, Problem(code="invalid_request", message=wrong or error.detail))
    code = {401: "unauthorised", 404: "not_found"}.get(error.status_code, "bad_request")
    return _failure(error.status_code, Problem(code=code, message=error.detail))


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(settings)
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.error,
    )

    def stop() -> None:
        app.state["stop"]()
        server.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()


def run(settings: Settings) -> None:
    """Serve in this process until it is told to stop."""
    asyncio.run(serve(settings))


def main() -> None:
    parser = argparse.ArgumentParser(description="The sandbox payment service provider.")
    parser.add_argument("--state", help="a JSON-lines file that outlives a restart")
    arguments = parser.parse_args()
    environment = dict(os.environ)
    if arguments.state:
        environment["TAWSIL_PSP_STATE"] = arguments.state
    try:
        settings = Settings.from_environment(environment)
    except ValueError as error:
        parser.error(str(error))
    run(settings)


if __name__ == "__main__":
    main()
