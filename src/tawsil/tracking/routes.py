"""Positions over HTTP: phones send them, those who may see them ask for the latest."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope, not_found
from tawsil.kernel.i18n import text
from tawsil.kernel.places import Place
from tawsil.tracking import service, store
from tawsil.tracking.model import Ping, Position
from tawsil.tracking.service import Receipt, RecordPositions

SEND: Final = "location:update"
READ: Final = "courier:read"
MOST_PINGS: Final = 500


class PingBody(Struct, frozen=True, forbid_unknown_fields=True):
    latitude: Annotated[float, Meta(ge=-90, le=90, examples=[33.8938])]
    longitude: Annotated[float, Meta(ge=-180, le=180, examples=[35.5018])]
    accuracy_m: Annotated[float, Meta(ge=0, le=1_000_000, examples=[12.5])]
    at: Annotated[
        datetime,
        Meta(
            tz=True,
            description="When the phone was there, by its own clock.",
            examples=["2026-11-20T12:00:03Z"],
        ),
    ]
    speed_mps: Annotated[float, Meta(ge=0, le=1_000, examples=[6.1])] | None = None
    heading_deg: Annotated[float, Meta(ge=0, le=360, examples=[270.0])] | None = None
    seq: Annotated[int, Meta(ge=0, le=2**31 - 1, examples=[1042])] | None = None

    def ping(self) -> Ping:
        return Ping(
            place=Place(self.latitude, self.longitude),
            at=self.at,
            accuracy_m=self.accuracy_m,
            speed_mps=self.speed_mps,
            heading_deg=self.heading_deg,
            seq=self.seq,
        )


class PositionsBody(Struct, frozen=True, forbid_unknown_fields=True):
    pings: Annotated[list[PingBody], Meta(min_length=1, max_length=MOST_PINGS)]


class RefusedPingView(Struct, frozen=True):
    index: int
    code: str
    message: str


class ReceiptView(Struct, frozen=True):
    """How many pings were kept, known already, or kept but not believed; and which were not."""

    accepted: int
    duplicates: int
    suspect: int
    refused: list[RefusedPingView]

    @staticmethod
    def of(receipt: Receipt) -> "ReceiptView":
        return ReceiptView(
            accepted=receipt.accepted,
            duplicates=receipt.duplicates,
            suspect=receipt.suspect,
            refused=[
                RefusedPingView(
                    index=refused.index,
                    code=refused.refusal.code,
                    message=text(refused.refusal.code, params=refused.refusal.detail),
                )
                for refused in receipt.refused
            ],
        )


class PositionView(Struct, frozen=True):
    """The latest believed position; `age_s` says how old it is, so that a gap shows as one."""

    courier_id: UUID
    latitude: float
    longitude: float
    accuracy_m: float
    speed_mps: float | None
    heading_deg: float | None
    at: datetime
    age_s: float

    @staticmethod
    def of(position: Position, *, now: datetime) -> "PositionView":
        return PositionView(
            courier_id=position.courier_id,
            latitude=position.place.latitude,
            longitude=position.place.longitude,
            accuracy_m=position.accuracy_m,
            speed_mps=position.speed_mps,
            heading_deg=position.heading_deg,
            at=position.at,
            age_s=max(0.0, (now - position.at).total_seconds()),
        )


@post(
    "/v4/drivers/{courier_id:uuid}/positions",
    opt={"rule": allow(SEND)},
    status_code=200,
    tags=["Tracking"],
    summary="Send positions",
)
async def send_positions(
    courier_id: FromPath[UUID],
    data: JSONBody[PositionsBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ReceiptView]]:
    """Send up to 500 pings of your own, in any order; those sent before do no harm.

    Pings from the future or more than a day old are refused one by one, the others kept.
    """
    if caller.user_id != courier_id:
        raise not_found()
    return await commands.submit(
        service.record,
        RecordPositions(
            by=caller.by, courier_id=courier_id, pings=[ping.ping() for ping in data.pings]
        ),
        view=ReceiptView.of,
    )


@get(
    "/v4/drivers/{courier_id:uuid}/position",
    opt={"rule": allow(READ)},
    tags=["Tracking"],
    summary="Where a courier is",
)
async def show_position(
    courier_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[PositionView]:
    """Where a courier is: their own position, or anyone's for operations."""
    scopes = caller.scopes(READ)
    if "all" not in scopes and not ("own" in scopes and caller.user_id == courier_id):
        raise not_found()
    async with database.transaction() as tx:
        position = (await store.latest(tx, courier_ids=[courier_id])).get(courier_id)
        now = tx.now
    if position is None or position.tenant_id != caller.tenant_id:
        raise not_found()
    return envelope(PositionView.of(position, now=now))


routes: Final = [send_positions, show_position]
