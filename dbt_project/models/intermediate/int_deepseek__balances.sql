select
    connection_id,
    'deepseek' as provider,
    balance_date,
    currency,
    total_balance,
    granted_balance,
    topped_up_balance,
    {% for part in ['total', 'granted', 'topped_up'] %}
    cast(
        {{ part }}_balance - lag({{ part }}_balance) over (partition by connection_id, currency order by balance_date) as {{ type_money() }}
    ) as {{ part }}_change,
    {% endfor %}
    observed_at
from {{ ref('stg_deepseek__balances') }}
