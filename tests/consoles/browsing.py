"""A real server for a real browser, and what every page owes a telephone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from playwright.async_api import Page

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

DRAWING = (
    *(arg for arg in QUIET if arg != "--disable-gpu"),
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
"""Maps need WebGL: here without a graphics card."""


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The application at an address of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.warning,
    )
    running = asyncio.create_task(server.serve())
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            break
    yield f"http://127.0.0.1:{port}"
    server.stop()
    await running


MOST_TABS = 80


async def tab_to(page: Page, selector: str) -> None:
    """By the Tab key alone: what cannot be reached so is not there for everybody."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


async def fits_a_phone(page: Page) -> None:
    """Nothing is wider than the screen, and nothing to be touched is smaller than 24 pixels."""
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    small = await page.evaluate(
        """() => [...document.querySelectorAll("a, button, summary, select, input")]
            .filter((target) => !target.matches(".skip, [type=hidden], .check input, p a"))
            .filter((target) => target.checkVisibility())
            .map((target) => [target.outerHTML.slice(0, 90), target.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
            .map(([html, box]) => `${box.width}x${box.height} ${html}`)"""
    )
    assert small == []
