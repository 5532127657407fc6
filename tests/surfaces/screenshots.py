"""Pictures of every page in every language, theme and width: `make screenshots`."""

import asyncio
import sys
from pathlib import Path

from surfaces.living import living
from surfaces.looking import VARIANTS, as_somebody, by_person, chromium, looking_at
from surfaces.pages import PAGES

SETTLES_MS = 900  # what moves, and maps that are drawn
OUT = Path("build/screenshots")


async def main(wanted: list[str]) -> None:
    """All pages, or those whose names are given."""
    pages = tuple(page for page in PAGES if not wanted or page.name in wanted)
    OUT.mkdir(parents=True, exist_ok=True)
    async with living() as there, chromium() as browser:
        for who, theirs in by_person(pages):
            async with as_somebody(browser, there, who) as context:
                for page in theirs:
                    for variant in VARIANTS:
                        async with looking_at(context, there, page, variant) as (tab, complaints):
                            await tab.wait_for_timeout(SETTLES_MS)
                            path = OUT / f"{page.name}-{variant}.png"
                            await tab.screenshot(path=path, full_page=True)
                            print(path, *complaints)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
