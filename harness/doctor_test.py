"""The doctor finds what is missing, and knows all that labs may skip for."""

import ast
import contextlib
import dataclasses
import functools
import inspect
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Callable, Iterator

from harness import doctor, probes, promises, restricted, results, trace
from harness.probes import Missing, Probe, Suffers

_ROOT = pathlib.Path(__file__).absolute().parent.parent

# What is tried in each world: what takes no compiler and no other program.
_TRIED = (
    *("pidfd", "orphans", "locks survive", "threads", "descriptors"),
    *("processes", "files in", "sockets", "loopback", "a world", "user name"),
    *("/dev/shm", "looking", "tracing", "memory of", "queues", "System V"),
    *("watching", "terminals", "CPU", "IPv6"),
)
# Without it all labs are skipped.
_PIDFD = "processes held by pidfd"
# What must be found to be missing in a restricted world.
_MISSING = {
    "no_user_namespaces": {"a world for each run", "user namespaces"},
    "old_seccomp": {
        "a world for each run",
        "user namespaces",
        _PIDFD,
        "tracing system calls",
        "memory of another process",
    },
    "small_shm": {"/dev/shm"},
    "one_cpu": {"more than one CPU"},
}
# Nothing is missing for these skips: that of a sanitizer, and that of a check
# for users other than root.
_NO_FAULT = "sanitizer|this is root, and there are other users"


@functools.cache
def missing_in(world: str = "") -> frozenset[str]:
    """Returns what the doctor misses, in a restricted world if one is named."""
    command = [sys.executable, doctor.__file__, "--json", *_TRIED]
    if world:
        command = [sys.executable, restricted.__file__, world, *command]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ":".join([str(_ROOT), *sys.path])},
    )
    if done.stderr.startswith("restricted: "):
        raise unittest.SkipTest(done.stderr.strip())
    found = json.loads(done.stdout)
    missing = [each for each in found["probes"] if not each["ok"]]
    names = frozenset(each["name"] for each in missing)
    fatal = any(each["essential"] for each in missing)
    assert done.returncode == int(fatal), done
    # Where all labs are skipped, the course ends well, but none runs.
    assert found["can_run"] == (not fatal and _PIDFD not in names), done
    return names


class WorldsTest(unittest.TestCase):
    """In each restricted world the doctor reports exactly what is missing."""

    def check(self, world: str) -> None:
        """Compares with this machine, where something may be missing too."""
        here = missing_in()
        self.assertEqual(missing_in(world) - here, _MISSING[world] - here)

    def test_where_user_namespaces_are_refused(self) -> None:
        self.check("no_user_namespaces")

    def test_behind_an_old_filter_of_system_calls(self) -> None:
        self.check("old_seccomp")

    def test_with_little_shared_memory(self) -> None:
        self.check("small_shm")

    def test_on_one_processor(self) -> None:
        self.check("one_cpu")


class RunTest(unittest.TestCase):
    """The harness runs programs in the worst of the worlds."""

    def test_a_run_is_followed_behind_an_old_filter(self) -> None:
        """Its end is seen without a pidfd, and what it leaves."""
        code = (
            "from harness.run import run;"
            "found = run(['sh', '-c', 'echo Main: here; sleep 60 & exit 3']);"
            "print(found.status, found.said('Main'),"
            " [leak.kind for leak in found.leaks])"
        )
        done = subprocess.run(
            [sys.executable, restricted.__file__, "old_seccomp"]
            + [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": ":".join([str(_ROOT), *sys.path])},
        )
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout, "3 ['here'] ['process']\n")


def probe(attempt: Callable[[], str], essential: bool = False) -> Probe:
    """Returns a probe of a lab called `some`."""
    suffers = [Suffers("is skipped", ("some",))]
    return Probe("a thing", attempt, suffers, "get it", essential)


def _go_wrong() -> str:
    return {"here": "it"}["there"]


def _refuse() -> str:
    raise Missing("it is not there")


def _fail_a_call() -> str:
    return str(os.open("/no/such/file", os.O_RDONLY))


def _end_by_a_signal() -> str:
    os.kill(os.getpid(), signal.SIGSYS)
    return ""


def _leave_a_child() -> str:
    child = os.fork()
    if child == 0:
        signal.pause()
    return str(child)


def _never_end() -> str:
    while True:
        time.sleep(3600)


class ProbeTest(unittest.TestCase):
    """A try may do what it likes: it is in a process of its own."""

    def test_what_is_there_has_a_note(self) -> None:
        found = doctor.examine(probe(lambda: "two of them"))
        self.assertEqual((found.note, found.missing), ("two of them", ""))
        self.assertEqual(len(doctor.report(found)), 1)

    def test_what_is_missing_has_its_reason(self) -> None:
        for attempt, reason in (
            (_refuse, "it is not there"),
            (_fail_a_call, "/no/such/file: No such file or directory"),
            (_end_by_a_signal, "the try was killed by SIGSYS"),
            (_go_wrong, "_go_wrong: KeyError: 'there'"),
        ):
            found = doctor.examine(probe(attempt))
            self.assertIn(reason, found.missing)
            text = "\n".join(doctor.report(found))
            self.assertIn("so:  some is skipped\n", text)
            self.assertIn("do:  get it", text)

    def test_what_does_not_end_is_ended(self) -> None:
        found = doctor.examine(probe(_never_end), limit_s=0.2)
        self.assertEqual(found.missing, "not done after 0.2 s")

    def test_what_it_has_started_ends_with_it(self) -> None:
        child = int(doctor.examine(probe(_leave_a_child)).note)
        stat = pathlib.Path(f"/proc/{child}/stat")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # Its new parent may not have waited for it yet.
            state = stat.read_text("utf-8").rpartition(")")[2].split()[0]
            self.assertIn(state, "RZX")  # Killed: it slept before.

    def test_the_summary_names_the_labs_that_are_skipped(self) -> None:
        there = doctor.examine(probe(lambda: ""))
        absent = doctor.examine(probe(_refuse))
        fatal = doctor.examine(probe(_refuse, essential=True))
        self.assertEqual(
            doctor.summary([there]), "1 tried, 0 are missing. All labs can run."
        )
        self.assertEqual(
            doctor.summary([there], tried_all=False),
            "1 tried, 0 are missing.",
        )
        self.assertEqual(
            doctor.summary([there, absent]),
            "2 tried, 1 is missing. All labs can run except some.",
        )
        every = Suffers("are skipped, but for some")
        skips = dataclasses.replace(absent.probe, suffers=[every])
        self.assertEqual(
            doctor.summary([there, doctor.examine(skips)]),
            "2 tried, 1 is missing. Without a thing all labs are skipped, but"
            " for some.",
        )
        self.assertEqual(
            doctor.summary([there, fatal]),
            "The labs cannot run here without: a thing.",
        )

    def test_the_exit_status_says_whether_labs_can_run(self) -> None:
        before = probes.PROBES
        try:
            for essential, status in ((False, 0), (True, 1)):
                probes.PROBES = (probe(_refuse, essential=essential),)
                with contextlib.redirect_stdout(io.StringIO()):
                    self.assertEqual(doctor.main([]), status)
        finally:
            probes.PROBES = before

    def test_a_name_that_nothing_has_is_refused(self) -> None:
        with contextlib.redirect_stderr(io.StringIO()) as told:
            self.assertEqual(doctor.main(["no such thing"]), 2)
        self.assertIn("there is no check of that name", told.getvalue())


def _strings(code: str) -> str:
    """Returns the string literals of a piece of C++ or Python, joined."""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', code))


def skips_of(lab: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Returns each place where a lab skips, and the words of its reason.

    Where the reason is computed these are all the words of the file.
    """
    for file in sorted(lab.rglob("*")):
        if file.suffix not in (".cc", ".h", ".py"):
            continue
        text = file.read_text("utf-8")
        for found in re.finditer(
            r"throw ipc::Skip\((.*?)\);|self\.skipTest\((.*?)\)\n", text, re.S
        ):
            words = _strings(found[0])
            if len(words.split()) < 3:
                words = _strings(text) + "".join(re.findall(r"#.*", text))
            line = text[: found.start()].count("\n") + 1
            yield f"{file.relative_to(_ROOT)}:{line}", words


class TableTest(unittest.TestCase):
    """The table of labs that suffer is that of the tree."""

    def setUp(self) -> None:
        self.labs = {
            path.parent.name: path.parent
            for path in _ROOT.glob("labs/*/main.cc")
        }
        self.assertGreater(len(self.labs), 40)

    def covers(self, lab: str, words: str) -> bool:
        """Whether a probe knows this reason of a lab to skip something."""
        return any(
            each.skips
            and re.search(each.skips, words)
            and lab in (each.labs or [lab])
            for every in probes.PROBES
            for each in every.suffers
        )

    def test_each_reason_of_a_lab_to_skip_is_tried(self) -> None:
        for name, folder in self.labs.items():
            for place, words in skips_of(folder):
                if re.search(_NO_FAULT, words):
                    continue
                if not self.covers(name, words):
                    self.fail(f"{place}: no probe covers its reason to skip")

    def test_each_reason_of_the_harness_to_skip_is_tried(self) -> None:
        tree = ast.parse(inspect.getsource(trace.why_not))
        reasons = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
        ][
            1:
        ]  # Without the docstring.
        self.assertEqual(len(reasons), 3)
        frame = (_ROOT / "common/lab/lab.cc").read_text("utf-8")
        reasons += re.findall(r'"(\w+ is refused here)', frame)
        for reason in reasons:
            self.assertTrue(self.covers("", reason), reason)

    def test_each_lab_and_each_reason_of_the_table_exists(self) -> None:
        everything = "".join(
            _strings(file.read_text("utf-8")) + "\n"
            for pattern in ("labs/**/*.cc", "labs/**/*.h", "labs/**/*.py")
            for file in _ROOT.glob(pattern)
        )
        everything += inspect.getsource(trace) + inspect.getsource(promises)
        everything += (_ROOT / "common/lab/lab.cc").read_text("utf-8")
        for every in probes.PROBES:
            for each in every.suffers:
                for lab in each.labs:
                    self.assertIn(lab, self.labs, every.name)
                found = re.search(each.skips, everything)
                self.assertTrue(found, f"{every.name}: {each.skips}")

    def test_all_that_it_says_fits_on_a_terminal(self) -> None:
        for every in probes.PROBES:
            self.assertTrue(every.suffers and every.mend, every.name)
            found = doctor.Finding(every, "", "word " * 50)
            for line in doctor.report(found):
                self.assertLessEqual(len(line), 80, line)


if __name__ == "__main__":
    results.main()
