"""The acquirers that the platform has a contract with, each asked so much at once and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final

from msgspec import Struct

from tawsil.kernel import metrics
from tawsil.payments.events import Provider, Step
from tawsil.payments.model.dispute import Desk
from tawsil.payments.model.psp import Psp, Unheard, Word

NOT_ASKED: Final = "not_asked"
"""Why nothing was heard, when nothing was said: it tells nothing of the provider."""


class Budget(Struct, frozen=True):
    """How long is waited, in all and however a provider dribbles.

    A customer waits for an authorisation; for the other steps nobody does.
    """

    authorise_s: float = 4.0
    other_s: float = 10.0
    queue_s: float = 0.25
    """For a free line to a provider that as many as may are talking to."""


class Providers:
    """Who is asked for which provider's charges, in the order of preference.

    Each has so many lines: whoever hangs keeps its own busy and nobody else's.
    """

    def __init__(
        self,
        psps: Mapping[Provider, Psp],
        *,
        lines: int = 32,
        budget: Budget = Budget(),  # noqa: B008 - frozen
    ) -> None:
        assert psps, "somebody takes cards"
        self._psps = dict(psps)
        self._lines = {provider: asyncio.Semaphore(lines) for provider in psps}
        self._budget = budget

    def __contains__(self, provider: Provider) -> bool:
        return provider in self._psps

    @property
    def order(self) -> tuple[Provider, ...]:
        return tuple(self._psps)

    def desk(self, provider: Provider) -> Desk | None:
        """Through whom disputes are answered, where a provider tells of them."""
        psp = self._psps.get(provider)
        return psp if isinstance(psp, Desk) else None

    async def ask(
        self,
        provider: Provider,
        step: Step | None,
        call: Callable[[Psp], Awaitable[Word]],
        *,
        patient: bool = True,
    ) -> Word:
        """Ask for a step, or look; silence is `Unheard`. The impatient have another to ask."""
        if provider not in self._psps:
            return Unheard(NOT_ASKED)
        budget_s = self._budget.authorise_s if step is Step.AUTHORISE else self._budget.other_s
        lines = self._lines[provider]
        try:
            async with asyncio.timeout(budget_s if patient else self._budget.queue_s):
                await lines.acquire()
        except TimeoutError:
            return self._counted(provider, step, Unheard(NOT_ASKED))
        began_s = perf_counter()
        try:
            async with asyncio.timeout(budget_s):
                word = await call(self._psps[provider])
        except TimeoutError:
            word = Unheard(f"nothing within {budget_s:g} s")
        finally:
            lines.release()
        metrics.provider_call_s.labels(provider.value, step or "look").observe(
            perf_counter() - began_s
        )
        return self._counted(provider, step, word)

    @staticmethod
    def _counted(provider: Provider, step: Step | None, word: Word) -> Word:
        outcome = "heard"
        if isinstance(word, Unheard):
            outcome = "not_made" if word.why == NOT_ASKED else "silent"
        metrics.provider_calls.labels(provider.value, step or "look", outcome).inc()
        return word
