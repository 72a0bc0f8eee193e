{# Names of Bedrock's models: a metric gives an id, a bill a title or a name in one word; all become one spelling. #}

{# Id, profile id or ARN: without region and vendor in front, without date, first version and build behind. #}
{% macro bedrock_model_of_id(id) -%}
regexp_replace(
    regexp_replace(
        regexp_replace(lower({{ id }}), '^.*/', ''),
        '^((us|us-gov|eu|apac|global|jp|au|ca|in|sa|me|af|mx|il)\.)?[a-z0-9]+\.', ''
    ),
    '(-[0-9]{8})?((-v[02-9][0-9]*)?(:[0-9a-z]+)*|-v1(:[0-9a-z]+)*|-1(:[0-9a-z]+)+)$', '\3'
)
{%- endmacro %}

{# Title of a marketplace service, e.g. `Claude 3.5 Sonnet (Amazon Bedrock Edition)`; NULL for Bedrock's own. #}
{% macro bedrock_model_of_service(service) -%}
case
    when {{ service }} like '% (Amazon Bedrock%' then {{ _bedrock_claude_dashes("lower(replace(" ~ replace_matches(service, '^OpenAI | [(]Amazon Bedrock( Edition)?[)]$', '') ~ ", ' ', '-'))") }}
end
{%- endmacro %}

{# Name in a usage type, e.g. `NovaPro`. #}
{% macro bedrock_model_of_usage(name) -%}
{{ _bedrock_claude_dashes("lower(" ~ replace_matches(name, '([a-z0-9])([A-Z])', '\\1-\\2') ~ ")") }}
{%- endmacro %}

{# Claude's ids write a version with a dash where its titles have a dot. #}
{% macro _bedrock_claude_dashes(name) -%}
case when {{ name }} like 'claude%' then replace({{ name }}, '.', '-') else {{ name }} end
{%- endmacro %}
