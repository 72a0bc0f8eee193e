{{ day_versions('openrouter') }}
