"""Judges a seqlock: every order of its accesses, a race, memory orders."""

from collections.abc import Sequence

from harness import project, results
from harness.project import CheckFailed, Explored, Run

_ACQUIRE = ("acquire", "acq_rel", "seq_cst")
_RELEASE = ("release", "acq_rel", "seq_cst")

# What is done, what it is done to, and with which memory order.
Access = tuple[str, str, str]


def _has_fence(accesses: Sequence[Access], orders: Sequence[str]) -> bool:
    return any(
        what == "fence" and order in orders for what, _, order in accesses
    )


def _to(accesses: Sequence[Access], what: str, name: str) -> list[int]:
    """Returns the places of the accesses of this kind to this object."""
    return [
        place
        for place, access in enumerate(accesses)
        if access[0] == what and access[1].startswith(name)
    ]


def writer_problem(accesses: Sequence[Access]) -> str:
    """Returns what the memory orders of a write fail to prevent, or ""."""
    sequence = _to(accesses, "store", "sequence")
    numbers = _to(accesses, "store", "number")
    if not sequence or not numbers or len(sequence) < 2:
        return "write() does not store the sequence before and after"
    between = accesses[sequence[0] : numbers[0]]
    if not _has_fence(between, _RELEASE) and not all(
        accesses[place][2] in _RELEASE for place in numbers
    ):
        return "a reader may see a new number, and not the odd sequence before"
    last = accesses[sequence[-1]][2]
    after = accesses[numbers[-1] : sequence[-1]]
    if last not in _RELEASE and not _has_fence(after, _RELEASE):
        return "a reader may see the last sequence, and not all new numbers"
    return ""


def reader_problem(accesses: Sequence[Access]) -> str:
    """Returns what the memory orders of a read fail to prevent, or ""."""
    sequence = _to(accesses, "load", "sequence")
    numbers = _to(accesses, "load", "number")
    if not sequence or not numbers or len(sequence) < 2:
        return "try_read() does not look at the sequence before and after"
    first = accesses[sequence[0]][2]
    before = accesses[sequence[0] : numbers[0]]
    if first not in _ACQUIRE and not _has_fence(before, _ACQUIRE):
        return "the numbers may be loaded before the first look at the sequence"
    after = accesses[numbers[-1] : sequence[-1]]
    if not _has_fence(after, _ACQUIRE) and not all(
        accesses[place][2] in _ACQUIRE for place in numbers
    ):
        return "the second look at the sequence may come before the numbers"
    return ""


class SeqlockReaderTest(project.ProjectTest):
    """A reader sees what was written, or refuses."""

    skeleton = project.Caught(by="outcome", saying="saw numbers of two writes")
    wrong = {
        "no_second_look": project.Caught(
            by="outcome", saying="saw numbers of two writes"
        ),
        "odd_is_forgotten": project.Caught(
            by="outcome", saying="saw numbers of two writes"
        ),
        "even_is_enough": project.Caught(
            by="outcome", saying="saw numbers of two writes"
        ),
        "counted_afterwards": project.Caught(
            by="outcome", saying="saw numbers of two writes"
        ),
        "relaxed": project.Caught(
            by="output", saying="second look at the sequence may come before"
        ),
    }

    def test_1_a_reader_that_is_alone_is_not_refused(self) -> None:
        """No process writes any more: it must see the last numbers."""
        self.assert_explored(Explored({"saw 2"}, scenario="afterwards"))

    def test_2_a_read_in_the_middle_of_a_write_is_refused(self) -> None:
        """The whole read comes between any two steps of the writer."""
        self.assert_explored(
            Explored({"refused", "saw 0", "saw 1"}, scenario="read at once")
        )

    def test_3_a_write_in_the_middle_of_a_read_is_noticed(self) -> None:
        """The whole write comes between any two steps of the reader."""
        self.assert_explored(
            Explored({"refused", "saw 0", "saw 1"}, scenario="write at once")
        )

    def test_4_no_order_of_a_write_and_a_read_tears(self) -> None:
        """All orders are played, and each outcome is reached."""
        self.assert_explored(
            Explored(
                {"refused", "saw 0", "saw 1"},
                scenario="one write",
                request={"reduce": True},
            )
        )

    def test_5_no_order_of_two_writes_and_a_read_tears(self) -> None:
        """A whole write may fit into the middle of a read."""
        self.assert_explored(
            Explored(
                {"refused", "saw 0", "saw 1", "saw 2"},
                scenario="two writes",
                request={"reduce": True},
            )
        )

    def test_6_no_death_of_the_writer_tears(self) -> None:
        """It is killed between any two of its accesses."""
        self.assert_explored(
            Explored(
                {"refused", "saw 0", "saw 1", "the reader died"},
                scenario="one write",
                request={"reduce": True, "kills": 1},
            )
        )

    def _race(self) -> Run:
        run = self.run_program(self.program())
        self.assert_passed(run)
        return run

    def test_7_nothing_is_torn_in_a_race(self) -> None:
        """Writer and reader run as fast as the processors can."""
        self._race()

    def test_8_the_memory_orders_are_strong_enough(self) -> None:
        """Another processor may reorder what this one does not."""
        accesses: dict[str, list[Access]] = {"write": [], "read": []}
        current: list[Access] = []
        for text in self._race().said("Main"):
            if text in accesses:
                current = accesses[text]
            elif text.startswith(("load ", "store ", "fence ")):
                what, *name, order = text.split(" ")
                current.append((what, " ".join(name), order))
        problem = writer_problem(accesses["write"]) or reader_problem(
            accesses["read"]
        )
        if problem:
            raise CheckFailed("output", problem + _list(accesses))


def _list(accesses: dict[str, list[Access]]) -> str:
    lines = ["", "these are the accesses:"]
    for who, made in accesses.items():
        lines += [f"  {who}:"]
        lines += [f"    {' '.join(filter(None, each))}" for each in made]
    return "\n".join(lines)


if __name__ == "__main__":
    results.main()
