"""What must always hold of one tenant's money: a query that counts what must not be."""

INVARIANTS = """
    with entries as materialized (
        select e.*, a.kind from payments.account a
        join payments.entry e on e.account_id = a.id
        where a.tenant_id = $1
    ), posted as (
        select account_id, kind, sum(amount_minor) as minor from entries
        where not pending group by account_id, kind
    ), paid as (
        select o.id, o.total_minor, o.merchant_minor, o.courier_minor, o.platform_minor,
            o.tax_minor, q.total_minor as quoted_minor, p.amount_minor + p.funds_minor as due_minor,
            p.captured_minor + p.funds_minor as captured_minor, p.refunded_minor, p.state
        from ordering."order" o
        join pricing.quote q on q.id = o.quote_id
        left join payments.payment p on p.reference_id = o.id
        where o.tenant_id = $1
    ), captures as (
        select e.reference_id,
            sum(e.amount_minor) filter (where e.kind = 'merchant') as merchant_minor,
            sum(e.amount_minor) filter (where e.kind = 'tax') as tax_minor,
            sum(e.amount_minor) filter (where e.kind in ('platform', 'promotion'))
                as platform_minor,
            sum(e.amount_minor) filter (where e.kind = 'courier') as courier_minor
        from entries e join payments.transfer t on t.id = e.transfer_id
        where t.kind = 'capture' group by e.reference_id
    )
    select
        (select count(*) from (select from entries group by currency, pending
            having sum(amount_minor) <> 0) x) as currencies_out_of_balance,
        (select count(*) from (select from entries group by reference_id, currency, pending
            having sum(amount_minor) <> 0) x) as references_out_of_balance,
        (select count(*) from posted
            where kind in ('customer', 'loyalty', 'promotion') and minor < 0) as overdrawn,
        (select count(*) from posted where kind = 'courier_cash' and minor > 0)
            as cash_that_nobody_holds,
        (select count(*) from payments.holding h
            left join posted p on p.account_id = h.account_id
            where h.tenant_id = $1 and h.posted_minor <> coalesce(p.minor, 0))
            as holdings_that_are_not_their_entries,
        (select count(*) from payments.transfer t where t.tenant_id = $1 and t.pending
            and (select count(*) from payments.transfer r where r.resolves = t.id) > 1)
            as resolved_twice,
        (select count(*) from paid where total_minor <> quoted_minor or total_minor <>
            merchant_minor + courier_minor + platform_minor + tax_minor) as not_as_quoted,
        (select count(*) from paid where due_minor <> total_minor) as charged_otherwise,
        (select count(*) from paid where refunded_minor > captured_minor) as refunded_too_much,
        (select count(*) from paid p join captures c on c.reference_id = p.id
            where (p.merchant_minor, p.tax_minor, p.platform_minor, p.courier_minor) is distinct
            from (coalesce(c.merchant_minor, 0), coalesce(c.tax_minor, 0),
                coalesce(c.platform_minor, 0), coalesce(c.courier_minor, 0)))
            as split_otherwise,
        (select count(*) from paid p where p.state in ('captured', 'refunding', 'refunded')
            and not exists (select from captures c where c.reference_id = p.id)
            and p.total_minor > 0) as captured_unbooked,
        (select count(*) from pricing.promotion p where p.tenant_id = $1
            and p.budget_minor is not null and p.taken_minor > p.budget_minor)
            as over_budget
"""
