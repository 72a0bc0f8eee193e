{{ day_versions('snowflake') }}
