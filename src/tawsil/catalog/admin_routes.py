"""Merchants over HTTP for those who look after them: operations, support, managers of areas."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from tawsil.catalog import public, ruling, service
from tawsil.catalog.events import SuspendedBecause
from tawsil.catalog.hours import Hours
from tawsil.catalog.model import Particulars, Standing
from tawsil.catalog.views import ListedMerchantView, ProductTaxView
from tawsil.geography.public import TaxClass
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Caller,
    Commands,
    Envelope,
    Problem,
    allow,
    asked_of,
    columns,
    csv_of,
    envelope,
    list_envelope,
    not_found,
    ordered_of,
)
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach

TAGS: Final = ["Merchants"]
LIST: Final = "merchant:list"

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Description = Annotated[str, Meta(max_length=1_000)]
_EVERY_DAY: Final = [[[480, 1380]]] * 7
EXAMPLE: Final[dict[str, Any]] = {
    "name_en": "Layali Grill",
    "name_ar": "مشاوي ليالي",
    "cuisine": "grill",
    "address_en": "Corniche Road 4",
    "address_ar": "شارع الكورنيش 4",
    "place": {"latitude": 24.121, "longitude": 53.101},
    "phone": "+97140000001",
    "hours": _EVERY_DAY,
}


class _Particulars(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written about a merchant. Without a commission of its own, the city's counts; a plan
    counts before both.
    """

    name_en: Name
    name_ar: Name
    description_en: Description = ""
    description_ar: Description = ""
    cuisine: Annotated[str, Meta(pattern=r"^[a-z][a-z_-]{0,39}$(?!\n)")]
    address_en: Name
    address_ar: Name
    place: Place
    phone: Annotated[str, Meta(pattern=r"^\+[0-9]{7,15}$(?!\n)")]
    commission_bp: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    hours: Hours

    def particulars(self) -> Particulars:
        return Particulars(**{f: getattr(self, f) for f in Particulars.__struct_fields__})


class ListMerchantBody(_Particulars, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new merchant of a city, not verified yet."""

    city_id: UUID
    prep_time_minutes: Annotated[int, Meta(ge=1, le=240)] = 15


class SuspendBody(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[SuspendedBecause, Meta(examples=["hygiene"])]


class TaxBody(Struct, frozen=True, forbid_unknown_fields=True):
    tax_class: Annotated[TaxClass, Meta(examples=["reduced"])]


LIST_EXAMPLE: Final = {**EXAMPLE, "city_id": "01920000-0000-7000-8000-00000000000c"}
ListBody = Annotated[ListMerchantBody, Meta(examples=[LIST_EXAMPLE])]
ChangeBody = Annotated[_Particulars, Meta(examples=[EXAMPLE])]


async def asked_for(
    standing: FromQuery[list[Standing] | None] = None,
    city_id: FromQuery[UUID | None] = None,
    area_id: Annotated[
        UUID | None, QueryParameter(description="Only in the cities below this area.")
    ] = None,
    cuisine: Annotated[str | None, QueryParameter(min_length=1, max_length=40)] = None,
    q: Annotated[
        str | None,
        QueryParameter(min_length=1, max_length=100, description="Words in its name or cuisine."),
    ] = None,
) -> public.Filter:
    return public.Filter(
        standings=tuple(standing) if standing else None,
        city_id=city_id,
        area_id=area_id,
        cuisine=cuisine,
        words=q,
    )


WHICH: Final = {"which": Provide(asked_for)}
COLUMNS: Final = columns(
    "id",
    "city_id",
    "name_en",
    "name_ar",
    "cuisine",
    "standing",
    "suspended_because",
    "rating",
    "prep_time_s",
    "commission_bp",
    "phone",
    "address_en",
    "address_ar",
    "place.latitude",
    "place.longitude",
)


@get(
    "/v4/admin/merchants",
    opt={"rule": allow(LIST)},
    dependencies={**WHICH, **asked_of(public.SORTS)},
    tags=TAGS,
    summary="Merchants, whatever their standing",
)
async def list_merchants(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[ListedMerchantView]]:
    """The merchants of the tenant, or of a manager's area."""
    async with database.transaction() as tx:
        found = await public.search_merchants(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(ListedMerchantView.of), asked)


@get(
    "/v4/admin/merchants.csv",
    opt={"rule": allow(LIST), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(public.SORTS)},
    tags=TAGS,
    summary="All merchants of a list, as a file",
    media_type="text/csv",
)
async def export_merchants(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "merchants",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.search_merchants, reach=reach, which=which),
    )


@get(
    "/v4/admin/merchants/{merchant_id:uuid}",
    opt={"rule": allow(LIST)},
    tags=TAGS,
    summary="One merchant, whatever its standing",
)
async def show_merchant(
    merchant_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[ListedMerchantView]:
    async with database.transaction() as tx:
        found = await public.reached(tx, reach=reach, ids=[merchant_id])
    if merchant_id not in found:
        raise not_found()
    return envelope(ListedMerchantView.of(found[merchant_id]))


@post(
    "/v4/admin/merchants",
    opt={"rule": allow("merchant:create")},
    tags=TAGS,
    summary="List a merchant",
)
async def create_merchant(
    data: JSONBody[ListBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ListedMerchantView]]:
    """It has no menu yet, and takes no orders before it is verified."""
    _whole_tenant(reach, "merchant:create")
    command = ruling.ListMerchant(
        by=caller.by,
        city_id=data.city_id,
        particulars=data.particulars(),
        prep_time_s=data.prep_time_minutes * 60,
    )
    return await commands.submit(ruling.list_new, command, view=ListedMerchantView.of, status=201)


@put(
    "/v4/admin/merchants/{merchant_id:uuid}",
    opt={"rule": allow("merchant:update")},
    tags=TAGS,
    summary="Change what is written about a merchant",
)
async def change_merchant(
    merchant_id: FromPath[UUID],
    data: JSONBody[ChangeBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ListedMerchantView]]:
    """All of it at once: what is left out becomes what it is without."""
    _whole_tenant(reach, "merchant:update")
    command = ruling.ChangeMerchant(by=caller.by, merchant_id=merchant_id, to=data.particulars())
    return await commands.submit(ruling.change, command, view=ListedMerchantView.of)


@post(
    "/v4/admin/merchants/{merchant_id:uuid}/verify",
    opt={"rule": allow("merchant:verify")},
    status_code=200,
    tags=TAGS,
    summary="Let a merchant begin to take orders",
)
async def verify_merchant(
    merchant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ListedMerchantView]]:
    _whole_tenant(reach, "merchant:verify")
    command = ruling.Verify(by=caller.by, merchant_id=merchant_id)
    return await commands.submit(ruling.verify, command, view=ListedMerchantView.of)


@post(
    "/v4/admin/merchants/{merchant_id:uuid}/suspend",
    opt={"rule": allow("merchant:suspend")},
    status_code=200,
    tags=TAGS,
    summary="Let a merchant take no more orders",
)
async def suspend_merchant(
    merchant_id: FromPath[UUID],
    data: JSONBody[SuspendBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ListedMerchantView]]:
    """Nothing can be quoted or ordered from it; what it has taken already goes on."""
    _whole_tenant(reach, "merchant:suspend")
    command = ruling.Suspend(by=caller.by, merchant_id=merchant_id, reason=data.reason)
    return await commands.submit(ruling.suspend, command, view=ListedMerchantView.of)


@post(
    "/v4/admin/merchants/{merchant_id:uuid}/reinstate",
    opt={"rule": allow("merchant:suspend")},
    status_code=200,
    tags=TAGS,
    summary="Let a suspended merchant take orders again",
)
async def reinstate_merchant(
    merchant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ListedMerchantView]]:
    _whole_tenant(reach, "merchant:suspend")
    command = ruling.Reinstate(by=caller.by, merchant_id=merchant_id)
    return await commands.submit(ruling.reinstate, command, view=ListedMerchantView.of)


@put(
    "/v4/admin/products/{product_id:uuid}/tax-class",
    opt={"rule": allow("merchant:update")},
    tags=TAGS,
    summary="Say how a product is taxed",
)
async def tax_product(
    product_id: FromPath[UUID],
    data: JSONBody[TaxBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ProductTaxView]]:
    """What the class costs is in the rules of the city. For quotes from now on."""
    _whole_tenant(reach, "merchant:update")
    command = service.TaxProduct(by=caller.by, product_id=product_id, tax_class=data.tax_class)
    return await commands.submit(service.tax_products, command, view=ProductTaxView.of)


def _whole_tenant(reach: Reach, permission: str) -> None:
    """A merchant may update some of its own; this is for those who run the tenant."""
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=permission)


routes: Final[list[Any]] = [
    list_merchants,
    export_merchants,
    show_merchant,
    create_merchant,
    change_merchant,
    verify_merchant,
    suspend_merchant,
    reinstate_merchant,
    tax_product,
]
