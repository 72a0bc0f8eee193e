{{ union_of_providers('gateway_costs') }}
