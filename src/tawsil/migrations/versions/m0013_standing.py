"""Couriers' preferences, and how they do."""

from tawsil.migrations.statements import run

revision = "0013_standing"
down_revision = "0012_support"


def upgrade() -> None:
    run(
        """
        alter table couriers.courier
            add column reason text,
            add column vehicle_unsafe_since_at timestamptz,
            add column fault text check (fault in ('brakes', 'tyres', 'lights', 'steering',
                'engine', 'accident', 'service_overdue', 'other')),
            add column preferred_zones uuid[] not null default '{}'
                check (cardinality(preferred_zones) <= 20),
            add check ((vehicle_unsafe_since_at is null) = (fault is null)),
            add check (fault is null or availability in ('OFFLINE', 'ENDING_SHIFT'));

        update couriers.courier c set reason = h.reason
        from couriers.availability_history h where h.courier_id = c.id and h.to_at is null;
        """
    )
