"""What docs/copying.md says to copy is enough, and no file of it is too much.

The files of each row are compared with what the primitive's header includes.
Then they are copied and compiled without Bazel, and a program of
testdata/copying is linked with them and run.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Iterable, Mapping
from concurrent import futures

from harness import results

ROOT = pathlib.Path(__file__).absolute().parent.parent
PROGRAMS = ROOT / "harness" / "testdata" / "copying"

FLAGS = ("-std=c++20", "-Wall", "-Wextra", "-Werror", "-I.")


@dataclasses.dataclass(frozen=True)
class Library:
    """A library that is not ours."""

    folder: str  # That its headers are in.
    flags: tuple[str, ...]  # That link it.


# By what the page calls them.
LIBRARIES = {
    "fmt": Library("fmt/", ("-lfmt",)),
    "OpenSSL": Library("openssl/", ("-lcrypto",)),
    "nlohmann JSON": Library("nlohmann/", ()),
}
_LIMIT_S = 30.0 * float(os.environ.get("IPC_LABS_TIME_SCALE") or 1)
_COMPILER_LIMIT_S = 4 * _LIMIT_S

# Path below the root -> text.
Tree = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table, without the files that all rows need."""

    header: str  # "common/sync/lock.h"; "" in the row for all of them.
    names: tuple[str, ...]  # "common/sync/lock", and so on.
    libraries: frozenset[str]

    @property
    def program(self) -> str:
        """The name of the program that uses the primitive."""
        return pathlib.PurePath(self.header).stem


def expand(text: str) -> list[str]:
    """Returns ["sync/lock", "sync/spin"] of "sync/{lock,spin}"."""
    folder, brace, rest = text.partition("{")
    if not brace:
        return [text]
    return [folder + name for name in rest.rstrip("}").split(",")]


def read_rows(page: str) -> tuple[Row, list[Row]]:
    """Returns the row for all primitives, and the others."""
    rows = []
    for what, files, libraries in re.findall(
        r"^\| ([^|]+) \| (`[^|]+`) \| ([^|]*)\|$", page, re.M
    ):
        link = re.search(r"\]\(\.\./(common/\S+\.h)\)$", what)
        names = [
            f"common/{name}"
            for part in re.findall(r"`([^`]+)`", files)
            for name in expand(part)
        ]
        used = {name.strip() for name in libraries.split(",")} - {""}
        rows.append(Row(link[1] if link else "", tuple(names), frozenset(used)))
    if not rows or rows[0].header or not all(row.header for row in rows[1:]):
        raise ValueError("only the first row is to be for all primitives")
    return rows[0], rows[1:]


def read_tree(root: pathlib.Path) -> dict[str, str]:
    """Returns the headers and the sources of the library."""
    return {
        str(file.relative_to(root)): file.read_text("utf-8")
        for file in (root / "common").rglob("*")
        if file.suffix in (".h", ".cc") and not file.stem.endswith("_test")
    }


def included(text: str) -> list[str]:
    """Returns what a file includes of the library."""
    return re.findall(r'^#include "(common/[^"]+)"', text, re.M)


def closure(tree: Tree, header: str) -> set[str]:
    """Returns a header, what it includes, and the sources of all of them.

    A source belongs to the header of its folder that it includes first.
    """
    sources: dict[str, list[str]] = {}
    for file, text in tree.items():
        first = (included(text) or [""])[0]
        if file.endswith(".cc") and _folder(file) == _folder(first):
            sources.setdefault(first, []).append(file)
    found: set[str] = set()
    left = [header]
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += included(tree[file]) + sources.get(file, [])
    return found


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def files_of(tree: Tree, names: Iterable[str]) -> set[str]:
    """Returns the headers and sources that are meant by names."""
    files = (name + suffix for name in names for suffix in (".h", ".cc"))
    return {file for file in files if file in tree}


def problems(tree: Tree, common: Row, rows: list[Row]) -> list[str]:
    """Returns what rows say that is not so."""
    found = []
    for name in (name for row in [common, *rows] for name in row.names):
        if not files_of(tree, [name]):
            found.append(f"there is no {name}.h")
    base = files_of(tree, common.names)
    needed: set[str] = set()
    for row in rows:
        files = files_of(tree, row.names)
        wanted = closure(tree, row.header)
        needed |= wanted
        for file in sorted(wanted - files - base):
            found.append(f"{row.header}: {file} is missing")
        for file in sorted((files - wanted) | (files & base)):
            found.append(f"{row.header}: {file} is too much")
        used = {
            name
            for name, library in LIBRARIES.items()
            for file in wanted
            if f"#include <{library.folder}" in tree[file]
        }
        if used != row.libraries:
            found.append(
                f"{row.header}: needs {sorted(used)}, not"
                f" {sorted(row.libraries)}"
            )
    found += [f"{file}: nothing needs it" for file in sorted(base - needed)]
    return found


class Failed(Exception):
    """A command that has failed, and what it said."""


def run(*command: str, folder: pathlib.Path, limit_s: float) -> None:
    """Runs a command in a folder; at the limit it and its children die."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said = process.communicate(timeout=limit_s)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = f"{process.communicate()[0]}no end after {limit_s:g} s"
    if process.returncode != 0:
        raise Failed(
            f"{' '.join(command)}: status {process.returncode}\n{said}"
        )


class Workshop:
    """Compiles each source once, in the folder of the first that needs it.

    Args:
      folder: where all files go.
      compiler: the program.
    """

    def __init__(self, folder: pathlib.Path, compiler: str) -> None:
        self.folder = folder
        self.compiler = compiler
        self._workers = futures.ThreadPoolExecutor(os.cpu_count())
        self._objects: dict[str, futures.Future[str]] = {}

    def start(
        self, row: Row, files: set[str], root: pathlib.Path
    ) -> "futures.Future[None]":
        """Builds and runs the program of a row with these files alone."""
        folder = self.folder / row.program
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, folder / file)
        shutil.copyfile(PROGRAMS / f"{row.program}.cc", folder / "main.cc")
        for file in sorted(files):
            if file.endswith(".cc") and file not in self._objects:
                self._objects[file] = self._compile(folder, file)
        objects = [
            self._objects[file] for file in sorted(files & set(self._objects))
        ]
        objects.append(self._compile(folder, "main.cc"))
        return self._workers.submit(self._play, row, folder, objects)

    def finish(self) -> None:
        """Waits until all is built and has been run, well or not."""
        self._workers.shutdown()

    def _compile(
        self, folder: pathlib.Path, file: str
    ) -> "futures.Future[str]":
        result = folder / f"{file}.o"

        def compile_it() -> str:
            command = (self.compiler, *FLAGS, "-c", file, "-o", str(result))
            run(*command, folder=folder, limit_s=_COMPILER_LIMIT_S)
            return str(result)

        return self._workers.submit(compile_it)

    def _play(
        self,
        row: Row,
        folder: pathlib.Path,
        objects: "list[futures.Future[str]]",
    ) -> None:
        flags = [f for name in row.libraries for f in LIBRARIES[name].flags]
        names = [each.result() for each in objects]
        command = (self.compiler, *names, "-o", "main", *flags)
        run(*command, folder=folder, limit_s=_COMPILER_LIMIT_S)
        run("./main", folder=folder, limit_s=_LIMIT_S)


class CopyingTest(unittest.TestCase):
    """The page, and that a fault in it would be seen."""

    TREE = {
        "common/base/a.h": "",
        "common/base/b.h": "",
        "common/sync/lock.h": '#include "common/base/a.h"\n',
        "common/sync/lock.cc": '#include "common/sync/lock.h"\n'
        '#include <fmt/format.h>\n#include "common/sync/part.h"\n',
        "common/sync/more.cc": '#include "common/sync/lock.h"\n',
        "common/sync/part.h": '#include "common/base/b.h"\n',
        "common/sync/user.h": '#include "common/sync/lock.h"\n',
    }
    PAGE = """
| primitive | files | libraries |
|---|---|---|
| all of them | `base/{a,b}` | |
| [`Lock`](../common/sync/lock.h) | `sync/{lock,part}` `sync/more` | fmt |
"""

    def setUp(self) -> None:
        """Reads the page."""
        page = (ROOT / "docs" / "copying.md").read_text("utf-8")
        self.common, self.rows = read_rows(page)
        self.fences = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)

    def test_each_row_has_the_files_that_its_header_needs(self) -> None:
        """All that it includes, by whatever way, and their sources."""
        tree = read_tree(ROOT)
        self.assertEqual(problems(tree, self.common, self.rows), [])

    def test_each_row_has_a_program(self) -> None:
        """And each program has a row."""
        self.assertEqual(
            sorted(row.program for row in self.rows),
            sorted(file.stem for file in PROGRAMS.glob("*.cc")),
        )

    def test_the_copied_files_make_a_program_that_works(self) -> None:
        """Compiled without Bazel, in a folder with nothing else."""
        compiler = self.find_compiler()
        tree = read_tree(ROOT)
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as folder:
            workshop = Workshop(pathlib.Path(folder), compiler)
            runs = {
                row.header: workshop.start(
                    row, files_of(tree, self.common.names + row.names), ROOT
                )
                for row in self.rows
            }
            workshop.finish()
            for header, done in runs.items():
                with self.subTest(header):
                    done.result()

    def test_the_commands_of_the_page_make_a_program_that_works(self) -> None:
        """As they stand there, with another home."""
        self.find_compiler()
        (fence,) = self.fences
        self.assertIn(" ".join(FLAGS), fence)
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as home:
            folder = pathlib.Path(home, "counter")
            folder.mkdir()
            shutil.copyfile(PROGRAMS / "lock.cc", folder / "main.cc")
            script = f"set -e\nHOME={home}\n{fence}./counter\n"
            run(
                "bash",
                "-c",
                script,
                folder=ROOT,
                limit_s=_COMPILER_LIMIT_S,
            )

    def find_compiler(self) -> str:
        """Returns where g++ is, or skips the test."""
        compiler = shutil.which("g++")
        if compiler is None:
            self.skipTest("there is no g++ here to compile the copied files")
        return compiler

    def assert_found(self, old: str, new: str, *found: str) -> None:
        """The page is right, and wrong with `new` in place of `old`."""
        for page, expected in (
            (self.PAGE, []),
            (self.PAGE.replace(old, new), list(found)),
        ):
            common, rows = read_rows(page)
            self.assertEqual(problems(self.TREE, common, rows), expected)

    def test_a_file_that_is_missing_is_found(self) -> None:
        """A header, a source that has another name, one that all need."""
        self.assert_found(
            "{lock,part}",
            "lock",
            "common/sync/lock.h: common/sync/part.h is missing",
        )
        self.assert_found(
            " `sync/more`",
            "",
            "common/sync/lock.h: common/sync/more.cc is missing",
        )
        self.assert_found(
            "{a,b}", "a", "common/sync/lock.h: common/base/b.h is missing"
        )

    def test_a_file_too_many_is_found(self) -> None:
        """In the row, in the row for all, twice, or one that is not there."""
        self.assert_found(
            "part}",
            "part,user}",
            "common/sync/lock.h: common/sync/user.h is too much",
        )
        self.assert_found(
            "`base/{a,b}`",
            "`base/{a,b}` `sync/user`",
            "common/sync/user.h: nothing needs it",
        )
        self.assert_found(
            "`sync/more`",
            "`sync/more` `base/a`",
            "common/sync/lock.h: common/base/a.h is too much",
        )
        self.assert_found(
            "part}", "part,none}", "there is no common/sync/none.h"
        )

    def test_a_library_that_is_missing_or_too_many_is_found(self) -> None:
        """By what the files include."""
        self.assert_found(
            "| fmt |",
            "| fmt, OpenSSL |",
            "common/sync/lock.h: needs ['fmt'], not ['OpenSSL', 'fmt']",
        )
        self.assert_found(
            "| fmt |", "| |", "common/sync/lock.h: needs ['fmt'], not []"
        )


if __name__ == "__main__":
    results.main()
