"""The courier's app in a real browser, on the whole platform: nothing tapped is ever lost."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from struct import pack
from time import monotonic
from typing import Any
from zlib import compress, crc32

import pytest
from playwright.async_api import BrowserContext, Error, Page, async_playwright, expect

from consoles.browsing import QUIET
from walk.conftest import Walk, free_port
from walk.small_city import CITY, COURIER, KITCHEN, PASSWORD, PEOPLE

pytestmark = pytest.mark.browser

ACTIONS, BEFORE = 200, 120
SYNCED_WITHIN_S = 10
COOKIES_KEPT_AFTER_S = 31
"""A browser that is killed forgets the cookies of its last half minute, and asks to sign in."""
OFFERED_WITHIN_S = 2


@asynccontextmanager
async def phone(folder: Path) -> AsyncIterator[BrowserContext]:
    """A telephone with what it keeps in a folder, standing at the kitchen."""
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    at = {"latitude": KITCHEN.latitude, "longitude": KITCHEN.longitude, "accuracy": 5}
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=chromium,
            args=[*QUIET, "--autoplay-policy=no-user-gesture-required"],
            viewport={"width": 360, "height": 740},
            has_touch=True,
            permissions=["geolocation"],
            geolocation=at,
        )
        context.set_default_timeout(20_000)
        yield context
        try:
            await context.close()
        except Error:
            return  # it was killed


class Network:
    """The way from the telephone to the platform, which may be cut: nothing gets through then."""

    def __init__(self, walk: Walk) -> None:
        self._to = walk.client.base_url.port
        self._port = free_port()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def restore(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)

    def cut(self) -> None:
        assert self._server is not None, "what is cut was there"
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _carry(self, phone: StreamReader, to_phone: StreamWriter) -> None:
        platform, to_platform = await asyncio.open_connection("127.0.0.1", self._to)
        self._open |= {to_phone, to_platform}
        await asyncio.gather(_pump(phone, to_platform), _pump(platform, to_phone))
        self._open -= {to_phone, to_platform}


async def _pump(source: StreamReader, to: StreamWriter) -> None:
    with suppress(OSError):
        while part := await source.read(65_536):
            to.write(part)
            await to.drain()
    to.close()


@pytest.fixture
async def network(walk: Walk) -> AsyncIterator[Network]:
    network = Network(walk)
    await network.restore()
    yield network
    network.cut()


async def signed_in(context: BrowserContext, network: Network) -> Page:
    page = context.pages[0]
    await page.goto(f"{network.url}/sign-in?next=/courier")
    await page.fill("[name=email]", PEOPLE["courier"].email)
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button[type=submit], main button:not([type])")
    await page.wait_for_selector(".top")
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    return page


async def on_duty(page: Page, walk: Walk) -> None:
    if (await walk.get("courier", f"/v4/drivers/{COURIER}"))["availability"] == "OFFLINE":
        await page.get_by_role("button", name="Start shift").click()
    await page.get_by_role("button", name="Take a break").wait_for()


async def sent(page: Page, count: int) -> None:
    await expect(page.locator(f"[data-unsent='{count}']")).to_be_visible(timeout=20_000)


async def rest_and_resume(page: Page) -> None:
    """Two taps that need nobody else."""
    await page.get_by_role("button", name="Take a break").click()
    await page.get_by_role("button", name="10 minutes").click()
    await page.get_by_role("button", name="Back to work").click()


async def killed(page: Page) -> None:
    """As the system ends an app that is out of sight: at once, and without a word."""
    browser = await page.context.new_cdp_session(page)
    with suppress(Error):
        await browser.send("Browser.crash")


async def taken_in(walk: Walk) -> list[Any]:
    async with walk.database.transaction() as tx:
        return await tx.rows(
            """
            select seq, does, outcome, said_at from ordering.courier_action
            where courier_id = $1 and device_id = (
                select device_id from ordering.outbox_device
                where courier_id = $1 order by last_at desc limit 1
            ) order by received_at, seq
            """,
            COURIER,
        )


async def test_nothing_tapped_out_of_reach_is_lost_or_done_twice(
    walk: Walk, network: Network, tmp_path: Path
) -> None:
    """200 taps, and in the middle of them the app is killed."""
    folder = tmp_path / "phone"
    async with phone(folder) as context:
        page = await signed_in(context, network)
        await on_duty(page, walk)
        await asyncio.sleep(COOKIES_KEPT_AFTER_S)
        network.cut()
        for _ in range(BEFORE // 2):
            await rest_and_resume(page)
        await sent(page, BEFORE)
        await killed(page)
    async with phone(folder) as context:
        page = context.pages[0]
        await page.goto(f"{network.url}/courier")
        await sent(page, BEFORE)
        for _ in range((ACTIONS - BEFORE) // 2):
            await rest_and_resume(page)
        await sent(page, ACTIONS)
        began = monotonic()
        await network.restore()
        await sent(page, 0)
        took_s = monotonic() - began
    rows = await taken_in(walk)
    print(f"{len(rows)} actions synced in {took_s:.1f} s")  # noqa: T201 - the figure that was asked for
    assert [row["seq"] for row in rows] == list(range(1, ACTIONS + 1))
    assert [row["does"] for row in rows] == ["take_break", "resume"] * (ACTIONS // 2)
    assert {row["outcome"] for row in rows} == {"applied"}
    assert took_s <= SYNCED_WITHIN_S
    history = await walk.get("courier", f"/v4/drivers/{COURIER}")
    assert history["availability"] == "AVAILABLE"


async def test_an_offer_rings_and_the_food_is_handed_over_in_a_lift(
    walk: Walk, network: Network, tmp_path: Path
) -> None:
    """Seen at once; then without a network from the kitchen's door to the customer's."""
    async with phone(tmp_path / "phone") as context:
        page = await signed_in(context, network)
        await on_duty(page, walk)
        await walk.seen_at(KITCHEN)
        path = await walk.place()
        await walk.becomes(path, payment="safe")
        await walk.do("merchant", f"{path}/accept", prep_time_minutes=1)
        await walk.do("merchant", f"{path}/steps/ready")
        offer = await walk.until("an offer", walk.pending_offer)
        accept = page.get_by_role("button", name="Accept", exact=True)
        await accept.wait_for()
        made_at = datetime.fromisoformat(offer["made_at"])
        shown_s = (datetime.now(UTC) - made_at).total_seconds()
        print(f"the offer was on the screen within {shown_s:.1f} s")  # noqa: T201 - the figure
        assert shown_s <= OFFERED_WITHIN_S
        await accept.click()
        await page.get_by_role("heading", name="Shawarma Corner").wait_for()
        await walk.becomes(path, courier_id=str(COURIER))
        network.cut()
        arrived = page.get_by_role("button", name="I am here")
        if await arrived.is_visible():
            await arrived.click()
        await page.locator(".slide", has_text="Picked up").press("Enter")
        await page.get_by_role("button", name="I am at the door").click()
        await page.get_by_role("button", name="Hand over").click()
        await page.get_by_role("button", name="Photo").click()
        await page.locator("input[type=file]").set_input_files(
            {"name": "door.jpg", "mimeType": "image/png", "buffer": photo()}
        )
        hand_over = page.locator("dialog .slide")
        await expect(hand_over).to_be_enabled(timeout=20_000)
        await hand_over.press("Enter")
        await page.get_by_role("button", name="Take a break").wait_for()
        assert (await walk.order(path))["status"] != "DELIVERED"
        assert await page.locator("[data-unsent='0']").count() == 0
        await network.restore()
        await sent(page, 0)
    order = await walk.becomes(path, status="DELIVERED")
    (proof,) = await walk.get("operator", f"{path}/proofs")
    assert (proof["kind"], proof["media_type"]) == ("photo", "image/jpeg")
    told = await walk.get("operator", f"{path}/timeline")
    (delivered,) = [one for one in told if one["type"] == "order.delivered.v1"]
    assert delivered["data"]["proof"] == "photo"
    assert order["delivered_at"] < delivered["at"], "it counts from when it was done"


def photo() -> bytes:
    """Larger than a phone may send it: the app makes it smaller."""
    width, height = 2_400, 1_800
    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(width)) for y in range(height))
    return png(width, height, rows)


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    head = pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"


async def accessible(page: Page) -> None:
    """Nothing that axe finds on the screen that is open."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    found = await page.evaluate(
        """async () => (await axe.run(document, {
            resultTypes: ["violations"], rules: { "target-size": { enabled: true } },
        })).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`)"""
    )
    assert found == []


async def test_the_customer_writes_and_the_courier_is_paid(
    walk: Walk, network: Network, tmp_path: Path
) -> None:
    plan = {"hold_days": 0, "minimum_minor": 1}
    whose = {"city_id": str(CITY), "owner_kind": "courier", "plan": plan}
    decided = await walk.as_("operator", "PUT", "/v4/payout-plans", **whose)
    assert decided.status_code == 200, decided.text
    async with phone(tmp_path / "phone") as context:
        page = await signed_in(context, network)
        await on_duty(page, walk)
        await walk.seen_at(KITCHEN)
        path = await walk.place()
        await walk.carried(path)
        await page.get_by_role("heading", name="12 Palm Street").wait_for(timeout=30_000)
        await walk.do("customer", f"{path}/messages", thread="courier", words="The blue door")
        await page.get_by_role("button", name="Message 1 new").click()
        await page.get_by_text("The blue door").wait_for()
        await accessible(page)
        await page.get_by_role("button", name="I am downstairs.").click()
        await page.locator(".chat-message[data-mine]").wait_for()
        said = (await walk.get("customer", f"{path}/messages"))["threads"]
        assert {t["thread"]: t["unread"] for t in said}["courier"] == 1
        await page.get_by_role("button", name="Close").click()
        await page.get_by_role("button", name="Message", exact=True).wait_for()
        await page.get_by_role("button", name="Call").click()
        await page.get_by_text("Calls are not set up in this city").wait_for()
        await accessible(page)
        pin = (await walk.order(path))["handover_pin"]
        await walk.do("courier", f"{path}/deliver", pin=pin)
        await page.get_by_role("link", name="Earnings").click()
        await page.get_by_role("button", name="Where your money goes").click()
        await page.get_by_label("Account token").fill("bank_ok_yusuf")
        await page.get_by_label("What you call it").fill("My bank ••42")
        await page.get_by_role("button", name="Go on").click()
        await page.locator("dialog .slide").press("Enter")
        await walk.until("the bank is known", lambda: payable(walk))
        await page.get_by_role("button", name="Withdraw").click()
        await page.get_by_text("Leaves your balance").wait_for()
        await accessible(page)
        await page.locator("dialog .slide").press("Enter")
        await page.get_by_text("Your money is on its way.").wait_for()
    (payout,) = await walk.get("courier", "/v4/payouts")
    assert (payout["cause"], payout["destination"]) == ("instant", "My bank ••42")
    assert payout["fee_minor"] > 0


async def payable(walk: Walk) -> bool:
    answer = await walk.as_("courier", "GET", "/v4/payouts/account")
    outlook = answer.json()["data"]
    return bool(outlook and outlook["account"]["destination"]["verified"])
