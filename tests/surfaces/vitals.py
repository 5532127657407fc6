"""How heavy and how quick pages are on a telephone with a slow line: `make vitals`.

A Moto G-like phone: four times slower than this machine, 1.6 Mbit/s down, 150 ms there and back.
INP is of a tap on each of the first controls; the limits are those that the front end has to keep.
"""

import asyncio
import gzip
import re
import sys
from typing import Any, Final

from msgspec import Struct
from playwright.async_api import CDPSession, Response
from playwright.async_api import Page as Tab

from surfaces.living import Living, living
from surfaces.looking import Variant, as_somebody, chromium, prefer
from surfaces.pages import PAGES, WEIGHED, Page

PHONE: Final = Variant("ar", "light", 360)
SLOWER: Final = 4
LINE: Final = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_638_400 / 8,
    "uploadThroughput": 768_000 / 8,
}
MAP: Final = re.compile(r"/(map|maplibre|pmtiles|sketch)[\w-]*\.js")
MOST_LCP_MS: Final = 2_500
MOST_CLS: Final = 0.1
MOST_INP_MS: Final = 200
MOST_SCRIPT_KB: Final = 60
WATCH: Final = """
  window.seen = { lcp: 0, cls: 0, inp: 0 };
  const watch = (type, hear, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(hear))
      .observe({ type, buffered: true, ...more });
  watch("largest-contentful-paint", (entry) => { seen.lcp = entry.startTime; });
  watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.cls += entry.value; });
  watch("event", (entry) => {
    if (entry.interactionId) seen.inp = Math.max(seen.inp, entry.duration);
  }, { durationThreshold: 16 });
"""
TAPS: Final = "summary, [data-opens], input[type=search], [popovertarget]"


class Measured(Struct, frozen=True, kw_only=True):
    name: str
    lcp_ms: int
    cls: float
    inp_ms: int
    script_kb: float

    @property
    def good(self) -> bool:
        return (
            self.lcp_ms <= MOST_LCP_MS
            and self.cls <= MOST_CLS
            and self.inp_ms <= MOST_INP_MS
            and self.script_kb <= MOST_SCRIPT_KB
        )


async def measure(tab: Tab, cdp: CDPSession, there: Living, page: Page) -> Measured:
    scripts: set[str] = set()

    def note(answer: Response) -> None:
        if answer.request.resource_type == "script" and answer.url.startswith(there.url):
            scripts.add(answer.url)

    await cdp.send("Network.clearBrowserCache")
    tab.on("response", note)
    await tab.goto(there.url + page.address.format_map(there.facts), wait_until="load")
    await tab.wait_for_timeout(1_500)
    seen: dict[str, Any] = await tab.evaluate("({ ...seen })")
    for control in (await tab.locator(TAPS).all())[:4]:
        if await control.is_visible():
            await control.tap()
            await tab.keyboard.press("Escape")
    await tab.wait_for_timeout(500)
    inp = await tab.evaluate("seen.inp")
    tab.remove_listener("response", note)
    return Measured(
        name=page.name,
        lcp_ms=round(seen["lcp"]),
        cls=round(seen["cls"], 3),
        inp_ms=round(inp),
        script_kb=round(sum([await _weight(tab, one) for one in scripts]) / 1_000, 1),
    )


async def _weight(tab: Tab, script: str) -> int:
    """Of a script as it is transferred; a map comes by itself, after what there is to read."""
    if MAP.search(script):
        return 0
    return len(gzip.compress(await (await tab.context.request.get(script)).body()))


async def main() -> bool:
    """Whether every page that is weighed keeps the limits."""
    pages = [page for page in PAGES if page.name in WEIGHED]
    results: list[Measured] = []
    async with living() as there, chromium() as browser:
        for page in pages:
            async with as_somebody(browser, there, page.who, telephone=True) as context:
                await prefer(context, url=there.url, variant=PHONE)
                tab = await context.new_page()
                await tab.add_init_script(WATCH)
                cdp = await context.new_cdp_session(tab)
                await cdp.send("Network.enable")
                await cdp.send("Network.emulateNetworkConditions", LINE)
                await cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
                results.append(await measure(tab, cdp, there, page))
    print(f"{'page':24}{'LCP ms':>8}{'CLS':>8}{'INP ms':>8}{'script kB gz':>14}")
    for one in results:
        mark = "" if one.good else "  too much"
        print(f"{one.name:24}{one.lcp_ms:>8}{one.cls:>8}{one.inp_ms:>8}{one.script_kb:>14}{mark}")
    return all(one.good for one in results)


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))
