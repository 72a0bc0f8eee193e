select * from {{ ref('int_litellm__gateway_costs') }}
