"""EasyPost's trackers (v2), imitated: it follows every carrier's parcels.

Shapes are those of EasyPost's own client recordings; it publishes no specification.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sandbox.faults import Faults
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.world import Parcel, Scan, World

WORDS: Mapping[str, tuple[str, str, str]] = {
    "pending": ("pre_transit", "label_created", "Shipping Label Created"),
    "picked_up": ("in_transit", "received_at_origin_facility", "Picked up by the carrier"),
    "in_transit": ("in_transit", "arrived_at_facility", "Arrived at facility"),
    "out_for_delivery": ("out_for_delivery", "out_for_delivery", "Out for delivery"),
    "ready_for_pickup": ("available_for_pickup", "arrived_at_pickup_location", "Available for pickup"),
    "delivery_delayed": ("in_transit", "delayed", "Delayed"),
    "on_hold": ("in_transit", "held", "Held at facility"),
    "delivery_failed": ("failure", "delivery_exception", "Delivery attempt failed"),
    "return_to_sender": ("return_to_sender", "return", "Returned to sender"),
    "delivered": ("delivered", "arrived_at_destination", "Delivered"),
    "cancelled": ("cancelled", "cancelled", "Label cancelled"),
}
"""What EasyPost says of each kind of scan: status, status_detail, message."""


class EasyPostVendor(Vendor):
    """One EasyPost account, in test mode."""

    SECRETS: ClassVar[Mapping[str, str]] = {"api_key": "EZTKsandbox"}

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self.created: dict[str, datetime] = {}
        """Tracking codes of the trackers there are, and when each was made."""

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """The answer to one call."""
        expected = "Basic " + b64encode(f"{self.SECRETS['api_key']}:".encode()).decode()
        if request.header("Authorization") != expected:
            return _error(401, "APIKEY.INACTIVE", "This api key is no longer active.")
        if self.faults.strikes("throttle"):
            answer = _error(429, "RATE_LIMITED", "You are being rate limited, please try again later.")
            return VendorAnswer(answer.status, answer.body, {**answer.headers, "Retry-After": "1"})
        if self.faults.strikes("server_error"):
            return _error(503, "SERVICE.UNAVAILABLE", "Service unavailable.")
        match request.method, request.path:
            case "GET", "/v2/trackers":
                return self._list(request)
            case "POST", "/v2/trackers":
                return self._create(request)
            case "GET", path if path.startswith("/v2/trackers/"):
                return self._retrieve(path.removeprefix("/v2/trackers/"))
        return _error(404, "NOT_FOUND", "The requested resource could not be found.")

    def _list(self, request: VendorRequest) -> VendorAnswer:
        code = request.param("tracking_code")
        size = min(int(request.param("page_size", "20")), 100)
        codes = sorted(self.created, key=lambda made: self.created[made], reverse=True)
        found = [made for made in codes if code in ("", made)]
        trackers = [self._tracker(self.world.parcels[made]) for made in found[:size]]
        return json_answer({"trackers": trackers, "has_more": len(found) > size})

    def _create(self, request: VendorRequest) -> VendorAnswer:
        try:
            code = request.json()["tracker"]["tracking_code"]
        except (ValueError, KeyError, TypeError):
            return _error(422, "PARAMETER.REQUIRED", "Missing required parameter.")
        if code not in self.world.parcels:
            message = "No carrier was found that could track this code."
            return _error(422, "TRACKER.CREATE.ERROR", message)
        # A second creation is answered with the first one's tracker.
        self.created.setdefault(code, self.world.now)
        return json_answer(self._tracker(self.world.parcels[code]))

    def _retrieve(self, tracker_id: str) -> VendorAnswer:
        for code in self.created:
            if _tracker_id(code) == tracker_id:
                return json_answer(self._tracker(self.world.parcels[code]))
        return _error(404, "NOT_FOUND", "The requested resource could not be found.")

    def _tracker(self, parcel: Parcel) -> dict[str, Any]:
        scans = list(parcel.scans)
        if len(scans) > 1 and self.faults.strikes("stale_update"):
            scans.pop()
        details = [_detail(parcel, scan) for scan in scans]
        status, detail, _ = WORDS[scans[-1].status]
        if self.faults.strikes("reordered"):
            details.reverse()
        if self.faults.strikes("duplicate_update"):
            details.append(details[-1])
        if self.faults.strikes("broken_record"):
            details[-1] = {**details[-1], "datetime": "2026-13-45T99:00:00Z"}
        if status == "delivered" and self.faults.strikes("signed_by"):
            details[-1]["message"] += f", signed by {parcel.ship_to['name']}"
        created = self.created[parcel.tracking_number]
        due = parcel.due[-1].at if parcel.due else scans[-1].at
        return {
            "id": _tracker_id(parcel.tracking_number),
            "object": "Tracker",
            "mode": "test",
            "tracking_code": parcel.tracking_number,
            "status": status,
            "status_detail": detail,
            "created_at": _stamp(created),
            "updated_at": _stamp(max(created, scans[-1].at)),
            "signed_by": None,
            "weight": None,
            "est_delivery_date": _stamp(due + timedelta(hours=6)),
            "shipment_id": None,
            "carrier": parcel.carrier,
            "tracking_details": details,
            "carrier_detail": None,
            "finalized": scans[-1].status in ("delivered", "return_to_sender", "cancelled"),
            "is_return": False,
            "public_url": f"https://track.easypost.com/{_tracker_id(parcel.tracking_number)}",
            "fees": [],
        }


def _detail(parcel: Parcel, scan: Scan) -> dict[str, Any]:
    status, detail, message = WORDS[scan.status]
    return {
        "object": "TrackingDetail",
        "message": message,
        "description": "",
        "status": status,
        "status_detail": detail,
        "datetime": _stamp(scan.at),
        "source": parcel.carrier,
        "carrier_code": "",
        "tracking_location": {
            "object": "TrackingLocation",
            "city": scan.city.upper(),
            "state": scan.region,
            "country": scan.country_code,
            "zip": None,
        },
        "est_delivery_date": None,
    }


def _tracker_id(code: str) -> str:
    return "trk_" + hashlib.sha256(code.encode()).hexdigest()[:32]


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(status: int, code: str, message: str) -> VendorAnswer:
    return json_answer({"error": {"code": code, "message": message, "errors": []}}, status)
