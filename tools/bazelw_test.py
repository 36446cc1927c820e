"""bazelw: what it runs, and what it says where nothing can be run.

Each test has a machine of its own, as far as bazelw sees one: PATH is a folder
with made-up programs and a few real ones.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BAZELW = pathlib.Path(__file__).absolute().parent.parent / "bazelw"
_REAL = ("bash", "dirname", "env", "paste", "sed")
# A compiler answers the questions of bazelw by the lines that it prints.
_GCC = "#!/bin/sh\ncat >/dev/null\nprintf '{}'\n"
_BAZEL = """#!/bin/sh
[ "$1" != --version ] || { echo "bazel 7.7.1"; exit; }
echo "$USER:" "$@"
"""


class BazelwTest(unittest.TestCase):
    """One line and status 1, or Bazel."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name)
        self.environment = {"PATH": folder.name, "USER": "student"}
        for name in _REAL:
            found = shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)
        self.program("cat", f'#!/bin/sh\nexec {shutil.which("cat")} "$@"\n')
        self.program("id", "#!/bin/sh\necho student\n")
        self.program("python3", "#!/bin/sh\n")
        self.program("bazelisk", _BAZEL)
        self.compiler("version 12 12\\n")

    def program(self, name: str, text: str) -> None:
        """Installs a program."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def compiler(self, answer: str, name: str = "gcc") -> None:
        """Installs a compiler that answers this."""
        self.program(name, _GCC.format(answer))

    def run_it(
        self, *arguments: str, script: pathlib.Path = BAZELW
    ) -> tuple[int, str]:
        """Returns the status and all that was said."""
        done = subprocess.run(
            [script, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def assert_told(self, message: str, *arguments: str) -> None:
        """Asserts that it says this, in one line, and runs nothing."""
        status, said = self.run_it("test", "//...", *arguments)
        self.assertEqual(status, 1, said)
        self.assertRegex(said, f"\\Abazelw: {message}\n\\Z")

    def test_bazelisk_gets_the_arguments(self) -> None:
        self.assertEqual(
            self.run_it("--batch", "run", "//a", "--", "test"),
            (0, "student: --batch run //a -- test\n"),
        )

    def test_any_other_bazel_will_do(self) -> None:
        (self.bin / "bazelisk").rename(self.bin / "bazel")
        self.assertEqual(self.run_it("build", "x"), (0, "student: build x\n"))

    def test_optional_libraries_are_built_in_if_they_are_there(self) -> None:
        """Each once, by whichever of its headers it was found."""
        self.compiler(
            "version 12 12\\noptional rabbitmq\\n"
            "optional rabbitmq\\noptional openmpi\\n"
        )
        told = "student: --batch {}\n"
        for command, run in (
            ("test", "test --define=rabbitmq=yes --define=openmpi=yes"),
            ("query", "query"),
        ):
            self.assertEqual(
                self.run_it("--batch", command), (0, told.format(run))
            )

    def test_a_user_without_a_name_gets_one(self) -> None:
        del self.environment["USER"]
        self.program("id", '#!/bin/sh\n[ "$1" = -u ] && echo 1234\n')
        self.assertEqual(self.run_it("build"), (0, "1234: build\n"))

    def test_a_path_that_bazel_cannot_take_is_refused(self) -> None:
        for name in ("Übung", "my course"):
            script = self.bin / name / "bazelw"
            script.parent.mkdir()
            shutil.copy(BAZELW, script)
            status, said = self.run_it("build", script=script)
            self.assertEqual(status, 1)
            self.assertRegex(
                said,
                "\\Abazelw: Bazel needs a path in ASCII "
                "without spaces; .*\n\\Z",
            )

    def test_what_is_too_old_is_refused(self) -> None:
        with self.subTest("Python"):
            self.program(
                "python3",
                '#!/bin/sh\n[ "$1" = --version ] || exit 1\n'
                "echo Python 3.10.12\n",
            )
            self.assert_told("Python 3.10.12 is too old; it takes 3.11 .*")
            self.program("python3", "#!/bin/sh\n")
        with self.subTest("g++"):
            self.compiler("version 11 12\\n")
            self.assert_told("gcc 11 is too old; it takes g\\+\\+ 12 or .*")
        with self.subTest("clang++"):
            self.compiler("version 13 14\\n", "clang")
            self.assert_told("clang 13 is too old; .*", "--config=clang")
        with self.subTest("Bazel"):
            (self.bin / "bazelisk").unlink()
            self.program("bazel", "#!/bin/sh\necho bazel 3.5.1\n")
            self.assert_told("Bazel 3.5.1 is too old; it takes 4.2.3 or .*")

    def test_a_release_with_packages_that_are_too_old_is_refused(self) -> None:
        """Before anything of it is installed, as on Ubuntu 22.04."""
        (self.bin / "bazelisk").unlink()
        dpkg = shutil.which("dpkg")
        if dpkg is None:
            self.skipTest("there is no dpkg, and no package")
        (self.bin / "dpkg").symlink_to(dpkg)
        self.program("dpkg-query", "#!/bin/sh\n")
        self.program("apt-get", "#!/bin/sh\necho Installed\n")
        for name, there in (
            ("bazel-bootstrap", "3.5.1"),
            ("g\\+\\+", "11.2.0-1ubuntu1"),
            ("python3", "3.10.6-1"),
        ):
            policy = {
                "bazel-bootstrap": "4.2.3+ds-9",
                "g++": "4:13.2.0-7ubuntu1",
                "python3": "(none)",
            }
            policy[name.replace("\\", "")] = (
                f"4:{there}" if name[0] == "g" else there
            )
            lines = "".join(
                f"{package}) echo '  Candidate: {version}' ;;\n"
                for package, version in policy.items()
            )
            self.program("apt-cache", f"#!/bin/sh\ncase $2 in\n{lines}esac\n")
            status, said = self.run_it("build")
            self.assertEqual(status, 1)
            self.assertRegex(
                said,
                f"\\Ainstall_packages: this release has {name} {there};"
                " it takes [0-9.]+ or later\n\\Z",
            )

    def test_what_is_missing_is_named(self) -> None:
        (self.bin / "bazelisk").unlink()
        self.assert_told("there is no Bazel here; install bazelisk .*")
        self.program("bazelisk", _BAZEL)
        (self.bin / "gcc").unlink()
        self.assert_told("there is no gcc; install g\\+\\+ 12 or .*")
        self.program("gcc", "#!/bin/sh\nexit 1\n")
        self.assert_told("gcc does not compile C\\+\\+; install .*")

    def test_missing_libraries_are_named_by_their_packages(self) -> None:
        self.compiler(
            'version 12 12\\nlacking "fmt/format.h"\\n'
            'lacking "gtest/gtest.h"\\nlacking "gmock/gmock.h"\\n'
        )
        self.assert_told(
            "the compiler does not find .*: fmt/format.h gtest/gtest.h .*"
        )
        for manager, told in (
            ("apt-get", "apt-get install libgtest-dev .*libcurl4-openssl-dev"),
            ("pacman", "pacman -S --needed fmt gtest"),
            ("dnf", "dnf install fmt-devel gmock-devel gtest-devel .*"),
        ):
            self.program(manager, "#!/bin/sh\nexit 1\n")
            self.assert_told(f"libraries are missing: {told}")

    def test_the_real_compiler_finds_what_is_here(self) -> None:
        """Or this test could not have been built."""
        compiler = shutil.which("gcc")
        assert compiler
        (self.bin / "gcc").unlink()
        self.program("gcc", f'#!/bin/sh\nexec {compiler} "$@"\n')
        status, said = self.run_it("build")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"^student: build( --define=\w+=yes)*\n$")


if __name__ == "__main__":
    unittest.main()
