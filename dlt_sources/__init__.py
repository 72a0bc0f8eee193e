"""The providers: pure dlt, one folder each. Knows neither Dagster nor meterhouse."""
