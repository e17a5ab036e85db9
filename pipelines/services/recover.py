"""After a restore: learns from the vendors what the hub decided and sent after its backup.

Nothing is routed or sent until this has succeeded. Each channel is read first, so that all orders are known.
Then each WMS is asked for the shipments that changed since the backup: those in the hub's name that the
store does not know are taken over, with their parcels, of which the channels are told where they do not
show them yet.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection as Transaction
from sqlalchemy import select, update

from connectors.contract import Page, RawRecord, Window
from normalization import registry
from normalization.errors import NormalizationError
from normalization.records import WmsShipment
from normalization.registry import Context
from order_store.adoption import Found, adopt_picklist, name_references, unknown_references
from order_store.catalogue import catalogue_view
from order_store.connections import connection_id
from order_store.personal import digest_key, personal_data_by_order
from order_store.picklists import ship_to_digest
from order_store.reading import read_marks
from order_store.recovering import Restore, mark_recovered, open_restore
from order_store.schema.fulfilment import picklists
from order_store.schema.orders import orders
from order_store.verdicts import Verification
from pipelines.hub import Hub
from pipelines.services.orders import CHANGES
from pipelines.services.warehouse import store_shipments

log = logging.getLogger(__name__)

EARLIER = timedelta(hours=1)
"""Shipments are asked for from so long before the backup: what was under way then may have been lost."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How far the hub is after a restore.

    Attributes:
        waits_for: Channels that have not been read since, in words; empty if there are none.
        shipments: Shipments that WMSs were asked for.
        adopted: Picklists that were taken over.
        parcels: Parcels that became known.
        done: Whether routing and sending go on.
    """

    waits_for: str = ""
    shipments: int = 0
    adopted: int = 0
    parcels: int = 0
    done: bool = True


def is_pending(hub: Hub) -> bool:
    """Whether the hub was restored and does not know yet what vendors know."""
    with hub.store.read() as tx:
        return open_restore(tx) is not None


def recover(hub: Hub) -> Recovered:
    """Do what is to be done after a restore; nothing if there was none.

    Raises:
        connectors.errors.ConnectorError: If a WMS cannot be asked; the next round tries again.
    """
    with hub.store.read() as tx:
        restore = open_restore(tx)
        unread = [] if restore is None else _unread(tx, hub, restore)
    if restore is None:
        return Recovered()
    if unread:
        return Recovered(waits_for=", ".join(unread), done=False)
    counts: Counter[str] = Counter()
    for one in hub.config.enabled("wms"):
        _learn(hub, one.name, restore.taken_at - EARLIER, counts)
    with hub.store.begin() as tx:
        _judge_again(tx)
        mark_recovered(tx, hub.clock.now())
    return Recovered("", counts["shipments"], counts["adopted"], counts["parcels"])


def _unread(tx: Transaction, hub: Hub, restore: Restore) -> list[str]:
    found = []
    for one in hub.config.enabled("channel"):
        done = read_marks(tx, connection_id(tx, one.name), CHANGES).completed_at
        if done is None or done < restore.restored_at:
            found.append(one.name)
    return found


def _learn(hub: Hub, connection: str, since: datetime, counts: Counter[str]) -> None:
    window = Window(since, hub.clock.now())
    for page in hub.connector(connection).read("shipments", window):
        counts["shipments"] += len(page.records)
        counts["adopted"] += adopt_unknown(hub, connection, page)
        counts["parcels"] += store_shipments(hub, connection, page)["parcels"]


def adopt_unknown(hub: Hub, connection: str, page: Page) -> int:
    """Take over the shipments of a page that are in the hub's name and that it does not know."""
    told = _understood(hub, connection, page)
    sites = {one.code: one.wms.site for one in hub.config.warehouses if one.wms.connection == connection}
    mapping = registry.wms(hub.config.connection(connection).connector)
    adopted = 0
    with hub.store.read() as tx:
        catalogue = catalogue_view(tx)
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        unknown = unknown_references(tx, key, told)
        named = name_references(tx, unknown, sites)
        for reference, known in sorted(named.items(), key=lambda pair: (pair[1].order_id, pair[1].sequence)):
            record, shipment = told[reference]
            context = _context(hub, connection, page)
            contents: Counter[str] = Counter()
            for line in mapping.asked(record.payload, context):
                contents[line.sku] += line.quantity
            found = Found(known, key, sites[known.warehouse], reference, shipment.wms_id, contents)
            ship_to = personal_data_by_order(tx, [known.order_id], "recovery")[known.order_id].ship_to
            digest = ship_to_digest(ship_to or None, digest_key(tx))
            adopt_picklist(tx, found, digest, catalogue, hub.clock.now())
            adopted += 1
    for reference in sorted(unknown - named.keys()):
        log.info("%s: shipment %s is not the hub's, or of no open order", connection, reference)
    return adopted


def _understood(hub: Hub, connection: str, page: Page) -> Mapping[str, tuple[RawRecord, WmsShipment]]:
    """The newest shipment of each reference; what cannot be understood is quarantined when it is stored."""
    mapping = registry.wms(hub.config.connection(connection).connector)
    found: dict[str, tuple[RawRecord, WmsShipment]] = {}
    for record in page.records:
        try:
            shipment = mapping.shipment(record.payload, _context(hub, connection, page))
        except NormalizationError:
            continue
        found[shipment.reference] = (record, shipment)
    return found


def _context(hub: Hub, connection: str, page: Page) -> Context:
    return Context(connection, page.observed_at, hub.config.connection(connection).settings)


def _judge_again(tx: Transaction) -> None:
    """Orders that seemed to be fulfilled by others, because the hub did not know its own parcels."""
    has_picklist = select(picklists.c.id).where(picklists.c.order_id == orders.c.id).exists()
    tx.execute(
        update(orders)
        .where(orders.c.verification == Verification.NOT_ROUTED, orders.c.is_history == 0, has_picklist)
        .values(verification=Verification.UNVERIFIED)
    )
