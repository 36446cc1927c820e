"""The documents: links lead somewhere, and lists of labs are the syllabus."""

import os
import pathlib
import re
import tempfile
import unittest

from harness import chapter, course

ROOT = pathlib.Path(__file__).absolute().parent.parent


def documents(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the Markdown files of the tree."""
    found = {*root.glob("*.md"), *root.glob("labs/*/README.md")}
    return sorted(found | set(root.glob("docs/**/*.md")))


def labs_linked(text: chapter.Chapter) -> list[str]:
    """Returns the labs whose chapters or folders are linked, in order."""
    found = []
    for _, target in text.links():
        match = re.fullmatch(
            r"(?:\.\./|\./)*labs/(\w+)(?:/|/README\.md)?", target
        )
        if match:
            found.append(match[1])
    return found


def list_problem(text: chapter.Chapter, labs: list[str]) -> str:
    """Returns how a list of labs differs from the syllabus, or ""."""
    found = labs_linked(text)
    if found == labs:
        return ""
    return f"{text.place} lists {found}, but the syllabus is {labs}"


class DocsTest(unittest.TestCase):
    """The documents of this tree, and that a fault in them would be seen."""

    def test_relative_links_lead_somewhere(self) -> None:
        """In all documents; the files must be data of this test, too."""
        for file in documents(ROOT):
            text = chapter.Chapter.read(file)
            self.assertEqual(
                text.link_problems(), [], str(file.relative_to(ROOT))
            )

    def test_lists_of_labs_agree_with_the_syllabus(self) -> None:
        """The reading order, and the table of the front page."""
        labs = [lesson.lab for lesson in course.read_syllabus(ROOT)]
        for name in ("docs/README.md", "README.md"):
            with self.subTest(name):
                if not (ROOT / name).exists():
                    self.skipTest(f"there is no {name} yet")
                text = chapter.Chapter.read(ROOT / name)
                self.assertEqual(list_problem(text, labs), "")

    def test_a_list_in_another_order_is_found(self) -> None:
        """And one that lacks a lab; other links do not count."""
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as folder:
            file = pathlib.Path(folder, "README.md")
            file.write_text(
                "- [a](../labs/pipes/README.md)\n- [b](../labs/queues/)\n"
                "- [c](../labs/pipes/main.cc) [d](glossary.md)\n"
            )
            text = chapter.Chapter.read(file)
        self.assertEqual(list_problem(text, ["pipes", "queues"]), "")
        for labs in (["queues", "pipes"], ["pipes", "queues", "rlock"]):
            self.assertIn("README.md lists", list_problem(text, labs))


if __name__ == "__main__":
    unittest.main()
