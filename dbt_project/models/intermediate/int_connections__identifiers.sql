with named as (

    select connection_id, 'openai' as provider, 'project' as kind, project_id as identifier from {{ ref('stg_openai__projects') }}
    union all
    select connection_id, 'openai', 'project', project_name from {{ ref('stg_openai__projects') }}
    union all
    select connection_id, 'openai', 'key', api_key_id from {{ ref('stg_openai__project_api_keys') }}
    union all
    select connection_id, 'openai', 'key', api_key_name from {{ ref('stg_openai__project_api_keys') }}
    union all
    select connection_id, 'anthropic', 'project', workspace_id from {{ ref('stg_anthropic__workspaces') }}
    union all
    select connection_id, 'anthropic', 'project', workspace_name from {{ ref('stg_anthropic__workspaces') }}
    union all
    select connection_id, 'anthropic', 'key', api_key_id from {{ ref('stg_anthropic__api_keys') }}
    union all
    select connection_id, 'anthropic', 'key', api_key_name from {{ ref('stg_anthropic__api_keys') }}

    union all
    select connection_id, 'openrouter', 'project', workspace_id from {{ ref('stg_openrouter__workspaces') }}
    union all
    select connection_id, 'openrouter', 'project', workspace_name from {{ ref('stg_openrouter__workspaces') }}
    union all
    select connection_id, 'openrouter', 'key', api_key_hash from {{ ref('stg_openrouter__keys') }}
    union all
    select connection_id, 'openrouter', 'key', api_key_name from {{ ref('stg_openrouter__keys') }}
    union all
    select connection_id, 'litellm', 'project', team_id from {{ ref('stg_litellm__teams') }}
    union all
    select connection_id, 'litellm', 'project', team_name from {{ ref('stg_litellm__teams') }}
    union all
    select connection_id, 'litellm', 'key', api_key_hash from {{ ref('stg_litellm__keys') }}
    union all
    select connection_id, 'litellm', 'key', api_key_name from {{ ref('stg_litellm__keys') }}

),

seen as (

    select connection_id, provider, 'project' as kind, provider_project as identifier from {{ ref('int_charges__unioned') }}
    union all
    select connection_id, provider, 'key', provider_key from {{ ref('int_charges__unioned') }}
    union all
    select connection_id, provider, 'project', provider_project from {{ ref('int_usage__unioned') }}
    union all
    select connection_id, provider, 'key', provider_key from {{ ref('int_usage__unioned') }}

)

select
    provider,
    kind,
    identifier,
    min(connection_id) as connection_id
from (
    select * from named
    union all
    select * from seen
) as identifiers
{# Names that a removed connection left behind claim no event: its account may have come back under another one. #}
where
    identifier is not null
    and connection_id in (select connections.connection_id from {{ ref('stg_control__connections') }} as connections)
group by provider, kind, identifier
having count(distinct connection_id) = 1
