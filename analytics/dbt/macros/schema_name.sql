{# Folders of models do not become schemas: analysts find every table under `main`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema }}
{%- endmacro %}
