"""The things of the graph. Each is made of what a context's `public.py` gives, and no more.

A field that its caller may not see is null, with an error at its place.
"""

from datetime import datetime
from typing import Annotated, Any, Final, cast
from uuid import UUID

import strawberry

from tawsil.apps.graph.asked import Info
from tawsil.apps.graph.lists import Connection, First, connection_of
from tawsil.apps.graph.values import (
    LONG,
    DeliveryFeeParts,
    MinorUnits,
    Money,
    TaxLine,
    as_id,
    localised,
    money,
)
from tawsil.catalog import public as catalog
from tawsil.identity import public as identity
from tawsil.kernel.http import Problem, not_found
from tawsil.kernel.places import Place
from tawsil.ordering import public as ordering
from tawsil.tracking import public as tracking

strawberry.enum(ordering.Status, name="OrderStatus")
strawberry.enum(ordering.PaidBy, name="PaymentMethod")
strawberry.enum(identity.Role, name="Role")


def _maybe_id(id_: UUID | None) -> strawberry.ID | None:
    return None if id_ is None else as_id(id_)


@strawberry.type(description="Degrees (WGS 84).")
class Coordinates:
    latitude: float
    longitude: float

    @classmethod
    def of(cls, place: Place) -> "Coordinates":
        return cls(latitude=place.latitude, longitude=place.longitude)


@strawberry.type(description="Where an order goes, in degrees and in words. Personal data.")
class Address:
    coordinates: Coordinates
    text: str
    instructions: str


@strawberry.type(description="Where the courier of an order was last seen.")
class DeliveryLocation:
    order_id: strawberry.ID
    courier_id: strawberry.ID
    latitude: float
    longitude: float
    accuracy_m: float
    at: datetime

    @classmethod
    def of(cls, position: tracking.Position, *, order_id: UUID) -> "DeliveryLocation":
        return cls(
            order_id=as_id(order_id),
            courier_id=as_id(position.courier_id),
            latitude=position.place.latitude,
            longitude=position.place.longitude,
            accuracy_m=position.accuracy_m,
            at=position.at,
        )


@strawberry.type(description="Somebody with an account.")
class User:
    id: strawberry.ID
    email: str
    email_verified: bool
    name: str
    phone: str | None
    locale: str
    roles: list[identity.Role]
    city_id: strawberry.ID | None
    location_id: strawberry.ID | None
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, user: identity.User) -> "User":
        return cls(
            id=as_id(user.id),
            email=user.email,
            email_verified=user.email_verified_at is not None,
            name=user.name,
            phone=user.phone,
            locale=user.locale,
            roles=list(user.roles),
            city_id=_maybe_id(user.city_id),
            location_id=_maybe_id(user.location_id),
            created_at=user.created_at,
            disabled_at=user.disabled_at,
        )


@strawberry.type
class Option:
    id: strawberry.ID
    name: str
    price_delta: Money


@strawberry.type(description="From `minChoices` to `maxChoices` of the options go with a product.")
class OptionGroup:
    id: strawberry.ID
    name: str
    min_choices: int
    max_choices: int
    options: list[Option]


@strawberry.type(description="What a merchant sells; names are in the language of the request.")
class Product:
    product: strawberry.Private[catalog.Product]
    currency: strawberry.Private[str]

    id: strawberry.ID
    name: str
    name_en: str
    name_ar: str
    description: str
    image_url: str | None
    price: Money
    merchant_id: strawberry.ID

    @classmethod
    def of(cls, product: catalog.Product, *, currency: str) -> "Product":
        return cls(
            product=product,
            currency=currency,
            id=as_id(product.id),
            name=localised(product.name_en, product.name_ar),
            name_en=product.name_en,
            name_ar=product.name_ar,
            description=localised(product.description_en, product.description_ar),
            image_url=product.image_url,
            price=money(product.price_minor, currency),
            merchant_id=as_id(product.merchant_id),
        )

    @strawberry.field(description="Whether it can be had now.")
    def available(self, info: Info) -> bool:
        return self.product.available(at=info.context.database.now())

    @strawberry.field
    def option_groups(self) -> list[OptionGroup]:
        return [
            OptionGroup(
                id=as_id(group.id),
                name=localised(group.name_en, group.name_ar),
                min_choices=group.min_choices,
                max_choices=group.max_choices,
                options=[
                    Option(
                        id=as_id(option.id),
                        name=localised(option.name_en, option.name_ar),
                        price_delta=money(option.price_delta_minor, self.currency),
                    )
                    for option in group.options
                ],
            )
            for group in self.product.option_groups
        ]

    @strawberry.field
    async def merchant(self, info: Info) -> Annotated["Merchant", strawberry.lazy(__name__)]:
        return await merchant_of(info, self.product.merchant_id)


@strawberry.type(
    description="Who sells. Unless it is `open` for orders now, `closedBecause` says why not."
)
class Merchant:
    merchant: strawberry.Private[catalog.Merchant]

    id: strawberry.ID
    city_id: strawberry.ID
    name: str
    name_en: str
    name_ar: str
    description: str
    cuisine: str
    address: str
    coordinates: Coordinates
    phone: str
    currency: str
    open: bool
    closed_because: str | None
    opens_at: datetime | None
    prep_time_s: int
    busy: bool
    rating: float | None
    distance_m: int | None

    @classmethod
    def of(cls, found: catalog.Found) -> "Merchant":
        merchant, refusal = found.merchant, found.refusal
        return cls(
            merchant=merchant,
            id=as_id(merchant.id),
            city_id=as_id(merchant.city_id),
            name=localised(merchant.name_en, merchant.name_ar),
            name_en=merchant.name_en,
            name_ar=merchant.name_ar,
            description=localised(merchant.description_en, merchant.description_ar),
            cuisine=merchant.cuisine,
            address=localised(merchant.address_en, merchant.address_ar),
            coordinates=Coordinates.of(merchant.place),
            phone=merchant.phone,
            currency=merchant.currency,
            open=refusal is None,
            closed_because=refusal.code if refusal else None,
            opens_at=cast("datetime | None", refusal.detail.get("opens_at")) if refusal else None,
            prep_time_s=merchant.expected_prep_s,
            busy=merchant.busy_extra_s > 0,
            rating=merchant.rating,
            distance_m=None if found.distance_m is None else round(found.distance_m),
        )

    @strawberry.field(description="What it sells, in the order of its menu.")
    async def products(
        self, info: Info, first: First = 20, after: str | None = None
    ) -> Connection[Product]:
        sold = await info.context.loads.products_of.load(self.merchant.id) or []
        return connection_of(
            sold,
            lambda product: Product.of(product, currency=self.currency),
            first=first,
            after=after,
        )


async def merchant_of(info: Info, merchant_id: UUID) -> Merchant:
    """A merchant of the caller's tenant: anybody of it may look at one."""
    found = await info.context.loads.merchants.load(merchant_id)
    if found is None:
        raise not_found()
    return Merchant.of(found)


@strawberry.type(description="A line of an order as it was sold: names and prices stay.")
class OrderItem:
    item: strawberry.Private[ordering.Item]

    product_id: strawberry.ID
    name: str
    name_en: str
    name_ar: str
    quantity: int
    options: list[str]
    unit_price: Money
    total: Money

    @classmethod
    def of(cls, item: ordering.Item, *, currency: str) -> "OrderItem":
        return cls(
            item=item,
            product_id=as_id(item.product_id),
            name=localised(item.name_en, item.name_ar),
            name_en=item.name_en,
            name_ar=item.name_ar,
            quantity=item.quantity,
            options=item.options,
            unit_price=money(item.unit_price_minor, currency),
            total=money(item.total_minor, currency),
        )

    @strawberry.field(description="The product as it is on the menu today; null when it is gone.")
    async def product(self, info: Info) -> Product | None:
        product = await info.context.loads.products.load(self.item.product_id)
        if product is None:
            return None
        return Product.of(product, currency=self.unit_price.currency)


@strawberry.type(
    description="An order as its people see it; `legalMoves` are the statuses it may go to next."
)
class Order:
    order: strawberry.Private[ordering.Order]
    party: strawberry.Private[ordering.Party]
    """As whom the caller looks at it."""

    id: strawberry.ID
    order_number: MinorUnits
    status: ordering.Status
    payment_method: ordering.PaidBy
    customer_id: strawberry.ID
    merchant_id: strawberry.ID
    courier_id: strawberry.ID | None
    subtotal: Money
    tax: Money
    delivery_fee: Money
    service_fee: Money
    small_order_fee: Money
    discount: Money
    tip: Money
    total: Money
    tax_included: bool
    taxes: list[TaxLine]
    delivery_fee_parts: DeliveryFeeParts
    pickup: Coordinates
    placed_at: datetime
    accepted_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None
    estimated_delivery_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    next_deadline: str | None
    next_deadline_at: datetime | None
    choice_until_at: datetime | None
    legal_moves: list[ordering.Status]

    @classmethod
    def of(cls, order: ordering.Order, *, party: ordering.Party) -> "Order":
        sums, deadline = order.amounts, order.deadline

        def of_order(minor: int) -> Money:
            return money(minor, sums.currency)

        return cls(
            order=order,
            party=party,
            id=as_id(order.id),
            order_number=MinorUnits(order.number),
            status=order.status,
            payment_method=order.paid_by,
            customer_id=as_id(order.customer_id),
            merchant_id=as_id(order.merchant_id),
            courier_id=_maybe_id(order.courier_id),
            subtotal=of_order(sums.subtotal_minor),
            tax=of_order(sums.tax_minor),
            delivery_fee=of_order(sums.delivery_fee_minor),
            service_fee=of_order(sums.service_fee_minor),
            small_order_fee=of_order(sums.small_order_fee_minor),
            discount=of_order(sums.discount_minor),
            tip=of_order(sums.tip_minor),
            total=of_order(sums.total_minor),
            tax_included=sums.tax_included,
            taxes=[TaxLine.of(line, currency=sums.currency) for line in sums.taxes],
            delivery_fee_parts=DeliveryFeeParts.of(sums.delivery_fee_parts, currency=sums.currency),
            pickup=Coordinates.of(order.pickup),
            placed_at=order.placed_at,
            accepted_at=order.accepted_at,
            ready_at=order.ready_at,
            picked_up_at=order.picked_up_at,
            delivered_at=order.delivered_at,
            estimated_delivery_at=order.promised_at,
            ended_at=order.ended_at,
            ended_because=order.ended_because,
            next_deadline=deadline.kind if deadline else None,
            next_deadline_at=deadline.at if deadline else None,
            choice_until_at=order.choice_until_at,
            legal_moves=[ordering.Status(move) for move in ordering.legal_moves(order)],
        )

    @strawberry.field
    async def items(self, info: Info) -> list[OrderItem]:
        items = await info.context.loads.items.load(self.order.id) or []
        return [OrderItem.of(item, currency=self.order.amounts.currency) for item in items]

    @strawberry.field
    async def merchant(self, info: Info) -> Merchant | None:
        return await merchant_of(info, self.order.merchant_id)

    @strawberry.field(description="Who ordered; for themselves and those who may read users.")
    async def customer(self, info: Info) -> User | None:
        return await _person(info, self.order.customer_id)

    @strawberry.field(description="Who brings it; for themselves and those who may read users.")
    async def courier(self, info: Info) -> User | None:
        if self.order.courier_id is None:
            return None
        return await _person(info, self.order.courier_id)

    @strawberry.field(description="Where it goes; a merchant need not know.")
    async def address(self, info: Info) -> Address | None:
        if self.party is ordering.Party.MERCHANT:
            raise Problem(403, "graph.not_yours")
        to = await info.context.loads.destinations.load(self.order.id)
        if to is None:
            return None  # erased
        return Address(
            coordinates=Coordinates.of(self.order.dropoff),
            text=to.address,
            instructions=to.instructions,
        )

    @strawberry.field(description="What the customer said about it.")
    async def notes(self, info: Info) -> str | None:
        if self.party is ordering.Party.MERCHANT:
            raise Problem(403, "graph.not_yours")
        to = await info.context.loads.destinations.load(self.order.id)
        return to.notes if to else None

    @strawberry.field(description="What the customer tells the courier at the door.")
    def handover_pin(self) -> str | None:
        if self.party is not ordering.Party.CUSTOMER:
            raise Problem(403, "graph.not_yours")
        return self.order.handover_pin

    @strawberry.field(description="Where the courier is, while one is on it.")
    async def delivery_location(self, info: Info) -> DeliveryLocation | None:
        if self.order.courier_id is None or not self.order.live:
            return None
        position = await info.context.loads.positions.load(self.order.courier_id)
        return DeliveryLocation.of(position, order_id=self.order.id) if position else None


async def _person(info: Info, user_id: UUID) -> User | None:
    """Somebody on an order; null when their account is gone.

    Raises:
        Problem: 403 or 404, the caller may not read them.
    """
    asked = info.context
    if user_id == asked.caller.user_id:
        user = await asked.loads.users.load(user_id)
        return User.of(user) if user else None
    reach = await asked.reach("user:read")
    user = await asked.loads.users.load(user_id)
    if user is None:
        return None
    if not reach.city(user.city_id):
        raise not_found()
    return User.of(user)


SCALARS: Final[dict[object, Any]] = {MinorUnits: LONG}
