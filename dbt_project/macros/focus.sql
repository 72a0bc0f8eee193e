{# FOCUS 1.2 words for what a bill's line is. Meters, units and keys as in the specification's own examples for AI services. #}

{# token type: (SkuMeter, direction, what it does with the cache) #}
{% macro focus_meters() %}
{{ return({
    'input': ('Input Tokens', 'Input', 'Uncached'),
    'cache_read': ('Cache Read Input Tokens', 'Input', 'Read'),
    'cache_write_5m': ('Cache Write Input Tokens, 5 Minutes', 'Input', 'Write'),
    'cache_write_1h': ('Cache Write Input Tokens, 1 Hour', 'Input', 'Write'),
    'output': ('Output Tokens', 'Output', none),
    'audio_input': ('Audio Input Tokens', 'Input', 'Uncached'),
    'audio_output': ('Audio Output Tokens', 'Output', none),
    'image_input': ('Image Input Tokens', 'Input', 'Uncached'),
    'image_output': ('Image Output Tokens', 'Output', none),
    'video_input': ('Video Input Tokens', 'Input', 'Uncached'),
}) }}
{% endmacro %}

{# One of a meter's words, by token type; a token type that is no meter of tokens gets `otherwise`. #}
{% macro focus_word(token_type, position, otherwise='null') -%}
case {{ token_type }}
    {%- for name, words in focus_meters().items() if words[position] %}
    when '{{ name }}' then '{{ words[position] }}'
    {%- endfor %}
    else {{ otherwise }}
end
{%- endmacro %}

{# `web_searches` as `Web searches`. #}
{% macro focus_title(name) -%}
upper(substr({{ name }}, 1, 1)) || replace(substr({{ name }}, 2), '_', ' ')
{%- endmacro %}

{# A unit of ours as FOCUS writes it. #}
{% macro focus_unit(quantity_unit) -%}
case {{ quantity_unit }}
    when 'tokens' then 'Tokens'
    when 'token_hours' then 'Token-Hours'
    when 'gibibyte_hours' then 'GiB-Hours'
    else {{ replace_matches(focus_title(quantity_unit), '[^A-Za-z0-9 ]+', ' ') }}
end
{%- endmacro %}

{# The unit a provider's usage report counts a token type in. #}
{% macro unit_of_usage(token_type) -%}
case
    when {{ token_type }} in ('tokens'{% for name in focus_meters() %}, '{{ name }}'{% endfor %}) then 'tokens'
    when {{ token_type }} in ('audio_seconds', 'video_seconds') then 'seconds'
    else {{ token_type }}
end
{%- endmacro %}

{# Text as a JSON string. #}
{% macro json_string(text) -%}
'"' || replace(replace({{ text }}, '\', '\\'), '"', '\"') || '"'
{%- endmacro %}
