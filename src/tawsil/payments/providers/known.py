"""The acquirers that the platform has a contract with."""

from collections.abc import Mapping

from tawsil.payments.events import Provider
from tawsil.payments.model.psp import Psp


class Providers:
    """Who is asked for which provider's charges, in the order of preference."""

    def __init__(self, psps: Mapping[Provider, Psp]) -> None:
        assert psps, "somebody takes cards"
        self._psps = dict(psps)

    def __getitem__(self, provider: Provider) -> Psp:
        return self._psps[provider]

    @property
    def order(self) -> tuple[Provider, ...]:
        return tuple(self._psps)
