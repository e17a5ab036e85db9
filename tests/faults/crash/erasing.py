"""The crash tests' play of erasing: one person on request, others because their time has run out.

After the five stages a month goes by, so that the policy reaches Amazon's people. The process that erases is
killed at a point; then either the daily job comes first, or the person who asked, having had no answer, asks
again. Once the erasure is on the list it is certain, and is finished without being asked for again; before
that, nothing has happened to whoever asked.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tests.faults.crash.books import Books, Difference, difference
from tests.faults.crash.merchants import AGED, ERASED
from tests.faults.crash.people import another_process, listed, people_books, words_of_people, wrapped_keys
from tests.faults.crash.points import Point
from tests.faults.crash.processes import Process
from tests.faults.crash.tasks import Task, cycle_and_erase_due, erase, leave_unclaimed
from tests.faults.crash.trials import Outcome, Scene, Theatre

ASKED = "kit 0"
"""The order of the person who asks, at the merchant's first channel."""
SOON = 15 * 60
"""Seconds until the hub comes back."""


class Erasing:
    """The play, on a theatre that has been rehearsed.

    Attributes:
        points: What the erasing process passes.
        expected: The books once everybody is erased, never killed.
        unasked: The books once only those are whose time has run out.
    """

    def __init__(self, theatre: Theatre) -> None:
        self._theatre = theatre
        with theatre.scene(AGED) as scene:
            theatre.at_rest(scene)
            asked = scene.play.orders[ASKED]
            self._email, self._who = asked.buyer.email, (asked.channel, asked.external_id)
            process = Process(replace(scene.orders, task=partial(leave_unclaimed, asked.channel)))
            assert process.round() == {}
            process.end()
            self._words, self._wrapped = words_of_people(scene.play), wrapped_keys(scene)
            theatre.saved[ERASED.name] = theatre.save(scene, ERASED.name)
        with theatre.scene(ERASED) as scene, another_process(scene):
            self.unasked = self._do(scene, cycle_and_erase_due, SOON)
        with theatre.scene(ERASED) as scene, another_process(scene):
            self._do(scene, self._asking, 0)
            self.expected = self._do(scene, cycle_and_erase_due, SOON)
        self.points = self.discover()

    @property
    def _asking(self) -> Task:
        return partial(erase, self._email)

    def discover(self, without: str | None = None) -> list[Point]:
        """What the erasing process passes, perhaps without a guard."""
        with self._theatre.scene(ERASED) as scene:
            process = Process(replace(scene.orders, task=self._asking, watched=True, without=without))
            assert process.round() == {}
            return process.end()

    def trial(self, victim: Point, without: str | None = None, *, asked_again: bool = False) -> Outcome:
        """Kill the process at a point, bring the hub back, and compare.

        Args:
            victim: The point.
            without: A guard to take away.
            asked_again: Whether the command is repeated at once, and not after the daily job.
        """
        with self._theatre.scene(ERASED) as scene, another_process(scene):
            orders = replace(scene.orders, task=self._asking)
            reached, told = self._theatre.kill(orders, victim, without)
            certain = self._who in listed(scene.orders.home)
            differs, rounds = Difference(), 0
            steps: Sequence[tuple[Task, Books]] = [
                (cycle_and_erase_due, self.expected if certain else self.unasked),
                (self._asking, self.expected),
            ]
            if asked_again:
                steps = [(self._asking, self.expected)]
            for task, expected in steps:
                rounds += 1
                try:
                    found = self._do(scene, task, SOON, without)
                except AssertionError as error:
                    told.append(str(error))
                    break
                differs = difference(expected, found)
                if differs:
                    break
            return Outcome(ERASED.name, victim, reached, rounds, told, differs)

    def _do(self, scene: Scene, task: Task, pause: float, without: str | None = None) -> Books:
        """A process of its own does a round; the books while it is still there."""
        process = Process(replace(scene.orders, task=task, without=without))
        failures = process.round(pause)
        assert failures == {}, failures or "the process that came back died"
        books = scene.books() + people_books(scene, self._words, self._wrapped)
        process.end()
        return books
