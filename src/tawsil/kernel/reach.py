"""How far a caller reaches under one permission: what of its tenant it may see or do."""

from typing import Final
from uuid import UUID

from msgspec import Struct

AREA_LEVELS: Final = ("municipality", "district", "region", "country")
"""Scopes that reach what lies in an area, the narrowest first."""


class Reach(Struct, frozen=True, kw_only=True):
    """Everything of the tenant, or the sum of what the other fields name; with none: nothing.

    `city_ids` are those below a manager's area. `user_id` is set when the caller reaches what is
    its own, `assigned_to` what it was given to do, `location_id` what is its merchant's.
    """

    tenant_id: UUID
    everything: bool = False
    city_ids: frozenset[UUID] = frozenset()
    user_id: UUID | None = None
    assigned_to: UUID | None = None
    location_id: UUID | None = None

    @property
    def from_above(self) -> bool:
        """The caller looks at other people's things: operations do, and managers in their area."""
        return self.everything or bool(self.city_ids)

    def city(self, city_id: UUID | None) -> bool:
        """Whether everything in a city is within reach."""
        return self.everything or city_id in self.city_ids
