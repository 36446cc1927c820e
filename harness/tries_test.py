"""The tests of the test of the tries: each fault gets a clear line."""

import unittest

from harness import chapter, edit_try, fake_lab, results, tries

ITEM = """\
1. Delete the line `[second]`. What does the receiver say?

   <details>
   <summary>Answer</summary>

   `Got 2`, all the same.

   </details>

"""
TABLE = """\
[try.1]
edits = [{tag = "second", replace = ""}]
says = ["Receiver: Got 1", "Got \\\\d", "Main: PASS"]
never = ["Sender: Sent 2"]
count = {"Receiver: .*" = 3}
"""
EDITED = "".join(
    line
    for line in fake_lab.RIGHT.splitlines(keepends=True)
    if "[second]" not in line
)


class TriesTest(unittest.TestCase):
    """A fake chapter with one item, which is right until it is changed."""

    def setUp(self) -> None:
        self.fake = fake_lab.FakeLab(fake_lab.scratch_folder(self))
        self.fake.replace("README.md", "## Try\n\n", f"## Try\n\n{ITEM}")
        self.fake.write("tries.toml", TABLE)
        self.fake.program("try_1", EDITED)

    def failures(self) -> str:
        """Runs the test of the tries; returns what it says, or ""."""
        loaded = tries.test_class(self.fake.root, self.fake.name)
        checks: list[str] = []
        unittest.defaultTestLoader.loadTestsFromTestCase(loaded).run(
            results.Results(lambda check: checks.append(check.detail))
        )
        return "\n".join(filter(None, checks))

    def table(self, text: str) -> None:
        """Replaces what is expected of the try."""
        self.fake.write("tries.toml", f"[try.1]\n{text}\n")

    def test_an_item_that_shows_its_answer_passes(self) -> None:
        """The edit is made by the build, here by hand."""
        self.assertEqual(self.failures(), "")

    def test_an_item_without_an_answer_is_named(self) -> None:
        """Also one whose fold a code host would not show as one."""
        for old, new in (
            (ITEM, ITEM.partition("\n")[0] + "\n\n"),
            ("   <details>\n", "<details>\n"),
            ("Answer</summary>\n\n", "Answer</summary>\n"),
            ("   `Got 2`, all the same.\n\n", ""),
        ):
            before = (self.fake.folder / "README.md").read_text("utf-8")
            self.fake.replace("README.md", old, new)
            self.assertIn("item 1 of Try has no folded answer", self.failures())
            self.fake.write("README.md", before)

    def test_an_answer_without_a_test_is_named(self) -> None:
        """And a test without an item, and an item with another number."""
        self.fake.write("tries.toml", TABLE.replace("try.1", "try.2"))
        failures = self.failures()
        self.assertIn("tries.toml has no test of item 1: [try.1]", failures)
        self.assertIn("the chapter has no item for [try.2]", failures)
        self.fake.replace("README.md", "\n1. Delete", "\n3. Delete")
        self.assertIn("should have the number 1", self.failures())

    def test_a_table_must_say_what_is_seen(self) -> None:
        """In words that are known."""
        self.table('flags = ["--count=1"]')
        self.assertIn("does not say what must be seen", self.failures())
        self.table('said = ["Sum 3"]')
        self.assertIn("there is no key 'said'", self.failures())

    def test_a_program_that_is_not_built_is_named(self) -> None:
        """The BUILD file must name it."""
        (self.fake.folder / "try_1").unlink()
        self.assertIn('add "1" to `tries` in BUILD.bazel', self.failures())

    def test_each_expectation_can_fail(self) -> None:
        """With the line that it has looked for, and what was printed."""
        for text, message in (
            ('says = ["Got 2", "Got 1"]', "there is no line 'Got 1' here"),
            ('never = ["Sum 3"]', "'Sum 3' must never be said"),
            ('count = {"Got .*" = 3}', "there are 2 lines 'Got .*', not 3"),
            ('hang = "Receiver"', "a hang must match 'Receiver', but there"),
            ('leak = "process"', "what is left behind must match 'process'"),
            ("status = 1", "its exit status is 0, not 1"),
            ('stderr = "closed"', "standard error must match 'closed', but"),
            ("seconds = [50, 60]", "s, not 50 to 60 s"),
            ('judged = "late"', "test says of it must match 'late', but"),
            (
                'tests = {test_it_passes_and_leaves_nothing = "late"}',
                "leaves_nothing says of it must match 'late', but there is",
            ),
            ('shell = "exit 3"\nsays = []', "its exit status is 3, not 0"),
            (
                'says = ["Got 3"]\nruns = 2\nany = true',
                "in none of 2 runs; the last: there is no line 'Got 3' here",
            ),
        ):
            self.table(text)
            self.assertIn(message, self.failures(), text)

    def test_what_is_not_expected_fails(self) -> None:
        """A hang, something left behind, a status, without a word of them."""
        self.table('says = ["Sender: Sent 1"]')
        for script, message in (
            (fake_lab.HANGS, "it hangs"),
            (fake_lab.LEAK + fake_lab.RIGHT, "what is left behind must be"),
            (fake_lab.RIGHT + "exit 1\n", "its exit status is 1"),
        ):
            self.fake.program("fake", script)
            self.assertIn(message, self.failures())

    def test_each_expectation_can_be_met(self) -> None:
        """Otherwise what fails above proves nothing."""
        for script, text in (
            (fake_lab.HANGS, 'hang = "waits"'),
            (fake_lab.LEAK + fake_lab.RIGHT, 'leak = "process"'),
            (fake_lab.RIGHT + "exit 1\n", "status = 1"),
            ("echo no >&2\n" + fake_lab.RIGHT, 'stderr = "no"'),
            (fake_lab.RIGHT, "seconds = [0, 60]"),
            (fake_lab.RIGHT, 'judged = ""'),
            (fake_lab.LOST, 'judged = "outcome 2 was reached"'),
            (
                fake_lab.RIGHT.replace("PASS", "FAIL"),
                'status = 0\nstderr = ""\n'
                'tests = {test_it_passes_and_leaves_nothing = "last line"}',
            ),
            (fake_lab.RIGHT, 'shell = "$LAB | wc -l"\nsays = ["6"]'),
        ):
            self.fake.program("fake", script)
            self.table(text)
            self.assertEqual(self.failures(), "", text)


class EditTest(unittest.TestCase):
    """How sources are edited, and which edits are refused."""

    SOURCE = "a();\n  b();  // [b]\nc();  // [c]\nc();\n"

    def edited(self, **edit: str) -> str:
        """Returns the source with one edit."""
        return edit_try.apply(self.SOURCE, edit, "main.cc")

    def test_lines_are_found_by_their_tag(self) -> None:
        """Deleted, replaced, and moved."""
        self.assertEqual(
            self.edited(tag="b", replace=""), "a();\nc();  // [c]\nc();\n"
        )
        self.assertIn(
            "a();\n  d();\n  e();\nc",
            self.edited(tag="b", replace="d();\ne();"),
        )
        self.assertIn(
            "// [c]\n  b();  // [b]\nc();\n", self.edited(tag="b", behind="c")
        )
        self.assertIn(
            "a();\nc();  // [c]\n  b();", self.edited(tag="c", before="b")
        )

    def test_a_text_must_be_there_once(self) -> None:
        """Otherwise it is not clear which one is meant."""
        self.assertIn("d();\n  b()", self.edited(old="a()", new="d()"))
        for old, count in (("c()", 2), ("d()", 0)):
            with self.assertRaisesRegex(
                edit_try.WrongEdit, f"occurs {count} times, not once"
            ):
                self.edited(old=old, new="")

    def test_an_edit_that_does_not_apply_is_refused(self) -> None:
        """With one line that says which."""
        for edit, message in (
            ({"tag": "d", "replace": ""}, r"main.cc: no line is marked \[d\]"),
            ({"tag": "b", "behind": "d"}, r"no line is marked \[d\]"),
            ({"tag": "b"}, "needs replace/tag"),
        ):
            with self.assertRaisesRegex(edit_try.WrongEdit, message):
                self.edited(**edit)
        with self.assertRaisesRegex(edit_try.WrongEdit, "x.cc is not among"):
            edit_try.edited({"main.cc": ""}, [{"file": "x.cc"}], "labs/fake")

    def test_the_copies_include_each_other(self) -> None:
        """But not what the lab does not copy."""
        text = '#include "labs/a/a.h"\n#include "b.h"\n#include "labs/c/a.h"\n'
        self.assertEqual(
            edit_try.own_includes(text, "labs/a", "tries/1", {"a.h"}),
            '#include "labs/a/tries/1/a.h"\n#include "labs/a/b.h"\n'
            '#include "labs/c/a.h"\n',
        )


class ItemsTest(unittest.TestCase):
    """What a chapter lists below "Try"."""

    def test_only_items_of_try_are_items(self) -> None:
        """With their lines."""
        fake = fake_lab.FakeLab(fake_lab.scratch_folder(self))
        fake.write("README.md", f"1. No.\n## Try\n\n{ITEM}## See\n\n2. No.\n")
        found = chapter.Chapter.read(fake.folder / "README.md").tries()
        self.assertEqual([(x.number, x.line) for x in found], [(1, 4)])


if __name__ == "__main__":
    results.main()
