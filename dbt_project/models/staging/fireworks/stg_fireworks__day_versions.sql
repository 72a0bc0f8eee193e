{{ day_versions('fireworks') }}
