"""Keys of integrations, services, and users of other providers."""

from tawsil.migrations.statements import run

revision = "0019_machines"
down_revision = "0018_accounts"


def upgrade() -> None:
    run(
        """
        alter table identity.signing_key
            alter column private_pem drop not null, -- of keys made before they were sealed
            add column private_sealed bytea,
            add column signs_at timestamptz,
            add check ((private_pem is null) <> (private_sealed is null));
        update identity.signing_key set signs_at = created_at;
        alter table identity.signing_key
            alter column signs_at set not null,
            add check (signs_at >= created_at);
        alter index identity.signing_key_one_signs rename to signing_key_one_newest;

        create table identity.api_key (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            owner_id uuid not null references identity.app_user on delete cascade,
            location_id uuid,
            name text not null check (length(name) between 1 and 200),
            permissions text[] not null check (cardinality(permissions) > 0),
            secret_hash bytea not null check (length(secret_hash) = 32),
            old_secret_hash bytea check (length(old_secret_hash) = 32),
            old_secret_until_at timestamptz,
            created_at timestamptz not null,
            expires_at timestamptz check (expires_at > created_at),
            last_used_at timestamptz,
            revoked_at timestamptz,
            check ((old_secret_hash is null) = (old_secret_until_at is null))
        );
        create index api_key_of_tenant on identity.api_key (tenant_id, created_at, id);
        create index api_key_of_owner on identity.api_key (owner_id);
        create index api_key_by_revocation on identity.api_key (revoked_at)
            where revoked_at is not null;

        create index user_by_disabling on identity.app_user (disabled_at)
            where disabled_at is not null;

        create table identity.service_account (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            name text not null check (length(name) between 1 and 200),
            roles text[] not null check (cardinality(roles) > 0),
            permissions text[] not null check (cardinality(permissions) > 0),
            public_key jsonb not null,
            created_by uuid not null,
            created_at timestamptz not null,
            removed_at timestamptz
        );
        create index service_account_of_tenant
            on identity.service_account (tenant_id, created_at, id);
        create index service_account_by_removal on identity.service_account (removed_at)
            where removed_at is not null;

        create table identity.client_assertion ( -- shown once; kept until it would have expired
            account_id uuid not null references identity.service_account on delete cascade,
            jti text not null check (length(jti) between 1 and 200),
            expires_at timestamptz not null,
            primary key (account_id, jti)
        );
        create index client_assertion_by_expiry on identity.client_assertion (expires_at);

        create table identity.external_identity ( -- who a user is at another provider
            tenant_id uuid not null,
            issuer text not null,
            subject text not null check (length(subject) between 1 and 255),
            user_id uuid not null references identity.app_user on delete cascade,
            linked_at timestamptz not null,
            primary key (tenant_id, issuer, subject)
        );
        create index external_identity_of_user on identity.external_identity (user_id);

        create table identity.oidc_login ( -- begun at our door, to be finished at the callback
            state_hash bytea primary key check (length(state_hash) = 32),
            tenant_id uuid not null,
            provider text not null,
            browser_hash bytea not null check (length(browser_hash) = 32),
            nonce text not null,
            code_verifier text not null,
            return_to text not null,
            expires_at timestamptz not null
        );
        create index oidc_login_by_expiry on identity.oidc_login (expires_at);

        create table identity.oidc_grant ( -- finished there, to be exchanged for a session here
            code_hash bytea primary key check (length(code_hash) = 32),
            tenant_id uuid not null,
            user_id uuid not null references identity.app_user on delete cascade,
            browser_hash bytea not null check (length(browser_hash) = 32),
            expires_at timestamptz not null
        );
        create index oidc_grant_by_expiry on identity.oidc_grant (expires_at);
        """
    )
