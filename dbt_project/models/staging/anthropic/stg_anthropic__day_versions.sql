{{ day_versions('anthropic') }}
