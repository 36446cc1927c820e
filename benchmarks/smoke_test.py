"""Runs some of the benchmarks of a program once, so that none rots unseen.

Times are not judged. Each kind of group and each contender has its turn, but
not those that take long or much memory.
"""

import json
import re
import subprocess
import sys
import unittest

_DEAR = re.compile(r".*_1GiB/|.*/(s6|runit)/")
# Nothing promises a process its turn within 60 ms.
_SLOW_MACHINE = "nothing was done in time"


def choose(names: list[str]) -> list[str]:
    """Returns as many as it takes to have all groups and contenders.

    Groups that differ in numbers only are of one kind.
    """
    chosen: list[str] = []
    seen: set[str] = set()
    for name in names:
        group, placement, contender, *_ = name.split("/")
        parts = {re.sub(r"\d+", "N", group), placement, contender + "!"}
        if not _DEAR.match(name) and not parts <= seen:
            chosen.append(name)
            seen |= parts
    return chosen


class SmokeTest(unittest.TestCase):
    """The program that the command line names."""

    program = ""

    def run_program(self, argument: str) -> str:
        """Returns what it prints."""
        return subprocess.run(
            [self.program, argument, "--benchmark_format=json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def test_all_kinds_of_benchmarks_run(self) -> None:
        names = self.run_program("--benchmark_list_tests").split()
        chosen = choose(names)
        self.assertTrue(chosen)
        pattern = "|".join(re.escape(name) for name in chosen)
        out = self.run_program(f"--benchmark_filter=^({pattern})$")
        entries = json.loads(out)["benchmarks"]
        self.assertEqual([entry["name"] for entry in entries], chosen)
        for entry in entries:
            error = entry.get("error_message", "")
            if error.startswith("missing: ") or error == _SLOW_MACHINE:
                continue
            with self.subTest(entry["name"]):
                self.assertEqual(error, "")
                self.assertGreater(entry["real_time"], 0)

    def test_groups_that_differ_in_numbers_are_of_one_kind(self) -> None:
        self.assertEqual(
            choose(
                [
                    "a_1/same/X/iterations:1",
                    "a_2/same/X/iterations:1",
                    "a_2/two/X/iterations:1",
                    "a_2/two/Y/iterations:1",
                    "b/two/Y/iterations:1",
                    "b/two/s6/iterations:1",
                    "c_1GiB/two/Z/iterations:1",
                ]
            ),
            [
                "a_1/same/X/iterations:1",
                "a_2/two/X/iterations:1",
                "a_2/two/Y/iterations:1",
                "b/two/Y/iterations:1",
            ],
        )


if __name__ == "__main__":
    SmokeTest.program = sys.argv.pop(1)
    unittest.main()
