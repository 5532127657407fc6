"""Row-level security between tenants: see docs/adr/0017-tenants.md.

Whoever adds a table after this says in the same migration which of the three it is:
`select kernel.wall('context.table')`, or `kernel.leave_open` or `kernel.shut` with the reason. A
table that none was said of cannot be reached for a caller at all, and a test fails.
"""

from collections.abc import Mapping
from typing import Final

from tawsil.migrations.statements import run

revision = "0021_tenants"
down_revision = "0020_areas"

OPEN: Final[Mapping[str, str]] = {
    "kernel.deadline": "timers by the id of their subject; only the worker reads them",
    "kernel.idempotency": "keys belong to a user, and a user to one tenant",
}
"""Reached for every caller alike."""

SHUT: Final[Mapping[str, str]] = {
    "kernel.subscription": "how far each context has heard: the worker's own",
    "kernel.parked_event": "what a context could not hear: the worker's own",
    "identity.signing_key": "the platform's own; no caller's request may read it",
    "payments.webhook": "heard from the acquirer, for whom there is no tenant",
}
"""Never touched on behalf of a caller."""

THROUGH: Final[Mapping[str, tuple[str, str]]] = {
    "dispatch.pressure": ("city_id", "geography.city"),
    "dispatch.promise": ("delivery_id", "dispatch.delivery"),
    "experiments.observation": ("experiment_id", "experiments.experiment"),
}
"""Tables whose parent no foreign key names: the column, and the parent whose id it holds."""

TENANTS: Final = "geography.tenant"
"""Of this one, a tenant sees the row that it is."""

OFTEN_READ: Final = ("ordering.item", "ordering.destination")
"""Children that carry their tenant themselves: a policy through the parent costs 0.1 ms a query."""


def upgrade() -> None:
    run(_ROLE)
    run(_WALLS)
    run(_QUEUE)
    for table in OFTEN_READ:
        run(_WITH_TENANT.format(table=table, parent='ordering."order"', key="order_id"))
    for table, reason in OPEN.items():
        run(f"select kernel.leave_open('{table}', '{_quoted(reason)}')")
    for table, reason in SHUT.items():
        run(f"select kernel.shut('{table}', '{_quoted(reason)}')")
    for table, (column, parent) in THROUGH.items():
        run(f"select kernel.wall('{table}', '{column}', '{parent}')")
    run(f"select kernel.wall('{TENANTS}', 'id')")
    run(_THE_REST)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


# Roles belong to the server: another database on it may have made this one, or be making it now.
_ROLE: Final = """
    do $$
    begin
        if not exists (select from pg_roles where rolname = 'tawsil_tenant') then
            create role tawsil_tenant nologin;
        end if;
    exception when duplicate_object or unique_violation then null;
    end $$;

    do $$
    begin
        set local role tawsil_tenant;
        reset role;
    exception when insufficient_privilege then
        execute format('grant tawsil_tenant to %I', current_user);
    end $$;
"""

_WALLS: Final = """
    create function kernel.tenants() returns uuid[] language sql stable parallel safe as $$
        select nullif(current_setting('tawsil.tenants', true), '')::uuid[]
    $$;
    comment on function kernel.tenants() is 'whose rows this transaction may see';

    create function kernel.wall(walled regclass, through text default null,
        parent regclass default null) returns void language plpgsql as $$
    declare
        only_theirs text;
    begin
        if parent is null and through is null and exists (
            select from pg_attribute
            where attrelid = walled and attname = 'tenant_id' and attnotnull and not attisdropped
        ) then
            through := 'tenant_id';
        end if;
        if parent is null and through is not null then
            -- the sub-select is evaluated once per query, and leaves indexes usable
            only_theirs := format('%I = any ((select kernel.tenants())::uuid[])', through);
        else
            only_theirs := kernel.as_its_parent(walled, through, parent);
        end if;
        if only_theirs is null then
            raise exception '% has neither a tenant_id nor a parent: name one, or say why not',
                walled;
        end if;
        execute format('alter table %s enable row level security', walled);
        execute format('drop policy if exists tenants on %s', walled);
        execute format(
            'create policy tenants on %s to tawsil_tenant using (%s)', walled, only_theirs
        );
        execute format('grant select, insert, update, delete on %s to tawsil_tenant', walled);
    end $$;

    create function kernel.as_its_parent(child regclass, through text, parent regclass)
    returns text language sql stable as $$
        with key (parent, columns, referenced) as (
            select parent, array[through], array['id'] where parent is not null
            union all
            (
                select confrelid::regclass, array_agg(c.attname::text order by n),
                    array_agg(p.attname::text order by n)
                from pg_constraint k
                cross join unnest(conkey, confkey) with ordinality as pair (own, other, n)
                join pg_attribute c on c.attrelid = conrelid and c.attnum = own
                join pg_attribute p on p.attrelid = confrelid and p.attnum = other
                where parent is null and conrelid = child and contype = 'f' and confrelid <> child
                group by k.oid, confrelid, conkey order by conkey limit 1
            )
        )
        select format('exists (select from %s parent where %s)', key.parent, (
            select string_agg(format('parent.%I = %I.%I', other, relname, own), ' and ')
            from unnest(columns, referenced) as pair (own, other)
        ))
        from key, pg_class where pg_class.oid = child
    $$;

    create function kernel.leave_open(opened regclass, because text) returns void
    language plpgsql as $$
    begin
        execute format('grant select, insert, update, delete on %s to tawsil_tenant', opened);
        execute format('comment on table %s is %L', opened, 'open to every tenant: ' || because);
    end $$;

    create function kernel.shut(closed regclass, because text) returns void
    language plpgsql as $$
    begin
        execute format('revoke all on %s from tawsil_tenant', closed);
        execute format('comment on table %s is %L', closed, 'shut to tenants: ' || because);
    end $$;
"""

_WITH_TENANT: Final = """
    alter table {table} add column tenant_id uuid;
    update {table} child set tenant_id = parent.tenant_id
    from {parent} parent where parent.id = child.{key};
    alter table {table} alter column tenant_id set not null;
"""

# Jobs are queued by the transactions that want them; workers take them as the owner.
_QUEUE: Final = """
    select kernel.leave_open(oid, 'jobs wait here for workers; their payloads are ids')
    from pg_class where relnamespace = 'jobs'::regnamespace and relkind = 'r';
"""

_THE_REST: Final = """
    alter default privileges grant usage on schemas to tawsil_tenant;
    alter default privileges grant usage on sequences to tawsil_tenant;

    do $$
    declare
        context text;
        each_table regclass;
    begin
        for context in
            select nspname from pg_namespace
            where nspname not in ('public', 'information_schema') and nspname !~ '^pg_'
        loop
            execute format('grant usage on schema %I to tawsil_tenant', context);
            execute format(
                'grant usage on all sequences in schema %I to tawsil_tenant', context
            );
        end loop;
        for each_table in
            select c.oid::regclass from pg_class c join pg_namespace n on n.oid = relnamespace
            where relkind in ('r', 'p') and not relrowsecurity
                and nspname not in ('public', 'information_schema') and nspname !~ '^pg_'
                and obj_description(c.oid, 'pg_class') is null
        loop
            perform kernel.wall(each_table);
        end loop;
    end $$;
"""
