"""The tests of the learner's tool: what it hands out, says and remembers."""

import errno
import itertools
import json
import os
import pathlib
import random
import pty
import re
import signal
import subprocess
import sys
import time
import unittest
from unittest import mock

from harness import exercises, fake_lab, learn, predict, proc, results
from harness.run import run, time_scale

# A compiler for scripts. What is said of a word that it does not know is what
# g++ would say.
_BAZELW = r"""#!/bin/sh
cd "$(dirname "$0")" || exit 1
for target; do :; done
target=${target#//my:}
file=my/${target%%.*}/${target#*.}.cc
if line=$(grep -n nonsense "$file"); then
  echo "$file:${line%%:*}:3: error: 'nonsense' was not declared"
  echo "   ${line%%:*} |   nonsense;"
  echo "      |   ^~~~~~~~"
  exit 1
fi
mkdir -p bazel-bin/my
rm -f "bazel-bin/my/$target"
{ cat flags; grep -v '^//' "$file"; } >"bazel-bin/my/$target"
chmod +x "bazel-bin/my/$target"
"""

_EXERCISES = r'''
[mend.late]
task = "The receiver gets what was sent."
fix = [{old = """
echo 'Receiver: Got 1'
echo 'Receiver: Sum""", new = """
echo 'Receiver: Got 2'
echo 'Receiver: Sum"""}]
[[mend.late.hints]]
failed = "MISSING Receiver: Got 2"
where = "Look at what is got."
what = "The second one is missing."
how = "Say Got 2."
[[mend.late.hints]]
failed = ""
where = "Look."
what = "Look closely."
how = "Change it."

[mend.lost]
task = "The sum is right."
says = ["Sender: Sent 1"]
keep = ["echo 'Receiver: Got 1'"]
fix = [{old = "Sum 2", new = "Sum 3"}]
[[mend.lost.hints]]
failed = ""
where = "Look at the sum."
what = "It is too small."
how = "Say Sum 3."
'''


class LearnTest(unittest.TestCase):
    """A tree with one lab of scripts, and a learner."""

    def setUp(self) -> None:
        self.root = fake_lab.scratch_folder(self)
        self.lab = fake_lab.FakeLab(self.root)
        self.lab.write("exercises.toml", _EXERCISES)
        (self.root / "harness").mkdir()
        self.write("harness/syllabus.json", json.dumps([["fake", "What?"]]))
        (self.root / "common").mkdir()
        self.write("bazelw", _BAZELW)
        (self.root / "bazelw").chmod(0o755)
        # pylint: disable-next=protected-access
        self.write("flags", f"{fake_lab._FLAGS}(:); (:); (:)  # Processes.\n")

    def write(self, name: str, text: str) -> None:
        """Writes a file of the tree."""
        (self.root / name).write_text(text, encoding="utf-8")

    @property
    def copy(self) -> pathlib.Path:
        """The learner's file."""
        return self.root / "my" / "fake" / "late.cc"

    def start_learn(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts the tool in a session of its own."""
        return subprocess.Popen(
            [sys.executable, learn.__file__, f"--root={self.root}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )

    def learn(self, *arguments: str, status: int = 0, given: str = "") -> str:
        """Runs the tool; returns what it printed."""
        process = self.start_learn(*arguments)
        out, err = process.communicate(given)
        self.assertEqual(process.returncode, status, out + err)
        if status == 2:
            self.assertEqual((out, err.count("\n")), ("", 1))
        else:
            self.assertEqual(err, "")
        return out + err

    def solve(self) -> None:
        """Writes the solution into the learner's file."""
        found = exercises.find(self.lab.folder, "mend", "late")
        self.copy.write_text(found.solution(), encoding="utf-8")

    def replace(self, old: str, new: str) -> None:
        """Edits the learner's file."""
        text = self.copy.read_text(encoding="utf-8")
        self.assertIn(old, text)
        self.copy.write_text(text.replace(old, new), encoding="utf-8")


class CommandsTest(LearnTest):
    """One command after the other, as a learner types them."""

    def test_from_the_start_to_a_right_one(self) -> None:
        self.assertIn("0 of 2", self.learn())
        self.assertIn("my/fake/late.cc", self.learn("start"))
        out = self.learn("check", status=1)
        self.assertIn("fake/late: not yet.", out)
        self.assertIn("MISSING Receiver: Got 2", out)
        self.solve()
        out = self.learn("check")
        self.assertIn("fake/late: right.", out)
        self.assertIn("1 of 2", out)
        self.assertIn("Next: fake/lost", out)
        # The labs are as they were.
        self.assertEqual(
            (self.lab.folder / "wrong" / "late.cc").read_text(), fake_lab.LATE
        )

    def test_hints_come_rung_by_rung_and_fit_the_failure(self) -> None:
        self.learn("start", "fake/late")
        self.assertIn("there is none yet", self.learn("hint"))
        self.learn("check", status=1)
        rungs = ["Look at what is got.", "second one is missing", "Say Got 2."]
        for number in range(1, 5):
            out = self.learn("hint")
            found = [rung in out for rung in rungs]
            self.assertEqual(found, [i < number for i in range(3)], out)
        # The same failure continues its hint, another one begins at rung 1.
        self.learn("check", status=1)
        self.assertIn("Say Got 2.", self.learn("hint"))
        self.solve()
        self.replace("Main: PASS", "Main: FAIL so")
        self.learn("check", status=1)
        out = self.learn("hint")
        self.assertIn("1. Look.", out)
        self.assertNotIn("Look closely", out)

    def test_a_compiler_error_is_the_first_one_with_its_line(self) -> None:
        self.learn("start", "late")
        self.replace("echo 'Sender: Sent 1'", "  nonsense;")
        out = self.learn("check", status=1)
        self.assertRegex(
            out, r"my/fake/late.cc, line \d+: 'nonsense' was not declared"
        )
        self.assertIn("^~~~~~~~", out)
        self.assertIn("does not compile", self.learn("hint"))

    def test_a_solution_is_shown_when_asked_twice_and_remembered(self) -> None:
        self.learn("start", "late")
        self.assertIn("Ask again", self.learn("solution"))
        self.assertIn("+echo 'Receiver: Got 2'", self.learn("solution"))
        self.solve()
        self.learn("check")
        self.assertIn("solution seen", self.learn("list", "fake"))

    def test_a_solution_seen_afterwards_is_not_noted(self) -> None:
        self.learn("start", "late")
        self.solve()
        self.learn("check")
        self.assertIn("+echo 'Receiver: Got 2'", self.learn("solution"))
        self.assertNotIn("solution seen", self.learn("list", "fake"))

    def test_a_reset_keeps_the_old_file(self) -> None:
        self.learn("start", "late")
        self.replace("Sent 1", "Sent 7")
        self.assertIn("my/fake/late.1.cc", self.learn("reset"))
        self.assertNotIn("Sent 7", self.copy.read_text())
        self.assertIn("Sent 7", self.copy.with_suffix(".1.cc").read_text())

    def test_starting_again_leaves_the_file(self) -> None:
        self.learn("start", "late")
        self.replace("Sent 1", "Sent 7")
        self.assertIn("as you left it", self.learn("start", "late"))
        self.assertIn("Sent 7", self.copy.read_text())

    def test_progress_for_machines(self) -> None:
        self.learn("start", "late")
        self.solve()
        self.learn("check")
        state = json.loads(self.learn("progress", "--json"))
        self.assertEqual((state["done"], state["total"]), (1, 2))
        self.assertEqual(
            [(e["name"], e["status"]) for e in state["exercises"]],
            [("fake/late", "done"), ("fake/lost", "open")],
        )

    def test_wrong_words_get_one_line(self) -> None:
        for words in (
            ["check"],
            ["check", "fake/late"],
            ["start", "nothing"],
            ["list", "nothing"],
            ["predict", "fake"],
            ["predict", "nothing"],
            ["frobnicate"],
            ["list", "--all"],
        ):
            with self.subTest(words=words):
                self.learn(*words, status=2)

    def test_a_spoiled_state_is_reported_and_kept(self) -> None:
        self.learn("start", "late")
        for text in ("{", "[]", '{"current": "x"}', '{"exercises": {"a": 1}}'):
            self.write("my/progress.json", text)
            self.assertIn("progress.json cannot be", self.learn(status=2))
            self.assertEqual((self.root / "my/progress.json").read_text(), text)
        (self.root / "my/progress.json").write_bytes(b"\xff\x00")
        self.assertIn("progress.json cannot be", self.learn(status=2))

    def test_a_folder_that_cannot_be_used_gets_one_line(self) -> None:
        self.write("my", "")
        self.assertIn("my is there, but is not a folder", self.learn(status=2))
        (self.root / "my").unlink()
        (self.root / "my/progress.json").mkdir(parents=True)
        process = self.start_learn()
        said = process.communicate()[1]
        self.assertEqual(process.returncode, 1)
        self.assertRegex(
            said, "^learn: /.*/my/progress.json: Is a directory\n$"
        )

    def test_what_shows_the_mistake_must_stay(self) -> None:
        self.learn("start", "fake/lost")
        copy = self.copy.with_name("lost.cc")
        text = copy.read_text(encoding="utf-8").replace("Sum 2", "Sum 3")
        copy.write_text(text, encoding="utf-8")
        self.learn("check")
        text = text.replace("Got 1", "Got  1")
        copy.write_text(text, encoding="utf-8")
        out = self.learn("check", status=1)
        self.assertIn("Not true yet: what shows the mistake is still", out)
        self.assertIn("as it was handed out: echo 'Receiver: Got 1'", out)
        self.assertIn("It stands there 0 times, not once.", out)
        self.assertIn("Put that back.", self.learn("hint"))

    def test_what_a_right_program_says_must_be_there(self) -> None:
        self.learn("start", "fake/lost")
        copy = self.copy.with_name("lost.cc")
        text = copy.read_text(encoding="utf-8").replace("Sum 2", "Sum 3")
        copy.write_text(text.replace("echo 'Sender: Sent 1'", ":"))
        out = self.learn("check", status=1)
        self.assertIn("there is no line 'Sender: Sent 1' here", out)
        copy.write_text(text)
        self.learn("check")

    def test_processes_that_are_only_printed_are_refused(self) -> None:
        self.learn("start", "late")
        self.solve()
        # pylint: disable-next=protected-access
        self.write("flags", fake_lab._FLAGS)
        if not run(["/bin/true"]).started:
            self.skipTest("the kernel does not tell how many were started")
        out = self.learn("check", status=1)
        self.assertIn("what Main, Receiver, Sender would say, but has not", out)


class OwnFileTest(LearnTest):
    """What a learner may do with the file."""

    def test_an_unchanged_file_is_called_as_handed_out(self) -> None:
        told = "This is the program as it was handed out.\n"
        self.learn("start", "late")
        self.assertIn(told, self.learn("check", status=1))
        self.replace("Sum 3", "Sum 4")
        self.assertNotIn(told, self.learn("check", status=1))

    def test_bytes_that_are_no_text_have_a_verdict(self) -> None:
        self.learn("start", "late")
        self.copy.write_bytes(self.copy.read_bytes() + b"# \xff\n")
        self.assertIn("fake/late: not yet", self.learn("check", status=1))


class HostileTest(LearnTest):
    """Programs that would never end; nothing of them runs on."""

    def check(self, script: str, said: str) -> None:
        """The script is stopped, and it is said why."""
        self.learn("start", "late")
        self.copy.write_text(f"{script}\n", encoding="utf-8")
        self.replace("TOKEN", "never")
        # What is bounded by a number here must not be by time.
        token = f"never-{os.getpid()}"
        variables = {"IPC_LABS_TIME_SCALE": "4", "TEST_TOKEN": token}
        with mock.patch.dict(os.environ, variables):
            out = self.learn("check", status=1)
        self.assertIn(said, out)
        self.assertLess(out.count("\n"), 100)
        left = [
            pid
            for pid in proc.list_dir("/proc")
            if pid.isdigit() and token in proc.read_text(f"/proc/{pid}/cmdline")
        ]
        self.assertEqual(left, [])

    def test_it_prints_forever(self) -> None:
        self.check("exec yes TOKEN", "printed more than 250,000 lines")

    def test_it_forks_without_end(self) -> None:
        self.check(
            "while :; do sleep 1000 & : TOKEN; done",
            "more than 2,000 processes",
        )

    def test_it_waits_forever(self) -> None:
        self.check("sleep infinity; : TOKEN", "it hangs")

    def test_ctrl_c_leaves_nothing(self) -> None:
        self.learn("start", "late")
        token = f"never-{os.getpid()}"
        self.copy.write_text(
            f"touch {self.root}/begun; while :; do : {token}; done\n"
        )
        process = self.start_learn("check")
        while not (self.root / "begun").exists():
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual(
            (process.returncode, out, err),
            (128 + signal.SIGINT, "", "learn: interrupted\n"),
        )


class WatchTest(LearnTest):
    """It judges after each save; here nothing is a terminal."""

    def setUp(self) -> None:
        super().setUp()
        self.process = self.start_learn("watch", "late")
        self.addCleanup(self._end)
        assert self.process.stdout and self.process.stdin
        self.out, self.keys = self.process.stdout, self.process.stdin

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.keys, self.out, self.process.stderr):
            if stream:
                stream.close()

    def wait_for(self, pattern: str) -> None:
        """Reads what is printed until a line that fits."""
        for line in self.out:
            if re.search(pattern, line):
                return
        self.fail(f"{pattern} was never printed")

    def press(self, key: str) -> None:
        """Presses a key."""
        self.keys.write(key)
        self.keys.flush()

    def test_a_save_is_judged_and_keys_are_answered(self) -> None:
        self.wait_for("fake/late: not yet")
        self.press("h")
        self.wait_for("Look at what is got")
        self.press("v")
        self.wait_for("fake/late: not yet")
        self.press("l")
        self.wait_for(r"\[\.\] fake/late +mend")
        self.solve()
        self.wait_for("fake/late: right")
        self.press("n")
        self.wait_for("fake/lost: being judged")
        self.press("n")
        self.wait_for("Nothing else is left: fake/lost is the last one.")
        self.press("q")
        self.assertEqual(self.process.wait(), 0)

    def test_after_the_last_one_come_those_that_were_left_out(self) -> None:
        self.wait_for("fake/late: not yet")
        self.press("n")
        self.wait_for("fake/lost: not yet")
        self.press("n")
        self.wait_for("fake/late: being judged")

    def test_a_file_that_replaces_the_old_one_is_a_save(self) -> None:
        self.wait_for("fake/late: not yet")
        text = self.copy.read_text().replace(
            "'Receiver: Got 1'\necho 'Receiver: Sum",
            "'Receiver: Got 2'\necho 'Receiver: Sum",
        )
        other = self.copy.with_name("other")
        other.write_text(text)
        other.rename(self.copy)
        self.wait_for("fake/late: right")

    def test_a_save_ends_what_was_being_judged(self) -> None:
        self.wait_for("fake/late: not yet")
        self.copy.write_text(f"touch {self.root}/begun; while :; do :; done\n")
        while not (self.root / "begun").exists():
            time.sleep(0.01)
        begin_s = time.monotonic()
        self.solve()
        self.wait_for("fake/late: right")
        # The endless one would have had its 30 seconds.
        self.assertLess(time.monotonic() - begin_s, 25 * time_scale())

    def test_the_end_of_the_input_ends_it(self) -> None:
        self.wait_for("fake/late: not yet")
        self.keys.close()
        self.assertEqual(self.process.wait(), 0)


class TerminalTest(LearnTest):
    """What is printed on a terminal."""

    def start(self, *arguments: str) -> int:
        """Starts the tool on a terminal; returns the other end of it."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        variables = {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
        environ = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        process = subprocess.Popen(
            [sys.executable, learn.__file__, f"--root={self.root}", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environ, **variables},
            start_new_session=True,
        )
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return ours

    def read_until(self, terminal: int, pattern: str = "") -> str:
        """Returns what is printed up to what fits, or to the end."""
        text = ""
        while not pattern or not re.search(pattern, text):
            try:
                text += os.read(terminal, 65536).decode()
            except OSError as error:  # No process has it open any more.
                self.assertEqual(error.errno, errno.EIO)
                self.assertEqual(pattern, "", text)
                return text
        return text

    def test_only_our_own_words_have_colours(self) -> None:
        self.learn("start", "late")
        self.replace("Receiver: Got 1", "Receiver: \x1b[31mGot\r\x9b1m1")
        text = self.read_until(self.start("check", "late"))
        self.assertRegex(text, "\x1b\\[\\S*mfake/late: not yet")
        self.assertNotIn("\x1b[31m", text)
        self.assertIn(r"\x1b[31mGot\x0d\x9b1m1", text)

    def test_watch_keeps_the_shape_of_what_is_said(self) -> None:
        terminal = self.start("watch", "late")
        text = self.read_until(terminal, "not yet(?s:.*)q quit")
        self.assertIn("\r\n    MISSING Receiver: Got 2\r\n", text)
        self.assertNotIn(r"\x1b", text)
        os.write(terminal, b"q")
        self.read_until(terminal)


class PredictTest(unittest.TestCase):
    """Questions about a real lab, whose key the explorer computes."""

    lab = "counter_without_lock"

    def setUp(self) -> None:
        self.root = fake_lab.scratch_folder(self)
        made = pathlib.Path(learn.__file__).absolute().parent.parent
        (self.root / "labs").symlink_to(made / "labs")
        (self.root / "bazel-bin").mkdir()
        (self.root / "bazel-bin" / "labs").symlink_to(made / "labs")
        (self.root / "harness").mkdir()
        (self.root / "harness" / "syllabus.json").write_text(
            json.dumps([[self.lab, "What?"]])
        )
        self.asked = exercises.asked(self.root / "labs" / self.lab)
        (self.root / "bazelw").write_text("#!/bin/sh\n")
        (self.root / "bazelw").chmod(0o755)

    def ask(self, number: int) -> predict.Question:
        """Returns a question with its key."""
        found = predict.candidates(self.root, self.lab)
        wanted = found[number % len(found)]
        target = f"wrong_{wanted.variant}" if wanted.variant else self.lab
        program = str(self.root / "bazel-bin" / "labs" / self.lab / target)
        question = predict.ask(
            self.lab, wanted, found, program, number, self.asked
        )
        assert question
        return question

    def learn(self, *arguments: str, given: str = "") -> tuple[int, str]:
        """Runs the tool; returns its status and what it printed."""
        done = subprocess.run(
            [sys.executable, learn.__file__, f"--root={self.root}", *arguments],
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        return done.returncode, done.stdout

    def test_the_key_is_what_the_test_of_the_lab_declares(self) -> None:
        for number in range(8):
            question = self.ask(number)
            declared = {*question.wanted.outcomes}
            for choice in question.choices:
                self.assertEqual(
                    choice.letter in question.key, choice.label in declared
                )
            self.assertTrue(0 < len(question.key) < len(question.choices))
            self.assertEqual(question.answers(question.key), [])

    def test_what_cannot_be_understood_is_no_choice(self) -> None:
        """An outcome of another scenario has another form."""
        for number in range(8):
            question = self.ask(number)
            is_race = question.scenario == "race"
            for choice in question.choices:
                if not choice.label.startswith("deadlock"):
                    self.assertEqual("start" in choice.label, is_race)
            self.assertIn("the counter when all have ended", question.means)

    def test_a_near_miss_makes_sense(self) -> None:
        """It could be said, and it is not the right one in other words."""
        # pylint: disable=protected-access
        chance, processes = random.Random(1), ("Worker 0", "Worker 1")
        for label, misses in (
            ("round 2 without worker 1", "[13] without worker 1"),
            ("2 of 2 audits are good", "1 of 2 audits"),
            ("0 of 0 audits are good", ""),
            ("0 good of 1", "1 good of 1"),
            ("Worker 1 is the first", ""),
        ):
            for _ in range(9):
                found = predict._off_by_one(label, processes, chance)
                self.assertRegex(found, misses or "^$")
        held = "deadlock: Worker {} waits for {}; Worker {} waits for {}"
        self.assertEqual(
            predict._swapped(held.format(0, "B", 1, "A"), processes),
            held.format(0, "A", 1, "B"),
        )
        same = held.format(0, "A", 1, "A")
        self.assertEqual(predict._swapped(same, processes), "")

    def test_a_wrong_answer_gets_a_schedule_that_shows_it(self) -> None:
        question = self.ask(0)
        missed = [c for c in question.choices if c.letter in question.key]
        lines = question.answers("")
        self.assertEqual(len(lines), 2 * len(missed))
        for choice, command in zip(missed, lines[1::2]):
            self.assertIn(f"--schedule={choice.witness}", command)
        added = "".join(c.letter for c in question.choices)
        text = "\n".join(question.answers(added))
        self.assertEqual(
            text.count(f"none of the {question.orders} leads to it"),
            len(question.choices) - len(missed),
        )

    def test_it_asks_reads_an_answer_and_remembers(self) -> None:
        status, out = self.learn("predict", self.lab, "--seed=5", given="Z\n")
        self.assertEqual(status, 2)
        self.assertIn("answer with letters from", out)
        letters = re.findall(r"^  ([A-Z])\. ", out, re.M)
        answers = [
            "".join(found)
            for count in range(1, len(letters))
            for found in itertools.combinations(letters, count)
        ]
        right = [
            answer
            for answer in answers
            if not self.question_of(5).answers(answer)
        ]
        self.assertEqual(len(right), 1)
        status, out = self.learn(
            "predict", self.lab, "--seed=5", given=right[0].lower() + "\n"
        )
        self.assertEqual(status, 0, out)
        self.assertIn("Right. The explorer has played all ", out)
        state = json.loads(self.learn("progress", "--json")[1])
        self.assertEqual(state["exercises"][0]["status"], "done")
        wrong = next(answer for answer in answers if answer != right[0])
        status, out = self.learn(
            "predict", self.lab, "--seed=5", f"--answer={wrong}"
        )
        self.assertEqual(status, 1, out)

    def question_of(self, seed: int) -> predict.Question:
        """Returns the question that the command asks for a seed."""
        found = predict.candidates(self.root, self.lab)
        wanted = predict.choose(self.lab, found, seed)
        target = f"wrong_{wanted.variant}" if wanted.variant else self.lab
        program = str(self.root / "bazel-bin" / "labs" / self.lab / target)
        question = predict.ask(
            self.lab, wanted, found, program, seed, self.asked
        )
        assert question
        return question


if __name__ == "__main__":
    results.main()
