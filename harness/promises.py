"""What every lab promises, and how its test runs it.

That it passes and leaves nothing, ends by Ctrl-C, takes its flags as all labs
do, pauses as long as it says, and overlooks no child that fails.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from harness import expect, results, words
from harness import run as harness_run
from harness.expect import CheckFailed, Verdict
from harness.run import Run
from harness.runner import Runner

_HELP_LINES_MAX = 24
_HELP_COLUMNS_MAX = 80
_INTERRUPT_LIMIT_S = 1.0
_TELL_S = 2.0
# Longer than other processes take to learn what has happened, and to say so.
_SLOW_S = 0.02
# No lab pauses longer than this at the pace of the guide, all in all.
_PAUSES_S_MAX = 60.0
_SMALL_PACE = 0.01
# The lab itself ends 5 s after a child that it does not join has ended badly.
_KEEPER_S = 10.0
# No program of a lab need be watched for long: if all of its processes sleep
# without a limit, nothing more will come.
QUIET_S = 0.5
# The variant of a lab that makes the system calls itself: its raw.cc.
RAW = "raw"


def is_raw(program: str) -> bool:
    """Whether the program of a lab, or the variant, makes its calls itself."""
    return re.match(rf"(\w+_)?{RAW}(_|$)", program) is not None


class Runs(expect.Expectations):
    """The runs of a lab, its variants and other programs, by its test."""

    # Who runs the programs of all tests.
    runner: ClassVar[Runner] = Runner()

    # Every run of this test, for reports.
    runs: list[Run]

    def setUp(self) -> None:
        """Forgets the runs of the test before."""
        self.runs = []

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the lab, where its programs and sources are."""
        module = sys.modules[type(self).__module__]
        return pathlib.Path(str(module.__file__)).absolute().parent

    @property
    def name(self) -> str:
        """The name of the lab."""
        return self.folder.name

    def program(self, variant: str = "") -> str:
        """Returns the lab's program, RAW, or that of a wrong variant."""
        if variant not in ("", RAW):
            variant = f"wrong_{variant}"
        return str(self.folder / (variant or self.name))

    def run_program(self, program: str, *flags: str, **options: Any) -> Run:
        """Runs a program, at --pace=0 unless told, with options of run().

        A raw one has neither flags nor pauses.
        """
        raw = is_raw(pathlib.Path(program).name)
        if not raw and not any(f.startswith("--pace") for f in flags):
            flags = (*flags, "--pace=0")
        return self._run([program, *flags], **options)

    def run_lab(
        self, *flags: str, clean: bool | None = None, **options: Any
    ) -> Run:
        """Runs the lab; unless it is interrupted, it must end clean.

        It is watched as a learner's copy is, so that no copy without a mistake
        is taken to hang.
        """
        options.setdefault("quiet_s", QUIET_S)
        run = self.run_program(self.program(), *flags, **options)
        if clean if clean is not None else "interrupt_after" not in options:
            self.assert_clean(run)
        return run

    def run_wrong(self, variant: str, *flags: str, **options: Any) -> Run:
        """Runs a wrong variant, whatever comes of it."""
        options.setdefault("quiet_s", QUIET_S)
        return self.run_program(self.program(variant), *flags, **options)

    def rerun(self, run: Run, *flags: str, **options: Any) -> Run:
        """Runs the program of `run` again, for a `check` that needs several."""
        return self.run_program(run.command[0], *flags, **options)

    def _run(self, command: Sequence[str], **options: Any) -> Run:
        # If it hangs there must be time left to say why.
        left_s = results.remaining_s()
        if left_s is not None:
            most_s = max(1.0, left_s - _TELL_S) / harness_run.time_scale()
            options["limit_s"] = min(options.get("limit_s", 60.0), most_s)
        run = harness_run.run(command, **options)
        self.runs.append(run)
        if reason := expect.skip_reason(run):
            self.skipTest(reason)
        return run

    def in_words(self, error: BaseException) -> str:
        """Returns what a plain assertion, or its failing, means to a student.

        That is what was found, what was expected by which statement, and what
        the last run printed.
        """
        text = words.sentence(str(error))
        if not isinstance(error, AssertionError):
            text = f"it could not be compared: {type(error).__name__}: {text}"
        lines = [text, *words.expectation(error, self.folder)]
        lines += [expect.transcript(run) for run in self.runs[-1:]]
        return "\n".join(lines)

    def as_root(
        self, *command: str, options: Sequence[str] = ()
    ) -> Sequence[str]:
        """Returns the command that runs this one as root of a user namespace.

        It may mount then, and so on. `options` are those of unshare(1): other
        namespaces. Skips where that is not permitted.
        """
        unshare = ["unshare", "--user", "--map-root-user", *options]
        try:
            tried = subprocess.run(
                [*unshare, "true"], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            self.skipTest("unshare(1) is not installed")
        if tried.returncode:
            self.skipTest(
                f"namespaces are not permitted here: {tried.stderr.strip()}"
            )
        return self.runner.in_namespaces([*unshare, *command], self.program())

    @contextlib.contextmanager
    def scratch(self) -> Iterator[pathlib.Path]:
        """Makes a folder that a program can write to, for the test to read."""
        where = os.environ.get("TEST_TMPDIR", os.getcwd())
        with tempfile.TemporaryDirectory(dir=where) as name:
            self.runner.may_write(name)
            yield pathlib.Path(name)

    def fail_if(self, problems: Sequence[str]) -> None:
        """Fails with these problems, a line or more each, if there are any."""
        if problems:
            raise CheckFailed("output", "\n".join(problems))


class Promises(Runs):
    """The checks that are the same for all labs."""

    # Children whose failing the lab may survive, as patterns of their names,
    # and why: {"Worker .*": "the supervisor starts it again"}.
    tolerates: ClassVar[Mapping[str, str]] = {}

    def check(self, run: Run) -> None:
        """Fails unless `run` is what the lab promises."""
        self.fail(f"there is no {type(self).__name__}.check for {run.command}")

    def test_it_passes_and_leaves_nothing(self) -> None:
        """A plain run, and the lab's own expectations."""
        self.check(self.run_lab())

    def test_it_writes_no_events_unless_asked(self) -> None:
        """The log of events is for machines, and off by default."""
        run = self.run_lab(events=False)
        self.assertEqual(run.events, ())

    def test_ctrl_c_ends_it_and_leaves_nothing(self) -> None:
        """SIGINT to all of its processes, in the middle."""
        self._assert_ends_by(signal.SIGINT)

    def test_sigterm_ends_it_and_leaves_nothing(self) -> None:
        """SIGTERM to its first process only, in the middle."""
        self._assert_ends_by(signal.SIGTERM)

    def _assert_ends_by(self, signal_number: signal.Signals) -> None:
        # At the pace of the guide, so that it still runs after its first line.
        run = self.run_lab(
            "--pace=1", interrupt_after=": ", interrupt_signal=signal_number
        )
        if run.lines and run.lines[-1].raw.startswith(expect.SKIPPED_LINE):
            # It was already ending, and the signal came into that.
            self.skipTest(run.lines[-1].raw.removeprefix(expect.SKIPPED_LINE))
        found = [v for v in expect.verdicts(run) if v.kind in ("hang", "leak")]
        if run.interrupted_s is None:
            text = f"it said nothing before it ended\n{expect.title(run)}"
            raise CheckFailed("output", text)
        took_s = run.duration_s - run.interrupted_s
        if took_s > _INTERRUPT_LIMIT_S * harness_run.time_scale():
            text = f"it ended {took_s:.1f} s after {signal_number.name}"
            found.append(Verdict("status", text + "\n" + expect.title(run)))
        if found:
            raise CheckFailed(found[0].kind, "\n".join(v.text for v in found))

    def test_its_pauses_follow_its_pace(self) -> None:
        """At a hundredth of the pace it takes hardly longer than without."""
        without_s = self.run_lab().duration_s
        most_s = _SMALL_PACE * _PAUSES_S_MAX + harness_run.time_scale()
        # A machine that is busy may well take twice as long, but not always.
        for _ in range(2):
            run = self.run_lab(f"--pace={_SMALL_PACE}")
            longer_s = run.duration_s - without_s
            if longer_s <= most_s + without_s:
                return
        raise CheckFailed(
            "output",
            f"at --pace={_SMALL_PACE} it took {longer_s:.1f} s longer than at"
            f" --pace=0, so it would pause for {longer_s / _SMALL_PACE:.0f} s"
            " at the pace of the guide: is a time in milliseconds where seconds"
            f" are meant?\n{expect.transcript(run)}",
        )

    def test_no_child_that_fails_is_overlooked(self) -> None:
        """Each child in turn does its work and then exits with status 1."""
        problems = []
        for name in _children(self.run_lab()):
            order = f"{name}:exit=1@end"
            run = self.run_program(
                self.program(), env={"IPC_LABS_FAULT": order}, quiet_s=QUIET_S
            )
            problems += self._overlooked(name, run)
        self.fail_if(problems)

    def test_no_child_that_is_killed_hangs_it(self) -> None:
        """Each child in turn is killed as soon as it has its name.

        Whether the lab survives that is its own affair, but it must end.
        """
        problems = []
        for name in _children(self.run_lab()):
            run = self.run_program(
                self.program(),
                env={"IPC_LABS_FAULT": f"{name}:kill"},
                quiet_s=_KEEPER_S,
            )
            problems += self._unfinished(name, "was killed", run)
        self.fail_if(problems)

    def test_no_process_is_named_before_it_has_spoken(self) -> None:
        """Each process in turn is slow before each line that it says.

        A process that says so before it sends may be as slow as it likes.
        """
        problems = []
        for name in ("Main", *_children(self.run_lab())):
            order = f"{name}:slow={_SLOW_S}@say"
            try:
                self.check(self.run_lab(env={"IPC_LABS_FAULT": order}))
            except CheckFailed as failed:
                problems.append(f"when {name} speaks late: {failed}")
        self.fail_if(problems)

    def _overlooked(self, name: str, run: Run) -> list[str]:
        """Returns what is wrong with a run in which a child has failed."""
        problems = self._unfinished(name, "has failed", run)
        if (
            not problems
            and run.status == 0
            and _has_failed(run)
            and not self._tolerated(name)
        ):
            problems = [
                f"it passes although {name} has exited with status 1,"
                " and does not look at that status. If the lab is to survive"
                " that, say so in `tolerates`.",
                expect.transcript(run),
            ]
        return problems

    def _unfinished(self, name: str, fate: str, run: Run) -> list[str]:
        """Returns what is left undone in a run in which `name` met its fate."""
        problems = []
        if run.hang:
            problems.append(f"it hangs when {name} {fate}:")
            problems.append(expect.indent(run.hang.explain()))
        elif run.status < 0 or not expect.has_verdict(run):
            problems.append(
                f"it does not end with PASS or FAIL when {name} {fate}"
            )
        problems += [
            f"when {name} {fate} it leaves a {leak.kind}: {leak.name}"
            for leak in run.leaks
        ]
        return [*problems, expect.transcript(run)] if problems else []

    def _tolerated(self, name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in self.tolerates)

    def test_help_fits_on_one_screen(self) -> None:
        """--help is at most 24 lines of 80 columns."""
        run = self._run([self.program(), "--help"], events=False)
        problems = []
        if run.status != 0 or run.stderr or not run.lines:
            problems.append(
                f"--help must print to standard output only, with status 0,"
                f" not {run.status}"
            )
        if len(run.lines) > _HELP_LINES_MAX:
            problems.append(
                f"--help prints {len(run.lines)} lines,"
                f" more than {_HELP_LINES_MAX}"
            )
        problems += [
            f"a line of --help has {len(line.raw)} columns,"
            f" more than {_HELP_COLUMNS_MAX}: {line.raw}"
            for line in run.lines
            if len(line.raw) > _HELP_COLUMNS_MAX
        ]
        if problems:
            self.fail_if([*problems, expect.transcript(run)])

    def test_a_wrong_flag_gets_one_clear_line(self) -> None:
        """A flag that does not exist, and numbers that are none."""
        self._assert_usage_error("--no-such-flag", "no-such-flag")
        for flag in ("--pace", "--seed", *self._number_flags()):
            self._assert_usage_error(f"{flag}=many", flag)

    def _number_flags(self) -> list[str]:
        run = self._run([self.program(), "--help"], events=False)
        return re.findall(
            r"^\s*(--[\w-]+)[ =](?:N|X)\b", run.transcript(), re.M
        )

    def _assert_usage_error(self, flag: str, named: str) -> None:
        run = self._run([self.program(), flag], events=False)
        lines = len(run.stderr.splitlines())
        problems = []
        if run.status != 2:
            problems.append(f"{flag}: the status is {run.status}, not 2")
        if run.lines:
            problems.append(f"{flag} must print only to standard error")
        if lines != 1:
            problems.append(f"{flag} gets {lines} lines on stderr, not 1")
        elif named not in run.stderr:
            problems.append(f"{flag}: the message does not name {named}")
        if problems:
            self.fail_if([*problems, expect.transcript(run)])


def _has_failed(run: Run) -> bool:
    """Whether the fault has happened: a child may have been killed before."""
    return any(
        event.kind == "point" and event.object == "fault"
        for event in run.events
    )


def _children(run: Run) -> list[str]:
    """Returns the children that have ended; of a kind the first and last."""
    kinds: dict[str, list[str]] = {}
    for event in run.events:
        if event.kind == "exit" and event.process != "Main":
            kind = re.sub(r"\d+", "#", event.process)
            kinds.setdefault(kind, []).append(event.process)
    chosen = [
        name for names in kinds.values() for name in (min(names), max(names))
    ]
    return list(dict.fromkeys(chosen))
