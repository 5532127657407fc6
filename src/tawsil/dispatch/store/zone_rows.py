"""What is open in a city, as zone health sees it."""

from uuid import UUID

from tawsil.dispatch.model.zones import Job
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place


async def open_jobs(tx: Tx, *, city_id: UUID) -> list[tuple[Place, Job]]:
    """Each with the place where it is collected."""
    rows = await tx.rows(
        """
        select pickup_latitude, pickup_longitude, ready_at, searched_since_at, assigned_at,
            arrival_eta_at, state in ('picked_up', 'at_dropoff') as collected
        from dispatch.delivery
        where city_id = $1 and state in ('waiting', 'offered')
        union all
        select pickup_latitude, pickup_longitude, ready_at, searched_since_at, assigned_at,
            arrival_eta_at, state in ('picked_up', 'at_dropoff')
        from dispatch.delivery
        where city_id = $1 and state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff')
        """,
        city_id,
    )
    return [
        (
            Place(row["pickup_latitude"], row["pickup_longitude"]),
            Job(
                ready_at=row["ready_at"],
                searched_since_at=row["searched_since_at"],
                assigned_at=row["assigned_at"],
                arrival_eta_at=row["arrival_eta_at"],
                collected=row["collected"],
            ),
        )
        for row in rows
    ]
