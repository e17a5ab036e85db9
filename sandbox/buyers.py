"""Buyers in many countries, and the orders that they place."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from sandbox.merchant import rows_of
from sandbox.shops import RATES, SHOPS, Shop
from sandbox.world import Person, ShopOrder, SoldLine, World

DIALLING = {
    **{"AT": "43", "AU": "61", "BR": "55", "CA": "1", "DE": "49", "ES": "34", "FR": "33", "GB": "44"},
    **{"IE": "353", "IS": "354", "IT": "39", "JP": "81", "NL": "31", "PL": "48", "SE": "46", "US": "1"},
}
NOTES = (
    "Please leave it with the neighbour.",
    "It is a present: no invoice in the parcel, please.",
    "Ring twice, the bell is slow.",
)
CODES = {"WELCOME10": "0.10", "AUTUMN20": "0.20", "TEATIME25": "0.25"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order is to be like; what is left out is drawn.

    Attributes:
        lines: The channel's SKUs with units.
        payment: pending, authorized or captured.
        payment_mode: card, bank_transfer, cash_on_delivery or marketplace.
        late: How much later than it is placed lists begin to show it.
        canary: A word that stands in the buyer's name, streets, e-mail and note, to be searched for where
            none of these may be.
    """

    lines: Sequence[tuple[str, int]] | None = None
    country: str | None = None
    payment: str | None = None
    payment_mode: str | None = None
    discount_rate: Decimal | None = None
    shipping: int | None = None
    by_channel: bool | None = None
    note: str | None = None
    late: timedelta = timedelta()
    canary: str | None = None


DRAWN = Wish()


def place_order(world: World, channel: str, wish: Wish = DRAWN) -> ShopOrder:
    """A buyer orders something at a channel, now. No two orders go to the same address.

    Raises:
        KeyError: If the merchant has no such channel.
    """
    shop = SHOPS[channel]
    serial = world.serial(f"{channel}/order")
    random = world.draw("order", channel, serial)
    country = wish.country or random.choices(list(shop.countries), list(shop.countries.values()))[0]
    ship_to = person(world, country, random)
    buyer = ship_to if random.random() < 0.8 else person(world, country, random)
    if wish.canary:
        ship_to, buyer = _marked(ship_to, wish.canary), _marked(buyer, wish.canary)
    code = random.choice(list(CODES)) if random.random() < 0.2 else None
    rate = Decimal(CODES[code]) if code else Decimal(0)
    if wish.discount_rate is not None:
        rate, code = wish.discount_rate, "AGREED" if wish.discount_rate else None
    wanted = wish.lines or _basket(world, shop, random)
    lines = [_line(world, shop, ship_to, sku, units, rate) for sku, units in wanted]
    goods = sum(line.unit_price * line.quantity for line in lines)
    mode, payment = _payment(shop, random)
    by_channel = shop.vendor == "amazon" and random.random() < 0.08
    local = shop.local_currencies.get(country)
    number, external_id = _names(shop, serial, random)
    order = ShopOrder(
        channel=channel,
        serial=serial,
        external_id=external_id,
        number=number,
        placed_at=world.now,
        updated_at=world.now,
        visible_at=world.now + wish.late,
        buyer=buyer,
        ship_to=ship_to,
        currency=shop.currency,
        taxes_included=shop.taxes_included,
        lines=lines,
        shipping=_shipping(shop, lines, goods) if wish.shipping is None else wish.shipping,
        shipping_tax_rate=shop.tax_rate("", ship_to),
        shipping_title=random.choice(("Standard", "Standard", "Express")),
        payment=wish.payment or payment,
        payment_mode=wish.payment_mode or mode,
        buyer_currency=local,
        buyer_rate=Decimal(RATES[local]) if local else Decimal(1),
        discount_code=code,
        note=_note(wish, random),
        by_channel=by_channel if wish.by_channel is None else wish.by_channel,
    )
    order.paid_at = world.now if order.payment == "captured" else None
    if shop.vendor == "amazon":
        order.ship_by = _evening(world.now + timedelta(days=2))
        order.deliver_by = _evening(world.now + timedelta(days=6))
    return world.add_order(order)


def person(world: World, country: str, random: Random) -> Person:
    """Somebody new, at an address where nobody else lives."""
    places, names = _tables()
    place = random.choice([place for place in places if place["country_code"] == country])
    speech = next((row for row in names if country in row["countries"].split()), names[0])
    given = random.choice(speech["given"].split())
    family = random.choice(speech["family"].split()).replace("_", " ")  # the table's blanks part names
    name = f"{given} {family}"
    house = world.serial("house", 1)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    street: tuple[str, ...] = (place["street"].format(n=house),)
    if random.random() < 0.15:
        street += (f"Flat {random.randint(1, 40)}",)
    return Person(
        name=name,
        email=f"{'.'.join(plain.replace(chr(39), '').split())}.{house}@example.net",
        phone=_phone(country, random),
        street=street,
        city=place["city"],
        region=place["region"] or None,
        region_name=place["region_name"] or None,
        postal_code=place["postal_code"],
        country_code=country,
        country_name=place["country_name"],
        company=f"{family} & Co." if random.random() < 0.08 else None,
    )


def _note(wish: Wish, random: Random) -> str | None:
    note = wish.note or (random.choice(NOTES) if random.random() < 0.1 else None)
    return f"{note or 'For'} {wish.canary}" if wish.canary else note


def _marked(one: Person, canary: str) -> Person:
    return replace(
        one,
        name=f"{canary} {one.name}",
        street=tuple(f"{line} {canary}" for line in one.street),
        email=f"{canary.lower()}.{one.email}",
        company=one.company and f"{canary} {one.company}",
    )


def move_house(world: World, order: ShopOrder) -> None:
    """The buyer corrects the delivery address to another one in the same country."""
    moved = person(world, order.ship_to.country_code, world.draw("move", order.channel, order.serial))
    order.moved_from.append(order.ship_to)
    order.ship_to = replace(moved, name=order.ship_to.name, email=order.ship_to.email)
    world.touch(order)


def _phone(country: str, random: Random) -> str:
    if DIALLING[country] == "1":
        return f"+1{random.choice(('202', '312', '416'))}5550{random.randint(100, 199)}"
    return f"+{DIALLING[country]}{random.randint(200_000_000, 999_999_999)}"


@cache
def _tables() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    return list(rows_of("places")), list(rows_of("names"))


def _basket(world: World, shop: Shop, random: Random) -> list[tuple[str, int]]:
    """One to four things, no two of which hold the same component."""
    listings, basket, used = shop.listings(world), [], set[str]()
    for _ in range(random.choices((1, 2, 3, 4), (5, 4, 2, 1))[0]):
        sku = random.choice(listings)
        components = set(world.components(shop.connection, sku))
        if components & used:
            continue
        used |= components
        basket.append((sku, random.choices((1, 2, 3), (7, 2, 1))[0]))
    return basket


def _line(world: World, shop: Shop, ship_to: Person, channel_sku: str, units: int, off: Decimal) -> SoldLine:
    """A line for anything that the channel calls by a SKU, also for what the merchant does not know."""
    code = world.aliases.get((shop.connection, channel_sku), channel_sku)
    thing = world.skus.get(code) or world.kits.get(code)
    first = {"amazon": 52_986_411_826_453, "shopify": 14_718_009_114_625}.get(shop.vendor, 1)
    number = str(world.serial(f"{shop.connection}/line", first))
    return SoldLine(
        line_id=f"gid://shopify/LineItem/{number}" if shop.vendor == "shopify" else number,
        channel_sku=channel_sku,
        title=thing.title if thing else channel_sku,
        quantity=units,
        unit_price=shop.price(thing.price if thing else 1000),
        tax_rate=shop.tax_rate(code, ship_to),
        discount_rate=off,
        requires_shipping=not (code in world.skus and world.skus[code].downloadable),
    )


def _shipping(shop: Shop, lines: list[SoldLine], goods: int) -> int:
    needed = any(line.requires_shipping for line in lines)
    return shop.shipping if needed and goods < shop.free_from else 0


def _payment(shop: Shop, random: Random) -> tuple[str, str]:
    """How the buyer pays, and how far that has come."""
    luck = random.random()
    match shop.vendor:
        case "amazon":
            return "marketplace", "pending" if luck < 0.12 else "captured"
        case "woocommerce" if luck < 0.1:
            return "cash_on_delivery", "pending"
        case "woocommerce" | "shopify" if luck < 0.2:
            return "bank_transfer", "pending"
        case "vendure" if luck < 0.15:
            return "card", "pending"
        case _:
            return "card", "authorized" if luck > 0.9 and shop.vendor != "woocommerce" else "captured"


def _names(shop: Shop, serial: int, random: Random) -> tuple[str, str]:
    """What an order is called, and the id that never changes."""
    match shop.vendor:
        case "shopify":
            return f"#{serial}", f"gid://shopify/Order/{5_480_210_000_000 + serial}"
        case "amazon":
            number = f"902-{random.randint(1_000_000, 9_999_999)}-{1_000_000 + serial}"
            return number, number
        case "vendure":
            return "".join(random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=16)), str(serial - 1000)
        case _:
            return str(serial), str(serial)


def _evening(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(23, 59, 59), moment.tzinfo)
