"""Backups on both databases: whole, consistent, verified before anything is changed, and migrated."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, select
from typer.testing import CliRunner

from order_store.engine import Store, open_store
from order_store.migrations import upgrade
from order_store.outbox import State
from order_store.recovering import open_restore
from order_store.schema.fulfilment import outbox
from pipelines.cli.app import app
from pipelines.config import HubConfig
from pipelines.problems import ProblemError
from pipelines.services.backup import make_backup
from pipelines.services.backup_files import MANIFEST, read_landing_list, read_manifest
from pipelines.services.dispatch import dispatch
from pipelines.services.restore import restore_backup

OpenDesk = Callable[..., Any]
SPOON = "SPOON-BRASS"
CHANNEL, WMS, SITE = "shopify-eu", "tryton-lyon", "LYS"
CHANGED = {"restores", "leases", "outbox"}


def busy(open_desk: OpenDesk) -> Any:  # noqa: ANN401
    """A hub with an order at the WMS, and one whose picklist waits."""
    desk = open_desk(CHANNEL, WMS)
    for _ in range(2):
        desk.allocate(desk.place(CHANNEL, (SPOON, 2)), SITE)
        desk.wait(minutes=1)
        dispatch(desk.hub, WMS)
    desk.allocate(desk.place(CHANNEL, (SPOON, 1)), SITE)
    return desk


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    with store.read() as tx:
        present = MetaData()
        present.reflect(tx)
        return {
            table.name: sorted(map(tuple, tx.execute(select(table))), key=repr)
            for table in present.sorted_tables
        }


def elsewhere(config: HubConfig, store: str, landing: Path) -> HubConfig:
    """The same hub with another store and landing."""
    return config.model_copy(
        update={
            "store": config.store.model_copy(update={"url": store}),
            "landing": config.landing.model_copy(update={"url": str(landing)}),
        }
    )


def test_a_restored_store_holds_the_same_rows_and_landing_the_same_files(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    """From either database into SQLite: the form of a backup is the same."""
    desk = busy(open_desk)
    manifest = make_backup(desk.hub, tmp_path / "backup")
    assert manifest.tables["orders"].rows == 3
    target = elsewhere(desk.hub.config, f"sqlite:///{tmp_path}/new.db", tmp_path / "new-landing")
    done = restore_backup(target, tmp_path / "backup", tmp_path / "state", desk.hub.clock.now())
    assert done.landing_files == manifest.landing_files > 0
    assert done.in_doubt == 1
    restored = open_store(target.store.url)
    before, after = everything(desk.hub.store), everything(restored)
    assert before.keys() == after.keys()
    for table in before.keys() - CHANGED:
        assert before[table] == after[table], table
    with restored.read() as tx:
        assert tx.execute(select(outbox.c.state).order_by(outbox.c.id)).scalars().all() == [
            State.APPLIED,
            State.APPLIED,
            State.IN_DOUBT,
        ]
        restore = open_restore(tx)
    restored.close()
    assert restore is not None
    assert restore.taken_at == manifest.taken_at
    for one in read_landing_list(tmp_path / "backup"):
        original = Path(desk.environ["ORDERHUB_LANDING"]) / one.path
        assert (tmp_path / "new-landing" / one.path).read_bytes() == original.read_bytes()


def test_a_backup_goes_back_into_its_own_database(open_desk: OpenDesk, tmp_path: Path) -> None:
    """By force; PostgreSQL's numbers go on after those that were loaded."""
    desk = busy(open_desk)
    make_backup(desk.hub, tmp_path / "backup")
    before = everything(desk.hub.store)
    later = desk.place(CHANNEL, (SPOON, 1))
    config, now = desk.hub.config, desk.hub.clock.now()
    with pytest.raises(ProblemError, match="the store holds orders, landing_files, outbox"):
        restore_backup(config, tmp_path / "backup", tmp_path / "state", now)
    restore_backup(config, tmp_path / "backup", tmp_path / "state", now, force=True)
    after = everything(desk.hub.store)
    assert all(before[table] == after[table] for table in before.keys() - CHANGED)
    desk.read(CHANNEL)
    assert desk.order_id(later) > max(row[0] for row in before["orders"])


def test_the_hub_works_on_while_a_backup_is_taken(open_desk: OpenDesk, tmp_path: Path) -> None:
    """What is written meanwhile is in the next one; all that this one knows of is in its landing."""
    desk = busy(open_desk)
    placed: list[Any] = []

    def meanwhile(what: str, done: int, _total: int) -> None:
        if what == "tables" and done == 5 and not placed:
            placed.append(desk.place(CHANNEL, (SPOON, 1)))

    manifest = make_backup(desk.hub, tmp_path / "backup", meanwhile)
    assert placed
    assert manifest.tables["orders"].rows == 3
    assert manifest.tables["landing_files"].rows == manifest.landing_files
    assert make_backup(desk.hub, tmp_path / "next").tables["orders"].rows == 4


def test_a_damaged_backup_changes_nothing(open_desk: OpenDesk, tmp_path: Path) -> None:
    desk = busy(open_desk)
    folder = tmp_path / "backup"
    make_backup(desk.hub, folder)
    with pytest.raises(ProblemError, match="is not empty"):
        make_backup(desk.hub, folder)
    target = elsewhere(desk.hub.config, f"sqlite:///{tmp_path}/new.db", tmp_path / "new-landing")
    one = next(iter(read_landing_list(folder)))
    for path in (folder / "store" / "orders.rows", folder / "landing" / one.path):
        whole = path.read_bytes()
        path.write_bytes(whole[:-3] + b"abc")
        with pytest.raises(ProblemError, match=f"1 files of the backup are damaged or missing: {path}"):
            restore_backup(target, folder, tmp_path / "state", desk.hub.clock.now())
        path.write_bytes(whole)
    (folder / MANIFEST).rename(folder / "elsewhere")
    with pytest.raises(ProblemError, match="it is no backup, or one that was cut off"):
        restore_backup(target, folder, tmp_path / "state", desk.hub.clock.now())
    assert not (tmp_path / "new-landing").exists()


def test_a_landing_that_survived_keeps_its_later_files(open_desk: OpenDesk, tmp_path: Path) -> None:
    """Only the store is lost: landing files are not copied again, and later ones stay to be applied."""
    desk = busy(open_desk)
    make_backup(desk.hub, tmp_path / "backup")
    desk.place(CHANNEL, (SPOON, 1))
    there = set(desk.hub.landing.paths())
    target = elsewhere(
        desk.hub.config, f"sqlite:///{tmp_path}/new.db", Path(desk.environ["ORDERHUB_LANDING"])
    )
    done = restore_backup(target, tmp_path / "backup", tmp_path / "state", desk.hub.clock.now())
    assert done.landing_files == 0
    assert set(desk.hub.landing.paths()) == there


def test_a_backup_of_an_earlier_revision_is_migrated(tmp_path: Path, open_desk: OpenDesk) -> None:
    desk = open_desk(CHANNEL)
    desk.hub.store.close()
    old = f"sqlite:///{tmp_path}/old.db"
    upgrade(old, "0004")
    store = open_store(old)
    with store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO connections (name, connector, kind) VALUES ('shop', 'woocommerce', 'channel')"
        )
    target = elsewhere(desk.hub.config, old, tmp_path / "nothing")
    object.__setattr__(desk.hub, "config", target)
    object.__setattr__(desk.hub, "store", store)
    manifest = make_backup(desk.hub, tmp_path / "backup")
    assert manifest.revision == "0004"
    new = elsewhere(target, f"sqlite:///{tmp_path}/new.db", tmp_path / "nothing")
    restore_backup(new, tmp_path / "backup", tmp_path / "state", desk.hub.clock.now())
    restored = open_store(new.store.url)
    assert [row[1] for row in everything(restored)["connections"]] == ["shop"]
    assert "imbalances" in everything(restored)
    restored.close()


def test_the_commands(open_desk: OpenDesk, tmp_path: Path) -> None:
    desk = busy(open_desk)
    folder = str(tmp_path / "backup")

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments), env=desk.environ)
        return result.exit_code, " ".join(result.stdout.split())  # long paths break the lines

    status, shown = run("backup", folder)
    assert (status, "landing files" in shown) == (0, True)
    assert "is whole" in run("restore", folder, "--verify")[1]
    assert run("restore", folder)[0] == 1
    status, shown = run("restore", folder, "--force")
    assert (status, "1 messages will be looked up" in shown) == (0, True)
    assert read_manifest(Path(folder)).taken_at <= desk.hub.clock.now() + timedelta(minutes=1)
