{{ day_versions('databricks') }}
