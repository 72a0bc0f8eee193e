{# Reading Azure's names. #}

{# The account's name: the last part of its resource id, in lower case, since the case differs from API to API. #}
{% macro azure_account_name(resource_id) -%}
regexp_replace(lower({{ resource_id }}), '^.*/', '')
{%- endmacro %}

{# Whether a text in which blanks surround every word holds one of the words. #}
{% macro has_word(text, words) -%}
({% for word in words %}{{ text }} like '% {{ word }} %'{{ ' or ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# Such a text without any of the words. #}
{% macro without_words(text, words) -%}
{% set ns = namespace(sql=text) %}
{%- for word in words %}{% set ns.sql = "replace(" ~ ns.sql ~ ", ' " ~ word ~ " ', ' ')" %}{% endfor -%}
{{ ns.sql }}
{%- endmacro %}
