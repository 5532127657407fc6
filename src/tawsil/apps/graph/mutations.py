"""What can be done. Each is a command that REST knows too, handled in the same batch.

Send an Idempotency-Key: a repeat of the request finds what the first one did, and does nothing.
"""

from typing import Any

import msgspec
import strawberry

from tawsil.apps.graph.asked import Info, identified
from tawsil.apps.graph.objects import Order, User
from tawsil.apps.graph.queries import Id
from tawsil.identity import public as identity
from tawsil.identity.routes.users import NewUserBody, UserBody
from tawsil.ordering import public as ordering
from tawsil.ordering.views import PlaceOrderBody, ReasonBody, StatusBody
from tawsil.payments.public import Provider


@strawberry.input(description="The card as one provider knows it.")
class CardTokenInput:
    provider: Provider
    token: str


@strawberry.input(description="A binding quote, and how it is paid.")
class CreateOrderInput:
    quote_id: strawberry.ID
    payment_method: ordering.PaidBy
    card_token: str | None = None
    card_tokens: list[CardTokenInput] = strawberry.field(default_factory=list[CardTokenInput])
    notes: str = ""


@strawberry.input(
    description="Somebody who is invited by mail. `locationId`: a merchant, or a manager's area."
)
class CreateUserInput:
    email: str
    name: str
    roles: list[identity.Role]
    phone: str | None = None
    locale: str = "en"
    city_id: strawberry.ID | None = None
    location_id: strawberry.ID | None = None


@strawberry.input(description="All that is to be known of a user; without `roles` they stay.")
class UpdateUserInput:
    name: str
    phone: str | None = None
    locale: str = "en"
    city_id: strawberry.ID | None = None
    location_id: strawberry.ID | None = None
    roles: list[identity.Role] | None = None


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Turn a binding quote into an order.")
    async def create_order(self, info: Info, input: CreateOrderInput) -> Order | None:  # noqa: A002 - as everybody calls it
        asked = info.context
        await asked.reach("order:create")
        given = vars(input) | {"card_tokens": [vars(one) for one in input.card_tokens]}
        body = msgspec.convert(given, PlaceOrderBody)
        command = ordering.placing(
            asked.caller,
            quote_id=body.quote_id,
            paid_by=body.payment_method,
            card_tokens=body.cards(asked.providers),
            notes=body.notes,
            digester=asked.digester,
        )
        return await _changed(info, ordering.place, command, as_=ordering.Party.CUSTOMER)

    @strawberry.mutation(description="Bring an order to a status, by the step that leads there.")
    async def update_order_status(
        self, info: Info, order_id: strawberry.ID, status: ordering.Status, notes: str = ""
    ) -> Order | None:
        asked = info.context
        reach = await asked.reach("order:update")
        body = msgspec.convert({"status": status, "notes": notes}, StatusBody)
        handle, command = await ordering.towards(
            asked.database,
            asked.caller,
            reach=reach,
            order_id=identified(order_id),
            to=body.status,
            notes=body.notes,
        )
        return await _changed(info, handle, command, as_=command.acting.party)

    @strawberry.mutation(description="Call an order off, for a reason such as `changed_my_mind`.")
    async def cancel_order(self, info: Info, order_id: strawberry.ID, reason: str) -> Order | None:
        asked = info.context
        await asked.reach("order:read")
        body = msgspec.convert({"reason": reason}, ReasonBody)
        command = ordering.cancelling(
            asked.caller, order_id=identified(order_id), reason=body.reason
        )
        return await _changed(info, ordering.cancel, command, as_=command.acting.party)

    @strawberry.mutation(description="Make a user with roles that the caller may grant.")
    async def create_user(self, info: Info, input: CreateUserInput) -> User | None:  # noqa: A002 - as everybody calls it
        asked = info.context
        await asked.reach("user:create")
        body = msgspec.convert(vars(input), NewUserBody)
        await asked.check_city(body.city_id)
        command = identity.inviting(
            asked.caller, id_=asked.database.ids(), **msgspec.structs.asdict(body)
        )
        return await _user(info, identity.invite, command)

    @strawberry.mutation(
        description="Change a user who may do no more than the caller; or one's own profile."
    )
    async def update_user(
        self,
        info: Info,
        id_: Id,
        input: UpdateUserInput,  # noqa: A002 - as everybody calls it
    ) -> User | None:
        asked, user_id = info.context, identified(id_)
        body = msgspec.convert(vars(input), UserBody)
        await asked.check_city(body.city_id)
        myself = user_id == asked.caller.user_id and not (body.roles or body.location_id)
        if myself and not asked.caller.scopes("user:update"):
            mine = identity.changing_oneself(
                asked.caller,
                name=body.name,
                phone=body.phone,
                locale=body.locale,
                city_id=body.city_id,
            )
            return await _user(info, identity.change_profile, mine)
        reach = await asked.reach("user:update")
        command = identity.changing(
            asked.caller, reach=reach, user_id=user_id, **msgspec.structs.asdict(body)
        )
        return await _user(info, identity.change, command)


async def _user(info: Info, handle: Any, command: Any) -> User:
    user_id = await info.context.submit(handle, command)
    user = await info.context.loads.users.load(user_id)
    assert user is not None, "it was there a moment ago"
    return User.of(user)


async def _changed(info: Info, handle: Any, command: Any, *, as_: ordering.Party) -> Order:
    order_id = await info.context.submit(handle, command)
    async with info.context.reading.tx() as tx:
        known = await ordering.get_many(tx, tenant_id=info.context.caller.tenant_id, ids=[order_id])
    return Order.of(known[order_id], party=as_)
