"""Backups on both databases: whole, consistent, verified before anything is changed, and migrated."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, inspect, select
from typer.testing import CliRunner

from order_store.binding import IN_THE_CLEAR, set_state
from order_store.connections import register_connection
from order_store.encrypting import is_in_the_clear
from order_store.engine import Store, open_store
from order_store.landing import Landing
from order_store.migrations import upgrade
from order_store.orders import find_order
from order_store.outbox import State
from order_store.personal import KeysAbsentError
from order_store.recovering import open_restore
from order_store.schema.fulfilment import outbox
from order_store.schema.keys import key_metadata
from pipelines.cli.app import app
from pipelines.config import HubConfig
from pipelines.hub import assemble
from pipelines.key_ring import erasure_lists_of
from pipelines.problems import ProblemError
from pipelines.services.backup import make_backup
from pipelines.services.backup_files import (
    MANIFEST,
    LandingCopy,
    checksum,
    read_landing_list,
    read_manifest,
    read_rows,
    table_path,
    write_landing_list,
    write_manifest,
    write_rows,
)
from pipelines.services.dispatch import dispatch
from pipelines.services.ingest import ingest_page
from pipelines.services.orders import channel_of
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


@pytest.mark.parametrize(
    "path",
    ["../stolen.land", "shop/../../stolen.land", "{tmp}/stolen.land", "shop//x.land", "", "..\\x.land"],
)
def test_a_backup_that_leads_out_of_landing_is_refused_before_anything_is_written(
    open_desk: OpenDesk, tmp_path: Path, path: str
) -> None:
    """Whoever changes a backup can make its checksums fit."""
    desk = busy(open_desk)
    folder = tmp_path / "backup"
    manifest = make_backup(desk.hub, folder)
    there = list(read_landing_list(folder))
    path = path.replace("{tmp}", str(tmp_path))
    (folder / "stolen.land").write_bytes(b"")
    led_out = LandingCopy(path, 0, checksum(folder / "stolen.land"))
    listed = write_landing_list(folder, [*there, led_out])
    write_manifest(folder, replace(manifest, landing_sha256=listed, landing_files=len(there) + 1))
    target = elsewhere(desk.hub.config, f"sqlite:///{tmp_path}/new.db", tmp_path / "new" / "landing")
    with pytest.raises(ProblemError, match=f"line {len(there) + 1}, names .* no place within landing"):
        restore_backup(target, folder, tmp_path / "state", desk.hub.clock.now())
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda rows, columns: (rows, ("id) SELECT 1; --", *columns[1:])),
            r"orders\.rows has columns that its table has not: id\) SELECT 1; --",
        ),
        (
            lambda rows, columns: (rows[:-1], columns),
            r"orders\.rows holds 2 rows, and the manifest says 3",
        ),
    ],
    ids=["SQL for a column", "a row left out"],
)
def test_rows_that_are_not_the_manifests_are_refused(
    open_desk: OpenDesk,
    tmp_path: Path,
    spoil: Callable[[list[Any], tuple[str, ...]], tuple[list[Any], tuple[str, ...]]],
    told: str,
) -> None:
    desk = busy(open_desk)
    folder = tmp_path / "backup"
    manifest = make_backup(desk.hub, folder)
    path, known = table_path(folder, "orders"), manifest.tables["orders"]
    rows, columns = spoil([row for block in read_rows(path) for row in block], known.columns)
    write_rows(path, rows)
    spoilt = replace(known, columns=columns, sha256=checksum(path))
    write_manifest(folder, replace(manifest, tables={**manifest.tables, "orders": spoilt}))
    target = elsewhere(desk.hub.config, f"sqlite:///{tmp_path}/new.db", tmp_path / "new" / "landing")
    with pytest.raises(ProblemError, match=told):
        restore_backup(target, folder, tmp_path / "state", desk.hub.clock.now())


@pytest.mark.parametrize(
    "content",
    [b'{"hub_version": "\xff"}', b'{"new": ' + b"[" * 100_000],
    ids=["no UTF-8", "nested without end"],
)
def test_a_manifest_that_nobody_wrote_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(ProblemError, match=r"manifest\.json is damaged"):
        read_manifest(tmp_path)


def test_a_line_of_the_list_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "landing.jsonl").write_text('{"path": 7}\n')
    with pytest.raises(ProblemError, match="line 1, is damaged"):
        list(read_landing_list(tmp_path))


def test_a_backup_and_what_is_restored_are_for_their_owner_only(open_desk: OpenDesk, tmp_path: Path) -> None:
    """Though the umask leaves them open, the backup's folder was there, a file is put over another."""
    desk = busy(open_desk)
    folder, landing = tmp_path / "backup", tmp_path / "new" / "landing"
    folder.mkdir(mode=0o755)
    umask = os.umask(0)
    try:
        make_backup(desk.hub, folder)
        one = next(iter(read_landing_list(folder)))
        (landing / one.path).parent.mkdir(parents=True, mode=0o700)
        (landing / one.path).write_bytes(b"another file")
        target = elsewhere(desk.hub.config, f"sqlite:///{tmp_path}/new.db", landing)
        restore_backup(target, folder, tmp_path / "state", desk.hub.clock.now(), force=True)
    finally:
        os.umask(umask)
    made = [path for root in (folder, landing) for path in root.rglob("*")]
    made = [path for path in made if path not in (landing / one.path).parents]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_file()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()} == {0o700}
    assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
    assert (landing / one.path).read_bytes() == (folder / "landing" / one.path).read_bytes()


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
    desk.hub.close()
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


def test_a_backup_from_before_encryption_comes_back_encrypted_and_without_who_was_erased(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk(CHANNEL)
    placed = [desk.place(CHANNEL, (SPOON, 1)) for _ in range(2)]
    config, now = desk.hub.config, desk.hub.clock.now()
    old = elsewhere(config, f"sqlite:///{tmp_path}/old.db", tmp_path / "old-landing")
    upgrade(old.store.url)
    store, landing = open_store(old.store.url), Landing(old.landing.url)
    with store.begin() as tx:
        register_connection(tx, CHANNEL, "shopify", "channel")
        set_state(tx, IN_THE_CLEAR, "0")
    for order in placed:
        page = desk.hub.connector(CHANNEL).read_one("orders", order.external_id)
        ingest_page(store, landing, channel_of(desk.hub, CHANNEL), page, now=now)
    make_backup(replace(desk.hub, config=old, store=store), tmp_path / "backup")
    store.close()
    erasure_lists_of(config, desk.hub.state).add([(CHANNEL, placed[0].external_id)], "request")

    environ = {
        "ORDERHUB_STORE": f"sqlite:///{tmp_path}/new.db",
        "ORDERHUB_LANDING": str(tmp_path / "new-landing"),
    }
    result = CliRunner().invoke(app, ["restore", str(tmp_path / "backup")], env={**desk.environ, **environ})
    assert result.exit_code == 0, result.output
    without_keys = Landing(tmp_path / "new-landing")
    with_keys = Landing(tmp_path / "new-landing", desk.hub.keys)
    told = {}
    for path in without_keys.paths(CHANNEL, "orders"):
        (record,) = with_keys.read(path)
        told[record.external_id] = record.erased
        if not record.erased:
            with pytest.raises(KeysAbsentError):
                list(without_keys.read(path))
    assert told == {placed[0].external_id: True, placed[1].external_id: False}
    restored = open_store(environ["ORDERHUB_STORE"], desk.hub.keys)
    assert not is_in_the_clear(restored)
    with restored.read() as tx:
        found = [find_order(tx, CHANNEL, order.external_id) for order in placed]
    restored.close()
    assert [one is not None and one.order.buyer is not None for one in found] == [False, True]


def test_keys_in_the_stores_own_database_are_refused(open_desk: OpenDesk, tmp_path: Path) -> None:
    """Else each backup would hold them, and a restore drop them. Nothing is made, and nothing dropped."""
    desk = open_desk(CHANNEL)
    right, store = desk.hub.config, desk.hub.store
    keys = right.keys.model_copy(update={"url": right.store.url})
    with pytest.raises(ProblemError, match="name another database"):
        assemble(right.model_copy(update={"keys": keys}), tmp_path / "state", desk.hub.clock)
    with store.read() as tx:
        assert not inspect(tx).has_table("data_keys")
    make_backup(desk.hub, tmp_path / "backup")

    with store.begin() as tx:  # as a hub did that did not refuse it
        key_metadata.create_all(tx)
    with pytest.raises(ProblemError, match="copy the tables data_keys"):
        assemble(right, tmp_path / "state", desk.hub.clock)
    with pytest.raises(ProblemError, match="copy the tables data_keys"):
        restore_backup(right, tmp_path / "backup", tmp_path / "state", desk.hub.clock.now(), force=True)
    with store.read() as tx:
        assert inspect(tx).has_table("data_keys")


def test_all_of_a_backup_is_on_the_disk_before_the_manifest_says_so(
    open_desk: OpenDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = busy(open_desk)
    folder = tmp_path / "backup"
    synced: list[Path] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_relative_to(folder):
            assert not (folder / MANIFEST).exists() or path == folder, "the manifest comes last"
            synced.append(path)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    make_backup(desk.hub, folder)
    there = {path for path in folder.rglob("*") if path.name != MANIFEST}
    assert {folder, folder / f"{MANIFEST}.part", *there} == set(synced)
    assert synced[-1] == folder, "and its name last of all"


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
