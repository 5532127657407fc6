"""Every page as everybody may meet it: nothing that axe finds, nothing cut off, nothing unsaid."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Error
from playwright.async_api import Page as Tab

from surfaces.living import Living
from surfaces.looking import VARIANTS, as_somebody, looking_at
from surfaces.pages import PAGES, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
LOOK = """async () => {
  const { violations } = await axe.run(document, {
    resultTypes: ["violations"],
    rules: { "target-size": { enabled: true } },
  });
  return violations.flatMap(({ id, nodes }) => nodes.map(
    ({ target, any, all, none }) => {
      const why = [...any, ...all, ...none].map(({ message }) => message);
      return `${id}: ${target.join(" ")}: ${why.join("; ")}`;
    }
  ));
}"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TALLER = """innerWidth < 976 || !document.body.matches(".console") ? 0
    : document.documentElement.scrollHeight - innerHeight"""
"""A console fills a wide screen, and its panes scroll."""


async def _look(tab: Tab, axe: str) -> list[str]:
    """What axe finds; once more where the page has loaded itself anew meanwhile."""
    try:
        await tab.evaluate(axe)
        return await tab.evaluate(LOOK)
    except Error as error:
        if "context was destroyed" not in str(error):
            raise
    await tab.wait_for_load_state()
    await tab.evaluate(axe)
    return await tab.evaluate(LOOK)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
async def test_a_page_keeps_nobody_out(browser: Browser, there: Living, page: Page) -> None:
    axe = AXE.read_text()
    found: dict[str, list[str]] = {}
    async with as_somebody(browser, there, page.who) as context:
        for variant in VARIANTS:
            async with looking_at(context, there, page, variant) as (tab, complaints):
                wrong = [*await _look(tab, axe), *complaints]
                if wider := await tab.evaluate(WIDER):
                    wrong.append(f"{wider} px wider than the screen")
                if taller := await tab.evaluate(TALLER):
                    wrong.append(f"{taller} px taller than the screen")
                if "console." in (said := await tab.locator("body").inner_text()):
                    wrong.append(f"a code instead of words: {said[said.index('console.') :][:60]}")
                if wrong:
                    found[str(variant)] = wrong
    told = [f"{variant}: {one}" for variant, wrong in found.items() for one in wrong]
    assert not told, "\n" + "\n".join(told)
