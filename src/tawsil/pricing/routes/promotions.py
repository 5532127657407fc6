"""Promotions over HTTP: operations run them, merchants their own, customers see what they get."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from tawsil.experiments.public import Module
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
from tawsil.kernel.http.lists import csv_lines
from tawsil.kernel.reach import Reach
from tawsil.pricing.model.promotions import Status
from tawsil.pricing.service import promoting
from tawsil.pricing.service import promotions as service
from tawsil.pricing.store import promotions as store
from tawsil.pricing.store import redemptions
from tawsil.pricing.store.promotions import SORTS, Filter
from tawsil.pricing.views import (
    ChangeBody,
    DraftBody,
    MakeCodesBody,
    PromotionFigures,
    PromotionView,
    RaiseBudgetBody,
    UsablePromotionView,
)

TAGS: Final = ["Promotions"]
OF_MODULE: Final = {"module": Module.PROMOTIONS.value}
READ: Final = {"rule": allow("promotion:read"), **OF_MODULE}
UPDATE: Final = {"rule": allow("promotion:update"), **OF_MODULE}
COLUMNS: Final = columns(
    "id",
    "terms.name_en",
    "terms.name_ar",
    "terms.kind",
    "terms.automatic",
    "merchant_id",
    "status",
    "currency",
    "budget_minor",
    "taken_minor",
    "remaining_minor",
    "redemptions",
    "terms.from_at",
    "terms.until_at",
    "created_at",
    "ended_at",
)


async def asked_for(
    status: FromQuery[list[Status] | None] = None,
    merchant_id: FromQuery[UUID | None] = None,
    automatic: FromQuery[bool | None] = None,
    q: Annotated[
        str | None, QueryParameter(min_length=1, max_length=100, description="Part of its name.")
    ] = None,
) -> Filter:
    return Filter(
        statuses=tuple(status) if status else None,
        merchant_id=merchant_id,
        automatic=automatic,
        words=q,
    )


WHICH: Final = {"which": Provide(asked_for)}


@get(
    "/v4/promotions",
    opt=READ,
    dependencies={**WHICH, **asked_of(SORTS)},
    tags=TAGS,
    summary="Promotions, the newest first",
)
async def list_promotions(
    asked: NamedDependency[Asked],
    which: NamedDependency[Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[PromotionView]]:
    """All of the company; a merchant's own for the merchant."""
    async with database.transaction() as tx:
        found = await store.search(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(PromotionView.of), asked)


@get(
    "/v4/promotions.csv",
    opt={**READ, "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(SORTS)},
    tags=TAGS,
    summary="All promotions of a list, as a file",
    media_type="text/csv",
)
async def export_promotions(
    asked: NamedDependency[Asked],
    which: NamedDependency[Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "promotions",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(store.search, reach=reach, which=which),
    )


@get(
    "/v4/promotions/mine",
    opt={"rule": allow("order:create"), **OF_MODULE},
    tags=TAGS,
    summary="Which promotions I get at a merchant",
)
async def list_mine(
    merchant_id: FromQuery[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[list[UsablePromotionView]]:
    """Those that apply by themselves, here and now; some want a larger order."""
    async with database.transaction() as tx:
        usable = await promoting.usable(
            tx, tenant_id=caller.tenant_id, customer_id=caller.user_id, merchant_id=merchant_id
        )
    if usable is None:
        raise not_found()
    return envelope([UsablePromotionView.of(promotion) for promotion in usable])


@post(
    "/v4/promotions",
    opt={"rule": allow("promotion:create"), **OF_MODULE},
    status_code=201,
    tags=TAGS,
    summary="Draft a promotion",
)
async def draft_promotion(
    data: JSONBody[DraftBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """Nobody gets it before it is activated. Merchants that are named bear what stands by them."""
    command = service.Draft(
        by=caller.by,
        merchant_id=_owner(reach, "promotion:create"),
        currency=data.currency,
        terms=data.terms,
        budget_minor=data.budget_minor,
        codes=data.codes,
    )
    return await commands.submit(service.draft, command, view=PromotionView.of, status=201)


@get("/v4/promotions/{promotion_id:uuid}", opt=READ, tags=TAGS, summary="A promotion's figures")
async def show_promotion(
    promotion_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[PromotionFigures]:
    """What is promised, how often it was used, and what is left."""
    async with database.transaction() as tx:
        promotion = await store.reached(tx, reach=reach, promotion_id=promotion_id)
        if promotion is None:
            raise not_found()
        figures = await redemptions.figures(tx, promotion_id=promotion_id)
    return envelope(PromotionFigures.of(promotion, figures))


@put("/v4/promotions/{promotion_id:uuid}", opt=UPDATE, tags=TAGS, summary="Change a draft")
async def change_promotion(
    promotion_id: FromPath[UUID],
    data: JSONBody[ChangeBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """Once it is activated, its terms are a promise and stay as they are."""
    command = service.Change(
        **_about(caller, reach, promotion_id), terms=data.terms, budget_minor=data.budget_minor
    )
    return await commands.submit(service.change, command, view=PromotionView.of)


@post(
    "/v4/promotions/{promotion_id:uuid}/activate",
    opt=UPDATE,
    status_code=200,
    tags=TAGS,
    summary="Begin a promotion, or go on with it",
)
async def activate_promotion(
    promotion_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """What the platform may have to bear of the budget is put aside now."""
    command = service.Activate(**_about(caller, reach, promotion_id))
    return await commands.submit(service.activate, command, view=PromotionView.of)


@post(
    "/v4/promotions/{promotion_id:uuid}/pause",
    opt=UPDATE,
    status_code=200,
    tags=TAGS,
    summary="Pause a promotion",
)
async def pause_promotion(
    promotion_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """At once: prices that were quoted with it are not honoured either."""
    command = service.Pause(**_about(caller, reach, promotion_id))
    return await commands.submit(service.pause, command, view=PromotionView.of)


@post(
    "/v4/promotions/{promotion_id:uuid}/end",
    opt=UPDATE,
    status_code=200,
    tags=TAGS,
    summary="End a promotion for good",
)
async def end_promotion(
    promotion_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """What orders have of it stays theirs; the rest of the budget goes back to the platform."""
    command = service.End(**_about(caller, reach, promotion_id))
    return await commands.submit(service.end, command, view=PromotionView.of)


@post(
    "/v4/promotions/{promotion_id:uuid}/budget",
    opt=UPDATE,
    status_code=200,
    tags=TAGS,
    summary="Raise a promotion's budget",
)
async def raise_budget(
    promotion_id: FromPath[UUID],
    data: JSONBody[RaiseBudgetBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """One that was used up runs again. Send an Idempotency-Key: a repeat adds nothing."""
    command = service.RaiseBudget(**_about(caller, reach, promotion_id), by_minor=data.by_minor)
    return await commands.submit(service.raise_budget, command, view=PromotionView.of)


@post(
    "/v4/promotions/{promotion_id:uuid}/codes",
    opt={**UPDATE, "limit": HEAVY},
    status_code=200,
    tags=TAGS,
    summary="Make codes for a single use each",
)
async def make_codes(
    promotion_id: FromPath[UUID],
    data: JSONBody[MakeCodesBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PromotionView]]:
    """They are in the file beside it, and cannot be guessed from one another."""
    command = service.MakeCodes(**_about(caller, reach, promotion_id), count=data.count)
    return await commands.submit(service.make_codes, command, view=PromotionView.of)


@get(
    "/v4/promotions/{promotion_id:uuid}/codes.csv",
    opt={**UPDATE, "limit": HEAVY},
    tags=TAGS,
    summary="A promotion's codes, as a file",
    media_type="text/csv; charset=utf-8",
)
async def export_codes(
    promotion_id: FromPath[UUID],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Response[str]:
    """Every code, whether it is for a single use, and whether it has been used."""
    async with database.transaction() as tx:
        if await store.reached(tx, reach=reach, promotion_id=promotion_id) is None:
            raise not_found()
        codes = await store.codes(tx, promotion_id=promotion_id)
    rows: list[tuple[object, ...]] = [("code", "single_use", "used")]
    rows += [(code.code, code.single_use, code.used) for code in codes]
    return Response(
        csv_lines(rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="codes-{promotion_id}.csv"'},
    )


def _owner(reach: Reach, permission: str) -> UUID | None:
    """Whose promotions the caller may make and change: a merchant's own, or everybody's (None).

    Raises:
        Problem: 403, nobody's.
    """
    if not reach.everything and reach.location_id is None:
        raise Problem(403, "request.forbidden", permission=permission)
    return None if reach.everything else reach.location_id


def _about(caller: Caller, reach: Reach, promotion_id: UUID) -> dict[str, Any]:
    owner = _owner(reach, "promotion:update")
    return {"by": caller.by, "promotion_id": promotion_id, "merchant_id": owner}


routes: Final[list[Any]] = [
    list_promotions,
    export_promotions,
    list_mine,
    draft_promotion,
    show_promotion,
    change_promotion,
    activate_promotion,
    pause_promotion,
    end_promotion,
    raise_budget,
    make_codes,
    export_codes,
]
