{{ day_versions('openai') }}
