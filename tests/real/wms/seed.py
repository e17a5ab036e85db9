"""Makes a small warehouse in an empty Tryton database. Runs in Tryton's own environment.

Usage: seed.py DATABASE CONFIG GOODS KEYFILE. The hub's application key is written to KEYFILE.
"""

import datetime
import json
import sys
from decimal import Decimal
from pathlib import Path

from proteus import Model, config

COUNTRIES = {"US": ("United States", "USA", "840"), "CA": ("Canada", "CAN", "124")}
STATES = {"US-MA": "Massachusetts", "US-CA": "California", "US-WA": "Washington"}
BINS = ("A-01", "A-02", "B-01")
GROUPS = (
    *("Stock", "Stock Administration", "Product Administration", "Party Administration"),
    *("Carrier Administration", "Currency Administration", "Company Administration"),
)


def one(model: str, **fields: object) -> object:
    """Make a record."""
    record = Model.get(model)()
    for name, value in fields.items():
        setattr(record, name, value)
    record.save()
    return record


def find(model: str, **fields: object) -> object:
    """The one record with these values."""
    (record,) = Model.get(model).find([(name, "=", value) for name, value in fields.items()])
    return record


def main() -> None:
    """Seed."""
    database, config_file, goods_file, key_file = sys.argv[1:]
    goods = json.loads(Path(goods_file).read_text())
    config.set_trytond(database=database, config_file=config_file)
    from trytond.modules.company.tests.tools import create_company, get_company

    for code, (name, code3, number) in COUNTRIES.items():
        one("country.country", name=name, code=code, code3=code3, code_numeric=number)
    for code, name in STATES.items():
        one("country.subdivision", country=find("country.country", code=code[:2]), code=code, name=name)
    create_company()
    company = get_company()
    storage, supplier = find("stock.location", code="STO"), find("stock.location", code="SUP")
    bins = {
        code: one("stock.location", name=code, code=code, type="storage", parent=storage) for code in BINS
    }
    unit, today = find("product.uom", name="Unit"), datetime.datetime.now(datetime.UTC).date()
    moves = []
    for ware in goods:
        product = make_product(ware, unit)
        lots = ware.get("lots", [None])
        for lot in lots:
            move = Model.get("stock.move")(
                product=product,
                unit=unit,
                quantity=ware["units"] / len(lots),
                from_location=supplier,
                to_location=bins[ware["bin"]],
                company=company,
                currency=company.currency,
                unit_price=Decimal(1),
                planned_date=today,
                effective_date=today,
            )
            if lot:
                move.lot = one("stock.lot", number=lot, product=product)
            move.save()
            moves.append(move)
    Model.get("stock.move").click(moves, "do")
    make_carrier(unit)
    one("stock.package.type", name="Box")
    Path(key_file).write_text(make_user(company))


def make_product(ware: dict, unit: object) -> object:
    """A product with the shop's SKU as its code."""
    template = Model.get("product.template")(
        name=ware["title"], type="goods", default_uom=unit, code=ware["sku"]
    )
    template.list_price = Decimal(ware["price"]) / 100
    if "lots" in ware:
        template.lot_required = ["storage", "customer"]
    template.save()
    return template.products[0]


def make_carrier(unit: object) -> None:
    """UPS, by hand: no shipping service is asked for labels."""
    template = Model.get("product.template")(name="Carriage", type="service", default_uom=unit)
    template.list_price = Decimal(0)
    template.save()
    one("carrier", party=one("party.party", name="UPS"), carrier_product=template.products[0])


def make_user(company: object) -> str:
    """The hub's user; the key that it sends."""
    user = Model.get("res.user")(name="Order hub", login="orderhub")
    user.email = "orderhub@example.org"
    for group in Model.get("res.group").find([("name", "in", GROUPS)]):
        user.groups.append(group)
    user.companies.append(Model.get("company.company")(company.id))
    user.company = Model.get("company.company")(company.id)
    user.save()
    application = Model.get("res.user.application")(application="rest")
    application.user = user
    application.save()
    return application.key


if __name__ == "__main__":
    main()
