"""Proves what the chapter on the log promises.

A run takes nine seconds: three until the cluster lets a group begin, and six
until it has missed a worker that was killed and has shared out its partition.
Tests that need not see that have few tasks, none of which kills a worker.
"""

import pathlib
import re
from collections import Counter
from typing import Any, ClassVar

from harness import lab
from harness import run as harness_run

_GROUPS = {"after": "After", "before": "Before"}
# Fewer tasks than it takes to reach the one that kills its worker.
_FEW = "--tasks=4"

# Starts a cluster, plays the lab with it, and ends it.
_TWO_TERMINALS = r"""
coproc SERVER { exec "$0" --serve; }
while read -r line <&"${SERVER[0]}"; do
  [[ ! $line =~ 'answers at '([^ ]+) ]] || break
done
"$0" --pace=0 --tasks=4 --url="${BASH_REMATCH[1]}"
status=$?
kill -INT "$SERVER_PID"
wait "$SERVER_PID"
exit "$status"
"""

# Plays the lab with the flags after "--". Before that come steps: when it says
# a line like the first word, its process of the second gets the signal of the
# third; then the next step is waited for.
_MEANWHILE = r"""
steps=()
while [[ $1 != -- ]]; do steps+=("$1"); shift; done
shift
coproc LAB { exec "$0" "$@"; }
exec 3<&"${LAB[0]}"
lab=$LAB_PID
while read -r line <&3; do
  echo "$line"
  [[ ${#steps[@]} -gt 0 && $line == ${steps[0]} ]] || continue
  read -r main _ <"/proc/$lab/task/$lab/children"
  for child in $(<"/proc/$main/task/$main/children"); do
    # One may end meanwhile.
    [[ $(cat "/proc/$child/comm" 2>/dev/null) != "${steps[1]}" ]] ||
      kill "-${steps[2]}" "$child"
  done
  steps=("${steps[@]:3}")
done
wait "$lab"
"""


class LogTest(lab.LabTest):
    """Two groups read one log; a worker of each is killed."""

    compared_numbers = {
        "That is {} seconds here": lab.Source("roles.cc", "kSessionS = {};"),
        "waited for the session timeout of {} seconds": lab.Source(
            "roles.cc", "kSessionS = {};"
        ),
    }
    wrong = {
        "commit_ahead": lab.Caught(
            by="output", saying=r"LOST in 'after': 1, 2, 3"
        ),
        "commit_before_work": lab.Caught(
            by="output", saying=r"LOST in 'after': 1:"
        ),
        "endless_retry": lab.Caught(by="output", saying="was ended"),
        "no_flush": lab.Caught(
            by="output", saying=r"LOST in 'after': 0, 1, 2, 3"
        ),
        "no_key": lab.Caught(
            by="output", saying="tasks of ada are in partitions 0, 1"
        ),
    }
    tolerates = {
        "(After|Before) .*": "it has done its work, and the group goes on",
    }

    _plain_run: ClassVar[lab.Run | None] = None

    @classmethod
    def tearDownClass(cls) -> None:
        """Forgets the run of the tests before."""
        cls._plain_run = None

    def run_program(self, program: str, *flags: str, **options: Any) -> lab.Run:
        """Runs without a flag once, and with few tasks if a child fails."""
        is_lab = pathlib.Path(program).name == self.name
        fault = options.get("env", {}).get("IPC_LABS_FAULT", "")
        if is_lab and not flags and re.search(":(exit|kill)", fault):
            flags = (_FEW,)
        is_plain = is_lab and not flags and not options
        if is_plain and LogTest._plain_run:
            self.runs.append(LogTest._plain_run)
            return LogTest._plain_run
        run = super().run_program(program, *flags, **options)
        if is_plain:
            LogTest._plain_run = run
        return run

    def check(self, run: lab.Run) -> None:
        """What each group promises about every task, and about their order."""
        sent = self._sent(run)
        for group, title in _GROUPS.items():
            if group == "after" or self.captures(run, f"^{title} "):
                self._check_group(run, group, sent)
        self._check_places(run, sent)

    def _sent(self, run: lab.Run) -> dict[int, str]:
        """Returns the customer of each task that was sent."""
        lines = self.captures(run, r"^Generator: Sending task (\d+ for \w+)")
        pairs = (line.split(" for ") for line in lines)
        return {int(task): customer for task, customer in pairs}

    def _numbers(self, run: lab.Run, pattern: str) -> list[int]:
        return [int(number) for number in self.captures(run, pattern)]

    def _check_group(
        self, run: lab.Run, group: str, sent: dict[int, str]
    ) -> None:
        title = _GROUPS[group]
        done = Counter(
            self._numbers(
                run, rf"^Collector: Task (\d+) is done by a worker of '{group}'"
            )
        )
        dead = self._numbers(
            run, rf"^Collector: Task (\d+) is dead in '{group}'"
        )
        begun = self._numbers(run, rf"^{title} \d+: Processing task (\d+) ")
        tries = self._numbers(run, rf"^{title} \d+: Processing .* try (\d+)$")
        lost = sorted({*sent} - {*done} - {*dead})
        twice = [task for task, times in done.items() if times > 1]
        self.assertLessEqual(max(tries, default=1), 3)
        if group == "after":
            text = ", ".join(map(str, lost))
            self.assertEqual(lost, [], f"LOST in 'after': {text}")
        else:
            self.assertEqual(twice, [], "done twice in 'before'")
            # What its worker had begun when it was killed; it is done again.
            killed = self.captures(run, rf"^Main: {title} \d+ was killed")
            self.assertLessEqual(len(lost), len(killed))
            self.assertLessEqual({*lost}, {*begun})
        again = self._numbers(
            run, rf"^Collector: Task (\d+) of '{group}' was lost: done now"
        )
        self.assertEqual(again, lost)
        once = len(done) - len(twice)
        counts = [
            (once, len(twice), len({*dead} - {*done}), len(lost)),
            (once + len(lost), len(twice), len({*dead} - {*done}), 0),
        ]
        books = self.captures(run, f"^Collector: Books of '{group}': (.*)")
        for text, numbers in zip(books, counts, strict=bool(books)):
            self.assertEqual(sum(numbers), len(sent))
            self.assertEqual(
                text,
                f"{len(sent)} tasks = {numbers[0]} done once + {numbers[1]}"
                f" done twice + {numbers[2]} dead + {numbers[3]} lost",
            )
        if books:
            fact = self.capture(run, rf"In fact: .*?(\d+) times by '{group}'")
            self.assertEqual(int(fact), len(begun))

    def _check_places(self, run: lab.Run, sent: dict[int, str]) -> None:
        """Each customer is in one partition, and served in order."""
        places = self.captures(
            run,
            r"^((?:After|Before) \d+: Processing task \d+ for \w+ "
            r"\(partition \d+, offset \d+\))",
        )
        partitions: dict[str, set[int]] = {}
        firsts: dict[tuple[str, str], list[int]] = {}
        for place in places:
            parts = re.fullmatch(
                r"(\w+) .* task (\d+) for (\w+) \(partition (\d+), .*", place
            )
            assert parts
            group, task, customer = parts[1], int(parts[2]), parts[3]
            self.assertEqual(customer, sent[task])
            partitions.setdefault(customer, set()).add(int(parts[4]))
            begun = firsts.setdefault((group, customer), [])
            if task not in begun:
                begun.append(task)
        for customer, numbers in partitions.items():
            text = ", ".join(map(str, sorted(numbers)))
            self.assertEqual(
                len(numbers), 1, f"tasks of {customer} are in partitions {text}"
            )
        for (_, customer), begun in firsts.items():
            self.assertEqual(begun, sorted(begun), f"order of {customer}")

    def test_a_death_costs_what_the_order_of_commit_and_work_says(self) -> None:
        """Twice if the work is first, lost if the commit is."""
        run = self.run_lab()
        self.check(run)
        rest = "20 tasks = 18 done once + {} done twice + 1 dead + {} lost"
        self.assertEqual(
            self.captures(run, "Books of 'after': (.*)")[0], rest.format(1, 0)
        )
        self.assertEqual(
            self.captures(run, "Books of 'before': (.*)")[0], rest.format(0, 1)
        )
        self.assert_count(
            run, "Collector: Task 7 is done by a worker of 'after' again", 1
        )
        self.assert_count(
            run,
            "Collector: Task 7 of 'before' was lost: done now, from offset 3",
            1,
        )
        self.assert_count(run, r"Main: \w+ \d was killed by SIGKILL", 2)
        self.assert_count(run, "Collector: All 22 records are still there", 1)

    def test_a_survivor_gets_the_partition_of_the_dead_worker(self) -> None:
        """When the dead worker has been silent for the session timeout."""
        run = self.run_lab()
        for title in _GROUPS.values():
            dead = self.capture(run, rf"^Main: ({title} \d) was killed")
            heir = f"{title} {1 - int(dead[-1])}"
            had = self.share(run, heir)
            self.assertEqual({had, self.share(run, dead)}, {"0", "1"})
            lines = [line.raw for line in run.lines]
            killed = lines.index(f"Main: {dead} was killed by SIGKILL")
            self.assertEqual(
                [
                    line
                    for line in lines[killed:]
                    if re.match(rf"{heir}: (Gave|Got) ", line)
                ],
                [
                    f"{heir}: Gave back partition {had}",
                    f"{heir}: Got partitions 0, 1",
                ],
            )

    def share(self, run: lab.Run, worker: str) -> str:
        """Returns the partitions that a worker had when the tasks came."""
        began = next(
            i
            for i, line in enumerate(run.lines)
            if line.raw == "Generator: Both groups have all partitions"
        )
        got = [
            re.sub(r"Got (no )?partitions? ?", "", line.text)
            for line in run.lines[:began]
            if line.speaker == worker and line.text.startswith("Got ")
        ]
        return got[-1]

    def test_a_group_has_no_use_for_more_workers_than_partitions(self) -> None:
        """One of three gets nothing to do."""
        run = self.run_lab(_FEW, "--workers=3")
        self.check(run)
        for title in _GROUPS.values():
            shares = [self.share(run, f"{title} {i}") for i in range(3)]
            self.assertEqual(sorted(shares), ["", "0", "1"])

    def test_one_worker_has_all_partitions(self) -> None:
        """Also if there are more of them than customers."""
        run = self.run_lab(_FEW, "--workers=1", "--partitions=3")
        self.check(run)
        for title in _GROUPS.values():
            self.assert_count(run, f"{title} 0: Got partitions 0, 1, 2", 1)

    def test_a_group_whose_last_worker_dies_is_reported(self) -> None:
        """The lab ends then, since no worker is left to do the rest."""
        run = self.run_lab("--workers=1", clean=False)
        self.assertEqual((run.status, run.leaks), (1, ()))
        self.assertRegex(
            run.lines[-1].raw, r"Main: FAIL \w+ 0 was the last of its group"
        )

    def run_script(
        self, script: str, *arguments: str, **options: Any
    ) -> lab.Run:
        """Runs a script of bash, in which $0 is the lab's program."""
        self.run_lab()  # Skips if the client is not installed.
        command = ["bash", "-c", script, self.program(), *arguments]
        run = harness_run.run(command, **options)
        self.runs.append(run)
        self.assertEqual((run.leaks, run.stderr), ((), ""))
        return run

    def test_a_worker_taken_for_dead_has_its_commit_refused(self) -> None:
        """It has slept; the task that it had is done by its heir as well."""
        for _ in range(3):  # It may be stopped between two tasks.
            run = self.run_script(
                _MEANWHILE,
                *("After 0: Processing *", "After 0", "STOP"),
                *("After 1: Got partitions 0, 1", "After 0", "CONT"),
                *("--", "--pace=1", "--tasks=7"),
            )
            self.assertEqual((run.status, run.hang), (0, None))
            said = [l.text for l in run.lines if l.speaker == "After 0"]
            refused = [
                i
                for i, text in enumerate(said)
                if text.startswith("The group is changing")
            ]
            if refused:
                break
        # It may get a partition again when it is back, and do more tasks then.
        self.assertTrue(refused, run.transcript())
        begun = said[refused[0] - 1]
        place = re.match(
            r"Processing (.* for \w+) \((.*), (offset \d+)\), ", begun
        )
        assert place, run.transcript()
        self.assertEqual(
            said[refused[0]],
            f"The group is changing: {place[3]} of {place[2]} not committed",
        )
        # It may have to do so again: the group changes again when After 0
        # comes back.
        self.assertTrue(
            self.captures(run, rf"^After 1: Processing {place[1]} ")
        )

    def test_the_death_of_the_server_ends_the_lab(self) -> None:
        """Main says so, or names a process that noticed it first and ended."""
        run = self.run_script(
            _MEANWHILE,
            *("Generator: All *", "Server", "KILL"),
            *("--", "--pace=1"),
        )
        self.assertEqual((run.status, run.hang), (1, None))
        self.assertRegex(
            run.lines[-1].raw,
            r"^Main: FAIL (Server has ended: killed by SIGKILL"
            r"|\w+( \d)? has ended: exit status 1)$",
        )

    def test_a_cluster_that_is_there_can_be_named(self) -> None:
        """Here one that the lab plays by itself, in another terminal."""
        run = self.run_script(_TWO_TERMINALS)
        self.assertEqual((run.status, run.hang), (0, None))
        self.check(run)
        self.assert_count(run, "Server: The topics exist", 1)

    def test_a_cluster_that_does_not_answer_is_reported(self) -> None:
        """In one line, and soon."""
        for url in ("127.0.0.1:1", "nowhere.invalid:9092", "::::"):
            run = self.run_lab(f"--url={url}", clean=False)
            self.assertEqual((run.status, run.leaks), (1, ()))
            self.assertIn("Server: failed: ", run.transcript())
            self.assertEqual(
                run.lines[-1].raw, "Main: FAIL Server has ended: exit status 1"
            )


if __name__ == "__main__":
    lab.main()
