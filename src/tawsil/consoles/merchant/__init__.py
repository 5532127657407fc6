"""The pages of merchants: the order board, and the office behind it."""

from typing import Any, Final

from tawsil.consoles.merchant import board

pages: Final[list[Any]] = [*board.pages]
