"""The layers of common: dependencies go downwards only.

Bazel refuses a cycle, but not a dependency in the wrong direction that makes
none. common/BUILD.bazel says which library is in which layer by its headings,
"# Layer 1: processes."
"""

import ast
import dataclasses
import pathlib
import re
import unittest

from harness import results

ROOT = pathlib.Path(__file__).absolute().parent.parent


@dataclasses.dataclass(frozen=True)
class Target:
    """A target of a BUILD file, below the last heading before it."""

    rule: str
    name: str
    line: int
    layer: str
    files: tuple[str, ...]
    deps: tuple[str, ...]


def read_headings(text: str) -> list[tuple[int, str]]:
    """Returns (line, layer) of each heading."""
    return [
        (number, match[1])
        for number, line in enumerate(text.splitlines(), 1)
        if (match := re.match(r"# Layer (\d\w*)\b", line))
    ]


def read_targets(text: str) -> list[Target]:
    """Reads the targets of a BUILD file, whose syntax is that of Python."""
    headings = read_headings(text)
    targets = []
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
        above = [layer for number, layer in headings if number < node.lineno]
        targets.append(
            Target(
                call.func.id,
                ast.literal_eval(values["name"]),
                node.lineno,
                above[-1] if above else "",
                _list(values.get("srcs")) + _list(values.get("hdrs")),
                _list(values.get("deps")),
            )
        )
    return targets


def _list(node: ast.expr | None) -> tuple[str, ...]:
    """Returns the items of a list; none if it is not written out."""
    return tuple(ast.literal_eval(node)) if isinstance(node, ast.List) else ()


def problems(text: str, files: set[str]) -> list[str]:
    """Returns what is wrong with the layers of common/BUILD.bazel.

    `files` are the names of the files beside it.
    """
    found: list[str] = []
    targets = read_targets(text)
    libraries = {t.name: t for t in targets if t.rule == "cc_library"}
    tests = [t for t in targets if t.rule == "cc_test"]
    # A part of other libraries has its properties tested through them.
    tested = {dep.removeprefix(":") for t in tests for dep in t.deps}
    tested |= {t.name.removesuffix("_test") for t in tests}
    layers = [layer for _, layer in read_headings(text)]
    if layers != sorted(layers):
        found.append("the layers are not in order, lowest first")
    owners: dict[str, list[str]] = {}
    for library in libraries.values():
        place = f"BUILD.bazel:{library.line}: {library.name}"
        if not library.layer:
            found.append(f"{place} is below no heading '# Layer ...'")
        if library.name not in tested:
            found.append(f"{place} has no test {library.name}_test")
        for file in library.files:
            owners.setdefault(file, []).append(library.name)
            if file not in files:
                found.append(f"{place} names {file}, which does not exist")
        for dep in library.deps:
            name = dep.removeprefix("//common").removeprefix(":")
            below = libraries.get(name)
            if dep.startswith("@"):
                continue
            if below is None:
                found.append(f"{place} depends on {dep}, no library of common")
            elif below.layer > library.layer:
                found.append(
                    f"{place} (layer {library.layer}) must not depend on "
                    f"{name} (layer {below.layer})"
                )
    for file in sorted(f for f in files if f.endswith(".h")):
        if len(owners.get(file, [])) != 1:
            found.append(
                f"{file} is in {len(owners.get(file, []))} libraries, not one"
            )
    return found


class LayersTest(unittest.TestCase):
    """The layers of this tree, and that a fault in them would be seen."""

    TEXT = """
# Layer 0: values.
cc_library(name = "errors", srcs = ["errors.cc"], hdrs = ["errors.h"])
cc_test(name = "errors_test", deps = [":errors", "@fmt//:fmt"])

# Layer 3b: channels.
cc_library(name = "pipe", hdrs = ["pipe.h"], deps = [":errors", "@fmt//:fmt"])
cc_test(name = "pipe_test")
"""
    FILES = {"errors.cc", "errors.h", "pipe.h"}

    def test_the_layers_of_common(self) -> None:
        """Dependencies, files and tests of the libraries."""
        folder = ROOT / "common"
        files = {file.name for file in folder.iterdir()}
        text = (folder / "BUILD.bazel").read_text(encoding="utf-8")
        self.assertEqual(problems(text, files), [])
        self.assertGreater(len(read_targets(text)), 10)

    def assert_found(self, old: str, new: str, *found: str) -> None:
        """The text is right, and wrong with `new` in place of `old`."""
        self.assertEqual(problems(self.TEXT, self.FILES), [])
        self.assertIn(old, self.TEXT)
        text = self.TEXT.replace(old, new)
        self.assertEqual(problems(text, self.FILES), list(found))

    def test_a_dependency_upwards_is_found(self) -> None:
        """Though it makes no cycle."""
        self.assert_found(
            '["errors.h"])',
            '["errors.h"], deps = ["//common:pipe"])',
            "BUILD.bazel:3: errors (layer 0) must not depend on "
            "pipe (layer 3b)",
        )

    def test_a_library_without_test_or_layer_is_found(self) -> None:
        """Each has both."""
        self.assert_found(
            "pipe_test",
            "pip_test",
            "BUILD.bazel:7: pipe has no test pipe_test",
        )
        self.assert_found(
            "# Layer 0",
            "# Lair 0",
            "BUILD.bazel:3: errors is below no heading '# Layer ...'",
        )

    def test_layers_out_of_order_are_found(self) -> None:
        """The file is read from top to bottom."""
        self.assert_found(
            "# Layer 0",
            "# Layer 1: processes.\n# Layer 0",
            "the layers are not in order, lowest first",
        )

    def test_files_that_are_missing_or_forgotten_are_found(self) -> None:
        """Also a dependency that is not there."""
        self.assert_found(
            '"errors.cc"',
            '"error.cc"',
            "BUILD.bazel:3: errors names error.cc, which does not exist",
        )
        self.assert_found(
            'hdrs = ["errors.h"]',
            "hdrs = []",
            "errors.h is in 0 libraries, not one",
        )
        self.assert_found(
            '":errors", "@fmt',
            '":error", "@fmt',
            "BUILD.bazel:7: pipe depends on :error, no library of common",
        )


if __name__ == "__main__":
    results.main()
