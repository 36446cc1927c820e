"""Proves what the chapter on shared values promises."""

import ctypes
import re
import struct

from harness import lab

_COUNT = r"Main: Final counter value: (\d+)"
_UPDATES = r"Main: Lost \d+ of (\d+) updates of the array$"
_ARRAY = r"Main: Final array values: \[(.*)\]$"
_LOOK = r"Monitor: Current count: \d+, Array: \[(.*)\]$"

# What explorations find.
_REDUCED = {"reduce": True}
_ALL_COUNTED = "counter 2, 0 of 6 updates lost"
_LOST = {
    _ALL_COUNTED: 10,
    "counter 2, 1 of 6 updates lost": 20,
    "counter 2, 2 of 6 updates lost": 24,
    "counter 2, 3 of 6 updates lost": 16,
}
_SEEN = {
    "saw [0, 0, 0, 0, 0]": 2,
    "saw [1, 0, 0, 0, 0]": 1,
    "saw [1, 1, 0, 0, 0]": 1,
    "saw [1, 1, 1, 0, 0]": 1,
    "saw [1, 1, 1, 1, 0]": 1,
    "saw [1, 1, 1, 1, 1]": 1,
}
_SEEN_LOCKED = {"saw [0, 0, 0, 0, 0]": 1, "saw [1, 1, 1, 1, 1]": 6}


class SharedValuesTest(lab.LabTest):
    """A shared counter with a lock, and a shared array without."""

    raw = True
    # A mutex of pthreads wakes by futex(2), and glibc aborts if that fails with
    # EINTR, which FUTEX_WAKE never does.
    raw_of_libc = ("futex",)
    compared_numbers = {
        "the monitor prints {} lines": lab.Lines(r"Monitor: .*", act=3),
    }
    wrong = {
        "array_without_lock": lab.Caught(
            by="outcome", saying="outcome 2, 2, 1, 2, 2 was reached"
        ),
        "two_locks": lab.Caught(
            by="outcome", saying="outcome 2, 2, 1, 2, 2 was reached"
        ),
        "snapshot_by_items": lab.Caught(
            by="output", saying=r"\[0, 0, 1, 1, 1\] was never in the array"
        ),
        "raw_private_mapping": lab.Caught(
            by="outcome", saying="outcome 0 was reached"
        ),
    }

    explored = (
        lab.Explored(_LOST, scenario="array"),
        lab.Explored(_LOST, scenario="array", request=_REDUCED),
        lab.Explored({_ALL_COUNTED: 8}, scenario="locked array"),
        lab.Explored({_ALL_COUNTED}, scenario="locked array", request=_REDUCED),
        # Also between load and store of the counter.
        lab.Explored(
            {_ALL_COUNTED},
            scenario="locked array",
            request={"inner": True, **_REDUCED},
        ),
        lab.Explored(_SEEN, scenario="snapshot"),
        lab.Explored(_SEEN, scenario="snapshot", request=_REDUCED),
        lab.Explored(_SEEN_LOCKED, scenario="locked snapshot"),
        lab.Explored(
            _SEEN_LOCKED, scenario="locked snapshot", request=_REDUCED
        ),
        # Also between its look at the counter and the one at the array.
        lab.Explored(
            {*_SEEN_LOCKED},
            scenario="locked snapshot",
            request={"inner": True, **_REDUCED},
        ),
        *(
            lab.Explored(
                {"[1, 1]": 8, "[1, 2]": 4, "[2, 1]": 4, "[2, 2]": 4},
                variant=variant,
                request={"reduce": reduce},
            )
            for variant in ("array_without_lock", "two_locks")
            for reduce in (False, True)
        ),
        *(
            lab.Explored(
                {
                    "saw [0, 0, 0, 0, 0]": 2,
                    "saw [0, 0, 0, 0, 1]": 1,
                    "saw [0, 0, 0, 1, 1]": 1,
                    "saw [0, 0, 1, 1, 1]": 1,
                    "saw [0, 1, 1, 1, 1]": 1,
                    "saw [1, 1, 1, 1, 1]": 1,
                },
                variant="snapshot_by_items",
                request={"reduce": reduce},
            )
            for reduce in (False, True)
        ),
    )

    def check(self, run: lab.Run) -> None:
        """Unless marked as "without lock", all is exact and of one moment.

        The lab increments all items together, so they are always the same.
        """
        rounds = ""
        for line in run.lines:
            if count := re.match(_COUNT, line.raw):
                rounds = count[1]
            elif array := re.match(_ARRAY, line.raw):
                self.assert_outcomes([array[1]], [", ".join([rounds] * 5)])
            elif updates := re.match(_UPDATES, line.raw):
                self.assert_outcomes([rounds], [str(int(updates[1]) // 5)])
            elif (look := re.match(_LOOK, line.raw)) and len(
                set(look[1].split(", "))
            ) > 1:
                self.fail(f"[{look[1]}] was never in the array at one moment")

    def story(self, run: lab.Run) -> object:
        """All of act 1; what is seen in act 2, and lost in act 3, is chance."""
        story: dict[str, list[str]] = {}
        act = 0
        for line in run.lines:
            act += line.raw.startswith("Main: Act")
            text = line.text
            if (act > 1 and line.speaker == "Monitor") or (
                act > 2 and re.match("Final array|Lost", text)
            ):
                text = re.sub(r"\d+", "<n>", text)
            story.setdefault(line.speaker, []).append(text)
        return story

    def test_the_array_is_torn_and_loses_an_update_on_every_run(self) -> None:
        """Not by luck: the order is arranged."""
        for _ in range(3):
            run = self.run_lab("--increments=1")
            self.assert_before(
                run,
                r"Monitor: .* 1, Array: \[1, 1, 0, 0, 0\] \(without lock\)",
                r"Main: Final array .* \[2, 2, 1, 2, 2\] \(without lock\)",
            )
            self.assert_count(run, "Main: Lost 1 of 10 updates of .*", 1)

    def test_in_the_same_order_the_locked_array_is_whole(self) -> None:
        """A process that comes while the array is locked waits."""
        run = self.run_lab("--increments=1")
        waits = "Main: Incrementer 1 has to wait for the Lock"
        self.assert_before(run, waits, _ARRAY.replace("(.*)", "2, 2, 2, 2, 2"))
        looks = self.captures(run, _LOOK)
        self.assertEqual(len(looks), 1)
        self.assertIn(looks[0], ("1, 1, 1, 1, 1", "2, 2, 2, 2, 2"))

    def test_the_locked_counter_is_exact_and_only_the_locked_array(
        self,
    ) -> None:
        """The guide's 4 incrementers, 100 rounds and 20 looks."""
        run = self.run_lab()
        self.assertEqual(self.captures(run, _COUNT), ["2", "2", "400"])
        self.assert_count(run, "Monitor: Current count: .*", 22)
        counts = self.captures(run, r"Monitor: Current count: (\d+)")[2:]
        self.assertEqual(counts, sorted(counts, key=int))
        run = self.run_lab("--locked")
        self.check(run)
        self.assertEqual(self.captures(run, _ARRAY)[-1], ", ".join(["400"] * 5))

    def test_the_types_have_the_sizes_that_python_says(self) -> None:
        """As struct and ctypes have them on this machine."""
        sizes = {code: struct.calcsize(code) for code in "cbBhHiIlLqQfd"}
        sizes["u"] = ctypes.sizeof(ctypes.c_wchar)
        run = self.run_lab("--typecodes")
        found = {}
        for line in run.lines[:-1]:
            match = re.fullmatch(r"'(.)' is .*, (\d+) bytes?", line.text)
            assert match, line.raw
            found[match[1]] = int(match[2])
        self.assertEqual(found, sizes)


if __name__ == "__main__":
    lab.main()
