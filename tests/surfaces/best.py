"""The best twelve pictures, with words, for somebody who looks around: `make pictures`."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from surfaces import screenshots

OUT: Final = Path("docs/pictures/best")
BEST: Final[Mapping[str, str]] = {
    "story/01-near": "What is near, for a customer who reads Arabic",
    "story/03-options": "A dish and its options",
    "story/04-fees": "Every fee, before anything is decided",
    "story/10-tracking": "On the way: when it comes, who brings it, and the code for the door",
    "shop_menu-en-dark-1280": "A menu at a desk, in the dark",
    "story/08-offer": "An offer covers the courier's screen",
    "story/13-unsent": "In the lift: what was done is kept until there is a network",
    "story/06-heard": "The merchant's board is loud until somebody looks",
    "merchant_reports-en-light-1280": "What sold, and when",
    "city-en-dark-1280": "The live city",
    "story/19-why": "Why this courier, and who else could come",
    "story/17-fee": "A fee is changed; what an order will cost is shown first",
}


async def main() -> None:
    """Take them anew, and lay them out on one page."""
    await screenshots.main([name.split("/")[0] for name in BEST])
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    page = ["# Twelve pictures", ""]
    for number, (name, words) in enumerate(BEST.items(), start=1):
        kept = f"{number:02}-{name.split('/')[-1].lstrip('0123456789-')}.png"
        shutil.copyfile(screenshots.OUT / f"{name}.png", OUT / kept)
        page += [f"**{words}.**", "", f"![{words}]({kept})", ""]
    (OUT / "README.md").write_text("\n".join(page))
    print(f"{OUT}/README.md")


if __name__ == "__main__":
    asyncio.run(main())
