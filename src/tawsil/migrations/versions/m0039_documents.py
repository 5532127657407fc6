"""What couriers must show before they ride, and couriers who may not."""

from tawsil.migrations.statements import run

revision = "0039_documents"
down_revision = "0038_flags"


def upgrade() -> None:
    run(
        """
        alter table couriers.courier
            add column suspended_since_at timestamptz,
            add column suspended_because text,
            add constraint suspended_for_a_reason
                check ((suspended_since_at is null) = (suspended_because is null));

        -- numbers are sealed; the last characters tell two papers of one kind apart
        create table couriers.document (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            courier_id uuid not null references couriers.courier on delete cascade,
            kind text not null check (kind in ('licence', 'insurance', 'identity')),
            sealed_number bytea not null,
            number_end text not null check (length(number_end) between 1 and 4),
            expires_on date not null,
            added_at timestamptz not null,
            added_by_id uuid,
            verified_at timestamptz,
            verified_by_id uuid,
            withdrawn_at timestamptz,
            check (verified_at is not null or verified_by_id is null)
        );
        create unique index document_in_force on couriers.document (courier_id, kind)
            where withdrawn_at is null;
        create index document_expires on couriers.document (tenant_id, expires_on)
            where withdrawn_at is null;
        select kernel.wall('couriers.document');
        """
    )
