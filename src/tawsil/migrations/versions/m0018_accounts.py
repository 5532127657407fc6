"""What a user proves: an address, a second factor, that they are not guessing."""

from tawsil.migrations.statements import run

revision = "0018_accounts"
down_revision = "0017_conditions"


def upgrade() -> None:
    run(
        """
        alter table identity.app_user
            add column email_verified_at timestamptz,
            add column city_id uuid;
        update identity.app_user set email_verified_at = created_at;
        create index user_by_creation on identity.app_user (tenant_id, created_at, id);
        create index user_by_name on identity.app_user (tenant_id, lower(name) text_pattern_ops);
        create index user_by_email on identity.app_user (tenant_id, email_key text_pattern_ops);
        create index user_by_phone on identity.app_user (tenant_id, phone text_pattern_ops);
        create index user_of_city on identity.app_user (city_id) where city_id is not null;

        alter table identity.session
            add column address text check (length(address) <= 100),
            add column user_agent text check (length(user_agent) <= 400),
            add column last_used_at timestamptz,
            drop constraint session_revoked_because_check,
            add constraint session_revoked_because_check check (revoked_because in (
                'logged_out', 'token_reused', 'user_disabled', 'password_changed',
                'roles_changed'));
        update identity.session set last_used_at = started_at;
        alter table identity.session alter column last_used_at set not null;

        create table identity.mail_proof ( -- what a mailed link shows, by its hash
            token_hash bytea primary key check (length(token_hash) = 32),
            tenant_id uuid not null,
            user_id uuid not null references identity.app_user on delete cascade,
            purpose text not null check (purpose in ('verify_email', 'reset_password')),
            made_at timestamptz not null,
            expires_at timestamptz not null check (expires_at > made_at),
            spent_at timestamptz
        );
        create index mail_proof_of_user on identity.mail_proof (user_id, purpose, made_at);
        create index mail_proof_by_expiry on identity.mail_proof (expires_at);

        create table identity.second_factor (
            user_id uuid primary key references identity.app_user on delete cascade,
            tenant_id uuid not null,
            sealed_secret bytea not null,
            begun_at timestamptz not null,
            confirmed_at timestamptz,
            last_step bigint, -- of time: the newest whose code was accepted
            check ((confirmed_at is null) = (last_step is null))
        );

        create table identity.recovery_code (
            user_id uuid not null references identity.second_factor on delete cascade,
            code_hash bytea not null check (length(code_hash) = 32),
            spent_at timestamptz,
            primary key (user_id, code_hash)
        );

        create table identity.failed_attempt (
            tenant_id uuid not null,
            account bytea not null check (length(account) = 32), -- the address tried, hashed
            source text not null,
            failures int not null check (failures >= 0),
            last_at timestamptz not null,
            blocked_until timestamptz,
            primary key (tenant_id, account, source)
        );
        create index failed_attempt_by_time on identity.failed_attempt (last_at);

        create table identity.known_source ( -- from where an account has signed in before
            tenant_id uuid not null,
            account bytea not null check (length(account) = 32),
            source text not null,
            user_id uuid not null references identity.app_user on delete cascade,
            seen_at timestamptz not null,
            primary key (tenant_id, account, source)
        );
        create index known_source_of_user on identity.known_source (user_id);
        """
    )
