-- The day's revenue is the sum of the lines, shipping and charges, to the minor unit: no order is lost in a join.
with by_order as (select currency, sum(net_minor) as minor from {{ ref("fct_orders") }} group by currency),
kpi as (select currency, sum(revenue_minor) as minor from {{ ref("kpi_orders") }} group by currency)
select *
from by_order full join kpi using (currency)
where by_order.minor is distinct from kpi.minor
