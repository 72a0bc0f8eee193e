{{ day_versions('cursor') }}
