"""Builds data/places.npz from GeoNames extracts: `python -m warehouse_routing.build_geo FOLDER`.

FOLDER holds postal_30countries.parquet (cc, postal_code, lat, lon), cities15000.csv.gz (cc, name, lat,
lon, population), admin1_centroids.csv (cc, admin1, admin1_code, lat, lon), br_municipios.csv and
br_estados.csv, and country_centroids_popweighted.csv (cc, lat, lon). Where they come from stands in
data/ATTRIBUTION.md. Only who renews the data needs this.
"""

import csv
import gzip
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from warehouse_routing.geo import PLACES, code_key, folded

Point = tuple[str, float, float]
"""Key, latitude, longitude."""
Arrays = dict[str, Any]
"""Numpy arrays by their name in the file."""


def main() -> None:
    """Read the folder that the command line names, write the file."""
    folder = Path(sys.argv[1])
    arrays: Arrays = {}
    for country, points in _codes(folder).items():
        arrays |= _table(f"code.{country}", points)
    arrays |= _table("city", _cities(folder))
    arrays |= _table("region", _regions(folder))
    arrays |= _table(
        "country",
        [
            (row["cc"], float(row["lat"]), float(row["lon"]))
            for row in _rows(folder / "country_centroids_popweighted.csv")
        ],
    )
    PLACES.parent.mkdir(exist_ok=True)
    np.savez_compressed(PLACES, **arrays)


def _table(name: str, points: Iterable[Point]) -> Arrays:
    ordered = sorted(points, key=lambda point: point[0].encode())  # stable: the biggest city stays first
    return {
        f"{name}.keys": np.array([key.encode() for key, _, _ in ordered], dtype=np.bytes_),
        f"{name}.lat": np.array([round(lat * 1000) for _, lat, _ in ordered], dtype=np.int32),
        f"{name}.lon": np.array([round(lon * 1000) for _, _, lon in ordered], dtype=np.int32),
    }


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


def _is_military(country: str, code: str) -> bool:
    """US codes of bases abroad: their coordinates in the source are of no use."""
    return country == "US" and (code[:2] == "09" or code[:3] in ("340", "962", "963", "964", "965", "966"))


def _codes(folder: Path) -> dict[str, list[Point]]:
    """By country, one point a code; codes that the key makes equal are drawn together."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row in pq.read_table(folder / "postal_30countries.parquet").to_pylist():
        country, key = row["cc"], code_key(row["cc"], row["postal_code"])
        if key and not _is_military(country, key):
            found.setdefault(country, {}).setdefault(key, []).append((row["lat"], row["lon"]))
    return {
        country: [
            (key, median(lat for lat, _ in points), median(lon for _, lon in points))
            for key, points in codes.items()
        ]
        for country, codes in found.items()
    }


def _cities(folder: Path) -> list[Point]:
    """Biggest first; in Brazil every municipality."""
    big = sorted(_rows(folder / "cities15000.csv.gz"), key=lambda row: -int(row["population"] or 0))
    points = [
        (f"{row['cc']}/{folded(row['name'])}", float(row["lat"]), float(row["lon"]))
        for row in big
        if row["cc"] != "BR"
    ]
    capitals_first = sorted(_rows(folder / "br_municipios.csv"), key=lambda row: -int(row["capital"]))
    points += [
        (f"BR/{folded(row['nome'])}", float(row["latitude"]), float(row["longitude"]))
        for row in capitals_first
    ]
    return points


def _regions(folder: Path) -> list[Point]:
    """By name and by code."""
    points: dict[str, tuple[float, float]] = {}
    for row in _rows(folder / "br_estados.csv"):
        at = (float(row["latitude"]), float(row["longitude"]))
        points[f"BR/{folded(row['uf'])}"] = points[f"BR/{folded(row['nome'])}"] = at
    for row in _rows(folder / "admin1_centroids.csv"):
        for word in (row["admin1"], row["admin1_code"]):
            if word and not (row["cc"] == "BR" and word.isdigit()):
                points.setdefault(f"{row['cc']}/{folded(word)}", (float(row["lat"]), float(row["lon"])))
    return [(key, lat, lon) for key, (lat, lon) in points.items()]


if __name__ == "__main__":
    main()
