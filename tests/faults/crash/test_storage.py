"""Disks that are full or read-only, databases that go away, files cut short, clocks set wrong.

Each time the run says what is wrong and what to do, nothing is lost, and the next run resumes by itself.
"""

import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from tests.faults.conftest import RecordFault
from tests.faults.crash.conftest import OpenTheatre
from tests.faults.crash.merchants import STAGES, WEST, Stage
from tests.faults.crash.processes import Process
from tests.faults.crash.trials import NEXT_DAY, SOON, Scene, Theatre

CHANGED, SHIPPED = STAGES[1], STAGES[2]


@contextmanager
def small_disk() -> Iterator[tuple[Callable[[Path], None], Callable[[str], None]]]:
    """Mounts a disk of its own where it is told to, and mounts it anew with other options."""
    mounted: list[Path] = []

    def mount(home: Path) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(home)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("only root may mount a small disk")
        mounted.append(home)

    def again(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(mounted[0])], check=True)

    try:
        yield mount, again
    finally:
        for home in mounted:
            subprocess.run(["umount", "-l", str(home)], check=True)


def settles(theatre: Theatre, stage: Stage, scene: Scene) -> None:
    """The next run ends with the books of a run to which nothing happened."""
    process = Process(scene.orders)
    for pause in (*SOON, *NEXT_DAY):
        assert process.round(pause) == {}
        differs = theatre.differs(stage, scene)
        if not differs:
            break
    process.end()
    assert not differs, str(differs)


@pytest.mark.parametrize("room", [8 << 10, 64 << 10, 256 << 10])
def test_the_disk_is_full(room: int, open_theatre: OpenTheatre, record_fault: RecordFault) -> None:
    theatre = open_theatre(WEST, "sqlite")
    with small_disk() as (mount, again), theatre.scene(SHIPPED, mount) as scene:
        process = Process(scene.orders)
        used = shutil.disk_usage(scene.orders.home).used
        again(f"size={used + room}")
        failures = process.round()
        assert failures is not None
        process.end()
        assert failures, "the round needed less room than was left"
        assert all("is full" in told for told in failures.values()), failures
        again("size=256m")
        settles(theatre, SHIPPED, scene)
    record_fault("disk full")


def test_the_disk_is_read_only(open_theatre: OpenTheatre, record_fault: RecordFault) -> None:
    theatre = open_theatre(WEST, "sqlite")
    with small_disk() as (mount, again), theatre.scene(CHANGED, mount) as scene:
        again("ro")
        with (
            pytest.raises(ProblemError, match=r"cannot be written.*next run resumes by itself"),
            open_hub(scene.orders.environ["ORDERHUB_CONFIG"], scene.orders.environ),
        ):
            pass
        again("rw")
        settles(theatre, CHANGED, scene)
    record_fault("disk read-only")


def test_sqlite_is_locked_by_somebody_else(open_theatre: OpenTheatre, record_fault: RecordFault) -> None:
    theatre = open_theatre(WEST, "sqlite")
    with theatre.scene(CHANGED) as scene:
        process = Process(replace(scene.orders, impatient=True))
        assert process.round() is not None
        with closing(sqlite3.connect(scene.orders.home / "orders.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            failures = process.round()
            process.end()
            assert failures
            assert all("is locked" in told for told in failures.values()), failures
            other.execute("ROLLBACK")
        settles(theatre, CHANGED, scene)
    record_fault("database locked")


@pytest.mark.parametrize("after", [0.0, 0.3, 0.8])
def test_postgresql_goes_away_and_comes_back(
    after: float, open_theatre: OpenTheatre, record_fault: RecordFault
) -> None:
    """Before the round, or in the midst of it: connections break, and new ones are refused."""
    theatre = open_theatre(WEST, "postgresql")
    with theatre.scene(CHANGED) as scene:
        process = Process(scene.orders)
        server, _, name = scene.urls.orders.replace("postgresql+psycopg://", "postgresql://").partition(
            "/crash"
        )
        name, _, options = name.partition("?")
        with psycopg.connect(f"{server}/postgres?{options}", autocommit=True) as admin:

            def gone() -> None:
                time.sleep(after)
                admin.execute(f"ALTER DATABASE crash{name} ALLOW_CONNECTIONS false")
                admin.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'crash{name}'"
                )

            thief = threading.Thread(target=gone)
            thief.start()
            if not after:
                thief.join()
            failures = process.round()
            thief.join()
            assert failures is not None, "the process died of it"
            failures |= process.round() or {}
            process.end()
            assert failures
            assert all("database cannot be reached" in told for told in failures.values()), failures
            admin.execute(f"ALTER DATABASE crash{name} ALLOW_CONNECTIONS true")
        settles(theatre, CHANGED, scene)
    record_fault("database gone and back")


def test_a_landing_file_is_half_written(open_theatre: OpenTheatre, record_fault: RecordFault) -> None:
    """What a disk left of a file that was not synced, under its final name; and a writer's partial file."""
    theatre = open_theatre(WEST, "sqlite")
    with theatre.scene(CHANGED) as scene:
        files = sorted((scene.orders.home / "landing" / "shopify-eu" / "orders").rglob("*.land"))
        whole = files[-1].read_bytes()
        number, _, _ = files[-1].name.partition("-")
        for missing in (3, len(whole) // 2, len(whole) - 4):
            number = f"{int(number) + 1000:017d}"
            files[-1].with_name(f"{number}-0000.land").write_bytes(whole[:-missing])
        files[-1].with_name(f"{number}-0001.part").write_bytes(whole[:20])
        process = Process(scene.orders)
        assert process.round() == {}
        for pause in (*SOON, *NEXT_DAY):
            assert process.round(pause) == {}
            differs = theatre.differs(CHANGED, scene)
            differs = replace(differs, doubled=[row for row in differs.doubled if row[0] != "landing file"])
            if not differs:
                break
        process.end()
        assert not differs, str(differs)
    record_fault("landing file half-written", times=4)


@pytest.mark.parametrize("hours", [72, 2, -2, -72])
def test_the_machines_clock_is_set_wrong_and_right_again(
    hours: int, open_theatre: OpenTheatre, record_fault: RecordFault
) -> None:
    """One round by a clock that is ahead, or behind; then it is right again."""
    theatre = open_theatre(WEST, "sqlite")
    with theatre.scene(CHANGED) as scene:
        process = Process(replace(scene.orders, ahead=hours))
        assert process.round() is not None
        process.end()
        settles(theatre, CHANGED, scene)
    record_fault("clock jumps")


def test_a_process_is_killed_while_its_clock_is_ahead(
    open_theatre: OpenTheatre, record_fault: RecordFault
) -> None:
    """What it held is not held until the wrong clock's time has come."""
    theatre = open_theatre(WEST, "sqlite")
    claimed = next(
        point
        for point in theatre.points[CHANGED.name]
        if point.kind == "before call" and "tryton" in point.place
    )
    with theatre.scene(CHANGED) as scene:
        process = Process(replace(scene.orders, watched=True, victim=claimed, ahead=72))
        assert process.round() is None
        assert process.killed()
        settles(theatre, CHANGED, scene)
    record_fault("clock jumps")
