import asyncio
import contextlib
import hmac
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar, Request, Response, post

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.simulation.psp.model import SIGNATURE_HEADER, Acquirer
from tawsil.simulation.psp.server import Settings, create_app
from tawsil.simulation.psp.tokens import LOST_S
from tawsil.simulation.psp.webhooks import MOST_WAITING, Postman

NOON_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_of_the_sandbox"

Posted = tuple[bytes, str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def serving(app: Litestar) -> AsyncGenerator[str]:
    port = free_port()
    server = Server(app, port=port, interface=Interfaces.ASGI, log_level=LogLevels.critical)
    task = asyncio.create_task(server.serve())
    try:
        await reachable(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        app.state.get("stop", lambda: None)()
        server.stop()
        await task


async def reachable(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.02)


class Mailbox:
    """The platform's end: keeps what was posted, refuses the first `refusals` of them."""

    def __init__(self, refusals: int = 0) -> None:
        self.posted: list[Posted] = []
        self.refusals = refusals
        self._arrived = asyncio.Condition()

    def app(self) -> Litestar:
        @post("/webhooks")
        async def receive(request: Request[Any, Any, Any]) -> Response[None]:
            body = await request.body()
            async with self._arrived:
                self.posted.append((body, request.headers[SIGNATURE_HEADER]))
                self._arrived.notify_all()
            refuse = len(self.posted) <= self.refusals
            return Response(None, status_code=503 if refuse else 204)

        return Litestar([receive], openapi_config=None, logging_config=None)

    async def events(self, count: int, *, about: str) -> list[dict[str, Any]]:
        """The first `count` events about a reference, in the order they arrived."""

        def arrived() -> list[dict[str, Any]]:
            events = [msgspec.json.decode(body) for body, _ in self.posted]
            return [e for e in events if e["data"]["charge"]["reference"] == about]

        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(arrived()) >= count)
        return arrived()


class Platform(httpx.AsyncClient):
    """A client with the key of the sandbox."""

    async def charge(
        self, token: str, reference: str, amount_minor: int = 1_000, *, patience_s: float = 5
    ):
        order = {
            "token": token,
            "amount_minor": amount_minor,
            "currency": "QAR",
            "reference": reference,
        }
        return await self.post(
            "/charges",
            json=order,
            headers={"Idempotency-Key": reference},
            timeout=patience_s,
        )

    async def move(self, charge_id: str, move: str, key: str, body: Any = None):
        return await self.post(
            f"/charges/{charge_id}/{move}", json=body, headers={"Idempotency-Key": key}
        )

    async def find(self, reference: str) -> list[dict[str, Any]]:
        answer = await self.get("/charges", params={"reference": reference})
        return answer.json()["charges"]


@contextlib.asynccontextmanager
async def sandbox(
    mailbox: Mailbox, *, pace: float = 0.01, state: Path | None = None
) -> AsyncGenerator[Platform]:
    async with serving(mailbox.app()) as inbox:
        settings = Settings(
            api_key="key",
            webhook_url=f"{inbox}/webhooks",
            webhook_secret=SECRET,
            pace=pace,
            state=state,
        )
        async with (
            serving(create_app(settings)) as url,
            Platform(
                base_url=url, headers={"Authorization": "Bearer key"}, trust_env=False, timeout=5
            ) as platform,
        ):
            yield platform


async def test_a_charge_is_captured_in_part_and_refunded_and_every_webhook_verifies():
    mailbox = Mailbox()
    async with sandbox(mailbox) as platform:
        charge = (await platform.charge("tok_visa", "r")).json()
        assert charge["state"] == "authorised"
        assert (await platform.charge("tok_visa", "r")).json() == charge
        captured = await platform.move(charge["id"], "capture", "c", {"amount_minor": 800})
        assert captured.json()["captured_minor"] == 800
        too_much = await platform.move(charge["id"], "refund", "x", {"amount_minor": 801})
        assert too_much.status_code == 400
        refunded = await platform.move(charge["id"], "refund", "f", {"amount_minor": 300})
        assert refunded.json()["state"] == "partially_refunded"
        illegal = await platform.move(charge["id"], "void", "v")
        assert illegal.status_code == 409
        assert illegal.json()["error"]["may"] == ["refund"]

        events = await mailbox.events(3, about="r")
        listed = (await platform.get("/events")).json()["events"]
        after = await platform.get("/events", params={"after": listed[0]["id"], "limit": 1})
    assert sorted(events, key=lambda e: e["data"]["charge"]["version"]) == listed
    assert after.json()["events"] == [listed[1]]
    assert [(e["type"], e["data"]["amount_minor"]) for e in listed] == [
        ("charge.authorised", 1_000),
        ("charge.captured", 800),
        ("charge.refunded", 300),
    ]
    for body, signature in mailbox.posted:
        second, digest = (part.partition("=")[2] for part in signature.split(","))
        expected = hmac.new(SECRET.encode(), f"{second}.".encode() + body, sha256).hexdigest()
        assert hmac.compare_digest(digest, expected)
        assert abs(datetime.now(UTC).timestamp() - int(second)) < 300


async def test_webhooks_arrive_twice_late_and_out_of_order():
    mailbox = Mailbox()
    async with sandbox(mailbox, pace=0.02) as platform:
        await platform.charge("tok_webhook_late", "late")
        await platform.charge("tok_webhook_duplicate", "twice")
        charge = (await platform.charge("tok_webhook_unordered", "unordered")).json()
        await platform.move(charge["id"], "capture", "c")

        first, again = await mailbox.events(2, about="twice")
        assert first == again
        unordered = await mailbox.events(2, about="unordered")
        assert [e["type"] for e in unordered] == ["charge.captured", "charge.authorised"]
        await mailbox.events(1, about="late")
    arrived = [
        msgspec.json.decode(body)["data"]["charge"]["reference"] for body, _ in mailbox.posted
    ]
    assert arrived.index("late") > arrived.index("unordered")


async def test_a_refused_webhook_is_posted_again():
    mailbox = Mailbox(refusals=2)
    async with sandbox(mailbox) as platform:
        await platform.charge("tok_visa", "r")
        events = await mailbox.events(3, about="r")
    assert len({event["id"] for event in events}) == 1


async def test_an_unknown_outcome_is_told_by_the_reference():
    async with sandbox(Mailbox(), pace=0.02) as platform:
        with pytest.raises(httpx.ReadTimeout):
            await platform.charge("tok_unknown", "made", patience_s=0.02 * LOST_S / 5)
        lost = await platform.charge("tok_unknown_lost", "not made")
        assert lost.status_code == 504
        assert lost.json()["error"]["code"] == "outcome_unknown"
        assert [charge["state"] for charge in await platform.find("made")] == ["authorised"]
        assert await platform.find("not made") == []


async def test_answers_have_the_right_status():
    async with sandbox(Mailbox()) as platform:
        assert (await platform.charge("tok_declined", "a")).status_code == 402
        assert (await platform.charge("tok_outage", "b")).status_code == 503
        assert (await platform.charge("tok_slow", "c")).status_code == 201
        assert (await platform.charge("tok_of_nobody", "d")).status_code == 422
        challenged = (await platform.charge("tok_3ds", "e")).json()
        assert challenged["state"] == "requires_action"
        denied = await platform.move(challenged["id"], "confirm", "f", {"approve": False})
        assert denied.json()["error"]["code"] == "authentication_failed"
        assert (await platform.post("/charges", json={})).status_code == 422
        assert (await platform.post("/charges", content=b"{")).status_code in {400, 422}
        assert (await platform.get("/charges/ch_none")).status_code == 404
        assert (await platform.get("/nowhere")).json()["error"]["code"] == "not_found"
        assert (await platform.get("/events", params={"after": "evt_none"})).status_code == 404
        nobody = {"Authorization": "Bearer guess"}
        assert (await platform.get("/events", headers=nobody)).status_code == 401
        assert (await platform.get("/health", headers=nobody)).json()["status"] == "ok"


async def test_chaos_can_be_turned_on_and_off():
    async with sandbox(Mailbox()) as platform:
        assert (await platform.post("/chaos", json={"outage_rate": 2})).status_code == 422
        assert (await platform.post("/chaos", json={"outage_rate": 1})).status_code == 200
        assert (await platform.charge("tok_visa", "r")).status_code == 503
        assert (await platform.post("/chaos", json={})).status_code == 200
        assert (await platform.charge("tok_visa", "r")).status_code == 201


async def test_a_restart_remembers_charges_keys_and_webhooks_not_yet_accepted(tmp_path):
    state = tmp_path / "state.jsonl"
    async with sandbox(Mailbox(refusals=100), pace=60, state=state) as platform:
        charge = (await platform.charge("tok_visa", "r")).json()
        with pytest.raises(httpx.ReadTimeout):
            await platform.charge("tok_unknown_silent", "silent", patience_s=0.2)
    mailbox = Mailbox()
    async with sandbox(mailbox, state=state) as platform:
        assert await platform.find("r") == [charge]
        assert (await platform.charge("tok_visa", "r")).json() == charge
        assert (await platform.charge("tok_visa", "r", 5)).status_code == 400
        assert [charge["state"] for charge in await platform.find("silent")] == ["authorised"]
        await mailbox.events(1, about="r")
    assert len(mailbox.posted) == 1
    again = Mailbox()
    async with sandbox(again, state=state) as platform:
        await platform.charge("tok_visa", "new")
        await again.events(1, about="new")
    assert len(again.posted) == 1


def environment(port: int, **more: str) -> dict[str, str]:
    return {**os.environ, "TAWSIL_PSP_API_KEY": "key", "TAWSIL_PSP_PORT": str(port), **more}


async def start(*arguments: str, env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tawsil.simulation.psp.server",
        *arguments,
        env=env,
        stderr=asyncio.subprocess.PIPE,
    )


async def stopped_while_a_caller_waits(state: Path, number: signal.Signals) -> None:
    port = free_port()
    process = await start("--state", str(state), env=environment(port))
    try:
        await reachable(port)
        headers = {"Authorization": "Bearer key"}
        async with Platform(base_url=f"http://127.0.0.1:{port}", headers=headers) as platform:
            waiting = asyncio.create_task(platform.charge("tok_unknown", "r"))
            for _ in range(100):
                if await platform.find("r"):
                    break
            process.send_signal(number)
            assert (await waiting).status_code == 504
        async with asyncio.timeout(5):
            _, stderr = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0
    assert stderr == b""
    assert b"tok_unknown" in await asyncio.to_thread(state.read_bytes)


async def test_the_process_stops_at_once_even_with_a_caller_waiting(tmp_path):
    signals = (signal.SIGTERM, signal.SIGINT)
    await asyncio.gather(*(stopped_while_a_caller_waits(tmp_path / s.name, s) for s in signals))


async def test_a_full_bag_drops_webhooks_and_counts_them():
    clock = VirtualClock(NOON_AT)
    answer = Acquirer(ids=Ids(clock)).authorise(
        idempotency_key="k",
        token="tok_visa",
        amount_minor=1,
        currency="QAR",
        reference="r",
        at=clock(),
    )
    (webhook,) = answer.webhooks
    postman = Postman(
        url="http://127.0.0.1:9/",
        secret=SECRET,
        pace=1,
        now=clock,
        posted=lambda _: None,
    )
    later = msgspec.structs.replace(webhook, after_s=600)
    postman.send([later] * (MOST_WAITING + 3))
    assert (postman.waiting, postman.dropped) == (MOST_WAITING, 3)
    await postman.close()
    assert postman.waiting == 0


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"TAWSIL_PSP_API_KEY": ""}, "TAWSIL_PSP_API_KEY must be set"),
        ({"TAWSIL_PSP_WEBHOOK_URL": "http://x"}, "TAWSIL_PSP_WEBHOOK_SECRET must be set"),
        ({"TAWSIL_PSP_PACE": "-1"}, "TAWSIL_PSP_PACE must not be negative"),
    ],
)
def test_settings_that_cannot_work_are_refused(more, complaint):
    with pytest.raises(ValueError, match=complaint):
        Settings.from_environment({"TAWSIL_PSP_API_KEY": "key"} | more)
