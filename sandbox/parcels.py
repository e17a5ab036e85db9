"""Tracking numbers, and the way that a parcel will take."""

from datetime import datetime, timedelta
from random import Random

from sandbox.world import Parcel, Person, Scan, Site, World

EUROPEAN = (("UPS", 5), ("DHL", 3), ("DPD", 2))
AMERICAN = (("UPS", 5), ("USPS", 3), ("FedEx", 2))
NEAR = {"FR": "DE NL IT ES AT GB IE PL", "DE": "FR NL AT PL SE GB IT", "US": "CA"}
"""From a site's country to countries that are two or three days away."""


def choose_carrier(site: Site, random: Random) -> str:
    """Who fetches a parcel at a site."""
    carriers = AMERICAN if site.country_code == "US" else EUROPEAN
    return random.choices([name for name, _ in carriers], [share for _, share in carriers])[0]


def tracking_number(world: World, carrier: str, random: Random) -> str:
    """A number in the carrier's form that no other parcel has."""
    while True:
        number = _number(carrier, random)
        if number not in world.parcels:
            return number


def ups_check_digit(number: str) -> str:
    """The last character of a 1Z number, from the fifteen between "1Z" and it.

    Letters count as (position in ASCII - 63) modulo 10; every second character counts double
    (UPS, "Tracking number check digit calculation").
    """
    values = [int(letter) if letter.isdigit() else (ord(letter) - 63) % 10 for letter in number]
    return str(-(sum(values[0::2]) + 2 * sum(values[1::2])) % 10)


def plan_way(world: World, parcel: Parcel, site: Site, to: Person | None, random: Random) -> None:
    """Decide what will happen to a parcel that has just left a site.

    Most arrive; some stall, some are tried twice, a few go back. A parcel that is addressed to nobody
    is delivered nowhere.
    """
    if to is None:
        return
    at = world.now + timedelta(hours=random.uniform(1, 4))
    parcel.due = [Scan(at, "picked_up", site.city, site.region, site.country_code)]
    at = _later(at, random, 4, 10)
    parcel.due.append(Scan(at, "in_transit", site.city, site.region, site.country_code))
    at = _later(at, random, *_distance(site.country_code, to.country_code))
    luck = random.random()
    here = (to.city, to.region, to.country_code)
    if luck < 0.06:
        parcel.due.append(Scan(at, "delivery_delayed", *here))
        at = _later(at, random, 24, 60)
    parcel.due.append(Scan(at, "in_transit", *here))
    at = _later(at, random, 3, 9)
    parcel.due.append(Scan(at, "out_for_delivery", *here))
    at = _later(at, random, 1, 7)
    if 0.06 <= luck < 0.10:
        parcel.due.append(Scan(at, "delivery_failed", *here))
        at = _later(at, random, 18, 26)
        parcel.due.append(Scan(at, "out_for_delivery", *here))
        at = _later(at, random, 1, 6)
    last = "return_to_sender" if 0.10 <= luck < 0.11 else "delivered"
    parcel.due.append(Scan(at, last, *here))


def _distance(origin: str, destination: str) -> tuple[float, float]:
    """Hours in transit, from and to."""
    if destination == origin:
        return 10, 30
    return (24, 60) if destination in NEAR.get(origin, "").split() else (60, 130)


def _later(at: datetime, random: Random, least: float, most: float) -> datetime:
    return (at + timedelta(hours=random.uniform(least, most))).replace(microsecond=0)


def _number(carrier: str, random: Random) -> str:
    def digits(count: int) -> str:
        return "".join(random.choices("0123456789", k=count))

    match carrier:
        case "UPS":
            body = "".join(random.choices("0123456789ABCDEFGHJKLMNPRSTVWXYZ", k=6)) + "03" + digits(7)
            return f"1Z{body}{ups_check_digit(body)}"
        case "USPS":
            return f"9400{digits(18)}"
        case "FedEx":
            return digits(12)
        case "DHL":
            return f"JD0146{digits(14)}"
        case _:
            return f"0{digits(13)}"
