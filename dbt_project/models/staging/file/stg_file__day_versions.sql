{{ day_versions('file') }}
