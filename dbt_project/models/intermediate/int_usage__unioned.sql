{{ config(materialized='table') }}

select * from {{ ref('int_openai__usage') }}
union all
select * from {{ ref('int_anthropic__usage') }}
union all
select * from {{ ref('int_azure_openai__usage') }}
union all
select * from {{ ref('int_aws_bedrock__usage') }}
union all
select * from {{ ref('int_openrouter__usage') }}
union all
select * from {{ ref('int_litellm__usage') }}
