{{ config(materialized='table') }}

select * from {{ ref('int_openai__charges') }}
union all
select * from {{ ref('int_anthropic__charges') }}
union all
select * from {{ ref('int_azure_openai__charges') }}
union all
select * from {{ ref('int_aws_bedrock__charges') }}
union all
select * from {{ ref('int_openrouter__charges') }}
