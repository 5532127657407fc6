"""What can be wrong with the books, though nothing should be, and the alarm raised for it."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.decisions import Accepted, accept
from tawsil.payments.events import BooksCheck, ImbalanceFound


class Fault(Struct, frozen=True, kw_only=True):
    """A subject of a check that is out by `amount_minor`; of what pends wrongly, the amount."""

    check: BooksCheck
    tenant_id: UUID
    subject_id: UUID
    currency: str
    amount_minor: int


class Alarm(Struct, frozen=True, kw_only=True):
    """A fault that people were told of. The same one is told of again only once it was gone."""

    stream: ClassVar[str] = "alarm"
    deadline: ClassVar[None] = None

    id: UUID
    version: int = 0
    fault: Fault
    city_id: UUID | None
    found_at: datetime

    @property
    def tenant_id(self) -> UUID:
        return self.fault.tenant_id


def raise_alarm(alarm: Alarm) -> Accepted[Alarm]:
    fault = alarm.fault
    return accept(
        alarm,
        ImbalanceFound(
            check=fault.check,
            subject_id=fault.subject_id,
            currency=fault.currency,
            amount_minor=fault.amount_minor,
        ),
    )
