"""The files of a hub between the real shop and the real warehouse: hub.yaml, secrets, catalogue."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.real.servers import Servers, goods

SHOP, WMS, CARRIER = "shop", "wms", "tracking"
WAREHOUSE = "BOS"
SITE = "WH"
"""What Tryton calls the warehouse that each new database has."""
Access = tuple[Mapping[str, str], Mapping[str, str]]
"""Settings and secrets."""
CATALOGUE = {
    "skus.csv": (
        *("sku", "title", "weight_g", "length_mm", "width_mm", "height_mm"),
        *("lot_tracked", "hazardous", "oversize", "valid_from", "valid_to"),
    ),
    "aliases.csv": ("connection", "channel_sku", "sku", "valid_from", "valid_to"),
    "kits.csv": ("kit", "sku", "units", "valid_from", "valid_to"),
}


def write_hub(
    servers: Servers,
    folder: Path,
    *,
    store: str,
    carrier: Access | None = None,
) -> Path:
    """Write hub.yaml and what it names into a folder; its path. The merchant ships nothing unpaid.

    Args:
        servers: The running servers.
        folder: Where to write; landing lies in it too.
        store: The order store's URL.
        carrier: Settings and secrets of the connector `easypost`, if parcels shall be tracked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    vendors: dict[str, tuple[str, Access]] = {
        SHOP: ("vendure", servers.shop_connection()),
        WMS: ("tryton", servers.wms_connection()),
    }
    if carrier:
        vendors[CARRIER] = ("easypost", carrier)
    secrets = {
        f"{name}_{key}".upper(): value
        for name, (_, (_, values)) in vendors.items()
        for key, value in values.items()
    }
    document: dict[str, Any] = {
        "merchant": {"name": "Harbor Goods", "time_zone": "America/New_York"},
        "store": {"url": store},
        "landing": {"url": str(folder / "landing")},
        "catalogue": "catalogue",
        "secrets_file": "secrets.yaml",
        "connections": [
            {
                "name": name,
                "connector": connector,
                **({"fulfil_from": datetime.now(UTC).isoformat()} if name == SHOP else {}),
                "settings": dict(settings),
                "secrets": {key: f"{name}_{key}".upper() for key in values},
            }
            for name, (connector, (settings, values)) in vendors.items()
        ],
        "warehouses": [
            {
                "code": WAREHOUSE,
                "name": "Boston",
                "address": {"city": "Boston", "region": "MA", "postal_code": "02127", "country_code": "US"},
                "time_zone": "America/New_York",
                "cut_off": "15:00",
                "wms": {"connection": WMS, "site": SITE},
            }
        ],
        "carriers": {"*": CARRIER} if carrier else {},
        "verification": {"accept_authorized": False},
    }
    private = folder / "secrets.yaml"
    private.touch(mode=0o600)
    private.write_text(yaml.safe_dump(secrets))
    _write_catalogue(folder / "catalogue")
    config = folder / "hub.yaml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    return config


def _write_catalogue(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, columns in CATALOGUE.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as text:
            writer = csv.DictWriter(text, columns)
            writer.writeheader()
            if name == "skus.csv":
                for ware in goods():
                    lots = "true" if "lots" in ware else "false"
                    writer.writerow({"sku": ware["sku"], "title": ware["title"], "lot_tracked": lots})
