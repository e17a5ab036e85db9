"""Starts the real shop and the real WMS with a hub.yaml for them, says what to do next, waits for Ctrl-C."""

import json
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import asdict

from tests.real.hub_files import write_hub
from tests.real.people import HOME, RUNNING
from tests.real.servers import SHOP_PASSWORD, SHOP_USER, WMS_PASSWORD, WMS_USER, Servers, goods, servers

WORDS = """
Shop       {shop_url}/admin-api and /shop-api (Vendure, GraphQL; {shop_user} / {shop_password})
Warehouse  {wms_url}, database {wms_database} (Tryton; {wms_user} / {wms_password})
Goods      {goods}
Logs       {logs}

In another terminal, in this folder:

  export PATH="$PWD/.venv/bin:$PATH" ORDERHUB_CONFIG={home}/hub.yaml ORDERHUB_STATE={home}/state
  python -m tests.real.people buy MUG-BLUE=2 TEA-GREEN=35   # a checkout in the shop
  orderhub sync                                             # the warehouse is asked
  orderhub sync                                             # bins and lots come back; {home}/picklists
  python -m tests.real.people look                          # what shop and warehouse show
  python -m tests.real.people ship                          # picked, packed and handed over
  orderhub sync                                             # the shop shows the tracking number
  orderhub explain ORDER                                    # its whole story
  orderhub kpis                                             # {home}/kpi/orderhub.duckdb

More: docs/real-servers.md. Ctrl-C ends both servers; their data goes with them, the hub's stays in {home}.
"""


def main() -> None:
    """Start, write, tell, wait."""
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, signal.default_int_handler)
    sys.stderr.write(
        "starting the shop and the warehouse; the first time installs them, which takes minutes\n"
    )
    with suppress(KeyboardInterrupt), servers() as found:
        shutil.rmtree(HOME, ignore_errors=True)
        write_hub(found, HOME.resolve(), store=f"sqlite:///{HOME.resolve()}/orders.db")
        RUNNING.touch(mode=0o600)
        RUNNING.write_text(json.dumps(asdict(found), default=str))
        try:
            sys.stdout.write(_words(found))
            sys.stdout.flush()
            signal.pause()
        finally:
            RUNNING.unlink()


def _words(found: Servers) -> str:
    return WORDS.format(
        shop_url=found.shop_url,
        shop_user=SHOP_USER,
        shop_password=SHOP_PASSWORD,
        wms_url=found.wms_url,
        wms_database=found.wms_database,
        wms_user=WMS_USER,
        wms_password=WMS_PASSWORD,
        goods=", ".join(ware["sku"] for ware in goods()),
        logs=found.logs,
        home=HOME,
    )


if __name__ == "__main__":
    main()
