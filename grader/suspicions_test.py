"""The tests of what a person is told to look at."""

import pathlib
import time
import unittest
from collections.abc import Iterator

from grader import suspicions
from harness import exercises, results
from harness.exercises import BUILD, Exercise

ROOT = pathlib.Path(__file__).parent.parent


def all_exercises() -> Iterator[Exercise]:
    """Yields each exercise of the tree."""
    for place in ("labs", "projects"):
        for folder in sorted((ROOT / place).iterdir()):
            yield from exercises.load(folder)


class SuspicionsTest(unittest.TestCase):
    """Sources with something in them that the exercise does not need."""

    def setUp(self) -> None:
        self.exercise = exercises.find(
            ROOT / "labs/pipes", "mend", "unclosed_end"
        )
        self.solution = self.exercise.solution()

    def found(self, *added: str) -> list[str]:
        """Returns what is named in the solution with these lines behind it."""
        text = "\n".join((self.solution.rstrip("\n"), *added, ""))
        return suspicions.suspicious(self.exercise, text)

    def assert_named(self, text: str, words: str) -> None:
        """Sees that a line behind the solution is named, and where."""
        found = self.found("", text)
        line = self.solution.count("\n") + 2
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f"line {line}: "), found)
        self.assertIn(words, found[0])
        self.assertTrue(found[0].isprintable())

    def test_no_text_of_any_exercise_is_named(self) -> None:
        count = 0
        for exercise in all_exercises():
            texts = [exercise.copy(), exercise.solution()]
            texts += [exercise.planted(one.name) for one in exercise.wrong]
            if exercise.kind == BUILD:
                files = (exercise.folder / "wrong").glob("*.cc")
                texts += [file.read_text("utf-8") for file in files]
            for text in texts:
                count += 1
                self.assertEqual(
                    suspicions.suspicious(exercise, text), [], exercise.title
                )
        self.assertGreater(count, 400)

    def test_what_learners_add_is_not_named(self) -> None:
        self.assertEqual(
            self.found(
                "#include <deque>",
                "#include <sys/select.h>",
                '#include "common/sync/event.h"',
                '// Compared with /proc: asm, "Main: PASS", ptrace, #pragma',
                '/* #include "/etc/passwd" */',
                "int extra(int n) { return kill(n, 0) - 1; }",
                'const char* const kText = "a / proc";',
                "constexpr int kMillion = 1'000'000;",
                "#define SHOW(x) #x",
            ),
            [],
        )

    def test_words_are_named(self) -> None:
        for word in (
            "asm __asm__ _exit _Exit quick_exit abort syscall ptrace dlopen"
            " dlsym environ getenv setenv process_vm_readv execve execlp"
            " posix_spawn system"
        ).split():
            self.assert_named(f'void f() {{ {word}("x"); }}', word)
        self.assert_named(
            "[[gnu::constructor]] void f() {}", "runs before or after main"
        )
        self.assert_named(
            "__attribute__((destructor(101))) void f() {}", "destructor"
        )
        self.assert_named('_Pragma("x")', "_Pragma")

    def test_directives_are_named(self) -> None:
        for text, words in (
            ('#include "/etc/passwd"', "#include /etc/passwd"),
            ("#include </dev/stdin>", "#include /dev/stdin"),
            ('# include/**/"../../main.cc"', "main.cc"),
            ('%:include "/proc/self/environ"', "/proc/self/environ"),
            ('#include "common/../labs/pipes/main.cc"', "main.cc"),
            ("#include <sys/ptrace.h>", "sys/ptrace.h"),
            ("#include MACRO", "MACRO"),
            ("#pragma GCC poison x", "pragma"),
            ("#embed </etc/passwd>", "embed"),
            ('#if __has_include("/etc/shadow")', "which files"),
        ):
            found = self.found("", text)
            self.assertTrue(found, text)
            self.assertIn(words, found[0])

    def test_literals_are_named(self) -> None:
        for text in (
            '"/proc/self/maps"',
            '"/pr" "oc/1"',
            'u8"/sys/fs/cgroup"',
            '"/dev/kmsg"',
            '"IPC_LABS_SEED"',
            '"Main: PASS"',
            'R"(\\x /proc)"',
        ):
            found = self.found(f"const auto* const kText = {text};")
            self.assertEqual(len(found), 1, text)

    def test_a_signal_to_all_is_named(self) -> None:
        self.assert_named("void f() { kill(-1, SIGKILL); }", "kill(-1")
        self.assert_named("void f() { ::kill( - 1, 9); }", "kill(-1")

    def test_a_process_of_its_own_is_named(self) -> None:
        self.assert_named("int more() { return fork(); }", "fork")

    def test_a_main_that_takes_the_environment_is_named(self) -> None:
        self.assert_named("int main(int, char**, char** all);", "its third")

    def test_another_exploration_is_named(self) -> None:
        exercise = exercises.find(
            ROOT / "labs/condition", "mend", "if_for_while"
        )
        solution = exercise.solution()
        for old, new in (
            ("  schedule.run();\n  return list();", '  return "added 1";'),
            ("  lab.explores(", "  (void)explore; if (false) lab.explores ("),
            ("  schedule.always(", "  if (false) schedule.always("),
        ):
            self.assertIn(old, solution)
            found = suspicions.suspicious(exercise, solution.replace(old, new))
            self.assertTrue(found, new)
            self.assertIn("this line is gone", found[0])

    def test_a_word_that_is_split_over_lines_is_named(self) -> None:
        self.assert_named("void f() { pt\\\nrace(0); }", "ptrace")
        self.assertIn(
            "line 4: ",
            suspicions.suspicious(self.exercise, "a\\\nb\\\nc\nasm")[1],
        )

    def test_another_program_is_named(self) -> None:
        found = suspicions.suspicious(self.exercise, "int main() {}\n")
        self.assertEqual(len(found), 1)
        self.assertIn("shares little with the file", found[0])
        for other in all_exercises():
            if other.lab == "lock_free" and other.kind != BUILD:
                found = suspicions.suspicious(self.exercise, other.solution())
                self.assertIn("shares little with the file", found[0])

    def test_a_project_may_be_another_program(self) -> None:
        for exercise in all_exercises():
            if exercise.kind == BUILD:
                text = "int main() { return 0; }\n"
                self.assertEqual(suspicions.suspicious(exercise, text), [])

    def test_what_is_said_is_bounded(self) -> None:
        lines = [f'#include "/{n}\x1b{"x" * 300}"' for n in range(99)]
        found = self.found(*lines)
        self.assertEqual(len(found), suspicions.MOST_LINES)
        self.assertIn("more like these", found[-1])
        for line in found:
            self.assertLess(len(line), 250)
            self.assertTrue(line.isprintable())

    def test_any_source_is_looked_at_in_bounded_time(self) -> None:
        size = 4 * suspicions.MOST_LOOKED_AT
        copy = self.exercise.copy()
        for text in (
            "; " * (size // 2),
            "\\\n" * (size // 2),
            '"a" ' * (size // 4),
            "#" * size,
            "/*" * (size // 2),
            '"' * size,
            'R"(' * (size // 3),
            "'\\" * (size // 2),
            "kill(-" * (size // 6),
            copy * (size // len(copy)),
            "\0\ud800\n\r" * (size // 4),
            "",
        ):
            start = time.process_time()
            found = suspicions.suspicious(self.exercise, text)
            self.assertEqual("only the first" in "".join(found), text != "")
            self.assertLess(time.process_time() - start, 20, text[:9])


if __name__ == "__main__":
    results.main()
