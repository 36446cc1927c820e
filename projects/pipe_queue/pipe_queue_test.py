"""Judges a bounded queue: all orders of its users, a death, and a race."""

from collections.abc import Collection
from typing import Any

from harness import project, results
from harness.project import Explored

_ALL = "all items were got"
# Longer than it takes the frame to end by itself when a process has failed.
_QUIET_S = 8.0


class PipeQueueTest(project.ProjectTest):
    """No item is lost, torn or put beyond the bound, and every process ends."""

    skeleton = project.Caught(by="outcome", saying="more items were put")
    wrong = {
        "one_lock_for_all": project.Caught(
            by="outcome",
            saying=r"deadlock: Producer 0 waits(?s:.*)GOOD    all items",
        ),
        "never_ends": project.Caught(
            by="outcome", saying="deadlock: Consumer 0 waits"
        ),
        "no_bound": project.Caught(
            by="outcome", saying="more items were put than there are places"
        ),
        "place_is_kept": project.Caught(
            by="outcome", saying="deadlock: Producer 0 waits"
        ),
        "inherited_lock": project.Caught(
            by="outcome",
            saying=r"ended: exit status 1|which is quicker|Consumer \d failed",
            also=(
                "output",
            ),  # The explorer may see no race; the last tests do.
        ),
        "writers_mix": project.Caught(by="output", saying="failed|torn"),
    }

    def _explore(self, scenario: str, *outcomes: str, **request: Any) -> None:
        wanted: Collection[str] = set(outcomes)
        self.assert_explored(
            Explored(wanted, scenario=scenario, request=request)
        )

    def test_1_one_producer_and_one_consumer(self) -> None:
        """In all orders, and never more items than places."""
        self._explore("one of each", _ALL)

    def test_2_two_producers_and_one_consumer(self) -> None:
        """In all orders in which no process is interrupted."""
        self._explore("two producers", _ALL, max_preemptions=0)

    def test_3_one_producer_and_two_consumers(self) -> None:
        """In all orders in which no process is interrupted."""
        self._explore("two consumers", _ALL, max_preemptions=0)

    def test_4_a_producer_learns_that_no_consumer_is_left(self) -> None:
        """It does not wait forever."""
        self._explore("lone producer", "the producer got an error")

    def test_5_a_death_between_two_calls_or_in_a_wait(self) -> None:
        """No process waits for the dead one, and only its own item is lost."""
        self._explore(
            "a death", _ALL, "a producer died", kills=1, max_preemptions=0
        )

    def test_6_large_items_in_a_race_are_whole(self) -> None:
        """Each item is larger than the pipe; all are put at the same time."""
        for seed in range(3):
            self.assert_passed(
                self.run_program(
                    self.program(),
                    f"--seed={seed + self.seeds_from}",
                    quiet_s=_QUIET_S,
                )
            )

    def test_7_small_items_in_a_race_are_whole(self) -> None:
        """There are many items and few places."""
        flags = ("--items=2000", "--size=30", "--capacity=2")
        self.assert_passed(
            self.run_program(self.program(), *flags, quiet_s=_QUIET_S)
        )


if __name__ == "__main__":
    results.main()
