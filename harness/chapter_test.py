"""The tests of the chapter's checks: a stale chapter fails and says where."""

import unittest

from harness import chapter, fake_lab, results, trace

SOURCE = """\
void send(Pipe& pipe) {
  pipe.reader.reset();  // [unused] Only the receiver reads.
  for (int i = 0; i < 3; ++i) {
    pipe.write(i);  // [write]
  }
}
"""


class ChapterTest(unittest.TestCase):
    """The base: a folder labs/fake with one source, below a tree."""

    def setUp(self) -> None:
        self.root = fake_lab.scratch_folder(self)
        self.folder = self.root / "labs" / "fake"
        self.folder.mkdir(parents=True)
        (self.root / "common").mkdir()
        (self.folder / "main.cc").write_text(SOURCE)
        (self.root / "common" / "pipe.h").write_text("int a;\nint b;\n")

    def chapter(self, text: str) -> chapter.Chapter:
        """Writes and reads a chapter."""
        file = self.folder / "README.md"
        file.write_text(text)
        return chapter.Chapter.read(file)

    def one(self, problems: list[str]) -> str:
        """Returns the only problem."""
        self.assertEqual(len(problems), 1, problems)
        return problems[0]


class HeadingsTest(ChapterTest):
    """The headings are the same in all chapters."""

    RIGHT = "# Fake\n" + "".join(f"## {h}\n" for h in chapter.HEADINGS)

    def problems(self, text: str) -> list[str]:
        """Returns the problems of the headings."""
        return self.chapter(text).heading_problems()

    def test_all_headings_in_order_are_right(self) -> None:
        """Those of a lower level are free, and a fence has none."""
        self.assertEqual(self.problems(self.RIGHT), [])
        more = "### Details\n```sh\n## A comment\n```\n## Try\n"
        text = self.RIGHT.replace("## Try\n", more)
        self.assertEqual(self.problems(text), [])

    def test_a_heading_that_is_missing_or_unknown_is_named(self) -> None:
        """With its line if it has one."""
        problem = self.one(self.problems(self.RIGHT.replace("## Try\n", "")))
        self.assertIn("one heading '## Try', not 0", problem)
        problem = self.one(self.problems(self.RIGHT + "## More\n"))
        self.assertEqual(problem, "README.md:11: 'More' is not a fixed heading")
        problem = self.one(self.problems(self.RIGHT + "## Try\n"))
        self.assertIn("one heading '## Try', not 2", problem)
        problem = self.one(self.problems(self.RIGHT[2:]))
        self.assertIn("README.md:1: begin with a title", problem)

    def test_another_order_is_wrong(self) -> None:
        """The tenth chapter is read faster than the first."""
        text = self.RIGHT.replace("## Why\n", "") + "## Why\n"
        self.assertIn("the order", self.one(self.problems(text)))

    def test_every_wrong_variant_is_named(self) -> None:
        """As no_lock or as wrong_no_lock, but not within another word."""
        text = self.chapter("`wrong_no_lock`, `torn`, `unlocked`")
        variants = ["no_lock", "torn", "lock"]
        self.assertEqual(
            text.naming_problems(variants),
            ["README.md: does not name wrong variant lock"],
        )


class CodeTest(ChapterTest):
    """A listing is cut from its source."""

    def problems(self, listing: str) -> list[str]:
        """Returns the problems of the code in the chapter."""
        return self.chapter(listing).code_problems(self.root)

    def test_lines_of_the_source_around_the_tag_are_right(self) -> None:
        """Without the tag, or with it, and without the indentation."""
        for listing in (
            "for (int i = 0; i < 3; ++i) {\n  pipe.write(i);\n}\n",
            "  for (int i = 0; i < 3; ++i) {\n    pipe.write(i);  // [write]\n",
        ):
            fence = f"```cpp main.cc#write\n{listing}```\n"
            self.assertEqual(self.problems(fence), [])

    def test_the_words_after_a_tag_are_part_of_the_listing(self) -> None:
        """Only the tag itself is taken away."""
        line = "pipe.reader.reset();  // Only the receiver reads.\n"
        fence = f"```cpp main.cc#unused\n{line}```\n"
        self.assertEqual(self.problems(fence), [])
        problem = self.one(self.problems(fence.replace("Only", "All but")))
        self.assertIn("-pipe.reader.reset();  // All but the", problem)

    def test_a_changed_line_is_shown(self) -> None:
        """With the line of the listing, and the difference."""
        problem = self.one(
            self.problems(
                "# Fake\n\n```cpp main.cc#write\n"
                "for (int i = 0; i < 4; ++i) {\n  pipe.write(i);\n}\n```\n"
            )
        )
        self.assertTrue(problem.startswith("README.md:3: main.cc"), problem)
        self.assertIn("-for (int i = 0; i < 4; ++i) {", problem)
        self.assertIn("+for (int i = 0; i < 3; ++i) {", problem)

    def test_lines_elsewhere_than_at_the_tag_are_wrong(self) -> None:
        """They exist, but are not those that the chapter names."""
        fence = "```cpp main.cc#write\nvoid send(Pipe& pipe) {\n```\n"
        self.assertIn("consecutive lines", self.one(self.problems(fence)))

    def test_a_tag_or_file_that_is_not_there_is_named(self) -> None:
        """And a listing of no file at all."""
        fence = "```cpp main.cc#eof\nx\n```\n"
        self.assertIn(
            "has 0 lines tagged // [eof]", self.one(self.problems(fence))
        )
        fence = "```cpp other.cc#eof\nx\n```\n"
        self.assertIn("there is no other.cc", self.one(self.problems(fence)))
        fence = "```cpp ../../../x.cc#eof\nx\n```\n"
        self.assertIn("outside the lab", self.one(self.problems(fence)))
        fence = "```cpp\nx\n```\n"
        self.assertIn("name the source", self.one(self.problems(fence)))
        fence = "```cpp main.cc#write\n```\n"
        self.assertIn("is empty", self.one(self.problems(fence)))

    def test_the_library_may_be_quoted(self) -> None:
        """By its path from the root; without a tag from anywhere in it."""
        fence = "```cpp common/pipe.h\nint b;\n```\n"
        self.assertEqual(self.problems(fence), [])
        fence = "```cpp common/pipe.h\nint c;\n```\n"
        self.assertIn(
            "no such consecutive lines", self.one(self.problems(fence))
        )

    def test_other_fences_are_not_looked_at(self) -> None:
        """A difference to try out is no listing."""
        self.assertEqual(self.problems("```diff\n-int b;\n```\n"), [])


class TagsTest(ChapterTest):
    """What to try is about lines that are there."""

    def test_a_tag_that_no_line_has_is_named(self) -> None:
        """In the chapter, and in the head of a source."""
        text = self.chapter("1. Delete `[write]`.\n2. Delete `[close]`.\n")
        self.assertEqual(
            text.tag_problems(), ["README.md:2: no line is marked [close]"]
        )
        for tag, problems in (
            ("write", []),
            ("close", ["main.cc: no line is marked [close]"]),
        ):
            head = (
                f"// fake. Try: --count=1, and delete\n// a line [{tag}].\n\n"
            )
            (self.folder / "main.cc").write_text(head + SOURCE)
            text = self.chapter("")
            self.assertEqual(text.tag_problems(), problems)


class ConsoleTest(ChapterTest):
    """A transcript is what its command prints."""

    LINES = ("A: 1", "B: got 7 of 9", "A: 2", "B: end", "Main: PASS")

    def problems(
        self, output: str, info: str = "", lines: object = None
    ) -> str:
        """Compares a transcript with what is printed; returns the problems."""
        command = "$ ./bazelw run //labs:fake -- --count=2"
        text = self.chapter(f"# F\n```console{info}\n{command}\n{output}```\n")
        console = text.consoles()[0]
        self.assertEqual(console.variant_of("fake"), "")
        self.assertEqual(console.flags, ("--count=2",))
        found = lines if isinstance(lines, tuple) else self.LINES
        return "\n".join(console.problems(found))

    def test_speakers_may_come_in_any_order_but_each_in_its_own(self) -> None:
        """Never a golden transcript of two processes."""
        same = "B: got 7 of 9\nB: end\nA: 1\nA: 2\nMain: PASS\n"
        self.assertEqual(self.problems(same), "")
        swapped = "A: 2\nA: 1\nB: got 7 of 9\nB: end\nMain: PASS\n"
        problems = self.problems(swapped)
        self.assertIn("stale", problems)
        self.assertEqual(self.problems(swapped, " unordered"), "")

    def test_a_stale_line_is_named_with_its_number(self) -> None:
        """And the difference is shown."""
        stale = "A: 1\nA: 3\nB: got 7 of 9\nB: end\nMain: PASS\n"
        problems = self.problems(stale)
        self.assertIn("README.md:5: stale, not printed (here): A: 3", problems)
        self.assertIn("README.md:3: stale, this line is new: A: 2", problems)
        self.assertIn("    -A: 3\n", problems)
        problems = self.problems(stale, " unordered")
        self.assertIn("README.md:5: stale, not printed: A: 3", problems)
        self.assertIn("README.md:3: stale, this line is new: A: 2", problems)

    def test_a_new_speaker_is_a_new_line(self) -> None:
        """Unless lines were left out."""
        only = "A: 1\nA: 2\nMain: PASS\n"
        problems = self.problems(only)
        self.assertIn("this line is new: B: got 7 of 9", problems)
        self.assertEqual(self.problems("A: 1\n...\nMain: PASS\n"), "")

    def test_words_in_brackets_stand_for_a_token(self) -> None:
        """One token, not several."""
        for token in ("<n>", "<...>", "<number>"):
            text = f"A: 1\nA: 2\nB: got {token} of 9\nB: end\nMain: PASS\n"
            self.assertEqual(self.problems(text), "")
            self.assertEqual(self.problems(text, " unordered"), "")
        text = "A: 1\nA: 2\nB: got <n>\nB: end\nMain: PASS\n"
        self.assertIn("not printed (here): B: got <n>", self.problems(text))

    def test_a_line_of_dots_stands_for_lines_where_it_is(self) -> None:
        """Between two lines of a speaker, not after its last one."""
        lines = ("A: 1", "A: 2", "A: 3", "A: 4")
        self.assertEqual(self.problems("A: 1\n...\nA: 4\n", "", lines), "")
        problems = self.problems("A: 1\n...\nA: 3\n", "", lines)
        self.assertIn("this line is new: A: 4", problems)

    def test_each_line_is_taken_once(self) -> None:
        """Also in any order: a multiset, not a set."""
        lines = ("A: 1", "A: 1", "A: 2")
        text = "A: 2\nA: <n>\nA: 1\n"
        self.assertEqual(self.problems(text, " unordered", lines), "")
        text = "A: 2\nA: 2\nA: 1\n"
        self.assertIn("A: 2", self.problems(text, " unordered", lines))

    def test_the_key_is_not_a_line(self) -> None:
        """A student types it, no program prints it."""
        self.assertEqual(self.problems("A: 1\n^C\n", "", ("A: 1",)), "")

    def test_only_commands_that_run_labs_are_compared(self) -> None:
        """A fence may hold several commands."""
        text = self.chapter(
            "```console\n$ strace -f ls\nread(3)\n"
            "$ ./bazelw run //labs/fake:wrong_late\nA: 1\n"
            "$ bazel run //labs:other\nB: 2\n```\n"
        )
        consoles = text.consoles()
        self.assertEqual(len(consoles), 2)
        first, second = consoles[0], consoles[1]
        self.assertEqual(first.variant_of("fake"), "late")
        self.assertEqual(first.output, ("A: 1",))
        self.assertEqual(first.place, "README.md:4")
        self.assertIsNone(second.variant_of("fake"))


class ExcerptTest(ChapterTest):
    """What is shown of a trace, and that nothing is shown unchecked."""

    def test_the_command_is_taken_apart(self) -> None:
        """Options of strace, the program, and its flags."""
        (excerpt,) = self.chapter(
            "```strace\n$ strace -f -e trace=futex "
            "bazel-bin/labs/fake/wrong_late --pace=0\nfutex() = 0\n```\n"
        ).excerpts()
        self.assertEqual(excerpt.options, ("-f", "-e", "trace=futex"))
        self.assertEqual(excerpt.variant_of("fake"), "late")
        self.assertIsNone(excerpt.variant_of("other"))
        self.assertEqual(excerpt.flags, ("--pace=0",))
        self.assertEqual(excerpt.calls, ("futex() = 0",))
        self.assertEqual(excerpt.place, "README.md:1")

    def test_another_command_belongs_to_no_lab(self) -> None:
        """One that is not strace, or traces something else, or nothing."""
        for line in ("$ strace ls", "$ ltrace bazel-bin/labs/fake/fake", ""):
            text = self.chapter(f"```strace\n{line}\n```\n")
            self.assertIsNone(text.excerpts()[0].variant_of("fake"), line)

    def test_what_a_command_prints_is_compared(self) -> None:
        """Or it is not shown."""
        fence = "```text\nA: 1\n$ cat /proc/self/io\nrchar: 1\n```\n"
        self.assertIn(
            "README.md:3: show what this prints in a fence",
            self.one(self.chapter(fence).unchecked_problems()),
        )
        fence = fence.replace("text", "console")
        self.assertIn(
            "README.md:3: this command is not run",
            self.one(self.chapter(fence).unchecked_problems()),
        )
        for fence in (
            "```sh\ncat /proc/self/io\n```\n",
            "```strace\n$ strace -f ls\n```\n",
            "```console\n$ ./bazelw run //labs:fake\n```\n",
        ):
            self.assertEqual(self.chapter(fence).unchecked_problems(), [])


class LinksTest(ChapterTest):
    """Relative links lead somewhere."""

    def test_links_to_files_and_headings(self) -> None:
        """Those to the web are not followed, and code has none."""
        text = self.chapter(
            "# A title: with `code`\n[a](main.cc) [b](#a-title-with-code)\n"
            "[c](../../common/pipe.h) [d](https://example.org) [e](../fake/)\n"
            "`[f](gone.cc)` [g](mailto:x@example.org)\n"
        )
        self.assertEqual(text.link_problems(), [])

    def test_a_dead_link_is_named_with_its_line(self) -> None:
        """A file, or a heading."""
        text = self.chapter("# A\n\n[a](gone.cc)\n[b](#gone) [c](../x/y.md)\n")
        self.assertEqual(
            text.link_problems(),
            [
                "README.md:3: link to gone.cc, which does not exist",
                "README.md:4: there is no heading #gone in README.md",
                "README.md:4: link to ../x/y.md, which does not exist",
            ],
        )
        inside = text.link_problems(inside=[self.folder])
        self.assertEqual(len(inside), 2, inside)


class StaleChapterTest(unittest.TestCase):
    """A whole lab whose chapter has become stale fails its test."""

    def setUp(self) -> None:
        self.fake = fake_lab.FakeLab(fake_lab.scratch_folder(self))

    def test_a_program_that_prints_something_new_makes_it_stale(self) -> None:
        """The transcript is that of an older program."""
        self.fake.replace("fake", "Got 1", "Got one")
        message = self.fake.run_test(
            "test_chapter_shows_what_the_programs_print"
        )
        self.assertIn("README.md:16: stale", message)

    def test_a_transcript_of_the_lab_is_needed(self) -> None:
        """And one of another lab does not do."""
        self.fake.replace("README.md", "run //labs:fake", "run //labs:other")
        message = self.fake.run_test(
            "test_chapter_shows_what_the_programs_print"
        )
        self.assertIn("//labs:other is not of this lab", message)
        self.assertIn("no transcript of the lab itself", message)

    def test_a_variant_that_does_not_exist_is_not_run(self) -> None:
        """It is named instead."""
        self.fake.replace("README.md", "fake:wrong_late", "fake:wrong_old")
        message = self.fake.run_test(
            "test_chapter_shows_what_the_programs_print"
        )
        self.assertIn("there is no //labs/fake:wrong_old", message)

    def test_a_call_that_is_not_made_makes_it_stale(self) -> None:
        """The excerpt is that of an older program; one of ours is found."""
        if reason := trace.why_not():
            self.skipTest(reason)
        name = "test_chapter_shows_the_calls_that_the_programs_make"
        fence = (
            "```strace\n$ strace -f -s 64 bazel-bin/labs/fake/fake\n"
            'write(1, "Sender: Sent 1\\n", 15) = 15\n```\n'
        )
        self.fake.write("README.md", fake_lab.CHAPTER + fence)
        self.assertEqual(self.fake.run_test(name), "")
        self.fake.replace("README.md", 'write(1, "Sender', 'send(1, "Sender')
        self.assertIn(
            "no process makes this call, after those above it: send(1,",
            self.fake.run_test(name),
        )
        self.fake.replace("README.md", "labs/fake/fake", "labs/other/other")
        self.assertIn("not `$ strace", self.fake.run_test(name))

    def test_code_that_was_changed_makes_it_stale(self) -> None:
        """The listing is that of an older source."""
        self.fake.replace("main.cc", "Sent 2", "Sent two")
        message = self.fake.run_test("test_chapter_shows_the_code_as_it_is")
        self.assertIn("README.md:24: main.cc does not have", message)


if __name__ == "__main__":
    results.main()
