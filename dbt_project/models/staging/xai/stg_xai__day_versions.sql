{{ day_versions('xai') }}
