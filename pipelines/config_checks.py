"""Checks of hub.yaml that look at more than one key."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType

import holidays
from babel import Locale

from connectors.registry import KINDS, connector_class
from pipelines.config_models import Connection, Verification, Warehouse


def connector_problems(connections: Sequence[Connection]) -> list[str]:
    """Connectors that do not exist, and settings and secrets that theirs do not know or lack."""
    problems: list[str] = []
    connectors = sorted(name for family in KINDS.values() for name in family)
    for connection in connections:
        place = f"connections[{connection.name}]"
        if connection.connector not in connectors:
            near = get_close_matches(connection.connector, connectors, n=1)
            remedy = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(connectors)}."
            problems.append(f"{place}.connector: there is no connector {connection.connector!r}. {remedy}")
            continue
        wanted = connector_class(connection.connector)
        optional = wanted.optional_settings
        problems += _names(
            f"{place}.settings", connection.settings, wanted.settings, connection.connector, optional
        )
        problems += _names(f"{place}.secrets", connection.secrets, wanted.secrets, connection.connector)
        if connection.kind == "channel" and connection.fulfil_from is None:
            problems.append(
                f"{place}.fulfil_from: is missing. {Connection.model_fields['fulfil_from'].description}"
            )
    return problems


def _names(
    place: str,
    given: Iterable[str],
    wanted: Mapping[str, str],
    connector: str,
    optional: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    given = set(given)
    known = [*wanted, *optional]
    lacking = [
        f"{place}.{name}: is missing. Add it: {wanted[name].rstrip('.')}."
        for name in wanted
        if name not in given
    ]
    unknown = [
        f"{place}.{name}: {connector} has no such key. "
        + (f"Remove it; there are: {', '.join(known)}." if known else "Remove it; there are none.")
        for name in sorted(given - set(known))
    ]
    return lacking + unknown


def cross_problems(
    connections: Sequence[Connection],
    warehouses: Sequence[Warehouse],
    carriers: Mapping[str, str],
    verification: Verification,
) -> list[str]:
    """Names used twice, and names that point nowhere."""
    kinds = {one.name: one.kind for one in connections if any(one.connector in fam for fam in KINDS.values())}
    problems = _twice("connections", "name", (one.name for one in connections))
    problems += _twice("warehouses", "code", (one.code for one in warehouses))
    sites = Counter((one.wms.connection, one.wms.site) for one in warehouses)
    for warehouse in warehouses:
        place = f"warehouses[{warehouse.code}]"
        problems += _points(f"{place}.wms.connection", warehouse.wms.connection, "wms", kinds)
        if sites[warehouse.wms.connection, warehouse.wms.site] > 1:
            problems.append(
                f"{place}.wms.site: another warehouse is {warehouse.wms.site!r} of "
                f"{warehouse.wms.connection} too. Give each warehouse a site of its own."
            )
        problems += _places(place, warehouse)
    for carrier, connection in carriers.items():
        problems += _points(f"carriers.{carrier}", connection, "carrier", kinds)
    for index, rule in enumerate(verification.minimum_quantities):
        if rule.connection != "*":
            place = f"verification.minimum_quantities[{index}].connection"
            problems += _points(place, rule.connection, "channel", kinds)
    return problems


def _twice(place: str, key: str, names: Iterable[str]) -> list[str]:
    return [
        f"{place}[{name}].{key}: {name!r} is used {count} times. Give each its own."
        for name, count in Counter(names).items()
        if count > 1
    ]


def _points(place: str, name: str, kind: str, kinds: Mapping[str, str]) -> list[str]:
    if kinds.get(name) == kind:
        return []
    good = sorted(one for one, its in kinds.items() if its == kind)
    remedy = f"Write one of: {', '.join(good)}." if good else f"Add a {kind} connection first."
    return [f"{place}: there is no {kind} connection {name!r}. {remedy}"]


def _places(place: str, warehouse: Warehouse) -> list[str]:
    """Countries and holiday calendars that do not exist."""
    problems: list[str] = []
    known = Locale("en").territories
    named = [(f"{place}.countries", code) for code in sorted(warehouse.countries or ())]
    if warehouse.address:
        named.append((f"{place}.address.country_code", warehouse.address.country_code))
    problems += [
        f'{key}: {code!r} is no ISO 3166 country. Write its code in capitals, such as "GB".'
        for key, code in named
        if code not in known or code in ("ZZ", "EU", "UN", "EZ", "QO", "XA", "XB")
    ]
    if warehouse.holidays:
        country, _, region = warehouse.holidays.partition("-")
        calendars = holidays.list_supported_countries()
        if country not in calendars:
            problems.append(f"{place}.holidays: no calendar for {country!r} is known. Leave the key out.")
        elif region and region not in calendars[country]:
            remedy = f"Write {country!r} alone or one of: {', '.join(calendars[country])}."
            problems.append(f"{place}.holidays: {country} has no calendar for {region!r}. {remedy}")
    return problems
