"""Where an idle courier does better to wait: a suggestion, which they are free to ignore."""

from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch import events
from tawsil.kernel.decisions import Deadline, Decision, accept
from tawsil.kernel.places import Place

SUGGESTION_LASTS: Final = timedelta(minutes=10)
"""So long nothing else is suggested to the same courier."""


class Suggestion(Struct, frozen=True, kw_only=True):
    """Wait near this site. It is never answered, and nothing is held against who stays."""

    stream: ClassVar[str] = "suggestion"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    courier_id: UUID
    site_id: UUID
    place: Place
    made_at: datetime

    @property
    def until_at(self) -> datetime:
        return self.made_at + SUGGESTION_LASTS

    @property
    def deadline(self) -> Deadline | None:
        return None


def suggest(suggestion: Suggestion) -> Decision[Suggestion]:
    return accept(
        suggestion,
        events.MoveSuggested(
            suggestion_id=suggestion.id,
            courier_id=suggestion.courier_id,
            site_id=suggestion.site_id,
            place=suggestion.place,
            until_at=suggestion.until_at,
        ),
    )
