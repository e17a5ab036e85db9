"""The configured warehouses as routing sees them."""

from collections.abc import Mapping
from datetime import date

from pipelines.config import HubConfig
from pipelines.config_models import DAYS, Warehouse
from warehouse_routing.geo import locate
from warehouse_routing.problem import Location, Precision, Site


def routing_sites(
    config: HubConfig, parcels_planned: Mapping[str, Mapping[date, int]] | None = None
) -> tuple[Site, ...]:
    """A site for each warehouse of hub.yaml.

    Args:
        config: The configuration.
        parcels_planned: By warehouse code and dispatch date, the parcels that it already has to pack.
    """
    planned = parcels_planned or {}
    return tuple(
        Site(
            code=warehouse.code,
            location=location_of(warehouse),
            time_zone=warehouse.time_zone,
            cut_off=warehouse.cut_off,
            working_days=frozenset(DAYS.index(day) for day in warehouse.working_days),
            holidays=warehouse.holidays,
            countries=warehouse.countries,
            parcels_per_day=warehouse.parcels_per_day,
            parcels_planned=planned.get(warehouse.code, {}),
            country_code=warehouse.address.country_code if warehouse.address else "",
            postal_codes=warehouse.postal_codes,
            refused_postal_codes=warehouse.refused_postal_codes,
            ships_hazardous=warehouse.ships_hazardous,
            ships_oversize=warehouse.ships_oversize,
            handling_parcel=config.routing.minor(warehouse.handling.parcel) or 0,
            handling_unit=config.routing.minor(warehouse.handling.unit) or 0,
        )
        for warehouse in config.warehouses
    )


def location_of(warehouse: Warehouse) -> Location:
    """Its coordinates if hub.yaml gives them, else those of its address."""
    if warehouse.coordinates:
        return Location(warehouse.coordinates.lat, warehouse.coordinates.lon, Precision.EXACT)
    address = warehouse.address
    if address is None:
        return Location(0.0, 0.0, Precision.UNKNOWN)
    return locate(address.country_code, address.postal_code, address.city, address.region)


def sites_of(config: HubConfig) -> dict[str, dict[str, str]]:
    """Warehouse codes by WMS connection and that WMS's own id of the site."""
    sites: dict[str, dict[str, str]] = {}
    for warehouse in config.warehouses:
        sites.setdefault(warehouse.wms.connection, {})[warehouse.wms.site] = warehouse.code
    return sites
