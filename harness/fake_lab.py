"""A small lab made of shell scripts, for the tests of the harness itself."""

import importlib.util
import os
import pathlib
import stat
import sys
import tempfile
import textwrap
import unittest

from harness import lab

# The flags that every lab has, as common/lab/lab.h answers them.
_FLAGS = """\
#!/bin/sh
for flag; do
  case $flag in
    --help) echo 'fake [OPTIONS]'; echo '  --count N  how many'; exit 0 ;;
    --pace=[0-9]* | --seed=[0-9]* | --count=[0-9]*) ;;
    *) echo "fake: wrong flag or value: $flag" >&2; exit 2 ;;
  esac
done
"""

RIGHT = """\
echo 'Sender: Sent 1'
echo 'Receiver: Got 1'
echo 'Sender: Sent 2'  # [second]
echo 'Receiver: Got 2'
echo 'Receiver: Sum 3'
echo 'Main: PASS'
"""

# Defects, each in a program of its own.
LATE = RIGHT.replace("Got 2", "Got 1")
LOST = RIGHT.replace("Sum 3", "Sum 2")
LEAK = "sleep 1000 > /dev/null &\n"
HANGS = "echo 'Sender: Sent 1'\nread never < $(dirname $0)/fifo\n"

CHAPTER = """\
# Fake

## Question

What is checked? See [the right variant](wrong/late.cc).

## Run it

    ./bazelw run //labs:fake

## What you see

```console
$ ./bazelw run //labs:fake -- --count=2
Sender: Sent 1
Receiver: Got 1
...
Receiver: Sum <n>
Main: PASS
```

## Why

```cpp main.cc#second
echo 'Sender: Sent 2'
echo 'Receiver: Got 2'
```

## Under the hood

## What goes wrong

`wrong_late` is late and `wrong_lost` loses one.

```console unordered
$ ./bazelw run //labs/fake:wrong_late
Receiver: Sum 3
Receiver: Got 1
Receiver: Got 1
Sender: Sent 1
Sender: Sent 2
Main: PASS
```

## If a process dies

## Try

## See
"""

TEST = """
import unittest
from harness import lab

class FakeTest(lab.LabTest):
    wrong = {
        "late": lab.Caught(by="output", saying="MISSING Receiver: Got 2"),
        "lost": lab.Caught(by="outcome", saying="outcome 2 was reached"),
    }

    def check(self, run):
        self.assert_said(run, "Receiver", ["Got 1", "Got 2", r"Sum \\\\d"])
        self.assert_before(run, "Sender: Sent 2", "Receiver: Got 2")
        self.assert_outcomes([run], {"3"}, capture=r"Sum (\\\\d)")
""".replace(
    "\\\\", "\\"
)


def scratch_folder(test: unittest.TestCase) -> pathlib.Path:
    """Returns an empty folder that is there as long as the test runs."""
    # Not just in /tmp: there a run may have a folder of its own.
    folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
    return pathlib.Path(test.enterContext(folder))


class FakeLab:
    """The lab `name` in the tree below `root`, right until it is changed."""

    def __init__(self, root: pathlib.Path, name: str = "fake") -> None:
        self.root = root
        self.name = name
        self.folder = root / "labs" / name
        (self.folder / "wrong").mkdir(parents=True)
        os.mkfifo(self.folder / "fifo")
        self.program(name, RIGHT)
        self.write("main.cc", RIGHT.replace("# [", "// ["))
        self.wrong("late", LATE)
        self.wrong("lost", LOST)
        self.write("README.md", CHAPTER.replace("fake", name))
        self.test(TEST)

    def write(self, path: str, text: str) -> None:
        """Writes a file of the lab."""
        (self.folder / path).write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        """Changes a text in a file of the lab, which must be there."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        self.write(path, text.replace(old, new))

    def program(self, name: str, script: str, flags: str = _FLAGS) -> None:
        """Writes an executable script."""
        self.write(name, flags + script)
        (self.folder / name).chmod(stat.S_IRWXU)

    def wrong(self, variant: str, script: str) -> None:
        """Writes a wrong variant: its source, and the program."""
        self.write(f"wrong/{variant}.cc", script)
        self.program(f"wrong_{variant}", script)

    def test(self, text: str) -> None:
        """Writes the test of the lab."""
        self.write(f"{self.name}_test.py", textwrap.dedent(text))

    def load(self) -> type[lab.LabTest]:
        """Imports the test of the lab as it is now."""
        file = self.folder / f"{self.name}_test.py"
        name = f"labs_{self.name}_test"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        # Python would take a test of the same length and second from its cache.
        code = compile(file.read_text(encoding="utf-8"), str(file), "exec")
        exec(code, module.__dict__)  # pylint: disable=exec-used
        (found,) = (
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, lab.LabTest)
        )
        return found

    def run_test(self, name: str) -> str:
        """Runs one test of the lab; returns what failed, or ""."""
        result = unittest.TestResult()
        unittest.TestSuite([self.load()(name)]).run(result)
        faults = result.failures + result.errors
        return "\n".join(text for _, text in faults)

    def run_all(self) -> dict[str, str]:
        """Runs all tests; returns what failed by the name of the test."""
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(self.load()).run(
            result
        )
        return {
            test.id().rpartition(".")[2]: text
            for test, text in result.failures + result.errors
        }
