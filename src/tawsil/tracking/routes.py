"""Positions over HTTP: phones send them."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.http import Caller, Commands, Envelope, allow, not_found
from tawsil.kernel.i18n import text
from tawsil.kernel.places import Place
from tawsil.tracking import service
from tawsil.tracking.model import Ping
from tawsil.tracking.service import Receipt, RecordPositions

SEND: Final = "location:update"
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


routes: Final = [send_positions]
