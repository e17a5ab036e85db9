"""ShipBob 2026-01, imitated: it takes orders, assigns them by itself and ships them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sandbox.faults import Faults
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.vendors.shipbob_orders import order_view, problems_of, ship_to_of, shipment_id
from sandbox.vendors.shipbob_stock import ShipBobStock
from sandbox.world import Site, WarehouseShipment, World

API = "/2026-01"
DEFAULT_LIMIT = 50
LATE = timedelta(minutes=5)
"""How long a change stays out of lists while the fault late_visibility strikes."""


class ShipBobVendor(Vendor):
    """One ShipBob account with one channel."""

    SECRETS: ClassVar[Mapping[str, str]] = {"token": "sandbox-shipbob"}
    CHANNEL_ID: ClassVar[str] = "7001"

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self._stock = ShipBobStock(world, connection)

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """The answer to one call."""
        if request.header("Authorization") != f"Bearer {self.SECRETS['token']}":
            return VendorAnswer(401)
        if self.faults.strikes("throttle"):
            body = {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 1 seconds."}
            return json_answer(body, 429, x_retry_after="1", x_remaining_calls="0")
        if self.faults.strikes("server_error"):
            return json_answer({"error": ["An error has occurred."]}, 500)
        path = request.path.removeprefix(API)
        match request.method, path:
            case "GET", "/inventory-level/locations" | "/inventory-level/lots":
                return self._stock.levels(request, path.rsplit("/", 1)[1])
            case "GET", "/order":
                return self._orders(request)
            case "POST", "/order":
                return self._create(request)
            case "GET", _ if path.startswith("/order/"):
                shipment = self._find(path.removeprefix("/order/"))
                return VendorAnswer(404) if shipment is None else json_answer(self._view(shipment))
            case "POST", _ if path.startswith("/order/") and path.endswith(":cancel"):
                return self._cancel(path.removeprefix("/order/").removesuffix(":cancel"))
            case "PUT", _ if path.startswith("/shipment/") and path.endswith(":updateAddress"):
                return self._readdress(
                    request, path.removeprefix("/shipment/").removesuffix(":updateAddress")
                )
        return VendorAnswer(404)

    # --- orders

    def _orders(self, request: VendorRequest) -> VendorAnswer:
        limit = int(request.param("Limit", str(DEFAULT_LIMIT)))
        page = int(request.param("Page", "1"))
        if not 1 <= limit <= 250 or page < 1:
            return json_answer({"Limit": ["The field Limit must be between 1 and 250."]}, 400)
        found = [s for s in self.world.shipments_of(self.connection) if self._matches(s, request)]
        if found and self.faults.strikes("late_visibility"):
            found = [s for s in found if s.updated_at <= self.world.now - LATE]
        found.sort(key=lambda s: s.serial, reverse=request.param("SortOrder") != "Oldest")
        if page > 1 and self.faults.strikes("repeated_page"):
            page -= 1
        views = [self._view(shipment) for shipment in found[(page - 1) * limit : page * limit]]
        if views and self.faults.strikes("reordered"):
            views.reverse()
        if views and self.faults.strikes("duplicate_update"):
            views.append(views[0])
        if views and self.faults.strikes("broken_record"):
            views[0] = {**views[0], "created_date": "2026-13-45T99:00:00Z"}
        return json_answer(views)

    def _matches(self, shipment: WarehouseShipment, request: VendorRequest) -> bool:
        references = request.param("ReferenceIds")
        if references and shipment.reference not in references.split(","):
            return False
        updated, tracked = (
            request.param(name) for name in ("LastUpdateStartDate", "LastTrackingUpdateStartDate")
        )
        if updated and shipment.updated_at <= datetime.fromisoformat(updated):
            return False
        if tracked:
            return bool(shipment.shipped_at and shipment.shipped_at > datetime.fromisoformat(tracked))
        return True

    def _create(self, request: VendorRequest) -> VendorAnswer:
        if request.header("shipbob_channel_id") != self.CHANNEL_ID:
            return json_answer({"shipbob_channel_id": ["The channel is not valid for this user."]}, 400)
        body = _body_of(request)
        problems = problems_of(body)
        if problems:
            return json_answer(problems, 400)
        reference = body["reference_id"]
        if any(s.reference == reference for s in self.world.shipments_of(self.connection)):
            return json_answer({"ReferenceId": ["An order with this reference id already exists."]}, 422)
        site = self._site(body.get("location_id"))
        if site is None:
            return json_answer({"LocationId": ["The location is not valid for this user."]}, 422)
        unknown = [p["reference_id"] for p in body["products"] if p["reference_id"] not in self.world.skus]
        if unknown:
            return json_answer({"Products": [f"No inventory for {', '.join(unknown)}."]}, 422)
        if self.faults.strikes("quoting_refusal"):
            person = body["recipient"]
            told = f"{person['name']}, {person['address']['address1']}: no such address."
            return json_answer({"Recipient": [told]}, 422)
        lines = [(product["reference_id"], product["quantity"]) for product in body["products"]]
        shipment = self.world.accept(
            self.connection, site.code, reference, lines, ship_to_of(body["recipient"])
        )
        shipment.extra["order_number"] = body.get("order_number") or reference
        shipment.extra["shipping_method"] = body["shipping_method"]
        self.world.assign(shipment)
        return json_answer(self._view(shipment), 201)

    def _cancel(self, order_id: str) -> VendorAnswer:
        shipment = self._find(order_id)
        if shipment is None:
            return VendorAnswer(404)
        if shipment.state in ("shipped", "cancelled"):
            return json_answer(
                {"Order": [f"The order is not in a cancellable state ({shipment.state})."]}, 422
            )
        if self.faults.strikes("quoting_refusal"):
            return json_answer(
                {"Order": [f"The order of {shipment.ship_to['name']} is not to be stopped."]}, 422
            )
        free = shipment.state in ("waiting", "assigned")
        if free:
            self.world.set_state(shipment, "cancelled")
        result = {
            "action": "Cancel",
            "is_success": free,
            "reason": None if free else "The shipment is being packed.",
            "shipment_id": shipment_id(shipment),
        }
        return json_answer(
            {
                "canceled_shipment_results": [result],
                "order": self._view(shipment),
                "order_id": shipment.serial,
                "status": "Success" if free else "Failure",
            }
        )

    def _readdress(self, request: VendorRequest, number: str) -> VendorAnswer:
        shipment = next(
            (s for s in self.world.shipments_of(self.connection) if str(shipment_id(s)) == number), None
        )
        body = _body_of(request) or {}
        if not body.get("city") or not body.get("street_address1"):
            message = "Request body is invalid or missing required fields"
            return json_answer({"code": "INVALID_PARAMETER", "message": message}, 400)
        if shipment is None or shipment.state not in ("waiting", "assigned"):
            error = {"code": "CONFLICT", "message": "The shipment can no longer be changed."}
            return json_answer({"id": int(number), "is_success": False, "error": error})
        shipment.ship_to = {
            "name": body.get("recipient_name"),
            "company": body.get("company_name"),
            "street1": body["street_address1"],
            "street2": body.get("street_address2") or None,
            "city": body["city"],
            "region": body.get("state"),
            "postal_code": body.get("zip_code"),
            "country_code": body.get("country_code"),
            "email": body.get("email"),
            "phone": body.get("phone_number"),
        }
        self.world.set_state(shipment, shipment.state)
        return json_answer({"id": int(number), "is_success": True})

    def _find(self, order_id: str) -> WarehouseShipment | None:
        return self.world.shipments.get((self.connection, order_id))

    def _site(self, location_id: int | None) -> Site | None:
        sites = self.world.sites_of(self.connection)
        if location_id is None:
            return sites[0]
        return next((site for site in sites if site.wms_site == str(location_id)), None)

    def _view(self, shipment: WarehouseShipment) -> dict[str, Any]:
        stale = shipment.state != "waiting" and self.faults.strikes("stale_update")
        return order_view(self.world, shipment, self.CHANNEL_ID, stale=stale)


def _body_of(request: VendorRequest) -> Any:  # noqa: ANN401 -- any JSON
    """The request's JSON, or None if it is none."""
    try:
        return request.json()
    except ValueError:
        return None
