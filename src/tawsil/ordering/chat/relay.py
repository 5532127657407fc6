"""Calls without a number shown: people dial a relay, and the relay connects them.

A relay is somebody else's service. What it must know to connect a call is in the digits that are
dialled after it has answered: the number of the order, and whom to ring. It looks both up with a
service account of its own.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from tawsil.ordering.events import Writer

ANY_CITY: Final = "*"
DIGITS: Final[Mapping[Writer, int]] = {
    Writer.CUSTOMER: 1,
    Writer.MERCHANT: 2,
    Writer.COURIER: 3,
}


class Relay(Protocol):
    def number(self, *, city: str, order_number: int, to: Writer) -> str | None:
        """What to dial to reach one of the people of an order; None: there is no relay there."""
        ...


class TemplateRelay:
    """A number per city, with what to dial after it, such as `+97140000000,,{order}*{to}#`."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._templates = templates

    def number(self, *, city: str, order_number: int, to: Writer) -> str | None:
        template = self._templates.get(city, self._templates.get(ANY_CITY))
        if template is None:
            return None
        return template.format(order=order_number, to=DIGITS[to])
