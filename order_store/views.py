"""The named views through which analytics reads the store, from the files in order_store/views/.

Every upgrade to the newest revision makes them anew; who changes a view alone adds an empty revision.
"""

from importlib.resources import files

from sqlalchemy import Connection, inspect


def view_definitions() -> dict[str, str]:
    """The SELECT of each view, by the view's name (the file's). The same SQL runs on both databases."""
    folder = files("order_store").joinpath("views")
    found = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in found
        if entry.name.endswith(".sql")
    }


def drop_views(tx: Connection) -> None:
    """Take all views away, so that a migration may change the tables below them."""
    for name in inspect(tx).get_view_names():
        if name in view_definitions():
            tx.exec_driver_sql(f"DROP VIEW {name}")


def create_views(tx: Connection) -> None:
    """Make every view, as the files say."""
    for name, select in view_definitions().items():
        body = select.strip().rstrip(";")
        if tx.dialect.name == "postgresql":
            body = body.replace("%", "%%")  # the driver reads a lone % as a parameter
        tx.exec_driver_sql(f"CREATE VIEW {name} AS {body}")
