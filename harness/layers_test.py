"""The floors of common: dependencies go downwards only.

Bazel's visibility refuses a dependency upwards; this reads the packages and
also sees what no visibility can: a file that is in no library, a library
without a test, a room without a sign at its door.
"""

import ast
import dataclasses
import pathlib
import re
import unittest
from collections.abc import Iterator, Mapping, Sequence

from harness import results

ROOT = pathlib.Path(__file__).absolute().parent.parent

Floors = Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Target:
    """A target of a BUILD file."""

    rule: str
    name: str
    place: str  # File and line.
    testonly: bool
    files: tuple[str, ...]
    deps: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Room:
    """A package below common, and the files in its folder."""

    build: str
    files: frozenset[str]


def read_floors(text: str) -> list[list[str]]:
    """Reads FLOORS, whose syntax is that of Python."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            name = node.targets[0]
            if isinstance(name, ast.Name) and name.id == "FLOORS":
                floors = ast.literal_eval(node.value)
                assert isinstance(floors, list)
                return floors
    raise ValueError("no FLOORS")


def read_targets(room: str, text: str) -> Iterator[Target]:
    """Reads the targets of a BUILD file; labels become "//common/room:name"."""
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Expr) or not isinstance(
            node.value, ast.Call
        ):
            continue
        call = node.value
        assert isinstance(call.func, ast.Name)
        values = {k.arg: k.value for k in call.keywords if k.arg}
        if "name" not in values:
            continue
        name = ast.literal_eval(values["name"])
        place = f"common/{room}/BUILD.bazel:{node.lineno}"
        deps = tuple(_whole(room, dep) for dep in _list(values.get("deps")))
        srcs, hdrs = _list(values.get("srcs")), _list(values.get("hdrs"))
        if call.func.id in ("ipc_library", "ipc_test"):  # ipc_library.bzl
            srcs = srcs if "srcs" in values else (f"{name}.cc",)
        if call.func.id == "ipc_library":
            hdrs = hdrs if "hdrs" in values else (f"{name}.h",)
        rule = call.func.id.replace("ipc_", "cc_")
        whole = f"//common/{room}:{name}"
        testonly = "testonly" in values
        yield Target(rule, whole, place, testonly, srcs + hdrs, deps)
        if "test_deps" in values:
            files = (f"{name}_test.cc",)
            used = tuple(_whole(room, d) for d in _list(values["test_deps"]))
            deps = (whole, *used)
            yield Target("cc_test", f"{whole}_test", place, False, files, deps)


def _list(node: ast.expr | None) -> tuple[str, ...]:
    """Returns the items of a list; none if it is not written out."""
    return tuple(ast.literal_eval(node)) if isinstance(node, ast.List) else ()


def _whole(room: str, label: str) -> str:
    """Returns a label with package and name."""
    if label.startswith(":"):
        return f"//common/{room}{label}"
    if re.fullmatch(r"//common/\w+", label):
        return f"{label}:{label.rpartition('/')[2]}"
    return label


def problems(floors: Floors, rooms: Mapping[str, Room]) -> list[str]:
    """Returns what is wrong with the rooms, those of no floor left aside."""
    found: list[str] = []
    floor_of = {room: n for n, floor in enumerate(floors) for room in floor}
    found += [f"there is no room {r}" for r in floor_of if r not in rooms]
    targets = [
        target
        for name, room in sorted(rooms.items())
        for target in read_targets(name, room.build)
    ]
    tests = [t for t in targets if t.rule == "cc_test"]
    # A part of other libraries has its properties tested through them.
    tested = {dep for t in tests for dep in t.deps}
    tested |= {t.name.removesuffix("_test") for t in tests}
    for name, room in sorted(rooms.items()):
        if "README.md" not in room.files:
            found.append(f"common/{name} has no README.md")
        owned = [
            file
            for t in targets
            if t.name.startswith(f"//common/{name}:")
            for file in t.files
        ]
        for file in sorted(f for f in room.files if f.endswith((".h", ".cc"))):
            if owned.count(file) != 1:
                found.append(
                    f"common/{name}/{file} is in {owned.count(file)} targets, "
                    "not one"
                )
        found += [
            f"common/{name}/BUILD.bazel names {file}, which does not exist"
            for file in owned
            if file not in room.files
        ]
    names = {target.name for target in targets}
    for target in targets:
        room_name = target.name.partition(":")[0].removeprefix("//common/")
        if target.rule != "cc_library":
            continue
        if not target.testonly and target.name not in tested:
            found.append(f"{target.place}: {target.name} has no test")
        for dep in target.deps:
            if dep.startswith("@"):
                continue
            if dep not in names:
                found.append(f"{target.place}: {dep} is no library of common")
                continue
            below = dep.partition(":")[0].removeprefix("//common/")
            if target.testonly or below == room_name:
                continue
            floor = floor_of.get(below, len(floors))
            if floor >= floor_of.get(room_name, len(floors)):
                found.append(
                    f"{target.place}: {target.name} must not depend on {dep}, "
                    "which is not on a lower floor"
                )
    return found


def _room(folder: pathlib.Path) -> Room:
    files = (f for f in folder.rglob("*") if f.is_file())
    return Room(
        (folder / "BUILD.bazel").read_text("utf-8"),
        frozenset(str(f.relative_to(folder)) for f in files),
    )


class LayersTest(unittest.TestCase):
    """The floors of this tree, and that a fault in them would be seen."""

    FLOORS = (("base",), ("sync",))
    BASE = """
cc_library(name = "base", srcs = ["errors.cc"], hdrs = ["errors.h"])
cc_test(name = "errors_test", srcs = ["errors_test.cc"], deps = [":base"])
"""
    SYNC = """
ipc_library(name = "lock", srcs = [], test_deps = [], deps = ["//common/base"])
"""

    def rooms(self, old: str = "", new: str = "") -> dict[str, Room]:
        """Two rooms, with `new` in place of `old` in their BUILD files."""
        base, sync = (t.replace(old, new) for t in (self.BASE, self.SYNC))
        names = ("errors.cc", "errors.h", "errors_test.cc", "README.md")
        return {
            "base": Room(base, frozenset(names)),
            "sync": Room(
                sync, frozenset(("lock.h", "lock_test.cc", "README.md"))
            ),
        }

    def test_the_floors_of_common(self) -> None:
        """Dependencies, files, tests and signs of the libraries."""
        common = ROOT / "common"
        floors = read_floors((common / "floors.bzl").read_text("utf-8"))
        rooms = {
            build.parent.name: _room(build.parent)
            for build in common.glob("*/BUILD.bazel")
        }
        self.assertGreater(len(rooms), 10)
        self.assertEqual(problems(floors, rooms), [])

    def test_a_lock_is_thin(self) -> None:
        """A program that needs only a lock takes five libraries at most."""
        deps = {
            target.name: target.deps
            for build in (ROOT / "common").glob("*/BUILD.bazel")
            for target in read_targets(
                build.parent.name, build.read_text("utf-8")
            )
        }
        needed: set[str] = set()
        left = ["//common/sync:lock"]
        while left:
            name = left.pop()
            needed.add(name)
            left += [dep for dep in deps[name] if dep not in needed]
        self.assertLessEqual(len(needed), 5, needed)

    def assert_found(self, old: str, new: str, *found: str) -> None:
        """The rooms are right, and wrong with `new` in place of `old`."""
        self.assertEqual(problems(self.FLOORS, self.rooms()), [])
        self.assertIn(old, self.BASE + self.SYNC)
        self.assertEqual(
            problems(self.FLOORS, self.rooms(old, new)), list(found)
        )

    def test_a_dependency_upwards_is_found(self) -> None:
        """Though it makes no cycle."""
        self.assert_found(
            '["errors.h"])',
            '["errors.h"], deps = ["//common/sync:lock"])',
            "common/base/BUILD.bazel:2: //common/base:base must not depend on "
            "//common/sync:lock, which is not on a lower floor",
        )

    def test_a_dependency_on_nothing_is_found(self) -> None:
        """A label that is misspelt."""
        self.assert_found(
            "//common/base",
            "//common/bas",
            "common/sync/BUILD.bazel:2: //common/bas:bas is no library of "
            "common",
        )

    def test_a_library_without_a_test_is_found(self) -> None:
        """Each has one, or is a part of what a test names."""
        self.assert_found(
            "test_deps = [], ",
            "",
            "common/sync/lock_test.cc is in 0 targets, not one",
            "common/sync/BUILD.bazel:2: //common/sync:lock has no test",
        )

    def test_files_that_are_missing_or_forgotten_are_found(self) -> None:
        """And those that are in two targets."""
        self.assert_found(
            '"errors.cc"',
            '"error.cc"',
            "common/base/errors.cc is in 0 targets, not one",
            "common/base/BUILD.bazel names error.cc, which does not exist",
        )
        self.assert_found(
            '["errors.cc"]',
            '["errors.cc", "errors.h"]',
            "common/base/errors.h is in 2 targets, not one",
        )

    def test_a_room_without_a_sign_or_a_room_is_found(self) -> None:
        """What is in here, and what it may use, stands in README.md."""
        rooms = self.rooms()
        sync = rooms.pop("sync")
        self.assertEqual(
            problems(self.FLOORS, rooms), ["there is no room sync"]
        )
        rooms["sync"] = Room(sync.build, sync.files - {"README.md"})
        self.assertEqual(
            problems(self.FLOORS, rooms), ["common/sync has no README.md"]
        )


if __name__ == "__main__":
    results.main()
