{# The disjoint quantities of an event, and the columns that say whom it was for. The first two are checked against meterhouse/events/schema.py. #}

{# (column of the quantity, token type); the column of the cost is the token type + `_cost_usd`. #}
{% macro buckets() %}
{{ return([
    ('input_tokens', 'input'),
    ('cache_read_tokens', 'cache_read'),
    ('cache_write_5m_tokens', 'cache_write_5m'),
    ('cache_write_1h_tokens', 'cache_write_1h'),
    ('output_tokens', 'output'),
    ('audio_input_tokens', 'audio_input'),
    ('audio_output_tokens', 'audio_output'),
    ('image_input_tokens', 'image_input'),
    ('image_output_tokens', 'image_output'),
    ('video_input_tokens', 'video_input'),
    ('images', 'images'),
    ('audio_seconds', 'audio_seconds'),
    ('video_seconds', 'video_seconds'),
    ('characters', 'characters'),
    ('web_searches', 'web_searches'),
    ('tool_calls', 'tool_calls'),
]) }}
{% endmacro %}

{# Columns an amount can be attributed to, in the marts' order. #}
{% macro attribution_columns() %}
{{ return([
    'customer', 'product', 'subscriber_id', 'agent', 'workflow', 'task_type', 'business_unit', 'environment', 'credential_name',
    'provider_project',
]) }}
{% endmacro %}

{# Columns that the copies of one call, metered through several doors, lend each other. #}
{% macro attributed_by_any_door() %}
{{ return([
    'connection', 'provider_project', 'provider_key', 'customer', 'product', 'subscriber_id', 'subscriber_email', 'subscription_id',
    'credential_name', 'agent', 'agent_version', 'task_type', 'workflow', 'business_unit', 'environment', 'trace_id', 'trace_name',
    'parent_event_id',
]) }}
{% endmacro %}

{# Sum of several counts, NULL only when all are unknown. #}
{% macro known_sum(columns) -%}
case when coalesce({{ columns | join(', ') }}) is not null then {% for column in columns %}coalesce({{ column }}, 0){{ ' + ' if not loop.last }}{% endfor %} end
{%- endmacro %}
