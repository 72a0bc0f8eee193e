{# What the unions know of each provider: the one list of them in this project, and the one line to add for another. #}

{# One entry a provider:
   - `conforms`: the kinds of its models `int_<name>__<kind>`: charges (a bill), gateway_costs (an estimate, in no billed sum), usage.
   - `bills`: its reports that hold money. `amount` and `where` read the raw report (`in_cents` where it says cents); the staging
     model `stg_<name>__<report>` has the same lines, as `staged_amount` (else amount_usd) on `staged_date` (else charge_date)
     `staged_where`. Where the report tells a month so far (`is_cumulative`), a day is a difference of two. A day counts as
     billed once a report that `closes_days` was pulled for it (and `closes_where` holds of what was pulled). #}
{% macro providers() %}
{{ return([
    {
        'name': 'openai', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'costs', 'amount': 'amount_value', 'where': 'amount_value is not null', 'closes_days': true}],
    },
    {
        'name': 'anthropic', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'cost_report', 'amount': 'amount', 'in_cents': true, 'where': 'amount is not null', 'closes_days': true}],
    },
    {
        'name': 'azure_openai', 'conforms': ['charges', 'usage'],
        'bills': [
            {'report': 'costs', 'amount': 'coalesce(cost_usd, cost)', 'closes_days': true},
            {
                'report': 'charge_types', 'amount': 'coalesce(cost_usd, cost)',
                'where': "coalesce(lower(charge_type), '') <> 'usage'", 'staged_where': "charge_category <> 'usage'",
            },
        ],
    },
    {
        'name': 'aws_bedrock', 'conforms': ['charges', 'usage'],
        'bills': [
            {'report': 'costs', 'amount': 'unblended_cost_amount', 'where': 'unblended_cost_amount is not null', 'closes_days': true},
        ],
    },
    {
        'name': 'google', 'conforms': ['charges', 'usage'],
        'bills': [
            {'report': 'costs', 'amount': money_in_usd('amount', 'currency', 'currency_conversion_rate'), 'closes_days': true},
        ],
    },
    {
        'name': 'openrouter', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'activity', 'amount': 'usage', 'where': 'usage is not null', 'closes_days': true}],
    },
    {
        'name': 'litellm', 'conforms': ['gateway_costs', 'usage'],
        'bills': [
            {
                'report': 'daily_activity', 'amount': 'spend', 'where': 'spend is not null',
                'staged_date': 'usage_date', 'staged_amount': 'spend_usd',
            },
        ],
    },
    {
        'name': 'cloudflare', 'conforms': ['gateway_costs', 'usage'],
        'bills': [{'report': 'logs', 'amount': 'cost', 'staged_date': 'usage_date', 'staged_amount': 'estimated_usd'}],
    },
    {'name': 'deepseek', 'conforms': ['balances'], 'bills': []},
    {
        'name': 'piapi', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'task_history', 'amount': piapi_usd(piapi_charged_points(), 'usage_type'), 'closes_days': true}],
    },
    {
        'name': 'github_copilot', 'conforms': ['charges', 'usage'],
        'bills': [
            {'report': 'ai_credit_usage', 'amount': 'net_amount', 'closes_days': true},
            {'report': 'premium_request_usage', 'amount': 'net_amount', 'closes_days': true},
            {'report': 'product_usage', 'amount': 'net_amount', 'where': github_is_seat('unit_type'), 'staged_where': 'is_seat'},
        ],
    },
    {
        'name': 'databricks', 'conforms': ['charges', 'usage'],
        'bills': [
            {
                'report': 'usage', 'amount': databricks_list_cost('usage_quantity', 'list_price'),
                'where': databricks_is_priced('list_price', 'currency'), 'staged_where': 'is_priced', 'closes_days': true,
            },
        ],
    },
    {
        'name': 'snowflake', 'conforms': ['charges', 'usage'],
        'bills': [
            {
                'report': 'usage_in_currency', 'amount': 'usage_in_currency',
                'where': snowflake_is_billed('usage_in_currency', 'currency', 'balance_source'), 'staged_where': 'is_billed',
                'closes_days': true,
            },
            {
                'report': 'metering_daily', 'amount': snowflake_credit_cost('credits_billed', 'credits_used', 'credit_price'),
                'where': 'credit_price is not null', 'staged_where': 'is_priced',
            },
        ],
    },
    {
        'name': 'cursor', 'conforms': ['charges', 'usage'],
        'bills': [
            {
                'report': 'usage_events', 'amount': 'charged_cents', 'in_cents': true, 'where': 'is_chargeable',
                'staged_where': 'is_chargeable', 'closes_days': true,
            },
        ],
    },
    {
        'name': 'file', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'lines', 'amount': 'amount_usd', 'closes_days': true, 'closes_where': 'row_count > 0'}],
    },
    {
        'name': 'vercel', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'report', 'amount': 'total_cost', 'closes_days': true}],
    },
    {
        'name': 'fireworks', 'conforms': ['charges', 'usage'],
        'bills': [
            {
                'report': 'usage_costs', 'closes_days': true,
                'amount': "case when upper(subtotal_currency_code) = 'USD' then " ~ money_from_units_and_nanos('subtotal_units', 'subtotal_nanos') ~ " end",
            },
        ],
    },
    {
        'name': 'elevenlabs', 'conforms': ['charges'],
        'bills': [{'report': 'usage', 'amount': "case when upper(fiat_currency) = 'USD' then total_cost end", 'closes_days': true}],
    },
    {
        'name': 'xai', 'conforms': ['charges'],
        'bills': [{'report': 'usage', 'amount': 'usd', 'closes_days': true}],
    },
    {
        'name': 'mistral', 'conforms': ['charges'],
        'bills': [
            {
                'report': 'spend', 'is_cumulative': true, 'closes_days': true,
                'amount': "case when upper(lines.currency) = 'USD' then " ~ added_in_month('lines') ~ " end",
            },
        ],
    },
    {
        'name': 'deepgram', 'conforms': ['charges', 'usage'],
        'bills': [{'report': 'billing_breakdown', 'amount': 'dollars', 'closes_days': true}],
    },
    {
        'name': 'together', 'conforms': ['charges'],
        'bills': [{'report': 'usage', 'amount': "case when upper(currency) = 'USD' then cost end", 'closes_days': true}],
    },
]) }}
{% endmacro %}

{# All rows of one kind, of every provider that has it. #}
{% macro union_of_providers(kind) %}
{% for provider in providers() if kind in provider.conforms %}
select * from {{ ref('int_' ~ provider.name ~ '__' ~ kind) }}
{{ 'union all' if not loop.last }}
{% endfor %}
{% endmacro %}

{# Every report that holds money, with its provider's name. #}
{% macro billed_reports() %}
{% set reports = [] %}
{% for provider in providers() %}
{% for bill in provider.bills %}
{% do reports.append(dict(bill, provider=provider.name)) %}
{% endfor %}
{% endfor %}
{{ return(reports) }}
{% endmacro %}
