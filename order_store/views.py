"""The named views through which analytics reads the store, from the files in order_store/views/."""

from importlib.resources import files

from sqlalchemy import Connection


def view_definitions() -> dict[str, str]:
    """The SELECT of each view, by the view's name (the file's). The same SQL runs on both databases."""
    folder = files("order_store").joinpath("views")
    found = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in found
        if entry.name.endswith(".sql")
    }


def create_views(tx: Connection) -> None:
    """Make every view anew, as the files say. Migrations call it last."""
    definitions = view_definitions()
    for name in reversed(definitions):
        tx.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    for name, select in definitions.items():
        body = select.strip().rstrip(";")
        if tx.dialect.name == "postgresql":
            body = body.replace("%", "%%")  # the driver reads a lone % as a parameter
        tx.exec_driver_sql(f"CREATE VIEW {name} AS {body}")
