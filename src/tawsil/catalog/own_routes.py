"""What a merchant says about itself over HTTP: its words, and when its doors are open."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog import introducing
from tawsil.catalog.access import check_own
from tawsil.catalog.hours import MOST_SPANS, Hours, Opening, SpecialDays, Timetable
from tawsil.catalog.model import Merchant, Profile, Standing, Taking
from tawsil.catalog.views import localised, until
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope, not_found
from tawsil.kernel.text import Prose

TAGS: Final = ["Merchants"]
READ: Final = "merchant:read"
UPDATE: Final = "merchant:update"

Edition = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Words = Annotated[Prose, Meta(max_length=1_000)]
Week = Annotated[
    tuple[Annotated[tuple[Opening, ...], Meta(max_length=MOST_SPANS)], ...],
    Meta(min_length=7, max_length=7),
]


class HoursBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Monday to Sunday, each a list of openings: minutes of the day, such as `[1080, 120]` for six
    in the evening to two at night. A special day has its own; without any, it is shut.

    `edition`: as it was read.
    """

    hours: Week
    special_days: SpecialDays = ()
    edition: Edition


class ProfileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description_en: Words
    description_ar: Words
    phone: Annotated[str, Meta(pattern=r"^\+[0-9]{7,15}$(?!\n)")]
    edition: Edition


HOURS_EXAMPLE: Final[dict[str, Any]] = {
    "hours": [[[660, 900], [1080, 120]]] * 7,
    "special_days": [{"day": "2026-12-02", "openings": []}],
    "edition": 1,
}
PROFILE_EXAMPLE: Final[dict[str, Any]] = {
    "description_en": "Charcoal grill since 1987.",
    "description_ar": "مشاوي على الفحم منذ 1987.",
    "phone": "+97140000001",
    "edition": 1,
}
HoursIn = Annotated[HoursBody, Meta(examples=[HOURS_EXAMPLE])]
ProfileIn = Annotated[ProfileBody, Meta(examples=[PROFILE_EXAMPLE])]


class OwnMerchantView(Struct, frozen=True, kw_only=True):
    """A merchant as its own people see it. `edition` is sent back with a change."""

    id: UUID
    city_id: UUID
    timezone: str
    edition: int
    name: str
    name_en: str
    name_ar: str
    description_en: str
    description_ar: str
    phone: str
    address_en: str
    address_ar: str
    cuisine: str
    currency: str
    hours: Hours
    special_days: SpecialDays
    standing: Standing
    taking: Taking
    paused_until: datetime | None
    prep_time_s: int
    busy_extra_s: int
    rating: float | None

    @classmethod
    def of(cls, merchant: Merchant, *, timezone: str) -> "OwnMerchantView":
        shown: dict[str, Any] = {
            field: getattr(merchant, field)
            for field in cls.__struct_fields__
            if field not in {"name", "timezone"}
        }
        shown["paused_until"] = until(merchant.paused_until)
        name = localised(merchant.name_en, merchant.name_ar)
        return cls(name=name, timezone=timezone, **shown)


class WrittenMerchantView(Struct, frozen=True, kw_only=True):
    """What was changed, and the edition that it is now."""

    id: UUID
    edition: int
    description_en: str
    description_ar: str
    phone: str
    hours: Hours
    special_days: SpecialDays

    @classmethod
    def of(cls, merchant: Merchant) -> "WrittenMerchantView":
        return cls(**{field: getattr(merchant, field) for field in cls.__struct_fields__})


@get(
    "/v4/merchants/{merchant_id:uuid}/profile",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="A merchant as its own people see it",
)
async def show_profile(
    merchant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[OwnMerchantView]:
    """What may be changed, with the edition to send back."""
    check_own(caller, merchant_id, UPDATE)
    async with database.transaction() as tx:
        found = await introducing.own(tx, tenant_id=caller.tenant_id, merchant_id=merchant_id)
    if found is None:
        raise not_found()
    return envelope(OwnMerchantView.of(found.merchant, timezone=found.timezone))


@put(
    "/v4/merchants/{merchant_id:uuid}/profile",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Say what customers read about a merchant",
)
async def change_profile(
    merchant_id: FromPath[UUID],
    data: JSONBody[ProfileIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[WrittenMerchantView]]:
    """Names, place and address are operations' to change.

    409 `written.stale` when somebody else has changed it since the edition that was read.
    """
    check_own(caller, merchant_id, UPDATE)
    profile = Profile(**{f: getattr(data, f) for f in Profile.__struct_fields__})
    command = introducing.Introduce(
        by=caller.by, merchant_id=merchant_id, to=profile, edition=data.edition
    )
    return await commands.submit(introducing.introduce, command, view=WrittenMerchantView.of)


@put(
    "/v4/merchants/{merchant_id:uuid}/hours",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Say when a merchant is open",
)
async def change_hours(
    merchant_id: FromPath[UUID],
    data: JSONBody[HoursIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[WrittenMerchantView]]:
    """By day of the week, on the clocks of the merchant's city, and for single dates.

    409 `written.stale` when somebody else has changed it since the edition that was read.
    """
    check_own(caller, merchant_id, UPDATE)
    command = introducing.OpenAt(
        by=caller.by,
        merchant_id=merchant_id,
        to=Timetable(data.hours, data.special_days),
        edition=data.edition,
    )
    return await commands.submit(introducing.open_at, command, view=WrittenMerchantView.of)


routes: Final[list[Any]] = [show_profile, change_profile, change_hours]
