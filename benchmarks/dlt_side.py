"""The same pages through dlt into DuckDB, merged on the order's id."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

SETTINGS = {
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "50000",
    "EXTRACT__DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "10000",
    "EXTRACT__WORKERS": "4",
    "LOAD__WORKERS": "2",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}
"""What was found fastest on two cores: parquet, two processes that normalize, files split for them."""


def load(base_url: str, folder: Path) -> int:
    """Load every page; returns how many orders the table holds then."""
    os.environ.update(SETTINGS)
    import dlt  # it reads the settings when it is imported
    import duckdb

    @dlt.resource(name="orders", primary_key="id", write_disposition="merge")
    def orders() -> Iterator[list[dict[str, Any]]]:
        with requests.Session() as session:
            page = 1
            while rows := session.get(f"{base_url}/orders?page={page}", timeout=60).json():
                yield rows
                page += 1

    database = folder / "dlt.duckdb"
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name="shop",
    )
    pipeline.run(orders(), loader_file_format="parquet")
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute("SELECT count(*) FROM shop.orders").fetchone()
    return int(row[0]) if row else 0
