"""Tips over HTTP: given by the customer, shown on the order."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.ordering.tips import service
from tawsil.ordering.tips.views import TipView
from tawsil.ordering.views import CardTokenBody, Token, cards_of


class TipBody(Struct, forbid_unknown_fields=True):
    """With a card, named as for an order, or out of your credit (`use_credit`)."""

    amount_minor: Annotated[int, Meta(ge=1, le=100_000, examples=[500])]
    card_token: Token | None = None
    card_tokens: Annotated[list[CardTokenBody], Meta(max_length=4)] = []
    use_credit: bool = False


@post(
    "/v4/orders/{order_id:uuid}/tip",
    opt={"rule": allow("order:update")},
    status_code=201,
    tags=["Orders"],
    summary="Give the courier a tip after delivery",
)
async def give_tip(
    order_id: FromPath[UUID],
    data: JSONBody[TipBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    state: State,
) -> Response[Envelope[TipView]]:
    """Within seven days, up to three times; the courier gets all of it. Send an Idempotency-Key.

    It is `asked` at first, and `paid` or `declined` a moment later: look at the order's `tips`.
    """
    cards = cards_of(data.card_token, data.card_tokens, state.providers)
    if bool(cards) == data.use_credit:
        raise Problem(422, "tip.card_or_credit")
    return await commands.submit(
        service.give,
        service.GiveTip(
            by=caller.by,
            order_id=order_id,
            acting=Acting(Party.CUSTOMER, caller.user_id),
            amount_minor=data.amount_minor,
            card_tokens=cards,
        ),
        view=TipView.of,
        status=201,
    )


routes: Final[list[Any]] = [give_tip]
