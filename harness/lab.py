"""The test of a lab: what it promises, and how its wrong variants are caught."""

import dataclasses
import pathlib
import sys
import unittest
from typing import ClassVar, Mapping


@dataclasses.dataclass(frozen=True)
class Caught:
    """How a wrong variant must be caught.

    `by` is the kind of verdict: "outcome", "output", "status", "hang" or
    "leak"; `saying` is a regular expression that the verdict must match;
    `flags` are the flags of the variant's run.
    """

    by: str
    saying: str
    flags: tuple[str, ...] = ()


class LabTest(unittest.TestCase):
    """The base of every lab's test, which inherits the checks it has here."""

    wrong: ClassVar[Mapping[str, Caught]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        """Skips the base itself, which has no lab."""
        if cls is LabTest:
            raise unittest.SkipTest("only a lab's own test has a lab")

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the lab, where its programs and sources are."""
        module = sys.modules[type(self).__module__]
        return pathlib.Path(str(module.__file__)).absolute().parent

    def program(self, variant: str = "") -> pathlib.Path:
        """Returns the lab's program, or that of a wrong variant."""
        name = f"wrong_{variant}" if variant else self.folder.name
        return self.folder / name

    def test_every_wrong_variant_says_how_it_is_caught(self) -> None:
        """A variant that nothing need catch proves nothing."""
        files = {file.stem for file in self.folder.glob("wrong/*.cc")}
        self.assertEqual(files, set(self.wrong))


def main() -> None:
    """Runs the tests of the lab whose test is the main module."""
    unittest.main()
