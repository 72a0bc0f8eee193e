{# What FOCUS 1.2 demands of a row and its validator does not look at. A product may be off by the
   rounding of its factors alone. #}
with costs as (

    select * from {{ ref('focus_costs') }}

),

products as (

    select
        x_ChargeId,
        cast(ListUnitPrice as decimal(38, 12)) as unit_price,
        PricingQuantity as quantity,
        ListCost as cost
    from costs
    union all
    select
        x_ChargeId,
        cast(ContractedUnitPrice as decimal(38, 12)),
        PricingQuantity,
        ContractedCost
    from costs

),

faults as (

    select x_ChargeId, 'a cost is not its unit price x quantity' as rule
    from products
    where abs(unit_price * quantity - cost) > 0.000000000001 + abs(quantity) * 0.0000000000005

    union all

    select x_ChargeId, 'a unit price is negative'
    from costs
    where ListUnitPrice < 0 or ContractedUnitPrice < 0

    union all

    select x_ChargeId, 'a value is none of those allowed'
    from costs
    where
        ChargeCategory not in ('Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment')
        or ChargeFrequency not in ('One-Time', 'Recurring', 'Usage-Based')
        or coalesce(PricingCategory, 'Standard') not in ('Standard', 'Dynamic', 'Committed', 'Other')
        or ChargeClass <> 'Correction'

    union all

    select x_ChargeId, 'the charge period is not inside its billing period'
    from costs
    where
        not (BillingPeriodStart <= ChargePeriodStart and ChargePeriodStart < ChargePeriodEnd and ChargePeriodEnd <= BillingPeriodEnd)

    union all

    select x_ChargeId, 'what a usage or purchase must say is missing'
    from costs
    where
        ChargeCategory in ('Usage', 'Purchase')
        and (
            SkuId is null or SkuMeter is null or SkuPriceId is null or PricingCategory is null or PricingQuantity is null
            or PricingUnit is null or ListUnitPrice is null or ContractedUnitPrice is null
        )

    union all

    select x_ChargeId, 'usage must say what was consumed, and it alone'
    from costs
    where
        (ChargeCategory = 'Usage') <> (ConsumedQuantity is not null)
        or (ConsumedQuantity is null) <> (ConsumedUnit is null)
        or (PricingQuantity is null) <> (PricingUnit is null)

    union all

    select x_ChargeId, 'a tax, credit or adjustment has no SKU and no unit price'
    from costs
    where
        ChargeCategory in ('Tax', 'Credit', 'Adjustment')
        and coalesce(SkuId, SkuMeter, SkuPriceId, SkuPriceDetails, PricingCategory, PricingUnit) is not null

    union all

    select x_ChargeId, 'a purchase that prepays has an effective cost'
    from costs
    where x_ChargeCategory = 'purchase' and EffectiveCost <> 0

    union all

    select x_ChargeId, 'a sub account has a name and a type, and only it has'
    from costs
    where (SubAccountId is null) <> (SubAccountName is null) or (SubAccountId is null) <> (SubAccountType is null)

    union all

    select x_ChargeId, 'an empty text stands for no value'
    from costs
    where '' in (
        BillingAccountId, BillingAccountName, ProviderName, ServiceName, ChargeDescription, SkuId, SkuMeter, SkuPriceId, SubAccountId,
        SubAccountName, ConsumedUnit, PricingUnit
    )

    union all

    select min(x_ChargeId), 'a SKU price belongs to two SKUs'
    from costs
    group by SkuPriceId
    having count(distinct SkuId) > 1

    union all

    select min(x_ChargeId), 'a service is in two categories'
    from costs
    group by ServiceName
    having count(distinct ServiceCategory || ServiceSubcategory) > 1

)

select * from faults
