"""One factory a kind of connection: every connection has its own asset, pool, freshness, checks and job."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import dagster as dg

from connectors.errors import ConnectorError, CredentialsRejected, RateLimited, StreamBroken
from pipelines.config_models import Connection
from pipelines.resources import HubResource
from pipelines.services.orders import backfill_orders, sync_orders
from pipelines.services.reading import ReadResult
from pipelines.services.track import track_parcels
from pipelines.services.warehouse import sync_shipments, sync_stock

OWNERS = ["team:orders"]
RETRY = dg.RetryPolicy(max_retries=2, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
BACKFILL_START = "2024-01-01"
