{{ day_versions('google') }}
