"""Who takes cards: whether they answer, and operators who take one out of use."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    SIGNED_IN,
    Caller,
    Commands,
    Envelope,
    Problem,
    allow,
    envelope,
)
from tawsil.payments.events import Method, Provider, Step
from tawsil.payments.model.breaker import Breaker, breaker
from tawsil.payments.service import circuits
from tawsil.payments.store import breakers

Reason = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)", examples=["maintenance"])]


class PauseBody(Struct, forbid_unknown_fields=True):
    """A code, because it stands in the log for ever."""

    reason: Reason


class ProviderView(Struct, frozen=True, kw_only=True):
    """`circuit`: `closed` is in use, `open` is left alone until `until_at`, `half_open` is tried
    with one card at a time, and `paused` is out of use until somebody resumes it.
    """

    provider: str
    circuit: str
    since_at: datetime
    until_at: datetime | None
    reason: str | None
    takes_cards: bool

    @classmethod
    def of(cls, known: Breaker, *, at: datetime) -> "ProviderView":
        return cls(
            provider=known.provider.value,
            circuit=known.circuit.value,
            since_at=known.since_at,
            until_at=known.until_at,
            reason=known.reason,
            takes_cards=known.takes(Step.AUTHORISE, at=at),
        )


class MethodView(Struct, frozen=True, kw_only=True):
    """A way to pay. `by_approval`: not for the asking, an operator decides."""

    method: str
    provider: str | None
    available: bool
    by_approval: bool = False


@get(
    "/v4/payment-providers",
    opt={"rule": allow("payment:read")},
    tags=["Payments"],
    summary="Whether those who take cards answer",
)
async def list_providers(
    caller: NamedDependency[Caller], database: NamedDependency[Database], state: State
) -> Envelope[list[ProviderView]]:
    """In the order in which they are asked; one that never failed anybody is in use."""
    if "all" not in caller.scopes("payment:read"):
        raise Problem(403, "request.forbidden", permission="payment:read")
    async with database.transaction() as tx:
        found = (await breakers.of_tenants(tx, tenant_ids=[caller.tenant_id]))[caller.tenant_id]
        views = [
            ProviderView.of(
                found.get(one) or breaker(tenant_id=caller.tenant_id, provider=one, at=tx.now),
                at=tx.now,
            )
            for one in state.providers
        ]
    return envelope(views)


@post(
    "/v4/payment-providers/{provider:str}/pause",
    opt={"rule": allow("payment:update")},
    status_code=200,
    tags=["Payments"],
    summary="Take a provider out of use",
)
async def pause_provider(
    provider: FromPath[str],
    data: JSONBody[PauseBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[ProviderView]]:
    """Nothing is asked of it: cards go to the next provider, and what is to be captured, voided or
    refunded there waits.
    """
    command = circuits.PauseProvider(
        by=caller.by, provider=_known(provider, state), reason=data.reason
    )
    return await commands.submit(circuits.pause, command, view=_view(database))


@post(
    "/v4/payment-providers/{provider:str}/resume",
    opt={"rule": allow("payment:update")},
    status_code=200,
    tags=["Payments"],
    summary="Use a provider again",
)
async def resume_provider(
    provider: FromPath[str],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
    state: State,
) -> Response[Envelope[ProviderView]]:
    """It is probed at once, and is in use again when it answers."""
    command = circuits.ResumeProvider(by=caller.by, provider=_known(provider, state))
    return await commands.submit(circuits.resume, command, view=_view(database))


@get(
    "/v4/payment-methods",
    opt={"rule": SIGNED_IN},
    tags=["Payments"],
    summary="What a checkout page offers now",
)
async def list_methods(
    caller: NamedDependency[Caller], database: NamedDependency[Database], state: State
) -> Envelope[list[MethodView]]:
    """Show the card field of the first provider that is available; with a token of each, a card is
    taken even if that one goes down meanwhile.
    """
    async with database.transaction() as tx:
        found = (await breakers.of_tenants(tx, tenant_ids=[caller.tenant_id]))[caller.tenant_id]
        cards = [
            MethodView(
                method=Method.CARD.value,
                provider=one.value,
                available=one not in found or found[one].takes(Step.AUTHORISE, at=tx.now),
            )
            for one in state.providers
        ]
    return envelope(
        [
            *sorted(cards, key=lambda card: not card.available),
            MethodView(method=Method.CASH.value, provider=None, available=True),
            MethodView(method=Method.LATER.value, provider=None, available=False, by_approval=True),
        ]
    )


def _known(name: str, state: State) -> Provider:
    known = [provider.value for provider in state.providers]
    if name not in known:
        raise Problem(404, "payment.provider_unknown", known=known)
    return Provider(name)


def _view(database: Database) -> Callable[[Breaker], ProviderView]:
    return lambda known: ProviderView.of(known, at=database.now())


routes: Final = [list_providers, pause_provider, resume_provider, list_methods]
