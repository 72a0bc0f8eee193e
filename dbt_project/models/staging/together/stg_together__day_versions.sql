{{ day_versions('together') }}
