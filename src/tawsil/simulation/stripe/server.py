"""The sandbox behind HTTP: `python -m tawsil.simulation.stripe.server [--state FILE]`."""

import argparse
import asyncio
import contextlib
import hmac
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from html import escape
from http import HTTPStatus
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final
from urllib.parse import urlencode

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar, MediaType, Response, get, post, route
from litestar import Request as HttpRequest
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.params import FromPath, JSONBody, SkipValidation
from litestar.response import Redirect, Stream
from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.clock import system_now
from tawsil.kernel.money import major
from tawsil.simulation.card_field import STRIPE, field_of
from tawsil.simulation.stripe.api import Answer, Api, Request
from tawsil.simulation.stripe.errors import ApiError
from tawsil.simulation.stripe.forms import parse
from tawsil.simulation.stripe.journal import Journal
from tawsil.simulation.stripe.misfortune import Away, Luck, Misfortune, Outage, Reply
from tawsil.simulation.stripe.postman import Postman
from tawsil.simulation.stripe.world import API_VERSION, Thing, World

SWEEP_S: Final = 0.5
SLOW_S: Final = 3.0
LOST_S: Final = 90.0
Http = HttpRequest[Any, Any, State]


class Settings(Struct, frozen=True):
    """How one sandbox runs; `pace` stretches every deliberate wait (0.1: ten times as fast)."""

    api_key: str
    host: str = "127.0.0.1"
    port: int = 8402
    webhook_url: str | None = None
    webhook_secrets: tuple[str, ...] = ()
    state: Path | None = None
    pace: float = 1.0
    search_lag_s: float = 20.0

    def __post_init__(self) -> None:
        if not self.api_key:
            raise ValueError("TAWSIL_STRIPE_API_KEY must be set")
        if self.webhook_url and not self.webhook_secrets:
            raise ValueError("TAWSIL_STRIPE_WEBHOOK_SECRETS must be set to sign webhooks")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `TAWSIL_STRIPE_…`.

        Raises:
            ValueError: when something is missing or not a number.
        """
        state = environment.get("TAWSIL_STRIPE_STATE")
        secrets = environment.get("TAWSIL_STRIPE_WEBHOOK_SECRETS", "").replace(",", " ").split()
        return cls(
            api_key=environment.get("TAWSIL_STRIPE_API_KEY", ""),
            host=environment.get("TAWSIL_STRIPE_HOST", "127.0.0.1"),
            port=int(environment.get("TAWSIL_STRIPE_PORT", "8402")),
            webhook_url=environment.get("TAWSIL_STRIPE_WEBHOOK_URL") or None,
            webhook_secrets=tuple(secrets),
            state=Path(state) if state else None,
            pace=float(environment.get("TAWSIL_STRIPE_PACE", "1")),
            search_lag_s=float(environment.get("TAWSIL_STRIPE_SEARCH_LAG_S", "20")),
        )


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /sandbox/secrets`: what webhooks are signed with from now on."""

    secrets: list[str]


class Health(Struct, frozen=True):
    status: str
    webhooks_waiting: int
    webhooks_given_up: int


class Sandbox:
    """One account with its journal, its postman and its luck."""

    def __init__(self, *, settings: Settings, now: Callable[[], datetime], rng: Random) -> None:
        self._settings = settings
        self._journal = Journal(path=settings.state) if settings.state else None
        self._stopping = asyncio.Event()
        self._away = Away(0)
        self._away_until_s = 0.0
        self.luck = Luck(Misfortune())
        self.postman = Postman(
            url=settings.webhook_url,
            secrets=settings.webhook_secrets,
            pace=settings.pace,
            now=now,
            posted=lambda _: None,
        )
        self.world = World(
            now=now,
            rng=rng,
            search_lag_s=settings.search_lag_s,
            tell=lambda event: self.postman.send(event, self.luck),
        )
        self.world.url = f"http://{settings.host}:{settings.port}"
        self.api = Api(self.world)

    @contextlib.asynccontextmanager
    async def running(self, _: Litestar) -> AsyncGenerator[None]:
        if self._journal is not None:
            self.world.restore(self._journal.read())
            self.world.record = self._journal.record
        sweep = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            self.stop()
            await sweep
            await self.postman.close()
            if self._journal is not None:
                self._journal.close()

    def stop(self) -> None:
        """Let nobody wait any longer for a slow or lost answer."""
        self._stopping.set()

    def go_away(self, away: Away) -> None:
        self._away = away
        self._away_until_s = monotonic() + away.seconds

    async def respond(self, request: Request) -> Response[Any]:
        """Answer, unless it is away or luck will have it otherwise."""
        if (left_s := self._away_until_s - monotonic()) > 0:
            return await self._absent(left_s)
        self.world.advance()
        reply = self.luck.reply()
        if reply is Reply.RATE_LIMITED:
            return _problem(
                ApiError(
                    "Too many requests hit the API too quickly.",
                    status=HTTPStatus.TOO_MANY_REQUESTS,
                    code="rate_limit",
                ),
                request,
                retry=True,
            )
        if reply is Reply.FAILED:
            return _problem(_oops(), request, retry=True)
        try:
            answer = self.api.answer(request)
        except ApiError as error:
            return _problem(error, request)
        if reply is Reply.FAILED_AFTER and request.key and not answer.replayed:
            self.api.keep(
                request, Answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": _oops().body})
            )
            return _problem(_oops(), request)
        if reply is Reply.LOST:
            await self.pause(LOST_S)
        if reply is Reply.SLOW:
            self.api.begin(request)
            await self.pause(SLOW_S)
            self.api.end(request)
        return _response(answer, request)

    async def pause(self, nominal_s: float, *, pace: bool = True) -> None:
        with contextlib.suppress(TimeoutError):
            wait_s = nominal_s * self._settings.pace if pace else nominal_s
            await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _absent(self, left_s: float) -> Response[Any]:
        if self._away.how is Outage.REFUSE:
            return Stream(_torn(), headers={"Content-Length": "1000"})
        if self._away.how is Outage.HANG:
            await self.pause(left_s, pace=False)
        return Response("upstream unavailable", status_code=HTTPStatus.SERVICE_UNAVAILABLE)

    async def _sweep(self) -> None:
        while not self._stopping.is_set():
            self.world.advance()
            await self.pause(SWEEP_S)


async def _torn() -> AsyncGenerator[bytes]:
    yield b"{"
    raise ConnectionAbortedError("the sandbox drops the connection")


def _oops() -> ApiError:
    return ApiError(
        "An unknown error occurred.", status=HTTPStatus.INTERNAL_SERVER_ERROR, kind="api_error"
    )


def _problem(error: ApiError, request: Request, *, retry: bool = False) -> Response[Any]:
    response = _response(Answer(error.status, {"error": error.body}), request)
    if retry:
        response.headers["Stripe-Should-Retry"] = "true"
    return response


def _response(answer: Answer, request: Request) -> Response[Thing]:
    headers = {
        "Request-Id": request.request_id,
        "Stripe-Version": API_VERSION,
        **({"Idempotency-Key": request.key} if request.key else {}),
        **(
            {"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"}
            if answer.replayed
            else {}
        ),
    }
    return Response(answer.body, status_code=answer.status, headers=headers)


InSandbox = NamedDependency[SkipValidation[Sandbox]]


@route(
    "/v1/{path:path}",
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE],
    status_code=200,
)
async def call(path: FromPath[str], request: Http, sandbox: InSandbox) -> Response[Any]:
    """Every call of the API."""
    body = (await request.body()).decode() if request.method == "POST" else request.url.query
    asked = Request(
        method=request.method,
        path=path.strip("/"),
        params={},
        key=request.headers.get("Idempotency-Key"),
        account=request.headers.get("Stripe-Account"),
        request_id=sandbox.world.new_id("req"),
    )
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, request.app.state["expected"]):
        return _problem(
            ApiError("Invalid API Key provided.", status=HTTPStatus.UNAUTHORIZED), asked
        )
    if asked.path.startswith("files/") and asked.path.endswith("/contents"):
        contents = sandbox.api.balances.contents(asked.path.split("/")[1])
        return Response(contents, media_type="text/csv")
    try:
        asked = replace(asked, params=parse(body))
    except ApiError as error:
        return _problem(error, asked)
    return await sandbox.respond(asked)


@get("/3ds/{intent_id:str}", media_type=MediaType.HTML)
async def challenge(intent_id: FromPath[str], sandbox: InSandbox) -> str:
    """The bank asks the cardholder."""
    intent = sandbox.api.intents.retrieve(intent_id, {})
    currency = intent["currency"].upper()
    amount = escape(f"{major(intent['amount'], currency)} {currency}")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Test bank</title>"
        '<meta name=viewport content="width=device-width"><style>'
        ":root{color-scheme:light dark}main{max-width:26rem;margin:12vh auto;padding:0 1rem;"
        "font:1rem/1.5 system-ui,sans-serif}form{display:inline}"
        "button{margin:1rem 1rem 0 0;padding:.6rem 1.2rem;font:inherit}</style>"
        f"<main><h1>Is it you?</h1><p>Your bank asks whether you are paying {amount}.</p>"
        f'<form method=post action="/3ds/{escape(intent_id)}/approve"><button>Approve</button>'
        f'</form><form method=post action="/3ds/{escape(intent_id)}/deny"><button>Deny</button>'
        "</form></main></html>"
    )


@post("/3ds/{intent_id:str}/{verdict:str}", status_code=303)
async def answer_challenge(
    intent_id: FromPath[str], verdict: FromPath[str], sandbox: InSandbox
) -> Redirect:
    """Approve or deny, then back to where the payer came from."""
    intent = sandbox.api.intents.authenticated(intent_id, approved=verdict == "approve")
    status = "succeeded" if verdict == "approve" else "failed"
    query = urlencode({"payment_intent": intent["id"], "redirect_status": status})
    back = sandbox.api.intents.returns_to(intent_id) or "/health"
    return Redirect(f"{back}{'&' if '?' in back else '?'}{query}", status_code=303)


@post("/sandbox/misfortune", status_code=200)
async def set_misfortune(data: JSONBody[Misfortune], sandbox: InSandbox) -> Misfortune:
    sandbox.luck = Luck(data)
    return data


@post("/sandbox/outage", status_code=200)
async def set_outage(data: JSONBody[Away], sandbox: InSandbox) -> Away:
    sandbox.go_away(data)
    return data


@post("/sandbox/secrets", status_code=200)
async def set_secrets(data: JSONBody[Rotation], sandbox: InSandbox) -> None:
    sandbox.postman.secrets = data.secrets


@get("/health")
async def health(sandbox: InSandbox) -> Health:
    sandbox.world.advance()
    return Health(
        status="ok",
        webhooks_waiting=sandbox.postman.waiting,
        webhooks_given_up=sandbox.postman.given_up,
    )


def _refused(_: Http, error: ApiError) -> Response[Any]:
    return Response({"error": error.body}, status_code=error.status)


def create_app(
    settings: Settings,
    *,
    now: Callable[[], datetime] = system_now,
    rng: Random | None = None,
) -> Litestar:
    """The sandbox as an ASGI application; its lifespan reads the journal and posts webhooks."""
    sandbox = Sandbox(settings=settings, now=now, rng=rng or Random())
    app = Litestar(
        [
            *(call, challenge, answer_challenge, field_of(STRIPE)),
            *(set_misfortune, set_outage, set_secrets, health),
        ],
        dependencies={"sandbox": Provide(lambda: sandbox, sync_to_thread=False)},
        lifespan=[sandbox.running],
        exception_handlers={ApiError: _refused},
        openapi_config=None,
        logging_config=None,
    )
    app.state["expected"] = f"Bearer {settings.api_key}".encode()
    app.state["stop"] = sandbox.stop
    app.state["sandbox"] = sandbox
    return app


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


def main() -> None:
    parser = argparse.ArgumentParser(description="A sandbox that behaves as Stripe documents.")
    parser.add_argument("--state", help="a JSON-lines file that outlives a restart")
    arguments = parser.parse_args()
    environment = dict(os.environ)
    if arguments.state:
        environment["TAWSIL_STRIPE_STATE"] = arguments.state
    try:
        settings = Settings.from_environment(environment)
    except ValueError as error:
        parser.error(str(error))
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
