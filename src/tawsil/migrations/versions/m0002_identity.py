"""The tables of identity."""

from tawsil.migrations.statements import run

revision = "0002_identity"
down_revision = "0001_kernel"


def upgrade() -> None:
    run(
        """
        create schema identity;

        create table identity.app_user (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            email text not null check (length(email) between 3 and 254),
            email_key text not null, -- see model.email_key: the server's lower() knows ASCII only
            name text not null,
            roles text[] not null check (cardinality(roles) > 0 and roles <@ array[
                'super_admin', 'admin', 'country_distributor', 'regional_manager',
                'district_manager', 'municipal_manager', 'merchant', 'delivery_partner',
                'customer', 'support_staff']),
            phone text,
            locale text not null check (locale in ('en', 'ar')),
            location_id uuid,
            created_at timestamptz not null,
            disabled_at timestamptz,
            unique (tenant_id, email_key),
            check (location_id is not null or not 'merchant' = any (roles))
        );

        create table identity.credential (
            user_id uuid primary key references identity.app_user on delete cascade,
            password_hash text not null check (password_hash like '$argon2id$%'),
            changed_at timestamptz not null
        );

        create table identity.session (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            user_id uuid not null references identity.app_user on delete cascade,
            device_id text,
            started_at timestamptz not null,
            revoked_at timestamptz,
            revoked_because text
                check (revoked_because in ('logged_out', 'token_reused', 'user_disabled')),
            check ((revoked_at is null) = (revoked_because is null))
        );
        create index session_of_user on identity.session (user_id);
        create index session_by_revocation on identity.session (revoked_at)
            where revoked_at is not null;

        create table identity.refresh_token (
            jti uuid primary key,
            session_id uuid not null references identity.session on delete cascade,
            token_hash bytea not null check (length(token_hash) = 32),
            issued_at timestamptz not null,
            expires_at timestamptz not null check (expires_at > issued_at),
            spent_at timestamptz
        );
        create unique index refresh_token_one_unspent on identity.refresh_token (session_id)
            where spent_at is null;
        create index refresh_token_session on identity.refresh_token (session_id);

        create table identity.signing_key (
            kid text primary key,
            private_pem text not null,
            created_at timestamptz not null,
            retires_at timestamptz check (retires_at > created_at)
        );
        create unique index signing_key_one_signs on identity.signing_key ((true))
            where retires_at is null;
        """
    )
