{{ day_versions('piapi') }}
