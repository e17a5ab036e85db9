"""Everything that Dagster sees of one configuration."""

import os
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from pipelines.assets.carriers import carrier_assets
from pipelines.assets.channels import channel_assets
from pipelines.assets.fulfilment import PICKLISTS, fulfilment_assets, fulfilment_checks
from pipelines.assets.kpis import model_assets, published_file, store_snapshot
from pipelines.assets.tables import ORDERS, PARCELS, PICKLISTS_SENT, STOCK, TRACKING, store_tables
from pipelines.assets.warehouses import wms_assets
from pipelines.config import HubConfig, load_config
from pipelines.dbt_project import TARGET, dbt_resource, prepared_project
from pipelines.executor import executor
from pipelines.hub import DEFAULT_CONFIG
from pipelines.jobs import connection_jobs, shared_jobs
from pipelines.prune import prune_history
from pipelines.resources import HubResource
from pipelines.sandbox_secrets import SANDBOX_CONFIG
from pipelines.schedules import schedules
from pipelines.sensors import failures


def definitions(config: HubConfig, source: str = "", target: Path = TARGET) -> dg.Definitions:
    """Assets, checks, jobs, schedules and the failure sensor of a configuration.

    Opens nothing: neither the store, nor the network, nor a secret.

    Args:
        config: What connections there are, and when what runs.
        source: The file that runs read again, with secrets; ORDERHUB_CONFIG or ./hub.yaml if empty.
        target: Where the parsed dbt project is kept.
    """
    channels = [asset for one in config.enabled("channel") for asset in channel_assets(one)]
    wmss = [asset for one in config.enabled("wms") for asset in wms_assets(one)]
    carriers = [asset for one in config.enabled("carrier") for asset in carrier_assets(one)]
    writers = {
        ORDERS: [asset.key for asset in channels],
        STOCK: [asset.key for asset in wmss if asset.key.path[-1].endswith("_stock")],
        PICKLISTS_SENT: [PICKLISTS],
        PARCELS: [asset.key for asset in wmss if asset.key.path[-1].endswith("_shipments")],
        TRACKING: [asset.key for asset in carriers],
    }
    project = prepared_project(target)
    models = model_assets(project)
    return dg.Definitions(
        assets=[
            *channels,
            *wmss,
            *carriers,
            *store_tables(config.store.url, writers),
            *fulfilment_assets(config),
            store_snapshot,
            models,
            published_file(models),
        ],
        asset_checks=fulfilment_checks(),
        jobs=[*shared_jobs(config, models), *connection_jobs(config), prune_history],
        schedules=schedules(config),
        sensors=[failures],
        resources={"hub": HubResource(config_path=source), "dbt": dbt_resource(project)},
        executor=executor(),
        metadata={"merchant": config.merchant.name, "configuration": config.version},
    )


def build(environ: Mapping[str, str] = os.environ, target: Path = TARGET) -> dg.Definitions:
    """The definitions of the configuration at hand.

    That is ORDERHUB_CONFIG, else ./hub.yaml, else the sandbox's, so that the code location loads in a
    fresh checkout too.

    Raises:
        pipelines.config.ConfigError: With everything that is wrong in the file.
    """
    path = Path(environ.get("ORDERHUB_CONFIG", DEFAULT_CONFIG))
    if "ORDERHUB_CONFIG" not in environ and not path.exists():
        path = SANDBOX_CONFIG
    return definitions(load_config(path, environ, with_secrets=False), str(path.resolve()), target)
