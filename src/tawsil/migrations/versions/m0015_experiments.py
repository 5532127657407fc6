"""The tables of experiments."""

from tawsil.migrations.statements import run

revision = "0015_experiments"
down_revision = "0014_policies"


def upgrade() -> None:
    run(
        """
        create schema experiments;

        create table experiments.experiment (
            id uuid primary key,
            version int not null check (version >= 0),
            tenant_id uuid not null,
            city_id uuid not null,
            name text not null check (name <> ''),
            arms text[] not null check (cardinality(arms) = 2 and arms[1] <> arms[2]),
            metrics jsonb not null
                check (jsonb_typeof(metrics) = 'array' and jsonb_array_length(metrics) > 0),
            metric_names text[] not null check (cardinality(metric_names) > 0),
            units uuid[] not null,
            block_min int not null check (block_min between 10 and 360 and 1440 % block_min = 0),
            washout_s int not null check (washout_s between 0 and block_min * 30),
            starts_at timestamptz not null,
            ends_at timestamptz not null check (ends_at > starts_at),
            seed bigint not null,
            status text not null
                check (status in ('draft', 'scheduled', 'running', 'ended', 'stopped')),
            assignment_sha256 char(64) check (assignment_sha256 ~ '^[0-9a-f]{64}$'),
            started_at timestamptz,
            finished_at timestamptz,
            stop_cause text check (stop_cause in ('harm', 'mistake', 'not_needed', 'missed')),
            stop_note text not null,
            check (status in ('draft', 'stopped') or assignment_sha256 is not null),
            check (status not in ('running', 'ended') or started_at is not null),
            check ((status in ('ended', 'stopped')) = (finished_at is not null)),
            check ((status = 'stopped') = (stop_cause is not null))
        );
        create index experiment_tenant on experiments.experiment (tenant_id, starts_at desc, id);
        create index experiment_city on experiments.experiment (city_id, starts_at);
        create unique index experiment_running on experiments.experiment (tenant_id, city_id)
            where status = 'running';

        -- unit_id is a zone, or the city when it is one unit as a whole
        create table experiments.assignment (
            experiment_id uuid not null references experiments.experiment,
            block int not null check (block >= 0),
            unit_id uuid not null,
            arm smallint not null check (arm in (0, 1)),
            coin int not null check (coin >= 0),
            flipped boolean not null,
            primary key (experiment_id, block, unit_id)
        );
        create trigger assignment_is_fixed before update or delete on experiments.assignment
            for each row execute function kernel.refuse_change();

        create table experiments.observation (
            experiment_id uuid not null,
            metric text not null,
            subject_id uuid not null,
            unit_id uuid not null,
            block int not null,
            value double precision not null
                check (value > '-infinity' and value < 'infinity'),
            started_at timestamptz not null,
            at timestamptz not null,
            primary key (experiment_id, metric, subject_id),
            foreign key (experiment_id, block, unit_id) references experiments.assignment
        );
        """
    )
