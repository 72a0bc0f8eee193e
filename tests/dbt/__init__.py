"""The dbt project, built on small raw warehouses and held against oracles in plain Python."""
