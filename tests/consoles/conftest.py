"""A made-up city to draw, one order in each status."""

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tawsil.consoles.picture import (
    CityFacts,
    CourierMark,
    Entry,
    MerchantMark,
    Name,
    OrderMark,
    Picture,
    Presence,
    Story,
    Weighed,
    Why,
    by_urgency,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.places import Place

HOSTILE = "<script>alert('x')</script>\"'&"
CENTRE = Place(24.12, 53.1)
CITY = CityFacts(
    id=UUID(int=2),
    slug="marsa",
    name=Name("Marsa", "المرسى"),
    timezone="Asia/Dubai",
    centre=CENTRE,
)
STATUSES = (
    "PENDING",
    "ACCEPTED",
    "PREPARING",
    "READY_FOR_PICKUP",
    "PICKED_UP",
    "IN_TRANSIT",
    "UNDELIVERABLE",
)


class PaintedWatch:
    """A city that stands still, one order in each status."""

    def __init__(self, *, now: datetime, ids: Ids) -> None:
        self.now = now
        self.couriers = [
            CourierMark(id=ids(), name=f"Courier {n}", presence=presence, place=CENTRE, seen_at=now)
            for n, presence in enumerate(Presence)
        ]
        carrier = self.couriers[2]
        self.orders = [
            OrderMark(
                id=ids(),
                number=10_001 + n,
                status=status,
                merchant=Name(HOSTILE, "شاورما البحر"),
                courier=carrier.name if n > 3 else None,
                courier_id=carrier.id if n > 3 else None,
                pickup=CENTRE,
                dropoff=Place(24.13, 53.11),
                placed_at=now - timedelta(minutes=20),
                promised_at=now + timedelta(minutes=5 * n - 3) if n else None,
                deadline_kind="merchant_accept",
                deadline_at=now + timedelta(minutes=n + 1),
            )
            for n, status in enumerate(STATUSES)
        ]

    async def city(self, *, tenant_id: UUID, slug: str | None = None) -> CityFacts | None:
        del tenant_id
        return CITY if slug in {None, CITY.slug} else None

    async def picture(self, *, tenant_id: UUID, slug: str | None = None) -> Picture | None:
        if await self.city(tenant_id=tenant_id, slug=slug) is None:
            return None
        return Picture(
            city=CITY,
            cities=(CITY,),
            at=self.now,
            orders=by_urgency(self.orders),
            couriers=tuple(self.couriers),
            merchants=(MerchantMark(id=UUID(int=3), name=Name(HOSTILE, "متجر"), place=CENTRE),),
            delivered=12,
            median_s=1_680.0,
        )

    async def story(self, *, tenant_id: UUID, order_id: UUID) -> Story | None:
        del tenant_id
        found = next((order for order in self.orders if order.id == order_id), None)
        if found is None:
            return None
        return Story(
            city=CITY,
            at=self.now,
            order=found,
            entries=(
                Entry(at=self.now, sentence=f"Said by {HOSTILE}", actor="Customer", kind="order"),
            ),
            why=Why(
                at=self.now,
                policy="just_in_time",
                weighed=(
                    Weighed(
                        name="Courier 2", chosen=True, pickup_at=self.now, cost_s=214.0, terms={}
                    ),
                ),
                excluded={"too_far": 3},
            ),
        )


@pytest.fixture
def watch(clock: VirtualClock, ids: Ids) -> PaintedWatch:
    return PaintedWatch(now=clock(), ids=ids)


@pytest.fixture
def known(watch: PaintedWatch, tmp_path: Path) -> dict[str, Any]:
    """What the application's state holds for these pages."""
    return {"watch": watch, "settings": SimpleNamespace(data=tmp_path)}


@pytest.fixture
def operator(callers: Any) -> str:
    return callers.token("admin", "order:*")
