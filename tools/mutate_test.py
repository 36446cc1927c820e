"""The mutation runner: what it plants, judges, keeps, and says."""

import contextlib
import io
import tempfile
import unittest
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools import mutate
from tools.mutate import Mistake, Result

_SOURCE = """\
def larger(a, b):
    return a if a > b else b

def first(words):
    return words[0]
"""
_LIST = """\
[tests]
"common/pick.py" = ["//common:pick_test"]

[[mistake]]
file = "common/pick.py"
name = "the smaller"
old = "a > b"
new = "a < b"

[[mistake]]
file = "common/pick.py"
name = "of equal ones the first"
old = "a > b"
new = "a >= b"

[[mistake]]
file = "common/pick.py"
name = "the last word"
old = "words[0]"
new = "words[-1]"
tests = ["//common:words_test"]

[[mistake]]
file = "common/pick.py"
name = "none"
old = "return words[0]"
new = "return list(words)[0]"
equivalent = "a list has the same order"
"""


class FakeTests:
    """Runs assertions on the planted source, in place of Bazel."""

    def __init__(self, root: Path) -> None:
        self.path = root / "common" / "pick.py"
        self.ran: list[str] = []

    def run(self, tests: Sequence[str]) -> Result:
        """See mutate.Tests."""
        self.ran += tests
        names: dict[str, object] = {}
        # pylint: disable-next=exec-used
        exec(self.path.read_text("utf-8"), names)
        larger, first = names["larger"], names["first"]
        assert callable(larger) and callable(first)
        if "//common:pick_test" in tests and larger(1, 2) != 2:
            return Result(mutate.CAUGHT, "//common:pick_test", "2 is larger")
        if "//common:others_test" in tests and first(["a", "b"]) != "a":
            return Result(mutate.CAUGHT, "//common:others_test", "not a")
        return Result(mutate.SURVIVED)

    def wider(self, file: str) -> list[str]:
        """See mutate.Tests."""
        assert file == "common/pick.py"
        return ["//common:pick_test", "//common:others_test"]


@contextlib.contextmanager
def small_tree() -> Iterator[Path]:
    """A tree with one source and one list."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "common").mkdir()
        (root / "common" / "pick.py").write_text(_SOURCE, "utf-8")
        (root / "lists").mkdir()
        (root / "lists" / "small.toml").write_text(_LIST, "utf-8")
        yield root


def run_all(root: Path, widens: bool = True) -> tuple[str, mutate.Results]:
    """Tries all that were not tried before; what was said, what is known."""
    lists = mutate.read_lists(root / "lists", root)
    results = mutate.Results(root / "results.json")
    how, _ = mutate.parse([])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        chosen = mutate.choose(lists, results, how)
        mutate.run_all(chosen, FakeTests(root), root, results, widens)
        mutate.report(lists, results)
    return said.getvalue(), results


class MutateTest(unittest.TestCase):
    """A run over a small tree."""

    def test_a_caught_mistake_is_shown_with_its_test_and_words(self) -> None:
        with small_tree() as root:
            said, _ = run_all(root)
        self.assertIn("caught: common/pick.py: the smaller", said)
        self.assertIn("//common:pick_test 2 is larger", said)

    def test_a_survivor_is_named_and_counted(self) -> None:
        with small_tree() as root:
            said, _ = run_all(root)
        self.assertIn("  survived: common/pick.py: of equal ones", said)
        self.assertIn(
            "small: 4 mistakes: 2 caught, 1 equivalent, 1 survived; "
            "66.7 % of 3 caught",
            said,
        )

    def test_other_tests_of_the_package_are_asked_last(self) -> None:
        with small_tree() as root:
            said, _ = run_all(root)
            self.assertIn("//common:others_test not a", said)
        with small_tree() as root:
            said, _ = run_all(root, widens=False)
            self.assertIn("survived: common/pick.py: the last word", said)

    def test_the_source_is_afterwards_as_it_was(self) -> None:
        with small_tree() as root:
            run_all(root)
            self.assertEqual(
                (root / "common" / "pick.py").read_text("utf-8"), _SOURCE
            )

    def test_what_was_tried_is_not_tried_again(self) -> None:
        with small_tree() as root:
            run_all(root)
            said, _ = run_all(root)
        self.assertNotIn("[1/", said)
        self.assertIn("2 caught", said)

    def test_a_tree_that_fails_by_itself_is_refused(self) -> None:
        with small_tree() as root:
            path = root / "common" / "pick.py"
            path.write_text(_SOURCE.replace("else b", "else a"), "utf-8")
            with self.assertRaisesRegex(mutate.Unusable, "without any mis"):
                run_all(root)

    def test_a_stale_entry_is_detected(self) -> None:
        with small_tree() as root:
            path = root / "common" / "pick.py"
            path.write_text(_SOURCE.replace("words[0]", "words[1]"), "utf-8")
            lists = mutate.read_lists(root / "lists", root)
            self.assertEqual(
                mutate.problems(lists, root),
                [
                    "common/pick.py: the last word: its text occurs 0 "
                    "times, not once",
                    "common/pick.py: none: its text occurs 0 times, not "
                    "once",
                ],
            )

    def test_an_entry_must_be_unambiguous_and_have_a_test(self) -> None:
        with small_tree() as root:

            def problem(old: str, new: str = "", test: str = "//:t") -> str:
                tests = (test,) if test else ()
                mistake = Mistake("common/pick.py", "x", old, new, tests)
                return mistake.problem(root)

            self.assertEqual(problem("a > b"), "")
            self.assertIn("2 times", problem("return"))
            self.assertIn("changes nothing", problem("a > b", "a > b"))
            self.assertIn("no test", problem("a > b", test=""))
            self.assertIn(
                "no such file", Mistake("gone", "x", "", "").problem(root)
            )

    def test_the_test_is_the_one_beside_the_file_or_of_the_lab(self) -> None:
        with small_tree() as root:
            (root / "common" / "a_test.cc").touch()
            tests = mutate.default_tests
            self.assertEqual(tests("common/a.h", root), ("//common:a_test",))
            self.assertEqual(tests("common/b.h", root), ())
            self.assertEqual(
                tests("labs/rlock/wrong/x.cc", root),
                ("//labs/rlock:rlock_test",),
            )


class FirstFailureTest(unittest.TestCase):
    """What is picked from the logs of tests."""

    def test_of_googletest_the_first_comparison(self) -> None:
        log = (
            "[ RUN      ] A.B\nx.cc:7: Failure\nExpected equality of these\n"
            "  a\n  b\n[  FAILED  ] A.B\n"
        )
        self.assertEqual(
            mutate.first_failure(log), "Expected equality of these a b"
        )

    def test_of_unittest_the_test_and_the_reason(self) -> None:
        log = (
            "FAIL: test_x (a.B.test_x)\n---\nTraceback:\n"
            "AssertionError: 1 != 2\n"
        )
        self.assertEqual(
            mutate.first_failure(log),
            "FAIL: test_x (a.B.test_x) AssertionError: 1 != 2",
        )

    def test_a_shard_that_has_passed_is_recognized(
        self,
    ) -> None:
        self.assertTrue(mutate.passed("[  PASSED  ] 3 tests.\n"))
        self.assertFalse(
            mutate.passed("[  PASSED  ] 2 tests.\n[  FAILED  ] A.B\n")
        )
        self.assertFalse(mutate.passed("[ RUN      ] A.B\n"))

    def test_without_any_its_last_line(self) -> None:
        self.assertEqual(mutate.first_failure("a\nb\n"), "b")
        self.assertEqual(mutate.first_failure(""), "")


if __name__ == "__main__":
    unittest.main()
