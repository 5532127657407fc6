"""Dispatch policies, their trials, and which is live where; decisions that can be made again."""

from tawsil.migrations.statements import run

revision = "0014_policies"
down_revision = "0013_standing"


def upgrade() -> None:
    run(
        """
        create table dispatch.policy (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            name text not null check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
            number int not null check (number > 0),
            weights jsonb not null,
            weights_hash bytea not null check (length(weights_hash) = 32),
            note text not null,
            created_at timestamptz not null,
            created_by uuid,
            unique (tenant_id, name, number)
        );

        create function dispatch.refuse_change() returns trigger language plpgsql as $body$
        begin
            raise exception 'a policy version never changes: make a new one';
        end $body$;
        create trigger policy_never_changes before update on dispatch.policy
            for each row execute function dispatch.refuse_change();

        create table dispatch.policy_trial (
            id uuid primary key,
            tenant_id uuid not null,
            city_id uuid not null,
            policy_id uuid not null references dispatch.policy (id),
            weights_hash bytea not null check (length(weights_hash) = 32),
            seed bigint not null,
            asked_at timestamptz not null,
            asked_by uuid,
            finished_at timestamptz,
            against text,
            candidate jsonb,
            live jsonb,
            passed boolean,
            reasons jsonb,
            check (num_nulls(finished_at, against, candidate, live, passed, reasons) in (0, 6))
        );
        create index policy_trial_of_weights
            on dispatch.policy_trial (city_id, weights_hash, finished_at desc)
            where finished_at is not null;
        create index policy_trial_of_policy on dispatch.policy_trial (policy_id, asked_at desc);

        create table dispatch.policy_live (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            policy_id uuid not null references dispatch.policy (id),
            since_at timestamptz not null,
            set_by uuid,
            reason text not null,
            override boolean not null,
            check (not override or reason <> '')
        );
        create index policy_live_of_city on dispatch.policy_live (city_id, since_at desc, id desc);

        -- What was kept before cannot be planned again, for it lacks travel times and weights.
        alter table dispatch.decision
            drop column inputs, drop column candidates, drop column exclusions, drop column outcome;
        delete from dispatch.decision;
        alter table dispatch.decision
            add column inputs bytea not null,
            add column story bytea not null,
            add column plan_hash bytea not null check (length(plan_hash) = 32),
            add column solver_s double precision not null check (solver_s >= 0),
            add column jobs int not null,
            add column couriers int not null,
            add column offer_ids uuid[] not null;
        alter table dispatch.decision
            alter column inputs set storage external, alter column story set storage external;
        create index delivery_requested on dispatch.delivery (city_id, requested_at);
        create index decision_of_offer on dispatch.decision using gin (offer_ids);
        """
    )
