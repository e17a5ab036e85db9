{# A rate's numerator counts a part of its denominator: never negative, never more. #}
{% test part_of(model, column_name, whole) %}
select *
from {{ model }}
where {{ column_name }} < 0 or {{ column_name }} > {{ whole }}
{% endtest %}
