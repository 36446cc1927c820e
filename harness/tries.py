"""The items of "Try" in a chapter: each answer is what one sees.

Below each item its answer is folded, and labs/<lab>/tries.toml has a table for
it, which makes the edit, runs the program, and says what must be seen:

    [try.1]
    edits = [{tag = "close-receiver", replace = ""}]
    hang = "Receiver waits in poll .*Receiver itself"
    says = ["Main: Act 1.*", "Main: Act 2.*"]

Where one item needs several programs or runs they are `[try.1]`, `[try.1b]`,
and so on. The keys of a table:

    edits       what is edited; see edit_try.py. `tries` in the BUILD file names
                the tables that have edits.
    edits_of    the program is the edited one of this other table.
    variant     the program is this wrong variant, or "raw", and not the lab.
    flags       the flags of the program. It runs at --pace=0 unless `pace`
                is given.
    env         variables of the environment.
    shell       a script for bash that runs in place of the program, which is
                $LAB. $RAW is the raw program, $FOLDER the folder of both.
    needs       the commands without which the table is skipped.
    runs, any   the program runs this often, and each run must be as it is said
                here; with `any`, one of them.
    interrupt_after     once such a text has appeared, Ctrl-C is sent.
    limit       the seconds after which a run is ended.
    replay      a schedule. It is played, and what //harness:explore shows of
                it are the lines that are looked at. `scenario` and `inner` are
                as in its command line.
    explore     what an exploration finds: {outcomes, scenario, request,
                schedules}, as in explored.py. Nothing else is looked at.

What must be seen has these keys. If neither a hang nor a leak is expected,
there must be none. Without `status` a lab ends with PASS, a script with 0.

    says        lines, in this order, with others between them.
    never       what is found in no line.
    count       {pattern = number of lines}.
    hang        what is found in the explanation of the hang.
    leak        what is found in the name or the kind of what is left behind.
    status      the exit status.
    stderr      what is found in the standard error.
    seconds     [least, most] that it takes.
    judged      what the lab's own test finds wrong with the run; "" is nothing.
    tests       {name of a test of the lab = what its failure says}, for the
                edited program; "" is none.

A line is given by its text, or by a regular expression for all of it. What is
found somewhere is given by a regular expression.
"""

import dataclasses
import io
import pathlib
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness import chapter, expect, explored, lab, promises, report
from harness import results, trace, transcript, wrong
from harness import run as harness_run
from harness.run import Line, Run
from harness.screen import Screen

_ACTIONS = frozenset(
    "edits edits_of variant flags pace env shell needs runs any interrupt_after"
    " limit replay scenario inner explore".split()
)
_EXPECTATIONS = frozenset(
    "says never count hang leak status stderr seconds judged tests"
    " explore".split()
)
# The file that says what to try, beside the chapter.
_FILE = "tries.toml"

Table = Mapping[str, Any]


def read(folder: pathlib.Path) -> dict[str, Table]:
    """Returns the tables of a lab's tries.toml, by name: "1", "1b"."""
    with open(folder / _FILE, "rb") as file:
        found: dict[str, Table] = tomllib.load(file).get("try", {})
    return found


def item_of(name: str) -> int:
    """Returns which item of the chapter a table is about; 0 if none."""
    found = re.fullmatch(r"(\d+)[a-z]?", name)
    return int(found[1]) if found else 0


def problems(text: chapter.Chapter, tables: Mapping[str, Table]) -> list[str]:
    """Returns what is wrong with items, answers and tables together."""
    found = text.try_problems()
    items = [item.number for item in text.tries()]
    tested = {item_of(name) for name in tables}
    found += [
        f"{text.place}: {_FILE} has no test of item {number}: [try.{number}]"
        for number in items
        if number not in tested
    ]
    for name, table in tables.items():
        if item_of(name) not in items:
            found.append(f"{_FILE}: the chapter has no item for [try.{name}]")
        found += [f"{_FILE}: [try.{name}]: {p}" for p in _faults_of(table)]
    return found


def _faults_of(table: Table) -> list[str]:
    found = [
        f"there is no key {key!r}; see harness/tries.py"
        for key in sorted(set(table) - _ACTIONS - _EXPECTATIONS)
    ]
    if not _EXPECTATIONS & set(table):
        found.append("it does not say what must be seen")
    return found


class TriesTest(promises.Runs):
    """The tries of one lab; see test_class()."""

    root: ClassVar[pathlib.Path]
    lab_name: ClassVar[str]
    tables: ClassVar[Mapping[str, Table]]

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the lab, which need not be that of this module."""
        return self.root / "labs" / self.lab_name

    def test_each_item_has_its_answer_and_its_test(self) -> None:
        """And each test its item."""
        text = chapter.Chapter.read(self.folder / "README.md")
        self.fail_if(problems(text, self.tables))

    def assert_seen(self, name: str) -> None:
        """What is tried shows what the table says."""
        table = self.tables[name]
        for command in table.get("needs", ()):
            if shutil.which(command) is None:
                self.skipTest(f"there is no {command}")
            if command == "strace" and (reason := trace.why_not()):
                self.skipTest(reason)
        program = self._program_of(name, table)
        if "explore" in table:
            self._assert_explored(program, table)
            return
        runs, failures = table.get("runs", 1), []
        for _ in range(runs):
            run = self._try(program, table)
            try:
                self._assert_run(program, table, run)
            except expect.CheckFailed as failed:
                if not table.get("any"):
                    raise
                failures.append(failed)
            else:
                if table.get("any"):
                    return
        if failures:
            raise expect.CheckFailed(
                "output", f"in none of {runs} runs; the last: {failures[-1]}"
            )

    def _program_of(self, name: str, table: Table) -> str:
        name = table.get("edits_of", name)
        if not self.tables.get(name, {}).get("edits"):
            return self.program(table.get("variant", ""))
        program = self.folder / f"try_{name}"
        if not program.is_file():
            self.fail_if(
                [
                    f'there is no program try_{name}: add "{name}" to `tries`'
                    " in BUILD.bazel"
                ]
            )
        return str(program)

    def _try(self, program: str, table: Table) -> Run:
        """Runs what the table says, once."""
        flags = list(table.get("flags", ()))
        if "pace" in table:
            flags.append(f"--pace={table['pace']}")
        options: dict[str, Any] = {
            "env": dict(table.get("env", {})),
            "quiet_s": promises.QUIET_S,
            # Without events a hang is not explained; a long run has too many.
            "events": bool({"hang", "judged"} & set(table)),
        }
        if "interrupt_after" in table:
            options["interrupt_after"] = table["interrupt_after"]
        if "limit" in table:
            options["limit_s"] = float(table["limit"])
        if "replay" in table:
            return self._replay(program, flags, table)
        if "shell" not in table:
            return self.run_program(program, *flags, **options)
        options["env"] |= {
            "LAB": program,
            "RAW": str(self.folder / promises.RAW),
            "FOLDER": str(self.folder),
        }
        # What is named as an argument is there even if it lies below /tmp.
        words = ["/bin/bash", "-c", table["shell"], program, str(self.folder)]
        return self._run(words, **options)

    def _replay(self, program: str, flags: Sequence[str], table: Table) -> Run:
        """Plays a schedule; the lines of the run are what is shown of it."""
        schedule = table["replay"]
        request: dict[str, Any] = {"schedule": schedule}
        if "scenario" in table:
            request["scenario"] = table["scenario"]
        if table.get("inner"):
            request["inner"] = True
        if deaths := sum(letter.islower() for letter in schedule):
            request["kills"] = deaths
        found, run = explored.ask(program, flags, request)
        screen = Screen(io.StringIO())
        shown = transcript.replay(found, screen) + transcript.outlook(found)
        lines = tuple(Line(0, "", text, text) for text in shown)
        return dataclasses.replace(run, lines=lines)

    def _assert_explored(self, program: str, table: Table) -> None:
        asked = dict(table["explore"])
        wanted = explored.Explored(flags=tuple(table.get("flags", ())), **asked)
        found, run = explored.ask(
            program, wanted.flags, explored.request_of(wanted)
        )
        self.runs.append(run)
        if text := explored.differences(self.lab_name, wanted, found):
            raise expect.CheckFailed("outcome", text)

    # What must be seen.

    def _assert_run(self, program: str, table: Table, run: Run) -> None:
        self._assert_end(table, run)
        self.assert_lines(run, table.get("says", ()))
        for pattern in table.get("never", ()):
            self.assert_never(run, pattern)
        for pattern, count in table.get("count", {}).items():
            self.assert_count(run, pattern, count)
        if "stderr" in table:
            _assert_found(table["stderr"], run.stderr, "standard error", run)
        if "seconds" in table:
            least, most = table["seconds"]
            if not least <= run.duration_s <= most * harness_run.time_scale():
                raise expect.CheckFailed(
                    "output",
                    f"it took {run.duration_s:.3f} s, not {least} to {most} s",
                )
        if "judged" in table:
            found = self._lab_test().judge(run)
            text = "\n".join(verdict.text for verdict in found)
            what = "what the lab's test says of it"
            _assert_found(table["judged"], text, what, run)
        for test, saying in table.get("tests", {}).items():
            text = self._failure_of(test, program)
            _assert_found(saying, text, f"what {test} says of it", run)

    def _assert_end(self, table: Table, run: Run) -> None:
        """The run has ended, and has left things, as expected."""
        if "hang" in table:
            text = run.hang.explain() if run.hang else ""
            what = "the explanation of the hang" if text else "a hang"
            _assert_found(table["hang"], text, what, run)
            return
        if run.hang or run.excess:
            self.assert_clean(run)
        leaks = "\n".join(f"{leak.kind} {leak.name}" for leak in run.leaks)
        _assert_found(table.get("leak", ""), leaks, "what is left behind", run)
        is_lab = not {"shell", "replay"} & set(table)
        if is_lab and not {"status", "leak", "stderr"} & set(table):
            self.assert_clean(run)
        status = table.get("status", 0)
        if run.status != status:
            raise expect.CheckFailed(
                "status",
                f"its exit status is {run.status}, not {status}\n"
                + expect.transcript(run),
            )

    def _lab_test(self) -> lab.LabTest:
        test: lab.LabTest = wrong.test_of(self.root, self.lab_name)(
            "test_it_passes_and_leaves_nothing"
        )
        test.setUp()
        return test

    def _failure_of(self, name: str, program: str) -> str:
        """Returns what a test of the lab says of the program, or ""."""
        base: type[lab.LabTest] = wrong.test_of(self.root, self.lab_name)

        def own_program(test: lab.LabTest, variant: str = "") -> str:
            return base.program(test, variant) if variant else program

        members = {"program": own_program, "__module__": base.__module__}
        edited = type(base.__name__, (base,), members)
        checks: list[report.Check] = []
        edited(name).run(results.Results(checks.append))
        if any(check.status == report.SKIPPED for check in checks):
            self.skipTest(checks[0].detail)
        return "\n".join(check.detail for check in checks)


def _assert_found(pattern: str, text: str, what: str, run: Run) -> None:
    """The pattern is found in the text; "" means that there is no text."""
    if re.search(pattern, text) if pattern else not text:
        return
    wanted = f"must match {pattern!r}" if pattern else "must be empty"
    told = f":\n{expect.indent(text)}" if text else ", but there is none"
    raise expect.CheckFailed(
        "output", f"{what} {wanted}{told}\n{expect.transcript(run)}"
    )


def test_class(root: pathlib.Path, name: str) -> type[TriesTest]:
    """Returns the test of a lab's tries: a method for each table."""
    tables = read(root / "labs" / name)

    def method(table: str) -> Any:
        def test(self: TriesTest) -> None:
            self.assert_seen(table)

        return test

    members: dict[str, Any] = {
        f"test_try_{table}": method(table) for table in tables
    }
    members |= {"root": root, "lab_name": name, "tables": tables}
    members["__module__"] = "__main__"
    return type("LabTriesTest", (TriesTest,), members)
