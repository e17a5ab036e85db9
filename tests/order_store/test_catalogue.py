"""The catalogue: from CSV files to what a warehouse picks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from normalization.records import ResolvedSku
from order_store.catalogue import BadRow, CatalogueCounts, StoredCatalogue, catalogue_view, load_catalogue
from order_store.engine import Store

SKUS = "sku,title,weight_g,length_mm,width_mm,height_mm,hazardous,oversize,lot_tracked,valid_from,valid_to\n"
ALIASES = "connection,channel_sku,sku,valid_from,valid_to\n"
KITS = "kit,sku,units,valid_from,valid_to\n"
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "catalogue"
    made.mkdir()
    write(made, skus="MUG,Mug,300,100,90,90,,,,,\nTRAY,Tray,500,,,,no,yes,true,,\n")
    return made


def write(folder: Path, **files: str) -> None:
    heads = {"skus": SKUS, "aliases": ALIASES, "kits": KITS}
    for name, rows in files.items():
        (folder / f"{name}.csv").write_text(heads[name] + rows)


def load(store: Store, folder: Path) -> CatalogueCounts:
    with store.begin() as tx:
        return load_catalogue(tx, folder)


def view(store: Store) -> StoredCatalogue:
    with store.read() as tx:
        return catalogue_view(tx)


def one(sku: str) -> ResolvedSku:
    return ResolvedSku(((sku, 1),))


def day(number: int) -> datetime:
    return datetime(2026, 11, number, tzinfo=UTC)


def test_a_sku_resolves_to_itself_and_an_unknown_one_to_nothing(store: Store, folder: Path) -> None:
    counts = load(store, folder)
    assert (counts.rows["skus.csv"], counts.added, counts.bad) == (2, 2, [])
    catalogue = view(store)
    assert catalogue.resolve("shop", "MUG", NOW) == one("MUG")
    assert catalogue.resolve("shop", "mug", NOW) is None


def test_an_alias_belongs_to_its_channel_and_one_for_all_comes_second(store: Store, folder: Path) -> None:
    write(folder, aliases="shop,M-1,MUG,,\n*,M-1,TRAY,,\n*,ANY,MUG,,\n")
    load(store, folder)
    catalogue = view(store)
    assert catalogue.resolve("shop", "M-1", NOW) == one("MUG")
    assert catalogue.resolve("other", "M-1", NOW) == one("TRAY")
    assert catalogue.resolve("other", "ANY", NOW) == one("MUG")


def test_kits_are_exploded_also_behind_an_alias(store: Store, folder: Path) -> None:
    write(folder, kits="SET,TRAY,1,,\nSET,MUG,4,,\n", aliases="shop,S-1,SET,,\n")
    load(store, folder)
    expected = ResolvedSku((("MUG", 4), ("TRAY", 1)), kit="SET")
    assert view(store).resolve("shop", "SET", NOW) == expected
    assert view(store).resolve("shop", "S-1", NOW) == expected


def test_a_kit_changes_on_its_day(store: Store, folder: Path) -> None:
    kits = "SET,MUG,2,,2026-11-05\nSET,MUG,3,2026-11-05,\nSET,TRAY,1,2026-11-03,\n"
    write(folder, kits=kits)
    assert load(store, folder).bad == []
    catalogue = view(store)
    found = [catalogue.resolve("shop", "SET", day(number)) for number in (2, 4, 5)]
    assert [each.components for each in found if each] == [
        (("MUG", 2),),
        (("MUG", 2), ("TRAY", 1)),
        (("MUG", 3), ("TRAY", 1)),
    ]


def test_an_alias_holds_from_its_first_day_until_before_its_last(store: Store, folder: Path) -> None:
    write(folder, aliases="shop,M,MUG,2026-11-01,2026-11-05\nshop,M,TRAY,2026-11-05,\n")
    load(store, folder)
    catalogue = view(store)
    assert catalogue.resolve("shop", "M", day(4)) == one("MUG")
    assert catalogue.resolve("shop", "M", day(5)) == one("TRAY")


def test_s21_a_mapping_that_begins_today_serves_the_order_of_yesterday(store: Store, folder: Path) -> None:
    load(store, folder)
    assert view(store).resolve("shop", "M-9", day(1)) is None
    write(folder, aliases="shop,M-9,MUG,2026-11-02,\n")
    load(store, folder)
    assert view(store).resolve("shop", "M-9", day(1)) == one("MUG")


def test_what_has_ended_is_unknown(store: Store, folder: Path) -> None:
    write(folder, skus="MUG,Mug,,,,,,,,,2026-11-02\n")
    load(store, folder)
    assert view(store).resolve("shop", "MUG", day(1)) == one("MUG")
    assert view(store).resolve("shop", "MUG", day(2)) is None


def test_bad_rows_are_told_with_file_line_and_reason_and_stop_nobody(store: Store, folder: Path) -> None:
    write(
        folder,
        skus=(
            "MUG,Mug,300,,,,,,,,\n"
            ",nameless,,,,,,,,,\n"
            "TRAY,Tray,heavy,,,,,,,,\n"
            "TRAY,Tray,1,,,,perhaps,,,,\n"
            "TRAY,Tray,1,,,,,,,yesterday,\n"
            "TRAY,Tray,1,,,,,,,2026-11-02,2026-11-01\n"
            "MUG,Mug again,1,,,,,,,2026-11-01,\n"
            "TRAY,short\n"
            "BOWL,Bowl,1,,,,,,,,\n"
        ),
        kits="MUG,BOWL,1,,\nSET,NONE,1,,\nSET,BOWL,0,,\nSET,BOWL,2,,\n",
        aliases="shop,X,NOTHING,,\nshop,Y,SET,,\n",
    )
    counts = load(store, folder)
    assert [str(bad) for bad in counts.bad] == [
        "skus.csv:3: sku is empty",
        "skus.csv:4: weight_g is 'heavy'; write a whole number above 0",
        "skus.csv:5: hazardous is 'perhaps'; write true or false",
        "skus.csv:6: 'yesterday' is no date; write it as 2026-11-01",
        "skus.csv:7: valid_to is not after valid_from",
        "skus.csv:8: MUG stands twice for the same time",
        "skus.csv:9: it has another number of columns than the heading",
        "kits.csv:2: MUG is a SKU; give the kit another code",
        "kits.csv:3: component NONE is not in skus.csv",
        "kits.csv:4: units is '0'; write a whole number above 0",
        "aliases.csv:2: NOTHING is neither in skus.csv nor in kits.csv",
    ]
    assert counts.rows == {"skus.csv": 2, "kits.csv": 1, "aliases.csv": 1}
    assert view(store).resolve("shop", "Y", NOW) == ResolvedSku((("BOWL", 2),), kit="SET")


def test_a_wrong_heading_or_a_missing_file_is_told(store: Store, folder: Path) -> None:
    (folder / "kits.csv").write_text("kit,quantity\nSET,1\n")
    counts = load(store, folder)
    assert counts.bad == [
        BadRow(
            "kits.csv",
            1,
            "column sku is missing; column units is missing; column quantity is not known",
        )
    ]
    (folder / "skus.csv").unlink()
    assert load(store, folder).bad[0] == BadRow("skus.csv", 0, "there is no such file in catalogue")
    assert view(store).resolve("shop", "MUG", NOW) == one("MUG")


def test_loading_again_changes_nothing_and_then_only_what_differs(store: Store, folder: Path) -> None:
    load(store, folder)
    again = load(store, folder)
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    write(folder, skus="MUG,Big mug,400,,,,,,,,\nBOWL,Bowl,1,,,,,,,,\n")
    later = load(store, folder)
    assert (later.added, later.changed, later.removed) == (1, 1, 1)
    assert view(store).resolve("shop", "TRAY", NOW) is None


def test_a_file_with_a_bad_row_removes_nothing_and_kits_of_what_stays_are_good(
    store: Store, folder: Path
) -> None:
    load(store, folder)
    write(folder, kits="SET,TRAY,1,,\n", skus="MUG,Mug,300,100,90,90,,,,,\nTRAY,Tray,much,,,,,,,,\n")
    counts = load(store, folder)
    assert (counts.removed, len(counts.bad)) == (0, 1)
    assert view(store).resolve("shop", "TRAY", NOW) == one("TRAY")


def test_processes_that_load_at_once_take_turns(store: Store, folder: Path) -> None:
    """As when several hubs start on an empty store; SQLite lets one write anyway."""
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as tx:
            first = load_catalogue(tx, folder)
            second = pool.submit(load, store, folder)
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        assert (first.added, second.result(timeout=30).added) == (2, 0)
