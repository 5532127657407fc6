"""The order board: a page that a script draws, out of what the API answers."""

from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency

from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.frame import UPDATE, merchant_page
from tawsil.kernel.http import Caller, allow


@get("/merchant", opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def show_board(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await merchant_page(request, "merchant/board.html", caller=caller, section="board")


pages: Final[list[Any]] = [show_board]
