{{ config(materialized='table') }}

select * from {{ ref('int_openai__usage') }}
union all
select * from {{ ref('int_anthropic__usage') }}
