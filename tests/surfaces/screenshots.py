"""Pictures of every page in every language, theme and width, and of a story's chapters.

`make screenshots`; `make pictures` keeps the best twelve.
"""

import asyncio
import os
import sys
from pathlib import Path

from surfaces.five import PICTURES, five_people
from surfaces.living import living
from surfaces.looking import VARIANTS, as_somebody, by_person, chromium, looking_at, settled
from surfaces.pages import PAGES
from surfaces.story import tell

OUT = Path("build/screenshots")
STORY = "story"


async def main(wanted: list[str]) -> None:
    """All pages and the story, or those whose names are given: `city`, or `city-en-dark-1280`."""
    named = {name.split("-")[0] for name in wanted}
    pages = tuple(page for page in PAGES if not wanted or page.name in named)
    OUT.mkdir(parents=True, exist_ok=True)
    async with living() as there, chromium() as browser:
        for who, theirs in by_person(pages):
            async with as_somebody(browser, there, who) as context:
                for page in theirs:
                    for variant in VARIANTS:
                        if wanted and not {page.name, f"{page.name}-{variant}"} & set(wanted):
                            continue
                        async with looking_at(context, there, page, variant) as (tab, complaints):
                            await settled(tab)
                            path = OUT / f"{page.name}-{variant}.png"
                            await tab.screenshot(path=path, full_page=True)
                            print(path, *complaints)
        if not wanted or STORY in wanted:
            os.environ[PICTURES] = str(OUT / STORY)
            async with five_people(browser, there) as five:
                await tell(five)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
