import asyncio
import contextlib
import hmac
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import pytest
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, Response, post

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.simulation.psp.charges import AUTHORISATION_LASTS, MOVES, ChargeState, Move
from tawsil.simulation.psp.journal import Journal
from tawsil.simulation.psp.model import SIGNATURE_HEADER, Acquirer, Answer, Change, sign
from tawsil.simulation.psp.server import Settings, create_app
from tawsil.simulation.psp.tokens import CARDS, LOST_S, Chaos
from tawsil.simulation.psp.webhooks import MOST_WAITING, Postman

NOON_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_of_the_sandbox"


class City:
    """An acquirer under virtual time, with what its journal would hold."""

    def __init__(self, chaos: Chaos | None = None, seed: int = 1) -> None:
        self.clock = VirtualClock(NOON_AT)
        self.changes: list[Change] = []
        self.acquirer = Acquirer(
            ids=Ids(self.clock, Random(seed)), chaos=chaos, record=self.changes.append
        )

    def authorise(self, card: str = "tok_visa", key: str = "order", **order: Any) -> Answer:
        order = {"amount_minor": 1_000, "currency": "QAR", "reference": key} | order
        return self.acquirer.authorise(idempotency_key=key, token=card, at=self.clock(), **order)

    def do(self, move: Move, key: str, charge_id: str, amount_minor: int | None = None) -> Answer:
        acquirer, now = self.acquirer, self.clock()
        match move:
            case Move.CAPTURE:
                act = acquirer.capture
            case Move.REFUND:
                act = acquirer.refund
            case Move.VOID:
                return acquirer.void(idempotency_key=key, charge_id=charge_id, at=now)
            case Move.CONFIRM:
                approve = amount_minor is None or amount_minor % 2 == 0
                return acquirer.confirm(
                    idempotency_key=key, charge_id=charge_id, approve=approve, at=now
                )
        return act(idempotency_key=key, charge_id=charge_id, amount_minor=amount_minor, at=now)


amounts = st.none() | st.integers(-1, 1_300)
steps = st.lists(
    st.tuples(st.sampled_from(Move), amounts, st.integers(0, 3 * 24 * 3600)), max_size=8
)


@given(token=st.sampled_from(sorted(CARDS)), steps=steps)
def test_money_taken_and_returned_never_exceeds_what_was_reserved(token, steps):
    city = City()
    city.authorise(token)
    for charge in city.acquirer.find(reference="order", at=city.clock()):
        taken = returned = 0
        for number, (move, amount, pause_s) in enumerate(steps):
            city.clock.advance(timedelta(seconds=pause_s))
            before = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
            recorded = len(city.changes)
            answer = city.do(move, f"step {number}", charge.id, amount)
            after = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
            assert before
            assert after
            if move not in MOVES[before.state]:
                assert answer.status == 409
                assert answer.error
                assert set(answer.error.may) == MOVES[before.state]
            if len(city.changes) == recorded:
                assert after == before
                assert not answer.webhooks
            else:
                assert after.version == before.version + 1
                taken += after.captured_minor - before.captured_minor
                returned += after.refunded_minor - before.refunded_minor
            assert 0 <= returned <= taken <= charge.amount_minor


@given(token=st.sampled_from(sorted(CARDS)), steps=steps)
def test_the_same_request_again_changes_nothing_and_gets_the_same_answer(token, steps):
    city = City()
    first = city.authorise(token)
    assert msgspec.structs.replace(first, webhooks=()) == city.authorise(token)
    for charge in city.acquirer.find(reference="order", at=city.clock()):
        for number, (move, amount, _) in enumerate(steps):
            first = city.do(move, f"step {number}", charge.id, amount)
            recorded = len(city.changes)
            again = city.do(move, f"step {number}", charge.id, amount)
            assert again == msgspec.structs.replace(first, webhooks=())
            assert len(city.changes) == recorded


@given(token=st.sampled_from(sorted(CARDS)), steps=steps)
def test_what_was_recorded_restores_the_acquirer(token, steps):
    city = City()
    city.authorise(token)
    for charge in city.acquirer.find(reference="order", at=city.clock()):
        for number, (move, amount, pause_s) in enumerate(steps):
            city.clock.advance(timedelta(seconds=pause_s))
            city.do(move, f"step {number}", charge.id, amount)
    restored = City()
    for change in city.changes:
        kept = msgspec.json.decode(msgspec.json.encode(change), type=Change)
        restored.acquirer.apply(kept)
    assert restored.acquirer.events() == city.acquirer.events()
    now = city.clock()
    assert restored.acquirer.find(reference="order", at=now) == city.acquirer.find(
        reference="order", at=now
    )
    restored.clock.set(now)
    recorded = len(restored.changes)
    restored.authorise(token)
    assert len(restored.changes) == recorded or not city.changes


@given(
    amount_minor=st.integers(max_value=0) | st.integers(min_value=10**12 + 1),
)
def test_amounts_that_are_no_amounts_are_refused(amount_minor):
    city = City()
    assert city.authorise(amount_minor=amount_minor).status == 422
    assert not city.changes


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"card": "tok_of_nobody"}, "unknown_token"),
        ({"currency": "qar"}, "invalid_currency"),
        ({"reference": ""}, "invalid_reference"),
        ({"key": "k" * 256, "reference": "r"}, "invalid_idempotency_key"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order, code):
    city = City()
    answer = city.authorise(**order)
    assert answer.status == 422
    assert answer.error
    assert answer.error.code == code
    assert not city.changes


def test_a_key_belongs_to_one_request():
    city = City()
    city.authorise(key="k")
    answer = city.authorise(key="k", amount_minor=999)
    assert answer.status == 400
    assert answer.error
    assert answer.error.code == "idempotency_key_reused"
    assert len(city.changes) == 1


@pytest.mark.parametrize("token", ["tok_declined", "tok_insufficient_funds", "tok_expired_card"])
def test_a_decline_says_why(token):
    answer = City().authorise(token)
    assert answer.status == 402
    assert answer.charge
    assert answer.charge.state is ChargeState.DECLINED
    assert answer.error
    assert answer.error.code == answer.charge.decline_code
    assert [webhook.event.type for webhook in answer.webhooks] == ["charge.declined"]


@pytest.mark.parametrize(("approve", "state"), [(True, "authorised"), (False, "declined")])
def test_three_d_secure_waits_for_the_cardholder(approve, state):
    city = City()
    charge = city.authorise("tok_3ds").charge
    assert charge
    assert charge.state is ChargeState.REQUIRES_ACTION
    assert city.do(Move.CAPTURE, "too soon", charge.id).status == 409
    answer = city.acquirer.confirm(
        idempotency_key="verdict", charge_id=charge.id, approve=approve, at=city.clock()
    )
    assert answer.status == (200 if approve else 402)
    assert answer.charge
    assert answer.charge.state == state


def test_an_authorisation_expires_once_and_says_so():
    city = City()
    charge = city.authorise().charge
    assert charge
    city.clock.advance(AUTHORISATION_LASTS)
    assert city.do(Move.CAPTURE, "too late", charge.id).status == 409
    expired = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
    (webhook,) = city.acquirer.advance(at=city.clock())
    assert webhook.event.type == "charge.expired"
    assert webhook.event.data.charge == expired
    assert not city.acquirer.advance(at=city.clock())


def test_a_capture_in_time_does_not_expire():
    city = City()
    charge = city.authorise().charge
    assert charge
    assert city.do(Move.CAPTURE, "capture", charge.id).status == 200
    city.clock.advance(2 * AUTHORISATION_LASTS)
    assert not city.acquirer.advance(at=city.clock())


def test_lost_answers_say_nothing_but_the_charge_can_be_found():
    city = City()
    for token, made in (("tok_unknown", 1), ("tok_unknown_lost", 0), ("tok_outage", 0)):
        answer = city.authorise(token, key=token)
        assert answer.charge is None
        assert answer.lost == (token != "tok_outage")
        assert len(city.acquirer.find(reference=token, at=city.clock())) == made


def test_a_lost_capture_was_made():
    city = City()
    charge = city.authorise("tok_unknown_capture").charge
    assert charge
    answer = city.do(Move.CAPTURE, "capture", charge.id, 400)
    assert answer.lost
    found = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
    assert found
    assert found.captured_minor == 400


def test_refunds_carry_their_keys():
    city = City()
    charge = city.authorise().charge
    assert charge
    city.do(Move.CAPTURE, "capture", charge.id, 700)
    city.do(Move.REFUND, "spoiled", charge.id, 200)
    answer = city.do(Move.REFUND, "the rest", charge.id)
    assert answer.charge
    assert answer.charge.state is ChargeState.REFUNDED
    kept = [(refund.idempotency_key, refund.amount_minor) for refund in answer.charge.refunds]
    assert kept == [("spoiled", 200), ("the rest", 500)]


def chaotic_day(seed: int) -> list[Answer]:
    chaos = Chaos(
        seed=seed,
        decline_rate=0.1,
        slow_rate=0.1,
        unknown_rate=0.1,
        unknown_lost_rate=0.1,
        outage_rate=0.1,
        duplicate_rate=0.3,
        late_rate=0.3,
    )
    city = City(chaos)
    return [city.authorise(key=str(number)) for number in range(1_000)]


def test_chaos_comes_in_the_asked_measure_and_again_from_the_same_seed():
    day = chaotic_day(7)
    assert day == chaotic_day(7)
    assert day != chaotic_day(8)
    statuses = Counter(answer.status for answer in day)
    assert 150 < statuses[504] < 250
    assert 60 < statuses[503] < 140
    assert 40 < statuses[402] < 110
    posted = [answer.webhooks for answer in day if answer.webhooks]
    assert 0.25 < sum(len(webhooks) == 2 for webhooks in posted) / len(posted) < 0.35
    assert 0.25 < sum(webhooks[0].after_s > 0 for webhooks in posted) / len(posted) < 0.35


def test_a_journal_forgets_only_the_line_that_was_torn(tmp_path):
    city = City()
    city.authorise(key="a")
    path = tmp_path / "journal.jsonl"
    journal = Journal(path=path)
    journal.record(city.changes[0])
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"change":{"event"')
    torn = Journal(path=path)
    assert [line.change for line in torn.read()] == city.changes
    torn.posted(city.changes[0].event.id)
    assert [line.posted for line in torn.read()] == [None, city.changes[0].event.id]
    torn.close()
    path.write_bytes(b"nonsense\n")
    nonsense = Journal(path=path)
    with pytest.raises(ValueError, match="line 1"):
        nonsense.read()
    nonsense.close()


# ── over HTTP ─────────────────────────────────────────────────────────────────────────────────

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


def test_a_signature_depends_on_the_body_the_time_and_the_secret():
    signature = sign(secret=SECRET, body=b"{}", at=NOON_AT)
    assert signature.startswith(f"t={int(NOON_AT.timestamp())},v1=")
    assert signature != sign(secret=SECRET, body=b"{ }", at=NOON_AT)
    assert signature != sign(secret=SECRET, body=b"{}", at=NOON_AT + timedelta(seconds=1))
    assert signature != sign(secret="other", body=b"{}", at=NOON_AT)


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
    (webhook,) = City().authorise().webhooks
    postman = Postman(
        url="http://127.0.0.1:9/",
        secret=SECRET,
        pace=1,
        now=VirtualClock(NOON_AT),
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
