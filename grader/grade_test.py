"""A class is graded: verdicts, what is held, and what a kill leaves."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from grader import __main__ as command
from grader import building, judging, model, walls
from harness import attempt, desk, exercises, results
from harness.learner import hint_lines, remember
from harness.run import time_scale

_ROOT = pathlib.Path(__file__).absolute().parent.parent
_QUICK = "pipes/unclosed_end"
# It says what a right program says, and starts as many processes as that.
_FORGED = """
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
int main() {
  for (int i = 0; i < 3; ++i) {
    if (::fork() == 0) return 0;
  }
  while (::wait(nullptr) > 0) {}
  ::puts("Sender: Sent 'Message 0'");
  ::puts("Receiver: Got 'Message 0'");
  ::puts("Receiver: Done receiving: end of file, no sender is left");
  ::puts("Main: PASS");
}
"""
_ENDLESS = (
    'extern "C" int puts(const char*);\nint main() { for (;;) puts("x"); }\n'
)
_LOOK_AGAIN_S = 0.01


def _exercise(title: str) -> exercises.Exercise:
    lab, _, name = title.partition("/")
    for one in exercises.load(_ROOT / "labs" / lab):
        if one.name == name:
            return one
    raise AssertionError(title)


class Graded(unittest.TestCase):
    """What the tests share: a copy of the course, and walls."""

    tree: ClassVar[building.Tree]
    walls: ClassVar[walls.Walls]

    @classmethod
    def setUpClass(cls) -> None:
        cls.walls = walls.Walls.find()
        if cls.walls.all[0].reason:
            raise unittest.SkipTest(f"no cell: {cls.walls.all[0].reason}")
        # pylint: disable-next=consider-using-with
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.tree = building.Tree(_ROOT, pathlib.Path(folder.name))

    def setUp(self) -> None:
        # pylint: disable-next=consider-using-with
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class JudgeTest(Graded):
    """One exercise, handed in in several ways."""

    standard: ClassVar[judging.Standard]
    exercise: ClassVar[exercises.Exercise]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.exercise = _exercise(_QUICK)
        judge = judging.Judge(cls.tree, cls.walls, "seed")
        cls.standard = judging.Standard.of(
            *(
                judge.judge_own(cls.exercise, one, 0)
                for one in judging.own(cls.exercise)
            )
        )

    def judged(
        self,
        source: str,
        standard: judging.Standard | None = None,
        hints: int = 0,
        exercise: exercises.Exercise | None = None,
    ) -> model.Judgement:
        """Judges a source."""
        return judging.Judge(self.tree, self.walls, "seed", hints).judge(
            exercise or self.exercise,
            standard or self.standard,
            model.Submission("ada", _QUICK, source.encode()),
            0,
        )

    def test_the_solution_is_right(self) -> None:
        found = self.judged(self.exercise.solution())
        self.assertEqual((found.status, found.reason), (model.RIGHT, ""))

    def test_what_was_handed_out_is_wrong_and_says_why(self) -> None:
        found = self.judged(self.exercise.copy(), hints=2)
        self.assertEqual(found.status, model.WRONG)
        self.assertIn("it hangs", found.reason)
        self.assertIn("waits in poll", found.checks[-1].detail)
        self.assertEqual(len(found.hints), 2)
        self.assertEqual(self.judged(self.exercise.copy()).hints, ())

    def test_what_does_not_compile_says_where(self) -> None:
        found = self.judged("int main() { return x; }\n")
        self.assertEqual(found.status, model.WRONG)
        self.assertIn("my/pipes/unclosed_end.cc, line 1: 'x'", found.reason)

    def test_a_learner_is_told_what_learn_tells(self) -> None:
        solution = self.exercise.solution()
        altered = solution.replace("int main(", "signed main(")
        keeps = dataclasses.replace(self.exercise, keep=("int main(",))
        for source, exercise, told in (
            (altered, keeps, "Put that back."),
            (_ENDLESS, self.exercise, "would not have ended by itself"),
            ("nonsense", self.exercise, "It does not compile."),
            (self.exercise.copy(), self.exercise, ""),
        ):
            with self.subTest(told=told):
                found = self.judged(source, hints=3, exercise=exercise)
                self.assertIn(told, "".join(found.hints))
                first = next(c for c in found.checks if c.status == "failed")
                verdict = attempt.Verdict(
                    False, first.name, first.kind, first.detail
                )
                place = desk.Desk(self.folder)
                remember(place, exercise, verdict)
                for hint in found.hints:
                    lines = hint_lines(place, exercise)
                    self.assertIn(hint, "\n".join(lines))
                self.assertEqual(len(lines), len(found.hints))

    def test_a_program_that_only_says_what_is_right_is_held(self) -> None:
        found = self.judged(_FORGED)
        self.assertEqual(
            (found.status, found.checks[-1].status), ("held", "ok")
        )
        self.assertIn("fork", "\n".join(found.suspicions))
        self.assertNotIn("fork", found.reason)  # It is told to learners.

    def test_nothing_is_judged_by_a_solution_that_fails(self) -> None:
        unsolved = dataclasses.replace(self.exercise, fix=())
        judge = judging.Judge(self.tree, self.walls, "seed")
        own = [
            judge.judge_own(unsolved, one, 0) for one in judging.own(unsolved)
        ]
        standard = judging.Standard.of(*own)
        self.assertIn("the solution fails here: ", standard.problem)
        found = self.judged(self.exercise.solution(), standard)
        self.assertEqual(found.status, model.BROKEN)

    def test_after_its_end_it_judges_nothing(self) -> None:
        judge = judging.Judge(self.tree, self.walls, "seed")
        judge.end()
        submission = model.Submission(
            "ada", _QUICK, self.exercise.solution().encode()
        )
        found = judge.judge(self.exercise, self.standard, submission, 0)
        self.assertEqual(found.status, model.BROKEN)

    def test_its_digest_names_seed_hints_and_walls(self) -> None:
        digests = {
            judging.Judge(self.tree, self.walls, seed, hints).digest
            for seed, hints in (("a", 0), ("b", 0), ("a", 1), ("a", 0))
        }
        self.assertEqual(len(digests), 3)
        gone = [dataclasses.replace(w, reason="no") for w in self.walls.all]
        without = dataclasses.replace(self.walls, all=gone)
        digests.add(judging.Judge(self.tree, without, "a").digest)
        self.assertEqual(len(digests), 4)


class RunnerTest(Graded):
    """Programs that are another user's than the test; see harness/runner.py."""

    def test_a_solution_can_write_to_what_its_peers_make(self) -> None:
        folder = _ROOT / "projects" / "config_store"
        exercise = exercises.find(folder, exercises.BUILD, folder.name)
        _, solution = judging.own(exercise)
        judge = judging.Judge(self.tree, self.walls, "seed")
        found = judge.judge_own(exercise, solution, 0)
        self.assertEqual((found.status, found.reason), (model.RIGHT, ""))


class StandardTest(unittest.TestCase):
    """What checks are worth, compared with those of the solution."""

    def weighed(self, *checks: model.Check, problem: str = "") -> list[str]:
        """Returns how the checks of a submission count."""
        standard = judging.Standard(
            processes={"is sent": 10, "is read": 10},
            made=frozenset(["it compiles", "is sent", "is read"]),
        )
        compiles = model.Check("it compiles", model.OK)
        found = judging.Found([compiles, *checks], problem=problem)
        return [c.status for c in standard.weighed(found).checks[1:]]

    def test_what_the_solution_passes_cannot_be_skipped(self) -> None:
        sent = model.Check("is sent", model.OK, processes=10)
        skipped = model.Check("is read", model.SKIPPED, processes=10)
        other = model.Check("is fast", model.SKIPPED)
        self.assertEqual(
            self.weighed(sent, skipped, other), ["ok", "failed", "skipped"]
        )
        self.assertEqual(self.weighed(sent), ["ok", "failed"])
        self.assertEqual(self.weighed(sent, problem="no cell"), ["ok"])

    def test_what_may_be_forged_fails_with_what_is_wrong(self) -> None:
        sent = model.Check("is sent", model.OK, processes=5)
        read = model.Check("is read", model.OK, processes=10)
        wrong = dataclasses.replace(read, status=model.FAILED)
        self.assertEqual(self.weighed(sent, read), ["ok", "ok"])
        self.assertEqual(self.weighed(sent, wrong), ["failed", "failed"])
        enough = dataclasses.replace(sent, processes=6)
        self.assertEqual(self.weighed(enough, wrong), ["ok", "failed"])


class ClassTest(Graded):
    """The command, with a small class."""

    def hand_in(self, files: Mapping[str, str]) -> pathlib.Path:
        """Makes a class: {learner: source of the quick exercise}."""
        for learner, source in files.items():
            file = self.folder / "class" / learner / f"my/{_QUICK}.cc"
            file.parent.mkdir(parents=True)
            file.write_text(source, encoding="utf-8")
        return self.folder / "class"

    def command(
        self, *words: str, out: pathlib.Path | None = None
    ) -> list[str]:
        """Returns the command line of the grader."""
        without = ",".join(wall.name for wall in self.walls.missing)
        return [
            *(sys.executable, "-m", "grader", *words),
            *(f"--out={out or self.folder / 'out'}", f"--without={without}"),
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What the command needs of ours."""
        return {**os.environ, "PYTHONPATH": str(_ROOT)}

    def grade(
        self, *words: str, out: pathlib.Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Runs the grader to its end."""
        return subprocess.run(
            self.command(*words, out=out),
            check=False,
            capture_output=True,
            text=True,
            env=self.environment,
        )

    def journal(self, out: pathlib.Path | None = None) -> list[Any]:
        """Returns what was judged so far."""
        with contextlib.suppress(FileNotFoundError):
            file = (out or self.folder / "out") / "journal.jsonl"
            text = file.read_text("utf-8")
            return [json.loads(line) for line in text.splitlines()]
        return []

    def totals(self) -> dict[str, float]:
        """Returns each learner's points, from the CSV of the class."""
        text = (self.folder / "out/class.csv").read_text("utf-8-sig")
        rows = [*csv.reader(io.StringIO(text))]
        return {row[0]: float(row[1]) for row in rows[1:]}

    def sources(self) -> dict[str, str]:
        """Returns a class of three."""
        exercise = _exercise(_QUICK)
        return {
            "ada": exercise.solution(),
            "ben": exercise.copy(),
            "eve": _FORGED,
        }

    def test_a_class_killed_again_and_again_is_graded_once(self) -> None:
        place = str(self.hand_in(self.sources()))
        wanted = 5  # Three learners, and the exercise itself twice.
        for kills in range(1, wanted):
            with subprocess.Popen(
                self.command(place, "--jobs=1"),
                stdout=subprocess.DEVNULL,
                env=self.environment,
            ) as grader:
                # It may have judged one more before we see this one.
                while len(self.journal()) < kills and grader.poll() is None:
                    select.select((), (), (), _LOOK_AGAIN_S)
                grader.kill()
        done = self.grade(place, "--jobs=2")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        judged = [(one["learner"], one["digest"]) for one in self.journal()]
        self.assertEqual(len(judged), wanted)
        self.assertEqual(len({*judged}), wanted)
        self.assertEqual(self.totals(), {"ada": 1.0, "ben": 0.0, "eve": 0.0})
        left = [*self.folder.glob("out/scratch-*")]
        self.assertEqual(left, [])
        again = self.grade(place)
        self.assertEqual(again.stdout, done.stdout)
        self.assertEqual(len(self.journal()), wanted)

    def test_ctrl_c_ends_it_and_it_goes_on_later(self) -> None:
        place = str(self.hand_in({"ada": self.sources()["ada"]}))
        with subprocess.Popen(
            self.command(place, "--jobs=1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        ) as grader:
            while not self.journal() and grader.poll() is None:
                select.select((), (), (), _LOOK_AGAIN_S)
            grader.send_signal(signal.SIGINT)
            _, errors = grader.communicate(timeout=60 * time_scale())
        self.assertEqual(grader.returncode, 130)
        self.assertIn("the same command goes on from there", errors)
        self.assertEqual(self.grade(place).returncode, 0)
        self.assertEqual(self.totals(), {"ada": 1.0})

    def test_a_person_can_accept_what_is_held(self) -> None:
        place = str(self.hand_in({"eve": _FORGED}))
        plan = self.folder / "plan.toml"
        plan.write_text(f'[accept]\n"{_QUICK}" = ["eve"]\n', encoding="utf-8")
        self.assertEqual(self.grade(place).returncode, 1)
        self.assertEqual(self.totals(), {"eve": 0.0})
        done = self.grade(place, f"--plan={plan}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.totals(), {"eve": 1.0})

    def test_who_has_handed_in_nothing_is_in_the_table(self) -> None:
        place = self.hand_in({"ada": self.sources()["ada"]})
        (place / "ben").mkdir()
        done = self.grade(str(place))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.totals(), {"ada": 1.0, "ben": 0.0})

    def test_parts_that_were_judged_elsewhere_are_not_judged_again(
        self,
    ) -> None:
        place = str(self.hand_in(self.sources()))
        plan = self.folder / "plan.toml"
        plan.write_text('seed = "of all"\n', encoding="utf-8")
        judged = []
        for number in (1, 2):
            part = self.folder / "parts" / str(number)
            done = self.grade(
                *(place, f"--plan={plan}", f"--part={number}/2"), out=part
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse((part / "index.html").exists())
            judged.append([one["learner"] for one in self.journal(part)])
        self.assertEqual([len(names) for names in judged], [4, 3])
        self.assertEqual({*judged[0]} & {*judged[1]}, {*judging.OWN})
        words = (place, f"--plan={plan}", f"--add={self.folder}/parts")
        done = self.grade(*words)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(self.totals(), {"ada": 1.0, "ben": 0.0, "eve": 0.0})
        # The first part's are taken first, and what both have is there once.
        parts = [
            *self.journal(self.folder / "parts/1"),
            *self.journal(self.folder / "parts/2")[-1:],
        ]
        self.assertEqual(self.journal(), parts)

    def test_a_hidden_check_is_made_and_not_told(self) -> None:
        source = self.sources()["ada"]
        end = '  ipc::say("Done receiving'
        more = source.replace(end, f'  ipc::say("Still here");\n{end}')
        place = str(self.hand_in({"ada": source, "ben": more}))
        self.hidden(
            "from grader import hidden\n"
            "class Hidden(hidden.Checks):\n"
            "    def test_a_secret(self):\n"
            "        number = self.chosen.randint(1, 10**9)\n"
            "        run = self.run_judged()\n"
            "        self.check(run)\n"
            "        told = self.captures(run, 'Receiver: (Still here.*)')\n"
            "        self.assertEqual(told, [], f'drawn: {number}')\n"
        )
        done = self.grade(place, f"--hidden={self.folder}/hidden")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.totals()["ada"], 1.0)
        self.assertLess(self.totals()["ben"], 1.0)
        (ben,) = [one for one in self.journal() if one["learner"] == "ben"]
        self.assertEqual(ben["reason"], "a hidden check fails")
        failed = [c for c in ben["checks"] if c["status"] == model.FAILED]
        self.assertEqual([c["name"] for c in failed], ["hidden: a secret"])
        self.assertRegex(failed[0]["detail"], r"drawn: \d+")
        page = (self.folder / "out/learners/ben/index.html").read_text("utf-8")
        self.assertIn("hidden check 1", page)
        self.assertNotIn("secret", page)

    def test_a_hidden_check_that_the_solution_fails_is_the_instructors(
        self,
    ) -> None:
        place = str(self.hand_in({"ada": self.sources()["ada"]}))
        self.hidden(
            "from grader import hidden\n"
            "class Hidden(hidden.Checks):\n"
            "    def test_a_secret(self):\n"
            "        self.fail('always')\n"
        )
        done = self.grade(place, f"--hidden={self.folder}/hidden")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(
            f"{_QUICK}: the solution fails hidden: a secret: always",
            done.stdout,
        )
        page = (self.folder / "out/learners/ada/index.html").read_text("utf-8")
        self.assertNotIn("secret", page)

    def hidden(self, source: str, title: str = _QUICK) -> None:
        """Writes a file of hidden checks."""
        file = self.folder / "hidden" / f"{title}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")

    def test_what_cannot_be_graded_gets_one_line(self) -> None:
        place = str(self.hand_in({"ada": "int main() {}"}))
        self.hidden("", "pipes/none")
        other = self.folder / "plan.toml"
        other.write_text("seed = 1\n", encoding="utf-8")
        refused: Sequence[tuple[list[str], str]] = (
            ([], "whose work is to be graded?"),
            ([f"{place}/none"], "none"),
            ([place, "--jobs=0"], "--jobs must be 1 to"),
            ([place, "--exercises=pipes/none"], "there is no exercise"),
            ([place, f"--plan={other}"], "plan.toml: seed: must be a text"),
            ([place, "--plan=none.toml"], "none.toml: cannot be read"),
            ([place, "--no-such-flag"], "--no-such-flag"),
            ([place, "--part=3/2"], "'3/2' is no part"),
            ([place, "--part=1/2"], "all parts need the same seed"),
            ([place, f"--add={place}"], "there is no journal.jsonl in it"),
            ([place, f"--hidden={place}"], "there is no <lab>/<exercise>.py"),
            (
                [place, f"--hidden={self.folder}/hidden"],
                "there is no exercise 'pipes/none'",
            ),
        )
        for words, told in refused:
            self.refused(words, told)

    def refused(self, words: list[str], told: str) -> None:
        """With these words nothing is graded, and one line says why."""
        done = self.grade(*words)
        self.assertEqual(done.returncode, 2, words)
        self.assertIn(told, done.stderr, words)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_hidden_checks_that_check_nothing_get_one_line(self) -> None:
        words = [
            str(self.hand_in({"ada": "int main() {}"})),
            f"--hidden={self.folder}/hidden",
        ]
        for source, told in (
            ("class Checks: pass", "there is no class Hidden"),
            ("class Hidden: check = 1", "no method of Hidden has a name"),
            ("class Hidden:", "it is not Python"),
            ("return", "it is not Python"),
        ):
            self.hidden(source)
            self.refused(words, told)


class WallsTest(unittest.TestCase):
    """What happens where a wall does not stand."""

    def found(self, *missing: str) -> walls.Walls:
        """Returns walls of which some do not stand."""
        return walls.Walls(
            tuple(
                walls.Wall(name, "it is there", "no" * (name in missing))
                for name in ("cell", "user", "group")
            )
        )

    def test_nothing_is_graded_unless_it_is_said(self) -> None:
        command.check_walls(self.found(), "")
        command.check_walls(self.found("user", "group"), "group,user")
        for missing, without, told in (
            (("user",), "", "missing here: user"),
            (("user", "group"), "user", "missing here: group"),
            (("cell",), "cell", "without a cell"),
            ((), "door", "there is no wall 'door'"),
        ):
            with self.assertRaisesRegex(command.Refused, told):
                command.check_walls(self.found(*missing), without)

    def test_no_two_slots_have_the_same_user(self) -> None:
        found = dataclasses.replace(self.found(), first_user=1000)
        users = {found.users_from(slot) for slot in range(walls.SLOTS_MAX)}
        self.assertEqual(len(users), walls.SLOTS_MAX)
        self.assertEqual(self.found().users_from(3), 0)


if __name__ == "__main__":
    results.main()
