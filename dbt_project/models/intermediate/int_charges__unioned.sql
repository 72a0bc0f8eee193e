{{ config(materialized='table') }}

{{ union_of_providers('charges') }}
