"""The pages of merchants: the order board, and the office behind it."""

from typing import Any, Final

from tawsil.consoles.merchant import board, office

pages: Final[list[Any]] = [*board.pages, *office.pages]
