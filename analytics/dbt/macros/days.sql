{# The local calendar day of a moment in a named time zone. #}
{% macro local_day(moment, zone) -%}
    cast(({{ moment }}) at time zone {{ zone }} as date)
{%- endmacro %}

{% macro merchant_zone() -%}
    '{{ var("merchant_time_zone") }}'
{%- endmacro %}

{# Minor units to major units by the currency's number of decimals (at most 4), exactly: DECIMAL(33, 4). #}
{% macro major(minor, exponent) -%}
    cast({{ minor }} as decimal(28, 0)) * cast(pow(10, -{{ exponent }}) as decimal(5, 4))
{%- endmacro %}

{# A rate that is null, not an error, where nothing was counted. #}
{% macro rate(numerator, denominator) -%}
    ({{ numerator }}) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}
