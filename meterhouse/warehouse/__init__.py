"""The warehouse: who may open it, how dbt builds in it, and how the marts are published from it."""
