"""The documents: links lead somewhere, and lists of labs are the syllabus."""

import dataclasses
import datetime
import os
import pathlib
import re
import tempfile
import textwrap
import unittest
from collections.abc import Sequence

from harness import chapter, course, fences, results

ROOT = pathlib.Path(__file__).absolute().parent.parent


def documents(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the Markdown files of the tree."""
    found = {*root.glob("*.md"), *root.glob("labs/*/README.md")}
    found |= {*root.glob("projects/**/README.md")}
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


def table_problems(text: str) -> list[str]:
    """Returns the lines of tables with more or fewer cells than the first."""
    problems, width, fenced = [], 0, False
    for number, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if fenced or not line.startswith("|"):
            width = 0
            continue
        cells = re.sub(r"`[^`]*`|\\\|", "", line.rstrip()).count("|") - 1
        width = width or cells
        if cells != width:
            problems.append(f"{number}: {cells} cells, not {width}")
    return problems


def unshown_problems(
    page: chapter.Chapter, chapters: Sequence[chapter.Chapter]
) -> list[str]:
    """Returns transcripts of a page that are in no chapter as they are here.

    Those of chapters are compared with what the programs print. Of a trace only
    the calls are looked at.
    """
    shown = [
        "\n".join(["", *fence.body, ""])
        for text in chapters
        for fence in text.fences
        if fence.info[:1] in (("console",), ("strace",))
    ]
    return [
        f"{page.place}:{fence.line}: no chapter shows this"
        for fence in page.fences
        if fence.info[:1] in (("console",), ("strace",))
        and not any("\n".join(["", *fence.body, ""]) in text for text in shown)
    ]


# What a page says of the machine that its figures are of.
_MACHINE = {
    "the date": (
        r"\d{4}-\d\d-\d\d|(?:January|February|March|April|May|June|July|"
        r"August|September|October|November|December)\s+\d{1,2},\s+\d{4}"
    ),
    "the kernel": r"Linux\s+\d",
    "the number of processors": r"(?:\d|one|two|four|eight)\s+"
    r"(?:processor|CPU|core)s?\b",
}


def figure_problems(text: str) -> list[str]:
    """Returns what a page with measured times does not say of its machine.

    Limits and pauses are in milliseconds or more; what is shorter, or a ratio,
    was measured.
    """
    if not re.search(
        r"\d (?:ns|us)\b|\d GB/s|\d times\s+(?:as\s+fast|the\s+time)", text
    ):
        return []
    return [
        f"has figures without {what}"
        for what, pattern in _MACHINE.items()
        if not re.search(pattern, text)
    ]


_QUOTES = re.compile(r"\]\([./]*(docs/)?benchmarks/README\.md\)")
_TIME = re.compile(r"(?<![\w.])[\d.]+ (?:ns|us|ms|%|GB/s)(?!\w)")
_RATIOS = re.compile(r"((?:[\d.]+(?:,| and) )*[\d.]+) times")
# What says that a figure is of a run that no page has.
_MEASURED = re.compile(
    r"\b(?:in (?:one|some) runs?|measured|on one machine)\b",
    re.IGNORECASE,
)


def _paragraphs(text: str) -> list[str]:
    """Returns the prose in lines, each list with what leads to it."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.M)
    text = re.sub(r":\n\n(?=- )", ":\n", text)
    return [" ".join(x.split()) for x in re.split(r"\n\s*\n", text)]


def quotation_problems(text: str, page: str) -> list[str]:
    """Returns what a paragraph quotes of the benchmarks that they do not say.

    A time is in any cell of the page, and a ratio stands before its quartiles.
    The day and the machine are those of the page.
    """
    problems = []
    for paragraph in re.split(r"\n\s*\n|\n(?=- )", text):
        if not _QUOTES.search(paragraph):
            continue
        words = " ".join(paragraph.split())
        figures = _TIME.findall(words)
        for time in figures:
            if not re.search(rf"(?<![\d.]){re.escape(time)}(?!\w)", page):
                problems.append(f"{time} is on no row of the benchmarks")
        for list_of in _RATIOS.findall(words):
            figures += re.findall(r"[\d.]+", list_of)
            for ratio in re.findall(r"[\d.]+", list_of):
                if f"| {ratio} [" not in page:
                    problems.append(f"{ratio} times is no ratio of them")
        if figures and (machine := machine_of(page)) not in words:
            problems.append(f"they are of {machine}: {words[:40]}")
    return problems


def machine_of(page: str) -> str:
    """Returns when and where the benchmarks were measured, as it is quoted."""
    found = re.search(
        r"^- (\d+-\d+-\d+), .*?(\d+ CPUs, Linux \d+\.\d+)", page, re.MULTILINE
    )
    if not found:
        return "no machine"
    day = datetime.date.fromisoformat(found[1])
    return f"{day:%B} {day.day}, {day.year}, {found[2]}"


def source_problems(text: str) -> list[str]:
    """Returns the figures of which nothing says where they come from.

    That is the page of the benchmarks; a block of the document or a table,
    from which they may be rounded; or a run or measurement of their own.
    """
    shown = "\n".join(
        re.findall(
            r"^ *```.*?^ *```$|^\|[^\n]*$", text, re.DOTALL | re.MULTILINE
        )
    )
    known = {float(x) for x in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", shown)}
    known |= {float(round(x)) for x in known}
    return [
        f"where does {figure} come from? {paragraph[:50]}"
        for paragraph in _paragraphs(text)
        if not paragraph.startswith("|")
        and not _QUOTES.search(paragraph)
        and not _MEASURED.search(paragraph)
        for figure in re.findall(
            r"(?<![\w.])[\d.]+ (?:ns|us|GB/s)\b|"
            r"(?<![\w.])[\d.]+ times as (?:fast|slow|long|expensive)",
            re.sub(r"`[^`]*`", "", paragraph),
        )
        if float(figure.split()[0]) not in known
    ]


def reference_problems(text: str, known: set[str]) -> list[str]:
    """Returns the files of C++ that comments name and that are not `known`.

    The name alone, as in "see lock.h"; headers of the system are in brackets.
    """
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        comment = line.partition("//")[2]
        for name in re.findall(r"(?<![\w/<.])(\w+\.(?:h|cc))\b", comment):
            if name not in known:
                problems.append(f"{number}: there is no {name}")
    return problems


def wrapping_problems(text: str) -> list[str]:
    """Returns the lines of comments that a formatter has broken off.

    A word or two at the margin, between a full line and an indented one.
    """
    lines = text.splitlines()
    return [
        f"{number}: broken off: {line}"
        for number, (before, line, after) in enumerate(
            zip(lines, lines[1:], lines[2:]), 2
        )
        if re.fullmatch(r"// \S+( \S+)?", line)
        and re.match(r"//.{58}", before)
        and re.match(r"// {5,}\S", after)
    ]


def diagram_problems(text: str) -> list[str]:
    """Returns the lines of diagrams that clang-format has wrapped.

    The first word of such a line did not fit any more into the one before.
    """
    lines = text.splitlines()
    return [
        f"{number}: wrapped: {line}"
        for number, (before, line) in enumerate(zip(lines, lines[1:]), 2)
        if (first := re.match(r"( *//   +)([a-z0-9]\S*)(?!\S| +<?-)", line))
        and re.match(rf"{first[1]}\S.*(-->|<--|\[ )", before)
        and len(f"{before} {first[2]}") > 80
    ]


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the guide, and where it is treated."""

    kind: str  # The level of a heading, ITEM, SAYS, or "" of a block.
    text: str
    place: str = dataclasses.field(default="", compare=False)
    otherwise: str = dataclasses.field(default="", compare=False)


# An item of a list or a row of a table; the first sentence of a paragraph.
ITEM, SAYS = "item", "says"


def _plain(text: str) -> str:
    """Returns what a line of the guide says, as a cell can hold it."""
    text = re.sub(r"^\s*(?:\d+\.|[-*])\s+", "", text)
    return re.sub(r"\s*\*\*\s*(: )?", r"\1", text).strip().replace("|", "/")


def _prose_parts(lines: list[str], taken: set[int]) -> dict[int, Part]:
    """Returns items and paragraphs by line; not what leads in, "These are:"."""
    found = {}
    for number, line in enumerate(lines, 1):
        text = _plain(line)
        if number in taken or not text or text.endswith(":"):
            continue
        if row := re.fullmatch(r"\| ([A-Z][^|]*?) \| (.+) \|", line):
            if row[1] != "Mechanism":
                found[number] = Part(ITEM, _plain(f"{row[1]}: {row[2]}"))
        elif re.match(r"\s*(\d+\.|[-*]) ", line):
            found[number] = Part(ITEM, text)
        elif not line.startswith("|"):
            found[number] = Part(SAYS, re.split(r"(?<=[.!]) ", text)[0])
    return found


def guide_parts(guide: pathlib.Path) -> list[Part]:
    """Returns all that the guide has and says, in its order."""
    text = chapter.Chapter.read(guide)
    parts = {
        line: Part(str(level), title) for line, level, title in text.headings()
    }
    taken = set(parts)
    for number, fence in enumerate(text.fences, 1):
        language = fence.info[0].capitalize() if fence.info else "text"
        title = f"block {number}, {len(fence.body)} lines of {language}"
        parts[fence.line] = Part("", title)
        taken |= set(range(fence.line, fence.line + len(fence.body) + 2))
    parts |= _prose_parts(list(text.lines), taken)
    return [part for _, part in sorted(parts.items())]


def page_parts(page: str) -> list[Part]:
    """Returns the rows of the tables in docs/guide.md."""
    rows = [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in page.splitlines()
        if re.match(r"\| (\d|item|says)? ?\|", line)
    ]
    return [Part(*row) for row in rows]


def code_problems(part: Part, root: pathlib.Path) -> list[str]:
    """Returns what is wrong with the code that shows an item or a claim.

    That is a line with a tag in a lab, a wrong variant, or a test of the
    library by its name.
    Without code a sentence says why.
    """
    links = re.findall(
        r"\[([^]]+)\]\(\.\./((?:labs|common)/[^)]+)\)", part.place
    )
    if not links and not part.otherwise.endswith("."):
        return [f"{part.text}: no line of code, and no sentence why"]
    problems = []
    for name, path in links:
        file = root / path
        is_test = file.stem.endswith("_test")
        wanted = name if is_test else f"[{name}]"
        if file.parent.name == "wrong":
            wanted = "// Wrong:"
        if not file.is_file():
            problems.append(f"{part.text}: there is no {path}")
        elif wanted not in file.read_text("utf-8"):
            problems.append(f"{part.text}: {path} has no {wanted}")
    return problems


def place_problems(parts: list[Part], labs: list[str]) -> list[str]:
    """Returns the parts that no lab and no page treats, and the idle labs.

    That what is linked exists is checked with the other links.
    """
    problems = []
    idle = set(labs)
    for part in parts:
        if part.kind in (ITEM, SAYS):
            continue
        linked = re.findall(
            r"\[\w+\]\(\.\./labs/(\w+)/README\.md\)", part.place
        )
        pages = re.findall(r"\]\(\w+\.md\)", part.place)
        idle -= set(linked)
        for lab in set(linked) - set(labs):
            problems.append(f"{part.text}: there is no lab {lab}")
        if not linked + pages:
            problems.append(f"{part.text}: nothing treats it")
    return problems + [
        f"{lab}: treats no part of the guide" for lab in sorted(idle)
    ]


def find_guide() -> pathlib.Path | None:
    """Returns shared/guide.md beside the checkout, or above, if any."""
    # Through the links of a runfiles tree, to where the sources are.
    checkout = pathlib.Path(__file__).resolve().parent.parent
    for folder in checkout.parents:
        if (folder / "shared" / "guide.md").is_file():
            return folder / "shared" / "guide.md"
    return None


class GuideTest(unittest.TestCase):
    """The page that says for each part of the guide which lab treats it."""

    def setUp(self) -> None:
        """Reads the page."""
        self.page = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")

    def test_each_part_is_treated_and_each_lab_treats_one(self) -> None:
        """By labs of the syllabus and pages of this folder."""
        labs = [lesson.lab for lesson in course.read_syllabus(ROOT)]
        self.assertEqual(place_problems(page_parts(self.page), labs), [])

    def test_what_the_guide_says_is_shown_by_code(self) -> None:
        """By a line that a test runs; or a sentence says why not."""
        problems = [
            problem
            for part in page_parts(self.page)
            if part.kind in (ITEM, SAYS)
            for problem in code_problems(part, ROOT)
        ]
        self.assertEqual(problems, [])

    def test_the_parts_are_those_of_the_guide(self) -> None:
        """The same headings, blocks, items and claims in the same order."""
        guide = find_guide()
        if guide is None:
            self.skipTest("no shared/guide.md beside the checkout to compare")
        self.assertEqual(page_parts(self.page), guide_parts(guide))

    def test_rows_that_treat_nothing_or_name_no_lab_are_found(self) -> None:
        """And a lab that no row names."""
        page = (
            "| 3 | 1. Pipes | [pipes](../labs/pipes/README.md) | |\n"
            "| | block 1, 2 lines of Python | nothing | Wrong. |\n"
            "| 4 | Text | [no_such_lab](../labs/no_such_lab/README.md) | |\n"
            "| 4 | More | `pipes` | |\n| 2 | End | [a](death.md) | |\n"
            "| item | Anything | | |\n"
        )
        self.assertEqual(
            place_problems(page_parts(page), ["pipes", "queues"]),
            [
                "block 1, 2 lines of Python: nothing treats it",
                "Text: there is no lab no_such_lab",
                "More: nothing treats it",
                "queues: treats no part of the guide",
            ],
        )

    def test_headings_and_blocks_are_read_in_the_order_of_the_guide(
        self,
    ) -> None:
        """A comment in a block is no heading."""
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as folder:
            file = pathlib.Path(folder, "guide.md")
            file.write_text(
                "# Guide\n```python\n# No heading\n- pass\n```\n## End\n```\n"
                "$ ls\n```\nIt is so. Or not.\nThese are:\n\n1. **A** : `b`\n"
                "   - c\n* **When** :\n| Mechanism | x |\n|---|---|\n"
                "| D | e | f |\n",
                encoding="utf-8",
            )
            self.assertEqual(
                guide_parts(file),
                [
                    Part("1", "Guide"),
                    Part("", "block 1, 2 lines of Python"),
                    Part("2", "End"),
                    Part("", "block 2, 1 lines of text"),
                    Part(SAYS, "It is so."),
                    Part(ITEM, "A: `b`"),
                    Part(ITEM, "c"),
                    Part(ITEM, "D: e / f"),
                ],
            )

    def test_claims_without_code_are_found(self) -> None:
        """Or with code that is not there, and no reason."""
        with tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR")
        ) as folder:
            root = pathlib.Path(folder)
            (root / "labs").mkdir()
            (root / "labs/main.cc").write_text("int a;  // [yes]\n")
            (root / "labs/a_test.cc").write_text("TEST(A, Holds)\n")
            for place, why, problem in (
                ("", "", "no line of code, and no sentence why"),
                ("", "It is not so on Linux.", ""),
                ("[yes](../labs/main.cc)", "", ""),
                ("[no](../labs/main.cc)", "", "has no [no]"),
                ("[yes](../labs/gone.cc)", "", "there is no labs/gone.cc"),
                ("[A, Holds](../labs/a_test.cc)", "", ""),
                ("[B, Holds](../labs/a_test.cc)", "", "has no B, Holds"),
            ):
                found = code_problems(Part(ITEM, "x", place, why), root)
                self.assertEqual(len(found), bool(problem), found)
                self.assertIn(problem, "".join(found))


class DocsTest(unittest.TestCase):
    """The documents of this tree, and that a fault in them would be seen."""

    def test_relative_links_lead_somewhere(self) -> None:
        """In all documents; the files must be data of this test, too."""
        for file in documents(ROOT):
            text = chapter.Chapter.read(file)
            self.assertEqual(
                text.link_problems(), [], str(file.relative_to(ROOT))
            )

    def test_no_block_is_left_that_nothing_compares(self) -> None:
        """In all documents: each says what it is, and commands exist."""
        for file in documents(ROOT):
            text = chapter.Chapter.read(file)
            problems = fences.kind_problems(text)
            problems += fences.command_problems(text, ROOT)
            problems += fences.layout_problems(text, ROOT)
            self.assertEqual(problems, [], str(file.relative_to(ROOT)))

    def test_pages_show_what_chapters_show(self) -> None:
        """Their code is that of sources, their output that of the chapters."""
        chapters = [
            chapter.Chapter.read(file)
            for file in sorted(ROOT.glob("labs/*/README.md"))
        ]
        for file in sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")]):
            page = chapter.Chapter.read(file)
            self.assertEqual(page.code_problems(ROOT), [])
            self.assertEqual(fences.elsewhere_problems(page, chapters), [])
            if file.name != "tour.md":  # It is played; see tour_test.py.
                self.assertEqual(unshown_problems(page, chapters), [])
        page = chapter.Chapter.read(ROOT / "docs/start.md")
        fence = page.fences[1]
        self.assertEqual(fence.info, ("console",))
        other = dataclasses.replace(fence, body=(*fence.body, "Main: More"))
        changed = dataclasses.replace(page, fences=(other,))
        self.assertEqual(len(unshown_problems(changed, chapters)), 1)

    def test_contributors_see_what_a_lab_has(self) -> None:
        """What a BUILD file says, and an item of Try with its answer."""
        page = chapter.Chapter.read(ROOT / "CONTRIBUTING.md")
        blocks = {fence.info[0]: "\n".join(fence.body) for fence in page.fences}
        build = (ROOT / "labs/rlock/BUILD.bazel").read_text(encoding="utf-8")
        for word in re.findall(r'\w+(?= =)|"[^"]+"', blocks["python"]):
            self.assertIn(word, build)
        item = "## Try\n" + textwrap.dedent(blocks["md"])
        shown = chapter.Chapter(page.file, tuple(item.splitlines()), ())
        self.assertEqual([item.number for item in shown.tries()], [1])
        self.assertEqual(shown.try_problems(), [])

    def test_tables_have_as_many_cells_in_each_row(self) -> None:
        """In all documents: a merge that went wrong leaves half a row."""
        for file in documents(ROOT):
            text = file.read_text(encoding="utf-8")
            self.assertEqual(
                table_problems(text), [], str(file.relative_to(ROOT))
            )
        self.assertEqual(
            table_problems("| a | `b|c` |\n|---|---|\n| 1 |\n\n| d |\n| 2 |\n"),
            ["3: 1 cells, not 2"],
        )

    def test_figures_are_of_a_machine_and_a_day(self) -> None:
        """On the pages, and in chapters that quote the benchmarks."""
        for file in documents(ROOT):
            text = file.read_text(encoding="utf-8")
            name = str(file.relative_to(ROOT))
            if name.startswith("docs/") or re.search(
                r"\]\([./]*docs/benchmarks", text
            ):
                self.assertEqual(figure_problems(text), [], name)

    def test_figures_without_machine_or_day_are_found(self) -> None:
        machine = "Linux 6.1, 2 CPUs, "
        for figure in ("27 ns", "1.5 us", "50 GB/s", "4 times as fast"):
            self.assertEqual(
                figure_problems(f"{machine}: {figure}"),
                ["has figures without the date"],
            )
            for day in ("2026-11-28", "November 28,\n2026"):
                self.assertEqual(
                    figure_problems(f"{machine} {day}: {figure}"), []
                )
        self.assertEqual(len(figure_problems("27 ns")), 3)
        self.assertEqual(figure_problems("waits 100 ms at a time"), [])

    def test_what_is_quoted_of_the_benchmarks_is_on_their_page(self) -> None:
        """The figure itself, and not one of the same kind."""
        page = (ROOT / "docs/benchmarks/README.md").read_text(encoding="utf-8")
        for file in documents(ROOT):
            text = file.read_text(encoding="utf-8")
            self.assertEqual(
                quotation_problems(text, page), [], str(file.relative_to(ROOT))
            )

    def test_a_figure_that_the_benchmarks_do_not_have_is_found(self) -> None:
        """A time, a ratio, one of a list of ratios, and another machine."""
        page = (
            "- 2026-11-28, AMD EPYC, 2 CPUs, Linux 6.18.44\n"
            "| Queue | pipe | 39.2 ns | 20.1 [17.6, 23.5] | 10.0 [9, 11] |"
        )
        quote = (
            "It takes 39.2 ns, 10.0 and 20.1 times\nas fast ([a](%s); "
            "November 28, 2026, 2 CPUs,\nLinux 6.18)\n"
        )
        link = "../../docs/benchmarks/README.md"
        self.assertEqual(quotation_problems(quote % link, page), [])
        for old, new in (
            ("39.2", "9.2"),
            ("10.0", "11"),
            ("20.1", "20"),
            ("28, 2026", "29, 2026"),
            ("2 CPUs", "4 CPUs"),
        ):
            text = "It takes 9 ns.\n\n" + quote.replace(old, new) % link
            self.assertEqual(len(quotation_problems(text, page)), 1, text)

    def test_each_figure_comes_from_somewhere(self) -> None:
        """Pages and chapters; the benchmarks themselves are figures."""
        for file in documents(ROOT):
            text = file.read_text(encoding="utf-8")
            if file != ROOT / "docs/benchmarks/README.md":
                name = str(file.relative_to(ROOT))
                self.assertEqual(source_problems(text), [], name)

    def test_figures_from_nowhere_are_found(self) -> None:
        """Not those of a table, a block, a run or a measurement."""
        block = "```text measured\nIt is 36.4 times as fast\n```\n"
        for text in (
            f"{block}It is 36 times as fast.",
            "| `a` | 12.5 ns |\n\nIt takes 12.5 ns.",
            "In one run it took 7 us.",
            "Measured on a machine:\n\n- A step takes 6 us.",
            "It waits for 7 ms, or `7 ns`.",
        ):
            self.assertEqual(source_problems(text), [], text)
        for text in (
            f"{block}It is 35 times as fast.",
            "| `a` | 12.5 ns |\n\nIt takes 12.6 ns.",
            "It takes 7 us.",
            "In one run it took 7 us.\n\nIt moves 3 GB/s.",
            "- A step takes 6 us.",
        ):
            self.assertEqual(len(source_problems(text)), 1, text)

    def test_each_chapter_says_why_a_wrong_program_passes(self) -> None:
        """By a link to the one place that does."""
        for file in sorted(ROOT.glob("labs/*/README.md")):
            targets = [
                target for _, target in chapter.Chapter.read(file).links()
            ]
            self.assertIn(
                "../../docs/README.md#wrong-variants", targets, file.parent.name
            )

    def test_comments_name_files_that_exist(self) -> None:
        """In the sources of labs, projects and the library."""
        sources = [
            file
            for folder in ("common", "labs", "projects")
            for ending in ("h", "cc")
            for file in sorted(ROOT.glob(f"{folder}/**/*.{ending}"))
        ]
        known = {file.name for file in sources}
        self.assertGreater(len(known), 100)
        for file in sources:
            text = file.read_text(encoding="utf-8")
            self.assertEqual(
                reference_problems(text, known), [], str(file.relative_to(ROOT))
            )

    def test_a_name_of_no_file_is_found(self) -> None:
        """Not in code, and not that of a system header."""
        text = "int a_h;  // See gone.h, lock.h, <time.h> and sys/wait.h.\n"
        self.assertEqual(
            reference_problems(text, {"lock.h"}), ["1: there is no gone.h"]
        )

    def test_no_comment_is_broken_off(self) -> None:
        """In the sources of labs, projects and the library."""
        for folder in ("common", "labs", "projects"):
            for file in sorted(ROOT.glob(f"{folder}/**/*.h")):
                text = file.read_text(encoding="utf-8")
                self.assertEqual(
                    wrapping_problems(text), [], str(file.relative_to(ROOT))
                )

    def test_a_comment_that_is_broken_off_is_found(self) -> None:
        """Not the end of a paragraph, and not a short line of a list."""
        full = (
            "// Fork:    a child has its parent's name until it gets another;"
        )
        self.assertEqual(
            wrapping_problems(f"{full} so\n// does\n//          that.\n"),
            ["2: broken off: // does"],
        )
        for rest in ("// does.\n#pragma once\n", "//\n//     that.\n"):
            self.assertEqual(wrapping_problems(f"{full} so\n{rest}"), [])

    def test_no_diagram_is_wrapped(self) -> None:
        """In the sources of labs, projects and the library."""
        for file in sorted(
            {*ROOT.glob("labs/**/*.cc"), *ROOT.glob("labs/**/*.h")}
            | {*ROOT.glob("projects/**/*.cc"), *ROOT.glob("projects/**/*.h")}
            | {*ROOT.glob("common/**/*.h"), *ROOT.glob("common/**/*.cc")}
        ):
            text = file.read_text(encoding="utf-8")
            self.assertEqual(
                diagram_problems(text), [], str(file.relative_to(ROOT))
            )

    def test_a_wrapped_diagram_is_found(self) -> None:
        """Not one whose lines are long, and not a sentence beside it."""
        long = (
            "//   Worker 0 --load, add 1, store--> [ counter ] <--" + "-" * 20
        )
        for rest in ("1", "0..2 Main ----> [ stop ]", "serves"):
            self.assertEqual(
                diagram_problems(f"{long} Worker\n//   {rest}\n"),
                [f"2: wrapped: //   {rest}"],
            )
        for rest in ("Worker 1 --->", "asker <---", "              which"):
            self.assertEqual(
                diagram_problems(f"{long} Worker\n//   {rest}"), []
            )
        self.assertEqual(diagram_problems("//   a --> b\n//   c <-- b\n"), [])

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
    results.main()
