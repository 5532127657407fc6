"""Three streets: our callers' own, another of their tenant, and one of another tenant.

Everything happens over the application itself, as its people do it, so that each street has
whatever its rows need: an order that a courier carries, its payment, its delivery with offers and
decisions, a ticket about it.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from functools import partial
from random import Random
from typing import Any, Final, Self
from uuid import UUID, uuid5

from asyncpg import Pool, Record
from msgspec import Struct, field

from authorisation.asgi import Answer, ask
from authorisation.declared import PROMISED
from authorisation.noted import note_address, note_cash, note_document
from authorisation.payday import pay_out
from conftest import NOON
from tawsil.apps import wiring
from tawsil.apps.platform import create_api
from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.identity.public import PERMISSIONS, NewUser, Role, create_users
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.http import Caller, Problem
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place
from tawsil.kernel.settings import Settings
from tawsil.payments.providers.known import Providers
from tawsil.payments.public import Provider
from tawsil.simulation.psp.in_process import InProcessPsp
from tawsil.simulation.psp.in_process_payouts import InProcessPayee
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.psp.payouts import Disburser
from tawsil.simulation.virtual import VirtualPlatform

CUSTOMER, COURIER = Role.CUSTOMER, Role.DELIVERY_PARTNER
NOBODYS_HASH: Final = "$argon2id$" + "0" * 64
PUBLIC_KEY: Final = {  # of RFC 8037
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
PICTURE: Final = {
    "kind": "photo",
    "taken_at": "2026-11-20T12:00:00Z",
    "content": (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
    ),
}
KITCHEN, DOOR = Place(24.12, 53.1), Place(24.13, 53.1)


class Whose(StrEnum):
    OWN = "own"
    OTHERS = "other's"
    FOREIGN = "other tenant's"


class EndedError(Exception):
    """What was done is not kept."""


class Undone(Database):
    """A database that keeps nothing, once it is told to: each transaction ends as if it failed."""

    keeps = True

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        with suppress(EndedError):
            async with super().transaction() as tx:
                yield tx
                await tx.execute("set constraints all immediate")
                self._end()

    def _end(self) -> None:
        if not self.keeps:
            raise EndedError


class Street(Struct):
    """Ids by what they are of: `order`, `courier` …; callers by role."""

    tenant_id: UUID
    slug: str
    things: dict[str, str] = field(default_factory=dict[str, str])

    def id_of(self, thing: str) -> UUID:
        return UUID(self.things[thing])

    def name(self, thing: str) -> UUID:
        """A thing that is named rather than made over HTTP."""
        id_ = uuid5(self.tenant_id, f"{self.slug} {thing}")
        self.things[thing] = str(id_)
        return id_


class World:
    """The application over a virtual platform, and its three streets."""

    def __init__(self, pool: "Pool[Record]") -> None:
        self.clock = VirtualClock(NOON)
        ids = Ids(self.clock, Random(11))
        held = HeldJobs()
        self.database = Undone(pool, now=self.clock, ids=ids, jobs=held)
        psp = InProcessPsp(Acquirer(ids=Ids(self.clock, Random(12))))
        payee = InProcessPayee(Disburser(ids=Ids(self.clock, Random(13))))
        self.platform = VirtualPlatform(
            self.database,
            clock=self.clock,
            held=held,
            registry=wiring.REGISTRY,
            subscriptions=wiring.subscriptions(),
            deadlines=wiring.DEADLINES,
            jobs=wiring.jobs(
                database=self.database,
                providers=Providers({Provider.DIRECT: psp}),
                payees={Provider.DIRECT: payee},
            ),
        )
        psp.join(self.platform)
        payee.join(self.platform)
        unhindered = Settings(rate_limits_exempt="127.0.0.1/32")
        self.app = create_api(unhindered, self.database, authenticate=self._who)
        self._callers: dict[str, Caller] = {}
        ours, theirs = uuid5(UUID(int=0), "ours"), uuid5(UUID(int=0), "theirs")
        self.streets: Mapping[Whose, Street] = {
            Whose.OWN: Street(ours, "elm"),
            Whose.OTHERS: Street(ours, "oak"),
            Whose.FOREIGN: Street(theirs, "ash"),
        }

    async def _who(self, token: str) -> Caller:
        if token not in self._callers:
            raise Problem(401, "request.token_invalid")
        return self._callers[token]

    async def ask(self, whose: Whose, role: Role, method: str, path: str, **json: Any) -> Answer:
        return await ask(
            self.app, method, path, token=f"{whose} {role}", json=json if method != "GET" else None
        )

    async def do(self, whose: Whose, role: Role, method: str, path: str, **json: Any) -> Any:
        """What must succeed for the street to stand."""
        answer = await self.ask(whose, role, method, path, **json)
        assert answer.status in {200, 201}, f"{role} {method} {path}: {answer}"
        await self.platform.settle()
        return answer.data

    async def stand(self) -> Self:
        async with self.database.transaction() as tx:
            for tenant_id in {street.tenant_id for street in self.streets.values()}:
                slug = f"t{tenant_id.hex[:8]}"
                tenant = geography.Tenant(id=tenant_id, slug=slug, name=slug)
                await geography.create_tenant(tx, tenant=tenant)
        for whose, street in self.streets.items():
            async with self.database.transaction() as tx:
                await _settle(tx, street)
            street.things |= {
                "area": street.things["municipality"],
                "courier": street.things["delivery_partner"],
                "user": street.things["customer"],
            }
            await self._sign_in(whose, street)
            await self._order(whose, street)
        await self._deliver()
        for whose, street in self.streets.items():
            await self._ask_about(whose, street)
            street.things |= await pay_out(
                self.database, partial(self.do, whose), street.things, tenant_id=street.tenant_id
            )
        self.database.keeps = False
        return self

    async def _sign_in(self, whose: Whose, street: Street) -> None:
        places = {
            Role.MERCHANT: "merchant",
            Role.COUNTRY_DISTRIBUTOR: "country",
            Role.REGIONAL_MANAGER: "region",
            Role.DISTRICT_MANAGER: "district",
            Role.MUNICIPAL_MANAGER: "municipality",
        }
        for role in Role:
            place = places.get(role)
            self._callers[f"{whose} {role}"] = Caller(
                user_id=street.id_of(str(role)),
                tenant_id=street.tenant_id,
                session_id=self.database.ids(),
                roles=(role,),
                permissions=frozenset(PERMISSIONS[role]),
                location_id=street.id_of(place) if place else None,
            )

    async def _order(self, whose: Whose, street: Street) -> None:
        courier = f"/v4/drivers/{street.things['courier']}"
        await self.do(whose, COURIER, "POST", f"{courier}/availability/start-shift")
        quote_id = await self._quote(whose, street)
        order = await self.do(
            whose, CUSTOMER, "POST", "/v4/orders", quote_id=quote_id, payment_method="cash"
        )
        street.things["order"] = order["id"]
        await self.do(whose, Role.MERCHANT, "POST", f"/v4/orders/{order['id']}/accept")

    async def _deliver(self) -> None:
        """Let time pass until every courier was asked, and said yes."""
        for _ in range(30):
            for whose, street in self.streets.items():
                await self._ping(whose, street)
                if "offer" not in street.things:
                    await self._offer(whose, street)
            if all("offer" in street.things for street in self.streets.values()):
                return
            await self.platform.run_until(self.clock() + timedelta(minutes=1))
        raise AssertionError("nobody asks a courier")

    async def _ping(self, whose: Whose, street: Street) -> None:
        ping = {"latitude": KITCHEN.latitude, "longitude": KITCHEN.longitude, "accuracy_m": 5.0}
        path = f"/v4/drivers/{street.things['courier']}/positions"
        pings = [{**ping, "at": self.clock().isoformat()}]
        await self.do(whose, COURIER, "POST", path, pings=pings)

    async def _offer(self, whose: Whose, street: Street) -> None:
        async with self.database.transaction() as tx:
            await dispatch.tick(
                tx,
                tenant_id=street.tenant_id,
                city_id=street.id_of("city"),
                travel=geography.GreatCircle.of(geography.CityRules()),
            )
        await self.platform.settle()
        path = f"/v4/drivers/{street.things['courier']}/offers"
        for offer in await self.do(whose, COURIER, "GET", path):
            street.things["offer"] = offer["id"]
            await self.do(whose, COURIER, "POST", f"{path}/{offer['id']}/accept")

    async def _ask_about(self, whose: Whose, street: Street) -> None:
        things = street.things
        things["quote"] = await self._quote(whose, street)
        ticket = await self.do(
            whose,
            CUSTOMER,
            "POST",
            "/v4/support/tickets",
            kind="order_problem",
            subject_kind="order",
            subject_id=things["order"],
            words="It is cold.",
        )
        policy = await self.do(
            whose, Role.SUPER_ADMIN, "POST", "/v4/dispatch/policies", name=street.slug
        )
        proof = f"/v4/orders/{things['order']}/proofs/{street.name('proof')}"
        await self.do(whose, COURIER, "PUT", proof, **PICTURE)
        experiment = await self.do(
            whose,
            Role.SUPER_ADMIN,
            "POST",
            "/v4/experiments",
            city_id=things["city"],
            name="Both",
            arms=["default@1", f"{street.slug}@1"],
            metrics=[{"name": "click_to_door_s"}],
            block_min=60,
            starts_at="2026-12-01T00:00:00Z",
            ends_at="2026-12-08T00:00:00Z",
        )
        promotion = await self.do(
            whose,
            Role.MERCHANT,
            "POST",
            "/v4/promotions",
            currency="AED",
            terms=PROMISED,
        )
        key = await self.do(
            whose,
            Role.MERCHANT,
            "POST",
            "/v4/api-keys",
            name="till",
            permissions=["order:read:assigned"],
        )
        account = await self.do(
            whose,
            Role.SUPER_ADMIN,
            "POST",
            "/v4/service-accounts",
            name="warehouse",
            permissions=["order:read"],
            public_key=PUBLIC_KEY,
        )
        things |= {
            "ticket": ticket["id"],
            "policy": policy["name"],
            "version": str(policy["version"]),
            "experiment": experiment["id"],
            "promotion": promotion["id"],
            "key": key["key"]["id"],
            "account": account["id"],
        }
        await self._note(street)

    async def _note(self, street: Street) -> None:
        """What nobody makes over HTTP."""
        things, pool = street.things, self.database.pool
        decision_id = await pool.fetchval(
            "select id from dispatch.decision where city_id = $1 limit 1", street.id_of("city")
        )
        things["decision"] = str(decision_id)
        await pool.execute(
            """
            insert into dispatch.incident (id, version, tenant_id, city_id, courier_id, kind,
                subject_id, happened_at, state)
            values ($1, 1, $2, $3, $4, 'offer_missed', $5, $6, 'noted')
            """,
            street.name("incident"),
            street.tenant_id,
            street.id_of("city"),
            street.id_of("courier"),
            street.id_of("offer"),
            self.clock(),
        )
        await pool.execute(
            """
            insert into ordering.refund (id, version, tenant_id, city_id, order_id, customer_id,
                merchant_id, scope, paid_to, reason, currency, amount_minor, items_minor, pieces,
                fees, merchant_minor, courier_minor, platform_minor, tax_minor, state, asked_as,
                asked_at)
            values ($1, 1, $2, $3, $4, $5, $6, 'amount', 'credit', 'quality', 'AED', 100, 100,
                '[]', '{}', 0, 0, 100, 0, 'requested', 'customer', $7)
            """,
            street.name("refund"),
            street.tenant_id,
            street.id_of("city"),
            street.id_of("order"),
            street.id_of("customer"),
            street.id_of("merchant"),
            self.clock(),
        )
        await pool.execute(
            """
            insert into pricing.review (id, tenant_id, promotion_id, customer_id, quote_id, signals,
                refused, at, verdict)
            values ($1, $2, $3, $4, $5, '{device}', true, $6, 'open')
            """,
            street.name("review"),
            street.tenant_id,
            street.id_of("promotion"),
            street.id_of("customer"),
            street.id_of("quote"),
            self.clock(),
        )
        await pool.execute(
            """
            insert into identity.session (id, version, tenant_id, user_id, started_at, last_used_at)
            values ($1, 1, $2, $3, $4, $4)
            """,
            street.name("session"),
            street.tenant_id,
            street.id_of("user"),
            self.clock(),
        )
        await note_address(pool, street, at=self.clock())
        await note_document(pool, street, at=self.clock())
        await note_cash(pool, street, at=self.clock())

    async def _quote(self, whose: Whose, street: Street) -> str:
        quote = await self.do(
            whose,
            CUSTOMER,
            "POST",
            "/v4/quotes",
            merchant_id=street.things["merchant"],
            lines=[{"product_id": street.things["product"], "quantity": 1}],
            dropoff={
                "latitude": DOOR.latitude,
                "longitude": DOOR.longitude,
                "address": "Corniche 12",
            },
        )
        return quote["id"]


async def _settle(tx: Tx, street: Street) -> None:
    """A city in four areas of its own; a grill in it; one person of each role."""
    by = By(tenant_id=street.tenant_id, correlation_id=tx.ids())
    parent: UUID | None = None
    for level in geography.Level:
        (area,) = await geography.create_area(
            tx,
            [
                geography.CreateArea(
                    by=by,
                    area_id=street.name(level),
                    parent_id=parent,
                    slug=f"{street.slug}-{level}",
                    name_en=level,
                    name_ar=level,
                )
            ],
        )
        assert not isinstance(area, Refusal), area
        parent = area.id
    await geography.create_city(
        tx,
        city=geography.City(
            id=street.name("city"),
            tenant_id=street.tenant_id,
            slug=street.slug,
            name_en=street.slug,
            name_ar=street.slug,
            currency="AED",
            timezone="UTC",
            centre=KITCHEN,
            rules=geography.CityRules(),
        ),
    )
    await geography.place_city(
        tx,
        [
            geography.PlaceCity(
                by=by, city_id=street.id_of("city"), municipality_id=street.id_of("municipality")
            )
        ],
    )
    far = tuple(Place(24.3 + x, 53.3 + y) for x, y in ((0, 0), (0, 0.01), (0.01, 0)))
    zone = geography.Zone(
        id=street.name("zone"),
        tenant_id=street.tenant_id,
        city_id=street.id_of("city"),
        slug=street.slug,
        name_en="far",
        name_ar="far",
        ring=far,
    )
    await geography.create_zones(tx, zones=[zone])
    await catalog.create_merchants(tx, merchants=[_grill(street)])
    menu = await catalog.menu(tx, merchant_id=street.id_of("merchant"))
    street.things["category"] = str(menu.categories[0].id)
    street.things["product"] = str(menu.categories[0].products[0].id)
    await create_users(
        tx,
        users=[
            NewUser(
                id=street.name(str(role)),
                tenant_id=street.tenant_id,
                email=f"{role}@{street.slug}.example.com",
                name=role.title(),
                password_hash=NOBODYS_HASH,
                roles=(role,),
                location_id=street.id_of("merchant") if role is Role.MERCHANT else None,
                city_id=street.id_of("city"),
            )
            for role in Role
        ],
    )
    await couriers.create_couriers(
        tx,
        couriers=[
            couriers.NewCourier(
                by=by,
                courier_id=street.id_of("delivery_partner"),
                city_id=street.id_of("city"),
                vehicle=couriers.Vehicle.MOTORBIKE,
            )
        ],
    )


def _grill(street: Street) -> catalog.NewMerchant:
    kebab = catalog.NewProduct(name_en="Kebab", name_ar="كباب", price_minor=2_500)
    return catalog.NewMerchant(
        id=street.name("merchant"),
        tenant_id=street.tenant_id,
        city_id=street.id_of("city"),
        name_en="Layali Grill",
        name_ar="مشاوي ليالي",
        cuisine="grill",
        address_en="Corniche 4",
        address_ar="الكورنيش 4",
        place=KITCHEN,
        phone="+97140000001",
        currency="AED",
        hours=catalog.ALWAYS,
        categories=(catalog.NewCategory(name_en="Food", name_ar="طعام", products=(kebab,)),),
    )
