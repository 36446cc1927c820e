"""Proves what the chapter on sharing without a lock promises."""

import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import lab

ROOM = 4
ITEMS = 10
# What a compiler is to make of the ring, and of one access.
_RING = """
#include "common/channel/ring.h"
bool put(ipc::SpscRing& ring, const void* item) { return ring.try_put(item); }
bool get(ipc::SpscRing& ring, void* item) { return ring.try_get(item); }
"""
_STORE = """
#include <atomic>
void store(std::atomic<long>& word) {
  word.store(1, std::memory_order_%s);
}
"""
_LOAD = """
#include <atomic>
long load(std::atomic<long>& word) {
  return word.load(std::memory_order_%s);
}
"""
# The instruction that uses the word.
_ACCESS = {
    "x86_64": r"^\s+([a-z]+?)[bwlq]?\s.*\(%rdi\)",
    "aarch64": r"^\s+([a-z]+)\s.*\[x0\]",
}
_FENCE = r"\b(xchg|mfence|lock|cmpxchg)"
# A row of the chapter's table.
_ROW = r"^\| (store|load) \| ([\w]+) \| `(\w+)` \| `(\w+)` \|$"
_COMPILER_LIMIT_S = 120


def compiler_for(machine: str) -> str:
    """Returns the g++ for this kind of processor, or "" if there is none."""
    native = machine == platform.machine()
    return shutil.which("g++" if native else f"{machine}-linux-gnu-g++") or ""


class LockFreeTest(lab.LabTest):
    """What processes can share without a lock."""

    raw = True
    wrong = {
        "publish_first": lab.Caught(by="outcome", saying="outcome item -1"),
        "free_first": lab.Caught(by="outcome", saying="outcome item 1 "),
        "one_too_many": lab.Caught(by="outcome", saying="outcome item 2 "),
        "check_then_claim": lab.Caught(
            by="outcome", saying="outcome Slot 0 has two owners was reached"
        ),
        "top_without_tag": lab.Caught(
            by="outcome", saying="outcome Slot 1 has two owners was reached"
        ),
        "release_then_look": lab.Caught(
            by="outcome", saying="outcome both miss it was reached"
        ),
        "raw_wrapped_indices": lab.Caught(
            by="outcome", saying="outcome item 4 "
        ),
    }

    explored = (
        *lab.Explored(
            {"0 good of 0": 17, "1 good of 1": 86, "2 good of 2": 1},
            scenario="ring",
        ).both(),
        *lab.Explored(
            {"0 good of 0", "1 good of 1", "2 good of 2"},
            scenario="ring",
            request={"kills": 1},
        ).both(),
        *lab.Explored(
            {"2, retries 0": 2, "2, retries 1": 4}, scenario="counter"
        ).both(),
        *lab.Explored(
            {
                "3, retries 0": 6,
                "3, retries 1": 36,
                "3, retries 2": 84,
                "3, retries 3": 72,
            },
            scenario="counter",
            flags=("--workers=3",),
        ).both(),
        *lab.Explored({"No slot has two owners": 72}, scenario="slots").both(),
        *lab.Explored({"one has seen the other": 6}, scenario="flags").both(),
        *lab.Explored(
            {"item -1": 1, "item 0": 1, "nothing": 1}, variant="publish_first"
        ).both(),
        *lab.Explored(
            {"item 0": 2, "item 1": 1, "nothing": 1}, variant="free_first"
        ).both(),
        *lab.Explored(
            {"item 0": 2, "item 2": 1, "nothing": 1}, variant="one_too_many"
        ).both(),
        *lab.Explored(
            {"No slot has two owners": 2, "Slot 0 has two owners": 4},
            variant="check_then_claim",
        ).both(),
        *lab.Explored(
            {"No slot has two owners": 28, "Slot 1 has two owners": 2},
            variant="top_without_tag",
        ).both(),
        # No order of the steps shows what is wrong here.
        *lab.Explored(
            {"one has seen the other": 6}, variant="release_then_look"
        ).both(),
    )

    def check(self, run: lab.Run) -> None:
        """Each item once, in order; each update; one owner for a slot."""
        got = self.captures(run, r"Consumer: Got item (-?\d+) from")
        self.assert_outcomes(
            [f"item {item}" for item in got],
            [f"item {number}" for number in range(len(got))],
        )
        self.assertEqual(got, [str(number) for number in range(len(got))])
        for item in got:
            self.assert_before(
                run,
                f"Producer: Put item {item} into .*",
                f"Consumer: Got item {item} from .*",
            )
        for counted in self.captures(run, r"Main: Counter (\d+ of \d+)"):
            value, updates = counted.split(" of ")
            self.assert_outcomes([value], [updates])
        if verdicts := self.captures(run, "Main: (.*) has two owners"):
            self.assert_outcomes(
                [f"{verdict} has two owners" for verdict in verdicts],
                ["No slot has two owners"],
            )
        if misses := self.captures(run, r"rounds: in (\d+) of them neither"):
            self.assert_outcomes(
                ["both miss it" if int(n) else "one sees it" for n in misses],
                ["one sees it"],
            )

    def story(self, run: lab.Run) -> object:
        """The first act, which is all that raw.cc has."""
        told = {who: run.said(who) for who in ("Producer", "Consumer")}
        return told, run.said("Main")[:2], run.said("Main")[-1]

    def test_the_ring_fills_wraps_and_empties(self) -> None:
        """The successor of a killed producer continues at the tail."""
        for count in (ITEMS, ROOM + 1, 1000):
            run = self.run_lab(
                f"--items={count}", "--increments=1", "--rounds=1"
            )
            self.check(run)
            put = [
                f"Put item {item} into slot {item % ROOM}"
                for item in range(count)
            ]
            self.assert_said(
                run,
                "Producer",
                [
                    *put[:ROOM],
                    f"Full: {ROOM} put, 0 taken",
                    f"Continuing with item {ROOM}",
                    *put[ROOM:],
                ],
            )
            self.assert_said(
                run,
                "Consumer",
                [
                    *(
                        f"Got item {item} from slot {item % ROOM}"
                        for item in range(count)
                    ),
                    f"Empty: {count} put, {count} taken",
                ],
            )
            self.assert_before(
                run,
                f"Producer: Full: {ROOM} put, 0 taken",
                "Main: The producer was killed by SIGKILL",
            )
            self.assert_before(
                run,
                "Main: The producer was killed by SIGKILL",
                f"Producer: Continuing with item {ROOM}",
            )

    def test_a_swap_that_comes_too_late_is_tried_again(self) -> None:
        """In the order that loses an update without a compare-and-swap."""
        run = self.run_lab("--increments=1", "--rounds=1")
        place = [line.raw for line in run.lines].index("Main: Order ABABB")
        self.assertEqual(
            [line.raw for line in run.lines[place + 1 : place + 7]],
            [
                "Worker 0: Loaded 0",
                "Worker 1: Loaded 0",
                "Worker 0: Swapped 0 for 1",
                "Worker 1: Too late, it is 1 by now: trying again",
                "Worker 1: Swapped 1 for 2",
                "Main: Counter 2 of 2, retries 1",
            ],
        )

    def test_no_update_is_lost_by_any_number_of_workers(self) -> None:
        """A single worker is never late."""
        for workers, increments in ((1, 100_000), (2, 50_000), (5, 20_000)):
            run = self.run_lab(
                f"--workers={workers}",
                f"--increments={increments}",
                "--rounds=1",
            )
            counted = self.captures(run, r"Main: Counter (\d+ of \d+), retries")
            total = workers * increments
            self.assertEqual(counted, ["2 of 2", f"{total} of {total}"])
            retries = self.captures(run, r"Main: Counter .*, retries (\d+)")
            self.assertEqual(retries[0], "1")
            if workers == 1:
                self.assertEqual(retries[1], "0")

    def test_a_slot_that_is_on_top_again_is_not_taken_for_the_old_one(
        self,
    ) -> None:
        """The order in which the stack without a tag has gone wrong."""
        run = self.run_lab("--increments=1", "--rounds=1")
        place = [line.raw for line in run.lines].index("Main: Order ABBBBAAA")
        self.assertEqual(
            [line.raw for line in run.lines[place + 1 : place + 13]],
            [
                "Worker 0: Slot 0 is on top, slot 1 below it",
                "Worker 1: Slot 0 is on top, slot 1 below it",
                "Worker 1: Took slot 0",
                "Worker 1: Slot 1 is on top, slot 2 below it",
                "Worker 1: Took slot 1",
                "Worker 1: Giving back slot 0",
                "Worker 0: The stack has changed: trying again",
                "Worker 0: Slot 0 is on top, slot 2 below it",
                "Worker 0: Took slot 0",
                "Worker 0: Slot 2 is on top, slot 3 below it",
                "Worker 0: Took slot 2",
                "Main: No slot has two owners",
            ],
        )

    def test_items_that_would_not_fill_the_ring_are_refused(self) -> None:
        """The producer is killed when it is full."""
        run = self.run_program(self.program(), f"--items={ROOM}")
        self.assertEqual((run.status, run.lines), (2, ()))
        self.assertIn("--items", run.stderr)

    # What the compiler makes of the memory orders.

    def assembly_of(
        self, source: str, machine: str, *flags: str, relaxed: bool = False
    ) -> str:
        """Returns what g++ makes of a source that may include the ring."""
        compiler = compiler_for(machine)
        if not compiler:
            self.skipTest(f"there is no g++ for {machine}")
        root = self.folder.parent.parent
        with tempfile.TemporaryDirectory() as folder:
            ring = Path(folder, "common/channel/ring.h")
            ring.parent.mkdir(parents=True)
            text = (root / "common/channel/ring.h").read_text("utf-8")
            if relaxed:
                orders = r"memory_order_(acquire|release)"
                text = re.sub(orders, "memory_order_relaxed", text)
            ring.write_text(text, "utf-8")
            return subprocess.run(
                [compiler, "-std=c++20", "-S", "-o-", "-xc++", "-"]
                + [*flags, "-I", folder, "-I", str(root)],
                cwd=folder,  # Where a header is looked for first.
                input=source,
                capture_output=True,
                text=True,
                check=True,
                timeout=_COMPILER_LIMIT_S,
            ).stdout

    def test_the_ring_has_its_orders_on_arm64(self) -> None:
        """Two counters, each loaded and stored by the instruction for it."""
        code, relaxed = (
            self.assembly_of(_RING, "aarch64", "-O2", relaxed=relaxed)
            for relaxed in (False, True)
        )
        for instruction in ("stlr", "ldar"):
            found = re.findall(rf"\b{instruction}\b", code)
            self.assertEqual(len(found), 2, instruction)
            self.assertNotRegex(relaxed, rf"\b{instruction}\b")

    def test_the_orders_of_the_ring_cost_no_instruction_on_x86(self) -> None:
        """Each load is an acquire there, and each store a release."""
        code = self.assembly_of(_RING, "x86_64", "-O2")
        self.assertNotRegex(code, _FENCE)

    def test_chapter_has_the_instruction_of_each_order(self) -> None:
        """Each row of its table is compiled, for both kinds of processors."""
        chapter = (self.folder / "README.md").read_text("utf-8")
        rows = re.findall(_ROW, chapter, re.M)
        self.assertEqual(len(rows), 6)
        for access, order, *wanted in rows:
            source = (_STORE if access == "store" else _LOAD) % order
            for machine, instruction in zip(("x86_64", "aarch64"), wanted):
                code = self.assembly_of(source, machine, "-O2")
                found = re.search(_ACCESS[machine], code, re.M)
                self.assertEqual(
                    found and found[1],
                    instruction,
                    f"{access}, {order}, {machine}",
                )

    def test_without_optimization_each_order_is_the_strongest(self) -> None:
        """g++ does not see then that the order is a constant."""
        for flag, is_fenced in (("-O0", True), ("-O2", False)):
            code = self.assembly_of(_STORE % "relaxed", "x86_64", flag)
            self.assertEqual(bool(re.search(_FENCE, code)), is_fenced, flag)


if __name__ == "__main__":
    lab.main()
