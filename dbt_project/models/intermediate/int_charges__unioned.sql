{{ config(materialized='table') }}

select * from {{ ref('int_openai__charges') }}
union all
select * from {{ ref('int_anthropic__charges') }}
