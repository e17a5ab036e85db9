"""UPS's Tracking API v1, imitated: it knows UPS's own parcels only (numbers that begin with 1Z)."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from babel.core import get_global

from sandbox.faults import Faults
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.world import Parcel, Scan, World

WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "pending": (
        "M",
        "MP",
        "003",
        "Shipper created a label, UPS has not received the package yet. ",
    ),
    "picked_up": ("I", "OR", "005", "Origin Scan"),
    "in_transit": ("I", "AR", "005", "Arrived at Facility"),
    "out_for_delivery": ("I", "OT", "021", "Out For Delivery Today"),
    "ready_for_pickup": ("I", "RP", "012", "Ready for Customer Pickup"),
    "delivery_delayed": ("X", "DY", "013", "Your package is delayed"),
    "on_hold": ("X", "HX", "013", "Held at Facility"),
    "delivery_failed": ("X", "UF", "014", "Delivery attempt failed"),
    "return_to_sender": ("X", "RS", "015", "Returned to Sender"),
    "delivered": ("D", "FS", "011", "DELIVERED "),
    "cancelled": ("MV", "VD", "007", "Shipment voided"),
}
"""What UPS says of each kind of scan: type, code, statusCode, description."""
LIFETIME = timedelta(seconds=14399)


class UpsVendor(Vendor):
    """One developer application."""

    SECRETS: ClassVar[Mapping[str, str]] = {"client_id": "sandbox-ups", "client_secret": "sandbox-ups-key"}

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self._tokens: dict[str, datetime] = {}

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """The answer to one call."""
        if self.faults.strikes("throttle"):
            return _error(429, "10429", "Too Many Requests", Retry_After="1")
        if self.faults.strikes("server_error"):
            return _error(503, "503", "Resource is not available")
        if (request.method, request.path) == ("POST", "/security/v1/oauth/token"):
            return self._token(request)
        scheme, _, token = request.header("Authorization").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, self.world.now) <= self.world.now:
            return _error(401, "250002", "Invalid Authentication Information.")
        if request.method == "GET" and request.path.startswith("/api/track/v1/details/"):
            return self._details(request, request.path.removeprefix("/api/track/v1/details/"))
        return _error(404, "404", "Not Found")

    def expire_tokens(self) -> None:
        """End all tokens before their time, as UPS does when a secret is changed."""
        self._tokens.clear()

    def _token(self, request: VendorRequest) -> VendorAnswer:
        pair = f"{self.SECRETS['client_id']}:{self.SECRETS['client_secret']}"
        if request.header("Authorization") != "Basic " + b64encode(pair.encode()).decode():
            return _error(401, "10401", "ClientId is Invalid")
        if parse_qs(request.body.decode()).get("grant_type") != ["client_credentials"]:
            return _error(400, "10400", "Invalid/Missing grant_type")
        token = f"ups-token-{self.world.serial(f'{self.connection}/token')}"
        self._tokens[token] = self.world.now + LIFETIME
        return json_answer(
            {
                "token_type": "Bearer",
                "issued_at": str(int(self.world.now.timestamp() * 1000)),
                "client_id": self.SECRETS["client_id"],
                "access_token": token,
                "expires_in": str(int(LIFETIME.total_seconds())),
                "status": "approved",
            }
        )

    def _details(self, request: VendorRequest, number: str) -> VendorAnswer:
        if not request.header("transId") or not request.header("transactionSrc"):
            return _error(400, "TV0002", "Missing transId or transactionSrc")
        if not number.startswith("1Z") or not 7 <= len(number) <= 34:
            return _error(400, "TV1002", "Invalid inquiry number")
        parcel = self.world.parcels.get(number)
        if parcel is None:
            # UPS answers an unknown number so, and not with its documented 404, at least now and then.
            warning = {"code": "TW0001", "message": "Tracking Information Not Found"}
            shipment = {"inquiryNumber": number, "warnings": [warning]}
            return json_answer({"trackResponse": {"shipment": [shipment]}})
        shipment = {"inquiryNumber": number, "package": [self._package(parcel)]}
        return json_answer({"trackResponse": {"shipment": [shipment]}})

    def _package(self, parcel: Parcel) -> dict[str, Any]:
        scans = list(parcel.scans)
        if len(scans) > 1 and self.faults.strikes("stale_update"):
            scans.pop()
        activities = [_activity(scan) for scan in reversed(scans)]
        if self.faults.strikes("reordered"):
            activities.reverse()
        if self.faults.strikes("duplicate_update"):
            activities.insert(0, activities[0])
        if self.faults.strikes("broken_record"):
            activities[0] = {
                key: value for key, value in activities[0].items() if not key.startswith("gmt")
            } | {"date": "20261345"}
        current = _status(scans[-1])
        if scans[-1].status == "delivered" and self.faults.strikes("signed_by"):
            current["description"] += f"SIGNED BY {parcel.ship_to['name']}"
            activities[0] |= {"status": current}
        package: dict[str, Any] = {
            "trackingNumber": parcel.tracking_number,
            "activity": activities,
            "currentStatus": current,
            "packageAddress": [_destination(parcel)],
            "packageCount": 1,
        }
        if scans[-1].status == "delivered":
            at = _local(scans[-1])
            package["deliveryDate"] = [{"type": "DEL", "date": at.strftime("%Y%m%d")}]
            package["deliveryTime"] = {"type": "DEL", "endTime": at.strftime("%H%M%S")}
        elif parcel.due:
            at = _local(parcel.due[-1])
            package["deliveryDate"] = [{"type": "SDD", "date": at.strftime("%Y%m%d")}]
            package["deliveryTime"] = {"type": "EOD", "endTime": "190000"}
        return package


def _activity(scan: Scan) -> dict[str, Any]:
    local, greenwich = _local(scan), scan.at.astimezone(UTC)
    # A label has a country only (seen in karrio's recording of a UPS answer).
    city = {} if scan.status == "pending" else {"city": scan.city.upper()}
    region = {"stateProvince": scan.region} if city and scan.region else {}
    return {
        "location": {"address": {**city, **region, "countryCode": scan.country_code}},
        "status": _status(scan),
        "date": local.strftime("%Y%m%d"),
        "time": local.strftime("%H%M%S"),
        "gmtDate": greenwich.strftime("%Y%m%d"),
        "gmtOffset": local.isoformat()[-6:],
        "gmtTime": greenwich.strftime("%H:%M:%S"),
    }


def _status(scan: Scan) -> dict[str, str]:
    kind, code, number, description = WORDS[scan.status]
    return {"type": kind, "description": description, "code": code, "statusCode": number}


def _destination(parcel: Parcel) -> dict[str, Any]:
    last = (parcel.scans + parcel.due)[-1]
    country = parcel.ship_to.get("country_code") or last.country_code
    return {"type": "DESTINATION", "address": {"countryCode": country}}


def _local(scan: Scan) -> datetime:
    """The time at the scan's place: in the first of its country's zones, which is near enough here."""
    zones = get_global("territory_zones").get(scan.country_code) or ["UTC"]
    return scan.at.astimezone(ZoneInfo("America/New_York" if scan.country_code == "US" else zones[0]))


def _error(status: int, code: str, message: str, **headers: str) -> VendorAnswer:
    return json_answer({"response": {"errors": [{"code": code, "message": message}]}}, status, **headers)
