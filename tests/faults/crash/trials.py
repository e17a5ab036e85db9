"""Plays a merchant's days stage by stage, and each stage again for every point where the hub can be killed.

A stage is played from a saved state: the world, and the hub's store, landing and state folder as they were
when the stage before it had settled. A trial kills the hub at one point of the stage's first round, brings it
back a quarter of an hour later, and lets it work until its books and the vendors' are those of the run that
was never killed. A hub that does not get there has lost or doubled something.
"""

import itertools
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from order_store.engine import open_store
from pipelines.services.kpis import FILE
from sandbox.server import Sandbox
from tests.faults.crash.books import (
    Books,
    Difference,
    difference,
    hub_books,
    kpi_books,
    landing_books,
    world_books,
)
from tests.faults.crash.child import Orders
from tests.faults.crash.databases import Databases, Urls
from tests.faults.crash.merchants import (
    AGED,
    PUBLISHED,
    STAGES,
    Merchant,
    Play,
    Stage,
    act,
    begin,
    config_of,
    environ_of,
)
from tests.faults.crash.points import Point
from tests.faults.crash.processes import Process
from tests.faults.crash.tasks import publish

SOON = (15 * 60, *[2 * 3600] * 3)
"""Seconds between the rounds of a hub that came back: longer than any lease, then longer than any stream
waits for its turn."""
NEXT_DAY = (25 * 3600, 2 * 3600)
"""Once a day a channel's orders are all read again, whatever was announced."""


@dataclass(frozen=True)
class Saved:
    """A stage's beginning. `databases` is None before there is one."""

    play: bytes
    home: Path
    databases: Urls | None


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Attributes:
        reached: Whether the hub died where it was to die.
        rounds: How many rounds it took the hub that came back.
        failures: What went wrong in rounds that were not killed, in words.
        differs: From the run that was never killed.
    """

    stage: str
    victim: Point
    reached: bool
    rounds: int
    failures: list[str]
    differs: Difference

    @property
    def survived(self) -> bool:
        return not self.failures and not self.differs

    def __str__(self) -> str:
        told = "".join(f"\n  {one}" for one in self.failures)
        return f"{self.stage}, killed {self.victim}, {self.rounds} rounds:{told}\n{self.differs}"


@dataclass
class Scene:
    """A stage that is being played: the world behind a socket, and the hub's folder and store."""

    play: Play
    orders: Orders
    urls: Urls

    def books(self) -> Books:
        """What the hub, its landing and the vendors say now."""
        store = open_store(self.urls.orders)
        try:
            landing = self.orders.home / "landing"
            return hub_books(store) + landing_books(store, landing) + world_books(self.play)
        finally:
            store.close()

    @property
    def kpis(self) -> Path:
        """The file that analysts open."""
        return self.orders.home / "kpi" / FILE


class Theatre:
    """One merchant's play on one kind of database, prepared stage by stage.

    Attributes:
        points: What each stage's first round passes.
        expected: The books of each stage once the hub, never killed, has come to rest: before, and after the
            day's reading of everything.
    """

    def __init__(self, folder: Path, merchant: Merchant, databases: Databases) -> None:
        self._folder = folder / f"{merchant.name}-{databases.name}"
        self._databases = databases
        self._merchant = merchant
        self._numbers = itertools.count(1)
        self.saved: dict[str, Saved] = {}
        self.expected: dict[str, tuple[Books, ...]] = {}
        self.points: dict[str, list[Point]] = {}

    def rehearse(self) -> None:
        """Play everything once without a kill, but for the KPI tables."""
        home = self._folder / "begin"
        home.mkdir(parents=True)
        play = begin(self._merchant, home / "catalogue")
        (home / "hub.yaml").write_text(config_of(self._merchant), encoding="utf-8")
        saved = Saved(play.saved(), home, None)
        for stage in STAGES:
            self.saved[stage.name] = saved
            with self.scene(stage) as scene:
                process = Process(replace(scene.orders, watched=True))
                failures = process.round()
                assert failures == {}, failures
                self.points[stage.name] = process.end()
                self.expected[stage.name] = self.at_rest(scene)
                saved = self.save(scene, stage.name)
        self.saved[PUBLISHED.name] = self.saved[AGED.name] = saved

    def rehearse_publishing(self) -> None:
        """Publish KPI tables twice: the first ones are there when the second are built."""
        with self.scene(PUBLISHED) as scene:
            process = Process(replace(scene.orders, task=publish))
            assert process.round() == {}
            process.end()
            self.saved[PUBLISHED.name] = self.save(scene, PUBLISHED.name)
        with self.scene(PUBLISHED) as scene:
            process = Process(replace(scene.orders, task=publish, watched=True))
            assert process.round() == {}
            self.points[PUBLISHED.name] = process.end()
            self.expected[PUBLISHED.name] = (kpi_books(scene.kpis, with_times=True),)

    def discover(self, stage: Stage, without: str) -> list[Point]:
        """What a stage's first round passes without a guard."""
        with self.scene(stage) as scene:
            process = Process(replace(scene.orders, watched=True, without=without))
            process.round()
            return process.end()

    def differs(self, stage: Stage, scene: Scene) -> Difference:
        """The least that sets the books apart from those of the run to which nothing happened."""
        books = scene.books()
        return min((difference(one, books) for one in self.expected[stage.name]), key=len)

    def trial(
        self, stage: Stage, victim: Point, without: str | None = None, *, patient: bool = True
    ) -> Outcome:
        """Play a stage, kill the hub at a point, bring it back, and compare.

        Args:
            stage: The stage.
            victim: The point.
            without: A guard to take away.
            patient: Whether the day's reading of everything may put things right.
        """
        with self.scene(stage) as scene:
            reached, told = self.kill(scene.orders, victim, without)
            process = Process(replace(scene.orders, without=without))
            differs, rounds = Difference(), 0
            for pause in (*SOON, *NEXT_DAY) if patient else SOON:
                rounds += 1
                failures = process.round(pause)
                if failures is None:
                    told.append("the process that came back died")
                    break
                told += [f"{step}: {why}" for step, why in failures.items()]
                differs = self.differs(stage, scene)
                if not differs:
                    break
            process.end()
            return Outcome(stage.name, victim, reached, rounds, told, differs)

    def publishing_trial(self, victim: Point, without: str | None = None) -> Outcome:
        """Kill the hub while it publishes; the file that is there meanwhile must be one whole version."""
        with self.scene(PUBLISHED) as scene:
            orders = replace(scene.orders, task=publish)
            reached, told = self.kill(orders, victim, without)
            try:
                found = kpi_books(scene.kpis, with_times=True)
            except Exception as error:  # noqa: BLE001 -- whatever keeps a reader from reading is a loss
                told.append(f"readers find no whole file: {type(error).__name__}")
            else:
                differs = difference(self.expected[PUBLISHED.name][0], found)
                if differs:
                    return Outcome(PUBLISHED.name, victim, reached, 0, told, differs)
            process = Process(replace(orders, without=without))
            if process.round(15 * 60) is None:
                told.append("the process that came back died")
            process.end()
            differs = difference(self.expected[PUBLISHED.name][0], kpi_books(scene.kpis, with_times=True))
            return Outcome(PUBLISHED.name, victim, reached, 1, told, differs)

    def tour(self, victims: Mapping[str, Point | None]) -> tuple[Books, int]:
        """Play all stages in turn, each killed at its victim, and publish; what the KPI tables say then.

        Returns:
            The KPI rows that do not follow from the hub's clock, and how many kills there were.
        """
        kills = 0
        for number, stage in enumerate(STAGES):
            name = f"tour-{stage.name}"
            if number == 0:
                self.saved[name] = self.saved[stage.name]
            with self.scene(replace(stage, name=name)) as scene:
                if victim := victims.get(stage.name):
                    kills += self.kill(scene.orders, victim, None)[0]
                self.at_rest(scene)
                following = f"tour-{STAGES[number + 1].name}" if number + 1 < len(STAGES) else "tour-end"
                self.saved[following] = self.save(scene, following)
        with self.scene(replace(PUBLISHED, name="tour-end")) as scene:
            process = Process(replace(scene.orders, task=publish))
            assert process.round() == {}
            process.end()
            return kpi_books(scene.kpis, with_times=False), kills

    @staticmethod
    def kill(orders: Orders, victim: Point, without: str | None) -> tuple[bool, list[str]]:
        """Do a round with a point to die at: whether it did, and what else went wrong."""
        process = Process(replace(orders, watched=True, victim=victim, without=without))
        failures = process.round()
        if failures is not None:
            process.end()
            return process.killed(), [f"{step}: {why}" for step, why in failures.items()]
        if process.killed():
            return True, []
        return False, ["the process ended by itself before it could be killed"]

    def at_rest(self, scene: Scene) -> tuple[Books, ...]:
        """Let the hub work until nothing changes any more: at once, and on the next day."""
        process = Process(scene.orders)
        found: list[Books] = []
        for pauses in (SOON, NEXT_DAY):
            before: Books | None = None
            for pause in pauses:
                failures = process.round(pause)
                assert failures == {}, failures
                books = scene.books()
                if books == before:
                    break
                before = books
            else:
                raise AssertionError("the hub does not come to rest")
            found.append(books)
        process.end()
        return tuple(found)

    def save(self, scene: Scene, name: str) -> Saved:
        home = self._folder / f"saved-{next(self._numbers)}-{name}"
        shutil.copytree(scene.orders.home, home)
        return Saved(scene.play.saved(), home, self._databases.save(scene.urls))

    @contextmanager
    def scene(self, stage: Stage, prepare: Callable[[Path], None] = lambda _home: None) -> Iterator[Scene]:
        """A stage from its beginning; `prepare` is shown the hub's folder before there is anything in it."""
        saved = self.saved[stage.name]
        home = self._folder / f"trial-{next(self._numbers)}"
        home.mkdir()
        prepare(home)
        shutil.copytree(saved.home, home, dirs_exist_ok=True)
        databases = self._databases
        urls = databases.restore(saved.databases, home) if saved.databases else databases.new(home)
        play: Play = pickle.loads(saved.play)  # noqa: S301 -- made by this process
        act(play, stage)
        try:
            with Sandbox(world=play.world, vendors=play.vendors, simulation=play.simulation) as sandbox:
                yield Scene(play, Orders(environ_of(sandbox.url, home, urls), home), urls)
        finally:
            databases.drop(urls)
            shutil.rmtree(home, ignore_errors=True)
