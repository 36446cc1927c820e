"""The tests of what blocks are compared with: each fault in one is found."""

import unittest

from harness import chapter, fake_lab, fences, results


class FencesTest(unittest.TestCase):
    """The base: the fake lab, with something more in its chapter."""

    def setUp(self) -> None:
        self.fake = fake_lab.FakeLab(fake_lab.scratch_folder(self))

    def chapter(self, text: str) -> chapter.Chapter:
        """Adds to the chapter and reads it; only what was added matters."""
        self.fake.write("README.md", fake_lab.CHAPTER + text)
        return chapter.Chapter.read(self.fake.folder / "README.md")

    def run_test(self, name: str, text: str) -> str:
        """Returns what a test of the lab says of the chapter."""
        self.chapter(text)
        return self.fake.run_test(f"test_chapter_{name}")

    def one(self, problems: list[str]) -> str:
        """Returns the only problem."""
        self.assertEqual(len(problems), 1, problems)
        return problems[0]

    def test_a_block_of_no_kind_is_found(self) -> None:
        """Nor may what a process says be called a drawing."""
        for info in ("sh", "shell", "text drawing", "text hang late"):
            fence = f"```{info}\nls\n```\n"
            self.assertEqual(fences.kind_problems(self.chapter(fence)), [])
        for info in ("", "text", "text fixed", "json", "console once"):
            fence = f"```{info}\nls\n```\n"
            problem = self.one(fences.kind_problems(self.chapter(fence)))
            self.assertIn(f"README.md:50: what compares ```{info}?", problem)
        fence = "```text drawing\nMain: PASS\n```\n"
        self.assertIn(
            "no drawing",
            self.run_test("has_no_block_that_nothing_compares", fence),
        )

    def test_measured_lines_are_compared_but_for_their_numbers(self) -> None:
        """Times, ratios and bars differ; words and order do not."""
        self.fake.replace("fake", "Got 2", "##  1.5 ms (1 to 2 ms)")
        name = "shows_lines_that_were_measured"
        fence = "```text measured\n{}\n```\n"
        right = "Receiver: ####    27 us (3 to 5,000 us)\nReceiver: Sum 7"
        self.assertEqual(self.run_test(name, fence.format(right)), "")
        for old, new in (("to", "and"), ("####", "about"), ("Sum", "Total")):
            wrong = fence.format(right.replace(old, new))
            self.assertIn("README.md:50: stale", self.run_test(name, wrong))
        lines = "\n".join(reversed(right.splitlines()))
        self.assertIn("stale", self.run_test(name, fence.format(lines)))

    def test_what_is_said_of_a_hang_is_compared(self) -> None:
        """Of a variant that does hang."""
        self.fake.wrong("lost", fake_lab.HANGS)
        name = "shows_how_hangs_are_explained"
        said = "wrong_lost waits"
        fence = "```text hang lost\n{}\n```\n"
        found = self.run_test(name, fence.format(said))
        self.assertIn(f"README.md:50: stale, not said (here): {said}", found)
        test = self.fake.load()()
        test.setUp()
        run = test.run_wrong("lost")
        assert run.hang
        lines = run.hang.explain().splitlines()[1:]
        self.assertEqual(self.run_test(name, fence.format(lines[0])), "")
        fence = fence.replace("hang lost", "hang gone")
        self.assertIn("no gone", self.run_test(name, fence.format(said)))

    def test_what_other_programs_print_is_compared(self) -> None:
        """Several commands are one script, which may run the lab."""
        name = "shows_what_other_programs_print"
        fence = "```shell\n$ bazel-bin/labs/fake/fake | head -n 1\n{}\n```\n"
        self.assertEqual(
            self.run_test(name, fence.format("Sender: Sent <n>")), ""
        )
        found = self.run_test(name, fence.format("Sender: Had <n>"))
        self.assertIn("README.md:52: stale", found)
        fence = (
            "```shell\n$ cat /proc/self/stat |\n$   cut -d ' ' -f 3\n{}\n```"
        )
        self.assertEqual(self.run_test(name, fence.format("R")), "")
        self.assertIn("stale", self.run_test(name, fence.format("S")))

    def test_printed_lines_are_made_by_strings_of_the_sources(self) -> None:
        """Also by one that is written in two, and by a line of several."""
        self.fake.write(
            "main.cc", 'say("{} of {} "\n  "lost"); say("{}\\nBytes: {}");\n'
        )
        fence = "```text printed\nMain: 1 of 2 lost\nMain: Bytes: 7\n```\n"
        self.assertEqual(fences.printed_problems(self.chapter(fence)), [])
        wrong = fence.replace("lost", "gone")
        self.assertEqual(
            self.one(fences.printed_problems(self.chapter(wrong))),
            "README.md:51: no string of the sources makes this: "
            "Main: 1 of 2 gone",
        )

    def test_a_page_shows_only_what_a_chapter_shows(self) -> None:
        """With other numbers, and with <words> in the chapter."""
        text = self.chapter("```console\nMain: <n> us (<low> to <n>\n```\n")
        fence = "```text measured\n$ ./bazelw run //labs:{}\n{}\n```\n"
        for lab, line, problem in (
            ("fake", "Main: 7 us (1 to 2)", ""),
            ("fake", "Receiver: Sum 12", ""),
            ("fake", "Main: 7 ms (1 to 2)", "no chapter shows this"),
            ("other", "Receiver: Sum 12", "no chapter shows this"),
        ):
            page = self.chapter(fence.format(lab, line))
            found = "".join(fences.elsewhere_problems(page, [text]))
            self.assertIn(problem, found)
            self.assertEqual(bool(problem), bool(found), found)

    def test_a_layout_is_that_of_the_tree(self) -> None:
        """Files and folders, and what is in a folder."""
        fence = (
            "```text layout\nlabs/    labs\n  fake/  a lab\n       more\n```\n"
        )
        text = self.chapter(fence)
        self.assertEqual(fences.layout_problems(text, self.fake.root), [])
        text = self.chapter(fence.replace("fake/", "gone/"))
        problem = self.one(fences.layout_problems(text, self.fake.root))
        self.assertTrue(problem.endswith("labs/gone"), problem)

    def test_commands_that_cannot_work_are_found(self) -> None:
        """No such program, target, flag or scenario."""
        root = self.fake.root
        (root / "common/lab").mkdir(parents=True)
        (root / "common/lab/lab.cc").write_text('"--pace"')
        (root / "harness").mkdir()
        (root / "harness/explore.py").write_text(
            '"two" "--schedule" "--scenario"'
        )
        self.fake.write("main.cc", '"--count" "ring"')
        explore = "./bazelw run //harness:explore --"
        for command, problem in (
            ("./bazelw run -c opt //labs:fake -- --pace=0 --count 3  # x", ""),
            ("./bazelw test //...", ""),
            ("A=b bazel-bin/labs/fake/fake | head -3 && ls /tmp", ""),
            (f"{explore} fake:wrong_late --scenario=ring -- --count=3", ""),
            ("./bazelw run", "it has no target"),
            ("./bazelw run //labs:gone", "there is no //labs:gone"),
            ("./bazelw run //labs/fake:wrong_x", "no //labs/fake:wrong_x"),
            ("./bazelw run //labs:fake -- --cuont=3", "fake has no --cuont"),
            ("./bazelw run //harness:exlpore", "there is no //harness:exlpore"),
            (f"{explore} gone", "there is no //labs/gone:gone"),
            (f"{explore} fake two", "two is not the name of a flag"),
            (f"{explore} fake --scenario=rong", "no scenario rong"),
            (f"{explore} fake --scenario=two", "no scenario two"),
            ("bazel-bin/labs/fake/row", "there is no //labs/fake:row"),
            ("tools/no_such", "there is no tools/no_such"),
            ("ls /tmp | sotr", "sotr is none of"),
        ):
            text = self.chapter(f"```sh\n{command}\n```\n")
            found = "\n".join(fences.command_problems(text, root))
            self.assertIn(problem, found)
            self.assertEqual(bool(problem), bool(found), found)


if __name__ == "__main__":
    results.main()
