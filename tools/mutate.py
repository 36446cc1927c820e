#!/usr/bin/env python3
"""Plants mistakes, one at a time, and reports those that no test has seen.

    tools/mutate.py                       all that were not tried before
    tools/mutate.py common/queue 'unlink' those whose file or name has this
    tools/mutate.py --survivors           again those that survived
    tools/mutate.py --list                the mistakes, with their results
    tools/mutate.py --check               whether each can still be planted
    tools/mutate.py -- --test_env=IPC_LABS_TIME_SCALE=4     options for Bazel

It works on a copy of the tree as git has it, changes of tracked files
included, with Bazel's output in a folder of its own that is used again. First
all tests that are named run on the copy as it is. Then for each mistake: it is
planted, the tests run that should see it, and, if they do not, all tests of
its package that depend on the file. The result is written down at once,
so a run can be ended, and the next one continues. A run takes hours: start it
by hand, or for a night.

A mistake is an entry in one of tools/mutations/*.toml:

    [tests]                        # Which tests should see a mistake.
    "common/pool/pool.h" = ["//common/pool:pool_test"]

    [[mistake]]
    file = "common/channel/queue.cc"
    name = "the last byte is not copied"
    old = "item.size());"          # It must be there exactly once; if a line
    new = "item.size() - 1);"      # is not enough, take more of them.
    tests = ["//common/channel:queue_test"]       # In place of the file's.
    equivalent = "why it is none"         # Then it is not planted.

Without an entry in [tests] it is the test beside the file, or of the lab.

Why not mull or dextool? Both are not packaged by Debian, which is where all
of this comes from. mull changes the bitcode of one program by a plug-in of the
compiler, for one version of LLVM, and counts what the tests of that program
see; ours fork, kill each other, and are run from Python as programs of their
own. And what either plants, a plus for a minus, is seldom what engineers do: a
forgotten wake-up, a short write taken for a whole one, a check that is gone.
"""

import argparse
import contextlib
import dataclasses
import fnmatch
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import tomllib

ROOT = Path(__file__).resolve().parent.parent
_SCRATCH = Path(f"/var/tmp/ipc_labs_mutate_{os.getuid()}")
_TEST_LIMIT_S = 300

CAUGHT = "caught"
LATE = "caught by a time limit"
SURVIVED = "survived"
EQUIVALENT = "equivalent"
NOT_BUILT = "does not build"
NOT_TRIED = "not tried"


class Unusable(Exception):
    """The run cannot go on; the text says why."""


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A text in a file, and what an engineer might have written instead."""

    file: str
    name: str
    old: str
    new: str
    tests: tuple[str, ...] = ()
    equivalent: str = ""

    @property
    def title(self) -> str:
        """Its name for people, which patterns are searched in."""
        return f"{self.file}: {self.name}"

    @property
    def key(self) -> str:
        """The parts that must be the same for an old result to hold."""
        text = "\0".join((self.file, self.old, self.new))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def problem(self, root: Path) -> str:
        """Why it cannot be planted; "" if it can."""
        try:
            count = (root / self.file).read_text("utf-8").count(self.old)
        except FileNotFoundError:
            return "there is no such file"
        if count != 1:
            return f"its text occurs {count} times, not once"
        if self.old == self.new:
            return "it changes nothing"
        if not self.tests:
            return "no test is named, and none lies beside the file"
        return ""


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a mistake."""

    kind: str
    test: str = ""  # The first test that has seen it.
    line: str = ""  # What it said.
    seconds: float = 0


class Tests(Protocol):
    """What runs tests on the copy of the tree."""

    def run(self, tests: Sequence[str]) -> Result:
        """Survived if all of them pass, and else what the first has said."""

    def wider(self, file: str) -> list[str]:
        """All tests of the file's package that depend on the file."""


def default_tests(file: str, root: Path) -> tuple[str, ...]:
    """The test beside the file, or that of its lab."""
    folder, name = os.path.split(file)
    stem = name.rsplit(".", 1)[0]
    parts = folder.split("/")
    if parts[0] == "labs" and len(parts) > 1:
        return (f"//labs/{parts[1]}:{parts[1]}_test",)
    for ending in ("cc", "py"):
        if (root / folder / f"{stem}_test.{ending}").exists():
            return (f"//{folder}:{stem}_test",)
    return ()


def read_list(path: Path, root: Path) -> list[Mistake]:
    """The mistakes of one list."""
    with path.open("rb") as file:
        content = tomllib.load(file)
    tests_of = content.get("tests", {})
    mistakes = []
    for entry in content.get("mistake", []):
        name = entry["file"]
        tests = entry.pop("tests", None) or tests_of.get(name)
        tests = tests or default_tests(name, root)
        mistakes.append(Mistake(**entry, tests=tuple(tests)))
    return mistakes


def read_lists(folder: Path, root: Path) -> dict[str, list[Mistake]]:
    """All lists, by their names."""
    lists = {
        path.stem: read_list(path, root)
        for path in sorted(folder.glob("*.toml"))
    }
    if not lists:
        raise Unusable(f"there is no list in {folder}")
    return lists


def problems(lists: dict[str, list[Mistake]], root: Path) -> list[str]:
    """What is wrong with the lists, a line each."""
    found = []
    seen: set[str] = set()
    for mistake in (one for mistakes in lists.values() for one in mistakes):
        if problem := mistake.problem(root):
            found.append(f"{mistake.title}: {problem}")
        if mistake.title in seen:
            found.append(f"{mistake.title}: another mistake has this name")
        seen.add(mistake.title)
    return found


def matches(mistake: Mistake, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns is in its title, or none is asked for."""
    return not patterns or any(
        fnmatch.fnmatchcase(mistake.title, f"*{pattern}*")
        for pattern in patterns
    )


class Results:
    """The results of the mistakes, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Result] = {}
        if path.exists():
            known = json.loads(path.read_text("utf-8"))
            self._known = {key: Result(**one) for key, one in known.items()}

    def of(self, mistake: Mistake) -> Result:
        """What is known of a mistake."""
        if mistake.equivalent:
            return Result(EQUIVALENT, line=mistake.equivalent)
        return self._known.get(mistake.key, Result(NOT_TRIED))

    def add(self, mistake: Mistake, result: Result) -> None:
        """Writes down a result."""
        self._known[mistake.key] = result
        whole = {k: dataclasses.asdict(v) for k, v in self._known.items()}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(whole, indent=1), "utf-8")
        new.replace(self._path)


@contextlib.contextmanager
def planted(mistake: Mistake, root: Path) -> Iterator[None]:
    """The mistake is in the file meanwhile."""
    if problem := mistake.problem(root):
        raise Unusable(f"{mistake.title}: {problem}")
    path = root / mistake.file
    text = path.read_text("utf-8")
    path.write_text(text.replace(mistake.old, mistake.new), "utf-8")
    try:
        yield
    finally:
        path.write_text(text, "utf-8")


def try_one(mistake: Mistake, root: Path, tests: Tests, widens: bool) -> Result:
    """Plants the mistake, and returns which test sees it."""
    begin = time.monotonic()
    with planted(mistake, root):
        result = Result(SURVIVED)
        for test in mistake.tests:
            if result.kind == SURVIVED:
                result = tests.run([test])
        if result.kind == SURVIVED and widens:
            others = set(tests.wider(mistake.file)) - set(mistake.tests)
            if others:
                result = tests.run(sorted(others))
    return dataclasses.replace(result, seconds=time.monotonic() - begin)


def summary(title: str, results: Iterable[Result]) -> str:
    """How many were caught, in a line."""
    counts: dict[str, int] = {}
    for result in results:
        counts[result.kind] = counts.get(result.kind, 0) + 1
    caught = counts.get(CAUGHT, 0) + counts.get(LATE, 0)
    judged = caught + counts.get(SURVIVED, 0)
    parts = [f"{n} {kind}" for kind, n in sorted(counts.items())]
    text = f"{title}: {sum(counts.values())} mistakes: {', '.join(parts)}"
    if judged:
        text += f"; {100 * caught / judged:.1f} % of {judged} caught"
    return text


def describe(mistake: Mistake, result: Result) -> str:
    """A mistake and its result, in a line or two."""
    text = f"{result.kind}: {mistake.title}"
    if result.seconds:
        text += f" ({result.seconds:.0f} s)"
    if result.test or result.line:
        text += f"\n    {' '.join((result.test, result.line)).strip()}"
    return text


# What a test says of its first failure, in its log.
_FAILURES = (
    re.compile(r"^.+:\d+: Failure$\n(?P<line>.+(?:\n.+){0,2})", re.M),
    re.compile(r"^(?P<line>(?:FAIL|ERROR): .+)$", re.M),
    re.compile(
        r"^(?P<line>.*(?:terminate called|IPC_CHECK|Sanitizer).*)$", re.M
    ),
    re.compile(r"^(?P<line>\[  FAILED  \] .+)$", re.M),
)
_ASSERTION = re.compile(r"^(?P<line>\w*(?:Error|Exception)\b.*)$", re.M)


def first_failure(log: str) -> str:
    """What the log of a test says of its first failure, in a line."""
    for pattern in _FAILURES:
        found = pattern.search(log)
        if not found:
            continue
        line = found["line"]
        if line.startswith(("FAIL:", "ERROR:")):
            if why := _ASSERTION.search(log, found.end()):
                line += " " + why["line"]
        return " ".join(line.split())[:200]
    last = log.strip().splitlines()[-1:]
    return last[0][:200] if last else ""


def passed(log: str) -> bool:
    """Whether this is the log of a test, or a shard, that has passed."""
    return bool(re.search(r"^(\[  PASSED  \]|OK\b)", log, re.M)) and not (
        re.search(r"^(\[  FAILED  \]|FAILED\b)", log, re.M)
    )


_VERDICT = re.compile(r"^(?P<test>//\S+) +(?P<word>FAILED|TIMEOUT)", re.M)


class BazelTests:
    """Runs tests by Bazel, with an output base of its own."""

    def __init__(self, tree: Path, base: Path, options: Sequence[str]) -> None:
        self._tree = tree
        self._base = base
        self._options = options

    def _bazel(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["./bazelw", f"--output_base={self._base}", *arguments]
        with subprocess.Popen(
            command,
            cwd=self._tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                output, _ = process.communicate()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.communicate()
                raise
        return subprocess.CompletedProcess(
            command, process.returncode, output, ""
        )

    def run(self, tests: Sequence[str]) -> Result:
        """See Tests."""
        done = self._bazel(
            "test",
            "--noshow_progress",
            "--color=no",
            "--test_output=summary",
            # A build with a mistake is of no use to any other build.
            "--remote_upload_local_results=false",
            f"--test_timeout={_TEST_LIMIT_S}",
            *self._options,
            "--",
            *tests,
        )
        if done.returncode == 0:
            return Result(SURVIVED)
        verdict = _VERDICT.search(done.stdout)
        if done.returncode == 3 and verdict:
            test = verdict["test"]
            logs = self._tree / "bazel-testlogs" / test[2:].replace(":", "/")
            # One, or one for each shard.
            texts = [
                log.read_text("utf-8", "replace")
                for log in sorted(logs.glob("**/test.log"))
            ]
            said = [first_failure(text) for text in texts if not passed(text)]
            kind = LATE if verdict["word"] == "TIMEOUT" else CAUGHT
            return Result(kind, test, said[0] if said else "")
        error = re.search(r"^.*: error: .*$", done.stdout, re.M)
        error = error or re.search(r"^ERROR: .*$", done.stdout, re.M)
        line = error[0] if error else done.stdout.strip()[-200:]
        return Result(NOT_BUILT, line=line[:200])

    def wider(self, file: str) -> list[str]:
        """See Tests."""
        folder, name = os.path.split(file)
        if folder.startswith("labs/"):
            return []  # Nothing but its own test depends on a lab.
        scope = f"//{folder}:all"
        query = f"kind('_test rule', rdeps({scope}, //{folder}:{name}))"
        done = self._bazel("query", "--noshow_progress", query)
        found = re.findall(r"^//\S+$", done.stdout, re.M)
        if done.returncode != 0:
            raise Unusable(f"bazel query has failed:\n{done.stdout}")
        return found

    def end(self) -> None:
        """Ends Bazel's server; its output stays."""
        self._bazel("shutdown")


def copy_tree(tree: Path) -> None:
    """Makes or renews a work tree of what is tracked, as it is now."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Unusable(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    commit = git("-C", str(ROOT), "stash", "create") or "HEAD"
    commit = git("-C", str(ROOT), "rev-parse", commit)
    git("-C", str(ROOT), "worktree", "prune")
    if (tree / ".git").exists():
        git("-C", str(tree), "checkout", "--quiet", "--force", commit)
        git("-C", str(tree), "clean", "--quiet", "-fd")
    else:
        git(
            *("-C", str(ROOT), "worktree", "add", "--quiet", "--force"),
            *("--detach", str(tree), commit),
        )


def remove(scratch: Path) -> None:
    """Removes all that a run has left, what it has found included."""
    base = scratch / "base"
    if base.exists():  # Bazel's files are read-only.
        BazelTests(scratch / "tree", base, ()).end()
        subprocess.run(["chmod", "-R", "u+w", str(base)], check=False)
    shutil.rmtree(scratch, ignore_errors=True)
    subprocess.run(["git", "-C", str(ROOT), "worktree", "prune"], check=True)


def run_all(
    chosen: Sequence[Mistake],
    tests: Tests,
    tree: Path,
    results: Results,
    widens: bool,
) -> None:
    """Tries the mistakes one after the other, and prints each result."""
    if not chosen:
        return
    named = sorted({test for mistake in chosen for test in mistake.tests})
    print(f"{len(named)} tests on the tree as it is", flush=True)
    as_is = tests.run(named)
    if as_is.kind != SURVIVED:
        raise Unusable(
            "a test fails without any mistake: "
            f"{as_is.kind} {as_is.test} {as_is.line}"
        )
    for number, mistake in enumerate(chosen, 1):
        result = try_one(mistake, tree, tests, widens)
        results.add(mistake, result)
        print(
            f"[{number}/{len(chosen)}] {describe(mistake, result)}", flush=True
        )


def report(lists: dict[str, list[Mistake]], results: Results) -> bool:
    """Prints all results; returns whether no test has to be mended."""
    good = True
    print()
    for name, mistakes in lists.items():
        print(summary(name, map(results.of, mistakes)))
        for mistake in mistakes:
            result = results.of(mistake)
            if result.kind in (SURVIVED, NOT_BUILT):
                good = False
                print(f"  {describe(mistake, result)}")
    if len(lists) > 1:
        all_of_them = [one for mistakes in lists.values() for one in mistakes]
        print(summary("all", map(results.of, all_of_them)))
    return good


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; also returns what is for Bazel."""
    own, options = list(arguments), []
    if "--" in own:
        place = own.index("--")
        own, options = own[:place], own[place + 1 :]
    parser = argparse.ArgumentParser(
        prog="tools/mutate.py", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("pattern", nargs="*", help="only those that have this")
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument(
        "--check", action="store_true", help="only see if all can be planted"
    )
    parser.add_argument(
        "--survivors", action="store_true", help="again those that survived"
    )
    parser.add_argument(
        "--again", action="store_true", help="also those that were tried"
    )
    parser.add_argument(
        "--narrow", action="store_true", help="only the tests that are named"
    )
    parser.add_argument(
        "--clean", action="store_true", help="remove what runs have left"
    )
    parser.add_argument(
        "--scratch", type=Path, default=_SCRATCH, help="where to work"
    )
    return parser.parse_args(own), options


def choose(
    lists: dict[str, list[Mistake]], results: Results, how: argparse.Namespace
) -> list[Mistake]:
    """Those that are to be tried."""
    kinds = {NOT_TRIED, NOT_BUILT}
    if how.survivors:
        kinds = {SURVIVED}
    elif how.again:
        kinds = {NOT_TRIED, NOT_BUILT, SURVIVED, CAUGHT, LATE}
    return [
        mistake
        for mistakes in lists.values()
        for mistake in mistakes
        if matches(mistake, how.pattern) and results.of(mistake).kind in kinds
    ]


def run(how: argparse.Namespace, options: Sequence[str]) -> int:
    """Does what the command line says; the exit status."""
    if how.clean:
        remove(how.scratch)
        return 0
    lists = read_lists(ROOT / "tools" / "mutations", ROOT)
    if found := problems(lists, ROOT):
        raise Unusable("\n".join(found))
    if how.check:
        return 0
    how.scratch.mkdir(parents=True, exist_ok=True)
    results = Results(how.scratch / "results.json")
    if how.list:
        for mistakes in lists.values():
            for mistake in mistakes:
                if matches(mistake, how.pattern):
                    print(describe(mistake, results.of(mistake)))
        return 0
    tree = how.scratch / "tree"
    copy_tree(tree)
    tests = BazelTests(tree, how.scratch / "base", options)
    try:
        chosen = choose(lists, results, how)
        run_all(chosen, tests, tree, results, not how.narrow)
    finally:
        tests.end()
    return 0 if report(lists, results) else 1


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0, 1 if mistakes survive, 2 if it cannot be run."""
    try:
        return run(*parse(arguments))
    except Unusable as why:
        print(f"tools/mutate.py: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
