{# Names of Google's models: a SKU writes them in words, a label of the Gemini API in one word; all become one spelling. #}

{# Id as called: without a path in front or a snapshot behind, e.g. `publishers/anthropic/models/claude-sonnet-4-5@20250929`. #}
{% macro google_model_of_id(id) -%}
regexp_replace(regexp_replace(lower(trim({{ id }})), '^.*/', ''), '@.*$', '')
{%- endmacro %}

{# The first model that a text names in words, e.g. `gemini 2.5 flash lite` or `claude sonnet 4.5`; '' for none. #}
{% macro google_model_in_words(text) -%}
case
    when {{ text }} like '%claude %'
        then replace(replace({{ first_match(text, 'claude ([0-9.]+ [a-z]+|[a-z]+ [0-9.]+)') }}, ' ', '-'), '.', '-')
    else replace({{ first_match(text, 'gemini [0-9]+([.][0-9]+)? (pro|flash|argon|live)( lite)?|gemini embedding [0-9]+') }}, ' ', '-')
end
{%- endmacro %}

{# The model behind a label like `gemini35flashlite`; NULL for a label of another form. #}
{% macro google_model_of_label(label) -%}
case
    when {{ first_match('lower(' ~ label ~ ')', '^gemini[0-9]{1,2}(pro|flash)(lite)?$') }} <> ''
        then regexp_replace(
            regexp_replace(
                regexp_replace(lower({{ label }}), '^gemini([0-9])([0-9]?)(pro|flash)', 'gemini-\1.\2-\3'),
                '[.]-', '-'
            ),
            'lite$', '-lite'
        )
end
{%- endmacro %}
